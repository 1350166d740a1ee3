import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createRemoteJWKSet } from 'jose';
import { serveJwks } from '../../../src/backend-services/keys/serve.js';
import { ecKey } from '../test-keys.js';
import { thrown } from '../thrown.js';

describe('backend-services/keys/serve', () => {
  it('C3: serves the set to anybody, with Cache-Control', async () => {
    const { publicJwk, kid } = await ecKey();
    const server = createServer(serveJwks({ keys: [publicJwk] }, { maxAgeSeconds: 60 }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    try {
      const response = await fetch(url);
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')).to.equal('application/json');
      expect(response.headers.get('cache-control')).to.equal('public, max-age=60');
      expect(await response.json()).to.deep.equal({ keys: [publicJwk] });
      const head = await fetch(url, { method: 'HEAD' });
      expect([head.status, await head.text()]).to.deep.equal([200, '']);
      const post = await fetch(url, { method: 'POST', body: '{}' });
      expect([post.status, post.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
      // What a server makes of it.
      const key = await createRemoteJWKSet(new URL(url))({ alg: 'ES384', kid });
      expect(key.type).to.equal('public');
    } finally {
      server.close();
    }
  });

  it('C2: refuses to serve a private key, before anybody asks', async () => {
    const { privateJwk, publicJwk } = await ecKey();
    expect((await thrown(() => serveJwks({ keys: [privateJwk] }))).code).to.equal('ERR_KEY_PRIVATE');
    expect((await thrown(() => serveJwks({ keys: [publicJwk, publicJwk] }))).code).to.equal('ERR_KEY_DUPLICATE');
    for (const maxAgeSeconds of [-1, 0.5, 86_401]) {
      expect(await thrown(() => serveJwks({ keys: [publicJwk] }, { maxAgeSeconds }))).to.include({
        key: 'maxAgeSeconds',
      });
    }
  });
});

import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { expect } from 'chai';
import type { ClientMetadata } from '../../../src/backend-services/oidc-provider.js';
import { thrown } from '../thrown.js';
import { key } from './keys.js';
import type { KeySetHost } from './key-set-host.js';
import { startKeySetHost } from './key-set-host.js';
import type { RunningServer } from './running-server.js';
import { close, listen, runServer } from './running-server.js';
import type { Answer } from './token-request.js';
import { answer, expectError, expectInvalidClient, expectToken, requestToken } from './token-request.js';

const ADMIN = 'an-administrator-token-of-40-characters!';
const inline = key('inline');
const remote = key('remote', 'RS384');

describe('client registration', () => {
  let as: RunningServer;
  let host: KeySetHost;

  before(async () => {
    host = await startKeySetHost(remote);
    as = await runServer([], { registration: { bearerToken: ADMIN } });
  });
  after(async () => {
    await as.close();
    await host.close();
  });

  async function register(metadata: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${as.origin}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN}`, ...headers },
      body: typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
    });
    return answer(response);
  }

  const scope = 'system/Patient.rs';
  const jwks = { keys: [inline.jwk] };

  it('A1: an inline key set and a jwks_uri each make a client that gets tokens', async () => {
    const withSet = await register({ jwks, scope });
    expect(withSet.status).to.equal(201);
    expect(withSet.headers.get('cache-control')).to.equal('no-store');
    const withUri = await register({ jwks_uri: host.url, scope });
    expect(withUri.status).to.equal(201);
    expect(withSet.body['client_id']).to.match(/^[0-9a-f-]{36}$/);
    expectToken(await requestToken(as, { key: inline, clientId: String(withSet.body['client_id']) }));
    expectToken(await requestToken(as, { key: remote, clientId: String(withUri.body['client_id']) }));
  });

  it('A1: both at once are invalid_client_metadata, and so is neither', async () => {
    expectError(await register({ jwks, jwks_uri: host.url, scope }), 400, 'invalid_client_metadata');
    expectError(await register({ scope }), 400, 'invalid_client_metadata');
  });

  it('A1: the same over the API', async () => {
    const client = await as.server.registerClient({ client_id: 'by-api', jwks: { keys: [inline.jwk] }, scope });
    expect(client).to.include({ client_id: 'by-api', token_endpoint_auth_method: 'private_key_jwt', scope });
    expectToken(await requestToken(as, { key: inline, clientId: 'by-api' }));
    const again = await thrown(() =>
      as.server.registerClient({ client_id: 'by-api', jwks: { keys: [inline.jwk] }, scope }),
    );
    expect(again.code).to.equal('ERR_CLIENT_EXISTS');
  });

  it('A2: a jwks_uri without TLS is rejected', async () => {
    const strict = await runServer([], { allowInsecureLoopback: true });
    for (const uri of [
      'http://keys.example/jwks.json',
      'ftp://keys.example/jwks.json',
      'keys.example',
      'file:///etc/passwd',
    ]) {
      const error = await thrown(() => strict.server.registerClient({ jwks_uri: uri, scope }));
      expect(error.code, uri).to.equal('ERR_CLIENT_METADATA');
    }
    await strict.close();
  });

  it('A2: a jwks_uri at a private address is rejected', async () => {
    const hosts = ['10.0.0.1', '192.168.1.1', '172.16.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1'];
    const hosts6 = ['[fc00::1]', '[fe80::1]', '[::ffff:10.0.0.1]', '[64:ff9b::a00:1]', '[2002:a00:1::]', '[::]'];
    for (const name of [...hosts, ...hosts6, '0x7f000001.example@10.0.0.1', '3232235777']) {
      const error = await thrown(() => as.server.registerClient({ jwks_uri: `https://${name}/jwks.json`, scope }));
      expect(error.code, name).to.equal('ERR_CLIENT_METADATA');
    }
  });

  it('A2: a redirect is not followed, least of all to a private address', async () => {
    let followed = 0;
    const inside = createServer((_req, res) => {
      followed += 1;
      res.end(JSON.stringify({ keys: [remote.jwk] }));
    });
    const target = await listen(inside);
    const redirecting = await startKeySetHost();
    redirecting.answer = (response) => {
      response.writeHead(302, { location: `${target}/jwks.json` });
      response.end();
    };
    const { client_id: clientId } = await as.server.registerClient({ jwks_uri: redirecting.url, scope });
    expectInvalidClient(await requestToken(as, { key: remote, clientId }));
    expect(redirecting.fetches).to.have.length(1);
    expect(followed).to.equal(0);
    await redirecting.close();
    await close(inside);
  });

  it('A4: an inline set with a private or a symmetric key is rejected', async () => {
    const symmetric = { ...createSecretKey(Buffer.alloc(48)).export({ format: 'jwk' }), kid: 's', alg: 'HS384' };
    const d = { ...inline.jwk, d: inline.privateJwk['d'] };
    const onlyPrime = { ...remote.jwk, p: remote.privateJwk['p'] };
    for (const bad of [d, onlyPrime, symmetric, inline.privateJwk]) {
      const response = await register({ jwks: { keys: [remote.jwk, bad] }, scope });
      expectError(response, 400, 'invalid_client_metadata');
      expect(JSON.stringify(response.body)).not.to.include(String(inline.privateJwk['d']));
    }
  });

  it('A4: so is one with two keys of one kid, a weak key, or a key without a kid', async () => {
    const other = key('other');
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const weak = { ...publicKey.export({ format: 'jwk' }), kid: 'weak', alg: 'RS384', use: 'sig' };
    for (const keys of [
      [inline.jwk, { ...other.jwk, kid: inline.kid }],
      [weak],
      [{ ...inline.jwk, kid: undefined }],
      [{ ...inline.jwk, alg: 'ES256' }],
      [],
    ]) {
      expectError(await register({ jwks: { keys }, scope }), 400, 'invalid_client_metadata');
    }
  });

  it('A4: a key whose private half is published is rejected', async () => {
    // The sample key of a published implementation guide.
    const published = {
      kty: 'RSA',
      e: 'AQAB',
      use: 'sig',
      kid: 'any',
      alg: 'RS384',
      n: 'wnNZRLN_bjgBLe5BujbSzv0ehKr1txlNAZK2Bgr9BI1Y7HQjYM-8btv5KN5YEsF99Q49l4kz0eQjBF8pz3ywxf9Dj0DBvF6i-tuUtn1tc80R2gV99-MK85kbic7odNHS_VMPMZr_wL3VMu7_4y-gDOve4EWOWney532-kAla_L4xZxjGmoR7GiN2iuxx-2L4J7szIcWG6hdlA0sXPhTOKZ6jmjzUngdihOrnTVkC9UKUBTD-DgL6FMcptiP4SKmIlE4glcWvVvgJfZ2miFp5W3MYGJjd70KFAP6wVw-Axudcpus7NpZUoojtPjKVKVISvQ1bzH5OA3rqD5ZhulwOtQ',
    };
    expectError(await register({ jwks: { keys: [published] }, scope }), 400, 'invalid_client_metadata');
  });

  const malformed: [string, unknown][] = [
    ['no object', '[]'],
    ['no scope', { jwks }],
    ['an empty scope', { jwks, scope: '  ' }],
    ['a scope that no grammar knows', { jwks, scope: 'system/Patient.dus' }],
    ['a scope with forbidden characters', { jwks, scope: 'system/Patient.rs "x"' }],
    ['an unknown grant type', { jwks, scope, grant_types: ['password'] }],
    ['an empty list of grant types', { jwks, scope, grant_types: [] }],
    ['an unknown authentication method', { jwks, scope, token_endpoint_auth_method: 'client_secret_basic' }],
    [
      'a backend service without a key',
      { scope, token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] },
    ],
    ['a refresh token for a backend service', { jwks, scope, grant_types: ['client_credentials', 'refresh_token'] }],
    ['a client_id with a line break', { jwks, scope, client_id: 'a\nb' }],
    ['a client_id of 256 characters', { jwks, scope, client_id: 'x'.repeat(256) }],
    ['a client_name that is no text', { jwks, scope, client_name: 7 }],
    ['a jwks that is no set', { jwks: [inline.jwk], scope }],
  ];
  for (const [name, metadata] of malformed) {
    it(`metadata with ${name} is refused`, async () => {
      expectError(await register(metadata), 400, 'invalid_client_metadata');
    });
  }

  const redirects: [string, unknown][] = [
    ['none', undefined],
    ['no list', 'https://app.example/'],
    ['http', ['http://app.example/cb']],
    ['javascript:', ['javascript:alert(1)']],
    ['data:', ['data:text/html,x']],
    ['a fragment', ['https://app.example/cb#x']],
    ['credentials', ['https://u:p@app.example/cb']],
    ['a relative one', ['/cb']],
  ];
  for (const [name, redirectUris] of redirects) {
    it(`an app with redirect URIs of ${name} is refused`, async () => {
      const metadata = { token_endpoint_auth_method: 'none', grant_types: ['authorization_code'], scope: 'openid' };
      expectError(await register({ ...metadata, redirect_uris: redirectUris }), 400, 'invalid_redirect_uri');
    });
  }

  it('registration needs the administrator: no token, a wrong one, another scheme are 401', async () => {
    for (const authorization of ['', 'Bearer wrong', `Basic ${ADMIN}`, `Bearer ${ADMIN}x`]) {
      const response = await register({ jwks, scope }, { authorization });
      expectError(response, 401, 'invalid_token');
      expect(response.headers.get('www-authenticate')).to.match(/^Bearer realm=/);
    }
  });

  it('without the option there is no registration endpoint', async () => {
    const closed = await runServer();
    expect((await fetch(`${closed.origin}/register`, { method: 'POST' })).status).to.equal(404);
    expect(closed.server.smartConfiguration()).not.to.have.property('registration_endpoint');
    await closed.close();
  });

  it('a registration that was edited into something unacceptable is refused, with the reason in the event', async () => {
    const edited: ClientMetadata & { client_id: string } = {
      client_id: 'edited',
      jwks: { keys: [inline.privateJwk] },
      scope,
    };
    const other = await runServer([edited]);
    expectInvalidClient(await requestToken(other, { key: inline, clientId: 'edited' }));
    expect(other.refusals()).to.deep.equal(['registration-invalid']);
    await other.close();
  });
});

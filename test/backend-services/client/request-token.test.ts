import { expect } from 'chai';
import { requestToken } from '../../../src/backend-services/client/request-token.js';
import type { TokenRequest } from '../../../src/backend-services/client/request-token.js';
import { signingKey } from '../../../src/backend-services/client/signing-key.js';
import { ecKey } from '../test-keys.js';
import { thrown } from '../thrown.js';

describe('backend-services/client/request-token', () => {
  let request: TokenRequest;
  const sent: string[] = [];

  before(async () => {
    request = {
      tokenEndpoint: 'https://as.example/token',
      tokenEndpointOrigin: 'https://as.example',
      key: signingKey({ privateKey: (await ecKey()).privatePem }),
      claims: { clientId: 'gateway' },
      scope: 'system/Patient.rs',
      now: Date.now,
      allowInsecureLoopback: true,
      timeoutMs: 2000,
      maxBytes: 10_000,
      fetch: (url) => {
        sent.push(url);
        return Promise.resolve(Response.json({ access_token: 'token', token_type: 'Bearer', expires_in: 300 }));
      },
    };
  });
  beforeEach(() => {
    sent.length = 0;
  });

  it('checks once more where an assertion goes, whoever found the URL', async () => {
    const refused = {
      'http://as.example/token': 'ERR_URL_REFUSED',
      'http:as.example/token': 'ERR_URL_REFUSED',
      '/token': 'ERR_URL_REFUSED',
      'https:evil.example/token': 'ERR_DISCOVERY_ORIGIN',
      ' https:/evil.example/token': 'ERR_DISCOVERY_ORIGIN',
      'https://as.example@evil.example/token': 'ERR_URL_REFUSED',
      'https://as.example:444/token': 'ERR_DISCOVERY_ORIGIN',
    };
    for (const [tokenEndpoint, code] of Object.entries(refused)) {
      expect((await thrown(() => requestToken({ ...request, tokenEndpoint }))).code, tokenEndpoint).to.equal(code);
    }
    expect(sent).to.deep.equal([]);
  });

  it('asks the endpoint that passes, of any origin where none is expected', async () => {
    await requestToken(request);
    await requestToken({ ...request, tokenEndpoint: 'https://other.example/token', tokenEndpointOrigin: undefined });
    await requestToken({ ...request, tokenEndpoint: 'http://127.0.0.1:1/token', tokenEndpointOrigin: undefined });
    expect(sent).to.deep.equal(['https://as.example/token', 'https://other.example/token', 'http://127.0.0.1:1/token']);
  });
});

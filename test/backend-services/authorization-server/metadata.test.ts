import { expect } from 'chai';
import { decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import type { JWK } from 'jose';
import { thrown } from '../thrown.js';
import { key, serverKeys } from './keys.js';
import type { RunningServer } from './running-server.js';
import { FHIR_BASE, runServer } from './running-server.js';
import { expectToken, requestToken } from './token-request.js';

const ec = key('ec');
const launch = {
  interaction: () => {
    throw new Error('not used here');
  },
};

describe('metadata', () => {
  let backend: RunningServer;
  let full: RunningServer;

  before(async () => {
    const clients = [{ client_id: 'c', jwks: { keys: [ec.jwk] }, scope: 'system/*.rs' }];
    backend = await runServer(clients);
    full = await runServer(clients, { launch, path: '/tenant/a', capabilities: ['permission-online-x'] });
  });
  after(async () => {
    await backend.close();
    await full.close();
  });

  async function smart(as: RunningServer): Promise<Record<string, unknown>> {
    const response = await fetch(`${as.server.issuer}/.well-known/smart-configuration`);
    return (await response.json()) as Record<string, unknown>;
  }

  it('A39: smart-configuration is JSON whatever Accept says, open to every origin', async () => {
    for (const accept of ['text/html', 'application/xml', '*/*', 'application/fhir+json']) {
      const response = await fetch(`${backend.origin}/.well-known/smart-configuration`, {
        headers: { accept, origin: 'https://app.example' },
      });
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')).to.equal('application/json');
      expect(response.headers.get('access-control-allow-origin')).to.equal('*');
      await response.json();
    }
  });

  it('A39: every URL in it is absolute, and of the issuer', async () => {
    for (const as of [backend, full]) {
      const urls = Object.entries(await smart(as)).filter(([name]) => /(_endpoint|_uri|^issuer)$/.test(name));
      expect(urls.length).to.be.at.least(4);
      for (const [name, url] of urls) expect(String(url).startsWith(as.server.issuer), name).to.equal(true);
    }
  });

  it('A39: it stands under the FHIR base as well, and under the function for FHIR servers elsewhere', async () => {
    const base = new URL(FHIR_BASE).pathname;
    const response = await fetch(`${full.origin}${base}/.well-known/smart-configuration`);
    expect(await response.json()).to.deep.equal(await smart(full));
    expect(full.server.smartConfiguration()).to.deep.equal(await smart(full));
  });

  it('A40: it has token_endpoint, grant_types_supported, capabilities and S256, never plain, even backend-only', async () => {
    const document = await smart(backend);
    expect(document).to.include({ token_endpoint: backend.token });
    expect(document['grant_types_supported']).to.deep.equal(['client_credentials']);
    expect(document['capabilities']).to.include('client-confidential-asymmetric');
    expect(document['code_challenge_methods_supported']).to.deep.equal(['S256']);
    expect((await smart(full))['code_challenge_methods_supported']).to.deep.equal(['S256']);
  });

  it('A41: it says private_key_jwt, RS384 and ES384, its scopes and client-confidential-asymmetric', async () => {
    for (const as of [backend, full]) {
      const document = await smart(as);
      expect(document['token_endpoint_auth_methods_supported']).to.include('private_key_jwt');
      expect(document['token_endpoint_auth_signing_alg_values_supported']).to.deep.equal(['RS384', 'ES384']);
      expect(document['scopes_supported']).to.include('system/*.rs');
      expect(document['capabilities']).to.include.members([
        'client-confidential-asymmetric',
        'permission-v1',
        'permission-v2',
      ]);
      expect(document).to.have.property('introspection_endpoint', `${as.server.issuer}/introspect`);
    }
  });

  it('A42: backend-only has neither issuer nor authorization_endpoint', async () => {
    expect(await smart(backend)).not.to.have.any.keys('issuer', 'authorization_endpoint');
    expect((await fetch(`${backend.origin}/authorize`)).status).to.equal(404);
    expect((await fetch(`${backend.origin}/.well-known/openid-configuration`)).status).to.equal(404);
  });

  it('A42: with launches it has both, and says what it can do', async () => {
    const document = await smart(full);
    expect(document).to.include({
      issuer: full.server.issuer,
      authorization_endpoint: `${full.server.issuer}/authorize`,
      jwks_uri: `${full.server.issuer}/jwks`,
    });
    expect(document['capabilities']).to.include.members([
      'launch-ehr',
      'launch-standalone',
      'client-public',
      'sso-openid-connect',
      'context-standalone-patient',
      'context-ehr-patient',
      'permission-offline',
      'permission-patient',
      'permission-user',
      'permission-online-x',
    ]);
    expect(document['grant_types_supported']).to.include('authorization_code');
  });

  it('the OAuth and OpenID documents name the issuer exactly, at both places for an issuer with a path', async () => {
    for (const url of [
      `${full.server.issuer}/.well-known/openid-configuration`,
      `${full.server.issuer}/.well-known/oauth-authorization-server`,
      `${full.origin}/.well-known/oauth-authorization-server/tenant/a`,
    ]) {
      const document = (await (await fetch(url)).json()) as Record<string, unknown>;
      expect(document).to.include({ issuer: full.server.issuer, token_endpoint: full.token });
      expect(document['id_token_signing_alg_values_supported']).to.deep.equal(['RS256']);
    }
  });

  it('the keys are public, may be kept for a while, and verify the tokens', async () => {
    const response = await fetch(`${backend.origin}/jwks`);
    expect(response.headers.get('cache-control')).to.match(/^public, max-age=\d+$/);
    expect(response.headers.get('access-control-allow-origin')).to.equal('*');
    const { keys } = (await response.json()) as { keys: JWK[] };
    expect(keys).to.have.length(2);
    for (const jwk of keys) {
      expect(jwk).to.include.keys('kty', 'kid', 'alg', 'use');
      expect(jwk).not.to.have.any.keys('d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k');
    }
    const token = String(expectToken(await requestToken(backend, { key: ec, clientId: 'c' }))['access_token']);
    const jwk = keys.find(({ kid }) => kid === decodeProtectedHeader(token).kid)!;
    await jwtVerify(token, await importJWK(jwk), { issuer: backend.origin, audience: FHIR_BASE, typ: 'at+jwt' });
  });

  it('documents answer GET, HEAD and preflights, and nothing else', async () => {
    const url = `${backend.origin}/.well-known/smart-configuration`;
    expect((await fetch(url, { method: 'HEAD' })).status).to.equal(200);
    expect((await fetch(url, { method: 'POST' })).status).to.equal(405);
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' },
    });
    expect(preflight.status).to.equal(204);
    expect(preflight.headers.get('access-control-allow-origin')).to.equal('*');
  });

  it('what is not served is 404, and nothing of oidc-provider is reachable beside it', async () => {
    for (const path of [
      '/',
      '/auth',
      '/me',
      '/session/end',
      '/token/introspection',
      '/token/',
      '/request',
      '/device',
      '//token',
      '/%74oken',
      '/interaction/x',
    ]) {
      const response = await fetch(`${backend.origin}${path}`, { method: 'POST' });
      expect(response.status, path).to.equal(404);
    }
  });

  const mistakes: [string, Record<string, unknown>, string][] = [
    ['an issuer without TLS', { allowInsecureLoopback: false }, 'issuer'],
    ['a FHIR base without TLS', { fhirBaseUrl: 'http://fhir.example/r4' }, 'fhirBaseUrl'],
    ['a FHIR base with a query', { fhirBaseUrl: 'https://fhir.example/r4?x=1' }, 'fhirBaseUrl'],
    ['a FHIR base that is no URL', { fhirBaseUrl: '/r4' }, 'fhirBaseUrl'],
    ['no signing key', { signingKeys: { keys: [] } }, 'signingKeys'],
    ['a public signing key', { signingKeys: { keys: [ec.jwk] } }, 'signingKeys.keys[0]'],
    [
      'a signing key without alg',
      { signingKeys: { keys: [{ ...ec.privateJwk, alg: undefined }] } },
      'signingKeys.keys[0]',
    ],
    [
      'a signing key of another alg',
      { signingKeys: { keys: [{ ...ec.privateJwk, alg: 'RS256' }] } },
      'signingKeys.keys[0]',
    ],
    [
      'a signing key without kid',
      { signingKeys: { keys: [{ ...ec.privateJwk, kid: undefined }] } },
      'signingKeys.keys[0]',
    ],
    ['a signing kid twice', { signingKeys: { keys: [ec.privateJwk, ec.privateJwk] } }, 'signingKeys'],
    ['a clock tolerance of minutes', { clockToleranceSeconds: 61 }, 'clockToleranceSeconds'],
    ['a short administrator token', { registration: { bearerToken: 'short' } }, 'registration.bearerToken'],
    [
      'a short caller secret',
      { introspection: { callers: [{ clientId: 'rs', clientSecret: 'short' }] } },
      'introspection.callers[0].clientSecret',
    ],
    ['an introspection scope of two words', { introspection: { scope: 'a b' } }, 'introspection.scope'],
    ['a launch without a page', { launch: {} }, 'launch.interaction'],
    [
      'a context claim that is the subject',
      { launch: { ...launch, claims: { fhirUser: 'sub' } } },
      'launch.claims.fhirUser',
    ],
  ];
  for (const [what, options, option] of mistakes) {
    it(`${what} is a ConfigError that names ${option} and quotes no key`, async () => {
      const error = await thrown(() => runServer([], options));
      expect(error).to.include({ code: 'ERR_CONFIG', key: option });
      expect(error.message).not.to.include(String(ec.privateJwk['d']));
    });
  }

  it('a further signing key is published and not used', async () => {
    const next = key('next-server-key').privateJwk;
    const rotating = await runServer([{ client_id: 'c', jwks: { keys: [ec.jwk] }, scope: 'system/*.rs' }], {
      signingKeys: { keys: [...serverKeys().keys, next] },
    });
    const { keys } = (await (await fetch(`${rotating.origin}/jwks`)).json()) as { keys: JWK[] };
    expect(keys.map(({ kid }) => kid)).to.include('next-server-key');
    const token = String(expectToken(await requestToken(rotating, { key: ec, clientId: 'c' }))['access_token']);
    expect(decodeProtectedHeader(token).kid).to.equal('server-ec');
    await rotating.close();
  });
});

import { decodeJwt, decodeProtectedHeader } from 'jose';
import { expect } from 'chai';
import { thrown } from '../thrown.js';
import { key } from './keys.js';
import type { RunningServer } from './running-server.js';
import { FHIR_BASE, runServer } from './running-server.js';
import {
  ASSERTION_TYPE,
  answer,
  expectError,
  expectInvalidClient,
  expectToken,
  postForm,
  requestToken,
  tokenForm,
} from './token-request.js';

const ec = key('ec');
const clientId = 'backend';
const good = { key: ec, clientId };

describe('token endpoint', () => {
  let as: RunningServer;

  before(async () => {
    as = await runServer([
      {
        client_id: clientId,
        jwks: { keys: [ec.jwk] },
        scope: 'system/Patient.cruds system/Observation.r system/Condition.read user/*.rs patient/*.rs openid launch',
      },
      {
        client_id: 'granular',
        jwks: { keys: [ec.jwk] },
        scope: 'system/Observation.rs?category=laboratory system/Patient.rs',
      },
      {
        client_id: 'app',
        jwks: { keys: [ec.jwk] },
        scope: 'openid',
        grant_types: ['authorization_code'],
        redirect_uris: ['https://app.example/cb'],
      },
    ]);
  });
  after(() => as.close());

  it('A5: any method but POST is 405', async () => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
      const response = await fetch(`${as.token}?grant_type=client_credentials`, { method });
      expect(response.status, method).to.equal(405);
      expect(response.headers.get('allow')).to.equal('POST');
    }
  });

  it('A5: a body of another media type, charset or encoding is 400 invalid_request', async () => {
    const form = new URLSearchParams(tokenForm(as, good) as Record<string, string>).toString();
    const types = [
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded; charset=utf-16',
    ];
    for (const type of types) {
      expectError(await postForm(as.token, form, { 'content-type': type }), 400, 'invalid_request');
    }
    expectError(await postForm(as.token, form, { 'content-encoding': 'gzip' }), 400, 'invalid_request');
    const utf8 = { 'content-type': 'Application/X-WWW-Form-Urlencoded;charset=UTF-8' };
    expectToken(await postForm(as.token, tokenForm(as, good), utf8));
  });

  it('A6: a repeated parameter is 400 invalid_request, whichever it is', async () => {
    for (const name of ['scope', 'grant_type', 'client_assertion', 'client_assertion_type', 'client_id', 'unknown']) {
      const form = new URLSearchParams(tokenForm(as, good) as Record<string, string>);
      form.append(name, 'x');
      form.append(name, 'x');
      expectError(await postForm(as.token, form), 400, 'invalid_request');
    }
    const empty = new URLSearchParams(tokenForm(as, good) as Record<string, string>);
    empty.append('scope', '');
    expectError(await postForm(as.token, empty), 400, 'invalid_request');
  });

  it('A7: unknown parameters are ignored, empty ones count as omitted', async () => {
    expectToken(
      await requestToken(as, { ...good, form: { foo: '1', __proto__x: '2', client_id: '', client_secret: '' } }),
    );
    expectError(await requestToken(as, { ...good, form: { scope: '' } }), 400, 'invalid_scope');
    expectError(await requestToken(as, { ...good, form: { grant_type: '' } }), 400, 'invalid_request');
  });

  it('A7: a resource parameter changes nothing: the audience stays the FHIR server', async () => {
    const body = expectToken(await requestToken(as, { ...good, form: { resource: 'https://elsewhere.example/' } }));
    expect(decodeJwt(String(body['access_token'])).aud).to.equal(FHIR_BASE);
  });

  it('A8: grant_type missing is invalid_request, unknown is unsupported_grant_type, not allowed is unauthorized_client', async () => {
    expectError(await requestToken(as, { ...good, form: { grant_type: undefined } }), 400, 'invalid_request');
    for (const grantType of [
      'not_a_grant_type',
      'password',
      'implicit',
      'Client_Credentials',
      'refresh_token',
      'authorization_code',
    ]) {
      const response = await requestToken(as, { ...good, form: { grant_type: grantType } });
      expectError(response, 400, 'unsupported_grant_type');
    }
    const app = await requestToken(as, { key: ec, clientId: 'app', scope: 'system/Patient.rs' });
    expectError(app, 400, 'unauthorized_client');
  });

  it('A8: grant_type is judged before the client, so that an answer tells nothing about clients', async () => {
    const response = await requestToken(as, { key: ec, clientId: 'nobody', form: { grant_type: 'password' } });
    expectError(response, 400, 'unsupported_grant_type');
  });

  it('A9: a wrong or missing client_assertion_type, or no assertion, is invalid_client', async () => {
    for (const form of [
      { client_assertion_type: undefined },
      { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' },
      { client_assertion_type: ASSERTION_TYPE.toUpperCase() },
      { client_assertion: undefined },
      { client_assertion: undefined, client_assertion_type: undefined },
      { client_assertion: undefined, client_assertion_type: undefined, client_id: clientId },
    ]) {
      expectInvalidClient(await requestToken(as, { ...good, form }));
    }
  });

  it('A10: two ways of client authentication are 400 invalid_request', async () => {
    const basic = `Basic ${Buffer.from(`${clientId}:secret`).toString('base64')}`;
    expectError(await requestToken(as, { ...good, headers: { authorization: basic } }), 400, 'invalid_request');
    expectError(await requestToken(as, { ...good, form: { client_secret: 'x' } }), 400, 'invalid_request');
  });

  it('A10: the Authorization header alone is 401 with a matching challenge', async () => {
    const basic = `Basic ${Buffer.from(`${clientId}:secret`).toString('base64')}`;
    const form = { grant_type: 'client_credentials', scope: 'system/Patient.rs' };
    const response = await postForm(as.token, form, { authorization: basic });
    expectError(response, 401, 'invalid_client');
    expect(response.headers.get('www-authenticate')).to.match(/^Basic realm="/);
  });

  it('A11: client_id may be absent or match; another one is invalid_client', async () => {
    expectToken(await requestToken(as, { ...good, form: { client_id: clientId } }));
    expectInvalidClient(await requestToken(as, { ...good, form: { client_id: 'granular' } }));
    expectInvalidClient(await requestToken(as, { ...good, form: { client_id: 'nobody' } }));
  });

  it('A25: no scope is 400 invalid_scope', async () => {
    expectError(await requestToken(as, { ...good, scope: undefined }), 400, 'invalid_scope');
    expectError(await requestToken(as, { ...good, scope: '   ' }), 400, 'invalid_scope');
  });

  const narrowed: [string, string, string, string][] = [
    [clientId, 'a part', 'system/Patient.rs system/Encounter.rs', 'system/Patient.rs'],
    [clientId, 'a wildcard', 'system/*.rs', 'system/Patient.rs system/Observation.r system/Condition.rs'],
    [clientId, 'letters', 'system/Observation.cruds', 'system/Observation.r'],
    [clientId, 'v1 where v1 can say it', 'system/Patient.read', 'system/Patient.read'],
    [clientId, 'v1 where only v2 can say it', 'system/Observation.read', 'system/Observation.r'],
    [clientId, 'v1 under v1', 'system/*.read', 'system/Patient.read system/Observation.r system/Condition.read'],
    [clientId, 'an out-of-order scope beside a good one', 'system/Patient.dus system/Patient.r', 'system/Patient.r'],
    [
      clientId,
      'an unsupported modifier beside a good one',
      'system/Patient.rs?name:exact=x system/Patient.r',
      'system/Patient.r',
    ],
    [
      'granular',
      'a whole type under a granular allowance',
      'system/Observation.rs',
      'system/Observation.rs?category=laboratory',
    ],
    [
      'granular',
      'one query under another',
      'system/Observation.r?status=final',
      'system/Observation.r?status=final&category=laboratory',
    ],
  ];
  for (const [client, what, requested, granted] of narrowed) {
    it(`A26: grants within the registration: ${what}`, async () => {
      const body = expectToken(await requestToken(as, { key: ec, clientId: client, scope: requested }));
      expect(body['scope']).to.equal(granted);
      expect(decodeJwt(String(body['access_token']))['scope']).to.equal(granted);
    });
  }

  it('A26: nothing left is 400 invalid_scope', async () => {
    for (const scope of [
      'system/Encounter.rs',
      'system/Observation.u',
      'system/Condition.cud',
      'nonsense',
      'system/Patient.RS',
    ]) {
      expectError(await requestToken(as, { ...good, scope }), 400, 'invalid_scope');
    }
    expectError(await requestToken(as, { ...good, scope: 'system/Patient.rs "x"' }), 400, 'invalid_scope');
    const many = ['system/Patient.rs', ...Array.from({ length: 500 }, (_, at) => `a${at}`)].join(' ');
    expectError(await requestToken(as, { ...good, scope: many }), 400, 'invalid_scope');
  });

  it('A26: a narrowing policy of the host can only narrow', async () => {
    const policed = await runServer([{ client_id: clientId, jwks: { keys: [ec.jwk] }, scope: 'system/*.rs' }], {
      narrowScopes: () => ['system/Patient.cruds', 'system/Observation.cruds', 'openid'],
    });
    const body = expectToken(await requestToken(policed, { ...good, scope: 'system/*.r' }));
    expect(body['scope']).to.equal('system/Patient.r system/Observation.r');
    const body2 = expectToken(await requestToken(policed, { ...good, scope: 'system/Patient.rs' }));
    expect(body2['scope']).to.equal('system/Patient.rs');
    await policed.close();
    const stingy = await runServer([{ client_id: clientId, jwks: { keys: [ec.jwk] }, scope: 'system/*.rs' }], {
      narrowScopes: () => [],
    });
    expectError(await requestToken(stingy, good), 400, 'invalid_scope');
    await stingy.close();
  });

  it('A26: in strict mode a scope that no grammar knows refuses the request', async () => {
    const strict = await runServer([{ client_id: clientId, jwks: { keys: [ec.jwk] }, scope: 'system/*.rs' }], {
      invalidScopes: 'reject',
    });
    expectError(
      await requestToken(strict, { ...good, scope: 'system/Patient.rs system/Patient.sr' }),
      400,
      'invalid_scope',
    );
    expectToken(await requestToken(strict, good));
    await strict.close();
  });

  it('A27: scopes that need a user are dropped, and alone are invalid_scope', async () => {
    const body = expectToken(
      await requestToken(as, { ...good, scope: 'user/Patient.rs patient/*.rs openid launch system/Patient.r' }),
    );
    expect(body['scope']).to.equal('system/Patient.r');
    for (const scope of ['user/Patient.rs', 'patient/*.rs', 'openid', 'launch', 'openid launch user/*.rs']) {
      expectError(await requestToken(as, { ...good, scope }), 400, 'invalid_scope');
    }
  });

  it('A28: the answer has access_token, token_type, a numeric expires_in and scope', async () => {
    const { body, status, headers } = await requestToken(as, good);
    expect(status).to.equal(200);
    expect(headers.get('content-type')).to.match(/^application\/json/);
    expect(body).to.have.all.keys('access_token', 'token_type', 'expires_in', 'scope');
    expect(body['token_type']).to.match(/^bearer$/i);
    expect(body).to.include({ expires_in: 300, scope: 'system/Patient.rs' });
  });

  it('A29: the lifetime is 300 seconds by default, and can be set, up to an hour', async () => {
    const shorter = await runServer([{ client_id: clientId, jwks: { keys: [ec.jwk] }, scope: 'system/*.rs' }], {
      accessTokenLifetimeSeconds: 60,
    });
    const body = expectToken(await requestToken(shorter, good));
    expect(body['expires_in']).to.equal(60);
    const { iat = 0, exp = 0 } = decodeJwt(String(body['access_token']));
    expect(exp - iat).to.equal(60);
    await shorter.close();
    for (const accessTokenLifetimeSeconds of [0, -1, 3601, 1.5, NaN]) {
      const error = await thrown(() => runServer([], { accessTokenLifetimeSeconds }));
      expect(error).to.include({ code: 'ERR_CONFIG', key: 'accessTokenLifetimeSeconds' });
    }
  });

  it('A30: there is no refresh token, even when one is asked for', async () => {
    const body = expectToken(
      await requestToken(as, { ...good, scope: 'system/Patient.rs offline_access online_access' }),
    );
    expect(body).not.to.have.property('refresh_token');
  });

  it('A31: no answer of the token endpoint may be kept, good or bad', async () => {
    const answers = [
      await requestToken(as, good),
      await requestToken(as, { ...good, scope: 'x' }),
      await requestToken(as, { ...good, form: { client_assertion: 'x' } }),
      await postForm(as.token, 'grant_type=x'),
      await answer(await fetch(as.token)),
      await postForm(as.token, '{}', { 'content-type': 'application/json' }),
    ];
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 400, 400, 400, 405, 400]);
    for (const { headers } of answers) {
      expect(headers.get('cache-control')).to.equal('no-store');
      expect(headers.get('pragma')).to.equal('no-cache');
    }
  });

  it('A32: errors are JSON with error and a clean error_description, whatever Accept says and the request holds', async () => {
    const hostile = 'system/"\\\u0000é<script>.rs';
    const bad = await requestToken(as, { ...good, scope: hostile, headers: { accept: 'text/html' } });
    expectError(bad, 400, 'invalid_scope');
    expect(bad.headers.get('content-type')).to.match(/^application\/json/);
    const type = await requestToken(as, { ...good, form: { grant_type: hostile } });
    expectError(type, 400, 'unsupported_grant_type');
    expect(JSON.stringify(type.body)).not.to.include('<script');
  });

  it('A33: the access token is an at+jwt for the FHIR server with the claims of RFC 9068', async () => {
    const body = expectToken(await requestToken(as, good));
    const token = String(body['access_token']);
    expect(decodeProtectedHeader(token)).to.deep.equal({ alg: 'ES384', typ: 'at+jwt', kid: 'server-ec' });
    const claims = decodeJwt(token);
    expect(claims).to.have.all.keys('iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti', 'scope');
    expect(claims).to.include({
      iss: as.origin,
      aud: FHIR_BASE,
      sub: clientId,
      client_id: clientId,
      scope: 'system/Patient.rs',
    });
    expect(Number(claims.exp) - Number(claims.iat)).to.equal(300);
  });

  it('A33: each token has a jti of its own', async () => {
    const ids = new Set<unknown>();
    for (let at = 0; at < 20; at += 1)
      ids.add(decodeJwt(String(expectToken(await requestToken(as, good))['access_token'])).jti);
    expect(ids.size).to.equal(20);
  });

  it('an issuer with a path serves everything below it, and its tokens name it exactly', async () => {
    const pathed = await runServer([{ client_id: clientId, jwks: { keys: [ec.jwk] }, scope: 'system/*.rs' }], {
      path: '/auth/v1',
    });
    const body = expectToken(await requestToken(pathed, good));
    expect(decodeJwt(String(body['access_token'])).iss).to.equal(`${pathed.origin}/auth/v1`);
    expect((await fetch(`${pathed.origin}/token`, { method: 'POST' })).status).to.equal(404);
    await pathed.close();
  });

  it('a Host header changes nothing', async () => {
    const body = expectToken(
      await requestToken(as, {
        ...good,
        headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
      }),
    );
    expect(decodeJwt(String(body['access_token'])).iss).to.equal(as.origin);
  });
});

import { expect } from 'chai';
import { SignJWT, decodeJwt } from 'jose';
import { useFakeTimers } from 'sinon';
import { assertion } from './assertion.js';
import { key } from './keys.js';
import type { RunningServer } from './running-server.js';
import { FHIR_BASE, runServer } from './running-server.js';
import type { Answer } from './token-request.js';
import { ASSERTION_TYPE, expectError, expectToken, postForm, requestToken } from './token-request.js';

const ec = key('ec');
const SECRET = 'a secret: with+odd%20 characters';
const jwks = { keys: [ec.jwk] };

describe('introspection and revocation', () => {
  let as: RunningServer;

  before(async () => {
    as = await runServer(
      [
        { client_id: 'c', jwks, scope: 'system/Patient.rs system/Observation.rs' },
        { client_id: 'd', jwks, scope: 'system/Patient.rs' },
        { client_id: 'leaving', jwks, scope: 'system/Patient.rs' },
        { client_id: 'inspector', jwks, scope: '__introspect system/Patient.rs' },
        {
          client_id: 'public',
          token_endpoint_auth_method: 'none',
          redirect_uris: ['https://a.example/'],
          scope: '__introspect',
        },
      ],
      { introspection: { callers: [{ clientId: 'rs 1', clientSecret: SECRET }] } },
    );
  });
  after(() => as.close());
  beforeEach(() => {
    as.events.length = 0;
  });

  const basic = (id: string, secret: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
  });
  const caller = basic('rs 1', SECRET);

  function introspect(
    form: Record<string, string | undefined> | URLSearchParams,
    headers: Record<string, string> = caller,
  ): Promise<Answer> {
    return postForm(`${as.origin}/introspect`, form, headers);
  }
  async function tokenOf(clientId: string, scope = 'system/Patient.rs'): Promise<string> {
    return String(expectToken(await requestToken(as, { key: ec, clientId, scope }))['access_token']);
  }
  function expectInactive(response: Answer): void {
    expect(response.status).to.equal(200);
    expect(response.body).to.deep.equal({ active: false });
  }

  it('A34: an active token answers active, scope, client_id and exp, as the token response said', async () => {
    const response = expectToken(await requestToken(as, { key: ec, clientId: 'c', scope: 'system/*.rs' }));
    const token = String(response['access_token']);
    const { status, body, headers } = await introspect({ token });
    expect(status).to.equal(200);
    expect(headers.get('cache-control')).to.equal('no-store');
    expect(body).to.include({ active: true, client_id: 'c', scope: response['scope'], token_type: 'Bearer' });
    const { iat = 0, exp } = decodeJwt(token);
    expect(body['exp']).to.equal(exp);
    expect(body['exp']).to.equal(iat + Number(response['expires_in']));
  });

  it('A35: it echoes who the token is from and for (launch context: with the launches)', async () => {
    const { body } = await introspect({ token: await tokenOf('c') });
    expect(body).to.include({ iss: as.origin, sub: 'c', aud: FHIR_BASE });
  });

  it('A36: unknown, foreign, malformed and unsigned tokens are exactly {"active":false}', async () => {
    const good = await tokenOf('c');
    const [header = '', payload = '', signature = ''] = good.split('.');
    const claims = decodeJwt(good);
    const sign = (
      members: Record<string, unknown>,
      headerMembers: Record<string, unknown> = {},
      by = key('server-ec'),
    ): Promise<string> =>
      new SignJWT({ ...claims, ...members })
        .setProtectedHeader({ alg: 'ES384', kid: 'server-ec', typ: 'at+jwt', ...headerMembers })
        .sign(by.privateKey);
    const now = Math.floor(Date.now() / 1000);
    for (const token of [
      'opaque',
      'a.b.c',
      `${header}.${payload}.`,
      `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
      `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`,
      await sign({}, {}, key('stranger')),
      await sign({}, { kid: 'unknown' }),
      await sign({}, { typ: 'JWT' }),
      await sign({ iss: 'https://other.example' }),
      await sign({ aud: 'https://other.example' }),
      await sign({ exp: now - 1 }),
      await sign({ exp: undefined }),
      await sign({ jti: undefined }),
      await sign({ scope: 7 }),
      await sign({ client_id: 'nobody' }),
      'A'.repeat(20_000),
    ]) {
      expectInactive(await introspect({ token }));
    }
    expect((await introspect({ token: await sign({}) })).body).to.include({ active: true });
  });

  it('A36: an expired token is inactive', async () => {
    const token = await tokenOf('c');
    const clock = useFakeTimers({ toFake: ['Date'], now: Date.now() });
    try {
      clock.setSystemTime(Date.now() + 299_000);
      expect((await introspect({ token })).body).to.include({ active: true });
      clock.setSystemTime(Date.now() + 2_000);
      expectInactive(await introspect({ token }));
    } finally {
      clock.restore();
    }
  });

  it('A36: a revoked token is inactive, whoever revoked it', async () => {
    const token = await tokenOf('c');
    expect(await as.server.revokeAccessToken(token)).to.equal(true);
    expectInactive(await introspect({ token }));
    expect(await as.server.revokeAccessToken('x')).to.equal(false);

    const other = await tokenOf('c');
    const form = {
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: assertion({ key: ec, clientId: 'c', aud: as.token }),
    };
    const revoked = await postForm(`${as.origin}/revoke`, { ...form, token: other });
    expect(revoked.status).to.equal(200);
    expectInactive(await introspect({ token: other }));
  });

  it('revocation: only by its own client; unknown tokens need none; authentication comes first', async () => {
    const token = await tokenOf('c');
    const as2 = (clientId: string): Record<string, string> => ({
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: assertion({ key: ec, clientId, aud: as.token }),
    });
    const url = `${as.origin}/revoke`;
    expectError(await postForm(url, { ...as2('d'), token }), 400, 'unauthorized_client');
    expect((await introspect({ token })).body).to.include({ active: true });
    expect((await postForm(url, { ...as2('c'), token: 'unknown' })).status).to.equal(200);
    expectError(await postForm(url, as2('c')), 400, 'invalid_request');
    expectError(await postForm(url, { token }), 400, 'invalid_client');
  });

  it('A36: the tokens of a client that was removed are inactive', async () => {
    const token = await tokenOf('leaving');
    expect((await introspect({ token })).body).to.include({ active: true });
    expect(await as.registry.remove('leaving')).to.equal(true);
    expectInactive(await introspect({ token }));
  });

  it('A37: no, bad and insufficient credentials are 401 with a challenge, whatever the token', async () => {
    const token = await tokenOf('c');
    const inspectors = await tokenOf('inspector', '__introspect');
    const attempts: Record<string, string>[] = [
      {},
      basic('rs 1', 'wrong'),
      basic('rs 1', ''),
      basic('nobody', SECRET),
      basic('', ''),
      { authorization: 'Basic' },
      { authorization: 'Basic !!!' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer x' },
      { authorization: `Bearer ${token}` },
      { authorization: `Bearer ${await tokenOf('inspector')}` },
      { authorization: `Digest ${SECRET}` },
      { authorization: `Bearer ${inspectors}x` },
    ];
    for (const headers of attempts) {
      const response = await introspect({ token }, headers);
      expect(response.status, JSON.stringify(headers)).to.equal(401);
      expect(response.headers.get('www-authenticate')).to.match(/(Basic|Bearer) realm="/);
      expect(response.body).not.to.have.property('active');
    }
    // Revoked, a caller's token admits nobody.
    await as.server.revokeAccessToken(inspectors);
    expect((await introspect({ token }, { authorization: `Bearer ${inspectors}` })).status).to.equal(401);
  });

  it('A37: a public client may not call, whatever it is registered for', async () => {
    expect((await introspect({ token: await tokenOf('c'), client_id: 'public' }, {})).status).to.equal(401);
  });

  it("A37: a properly scoped bearer token works for any client's tokens", async () => {
    const authorization = `Bearer ${await tokenOf('inspector', '__introspect')}`;
    for (const clientId of ['c', 'd', 'inspector']) {
      const { body } = await introspect({ token: await tokenOf(clientId) }, { authorization });
      expect(body).to.include({ active: true, client_id: clientId });
    }
  });

  it('A37: a client with the scope may call by assertion, one without may not', async () => {
    const token = await tokenOf('c');
    const by = (clientId: string): Record<string, string> => ({
      token,
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: assertion({ key: ec, clientId, aud: as.token }),
    });
    expect((await introspect(by('inspector'), {})).body).to.include({ active: true });
    expect((await introspect(by('c'), {})).status).to.equal(401);
    expect(as.refusals()).to.deep.equal(['caller-scope']);
    expectError(await introspect(by('inspector')), 400, 'invalid_request');
  });

  it('A37: Basic works with the parts form-encoded, as RFC 6749 has them, and plain', async () => {
    const token = await tokenOf('c');
    const encoded = basic('rs+1', encodeURIComponent(SECRET).replaceAll('%20', '+'));
    expect((await introspect({ token }, encoded)).body).to.include({ active: true });
  });

  it('A38: without token 400 invalid_request; an unknown hint is ignored', async () => {
    expectError(await introspect({}), 400, 'invalid_request');
    expectError(await introspect({ token: '' }), 400, 'invalid_request');
    const token = await tokenOf('c');
    for (const hint of ['access_token', 'refresh_token', 'nonsense', '']) {
      expect((await introspect({ token, token_type_hint: hint })).body).to.include({ active: true });
    }
  });

  it('A38: a repeated parameter is 400 invalid_request', async () => {
    const twice = new URLSearchParams([
      ['token', 'a'],
      ['token', 'b'],
    ]);
    expectError(await introspect(twice), 400, 'invalid_request');
  });

  it('GET is 405: a token does not belong in a URL', async () => {
    expect((await fetch(`${as.origin}/introspect?token=x`, { headers: caller })).status).to.equal(405);
  });
});

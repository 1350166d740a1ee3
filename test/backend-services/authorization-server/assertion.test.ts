import { createHmac, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import type { StateStore } from '../../../src/backend-services/oidc-provider.js';
import { createMemoryStore } from '../../../src/backend-services/oidc-provider.js';
import type { Members } from './assertion.js';
import { assertion, signWith } from './assertion.js';
import { key } from './keys.js';
import type { KeySetHost } from './key-set-host.js';
import { startKeySetHost } from './key-set-host.js';
import type { RunningServer } from './running-server.js';
import { runServer } from './running-server.js';
import type { TokenRequest } from './token-request.js';
import { expectInvalidClient, expectToken, postForm, requestToken, tokenForm } from './token-request.js';

const ec = key('ec');
const rsa = key('rsa', 'RS384');
const scope = 'system/Patient.rs';
const inline = { key: ec, clientId: 'inline' };

const now = (): number => Math.floor(Date.now() / 1000);

describe('client assertions', () => {
  let as: RunningServer;
  let host: KeySetHost;

  before(async () => {
    host = await startKeySetHost(rsa);
    as = await runServer([
      { client_id: 'inline', jwks: { keys: [ec.jwk, rsa.jwk] }, scope },
      { client_id: 'other', jwks: { keys: [ec.jwk] }, scope },
      { client_id: 'remote', jwks_uri: host.url, scope },
      {
        client_id: 'public',
        token_endpoint_auth_method: 'none',
        redirect_uris: ['https://app.example/'],
        scope: 'openid',
      },
    ]);
  });
  after(async () => {
    await as.close();
    await host.close();
  });
  beforeEach(() => {
    as.events.length = 0;
    host.fetches.length = 0;
    host.publish([rsa.jwk]);
  });

  /** Sends a good request with some assertion members changed; expects it to be refused for exactly that reason. */
  async function refused(reason: string, request: Partial<TokenRequest>): Promise<void> {
    expectInvalidClient(await requestToken(as, { ...inline, ...request }));
    expect(as.refusals()).to.deep.equal([reason]);
    as.events.length = 0;
  }
  const header = (members: Members): Partial<TokenRequest> => ({ assert: { header: members } });
  const claims = (members: Members): Partial<TokenRequest> => ({ assert: { claims: members } });

  it('RS384 and ES384 both authenticate', async () => {
    expectToken(await requestToken(as, inline));
    expectToken(await requestToken(as, { ...inline, key: rsa }));
  });

  it('A12: iss must be known, and sub the same; the answer is the same text', async () => {
    await refused('unknown-client', { clientId: 'nobody' });
    await refused('unknown-client', { clientId: '__proto__' });
    await refused('iss-sub', claims({ sub: 'other' }));
    await refused('iss-sub', claims({ iss: 'other' }));
    await refused('iss-sub', claims({ iss: undefined }));
    await refused('iss-sub', claims({ sub: undefined }));
    await refused('iss-sub', claims({ iss: ['inline'], sub: ['inline'] }));
    await refused('iss-sub', claims({ iss: '', sub: '' }));
    await refused('method-not-registered', { clientId: 'public' });
  });

  it('A13: aud is the token URL, exactly; a list of just it will do', async () => {
    const T = as.token;
    for (const aud of [
      `${T}/`,
      `${T}?x`,
      T.toUpperCase(),
      as.origin,
      'https://other.example/token',
      undefined,
      '',
      7,
      null,
      {},
      [],
    ]) {
      await refused('aud', claims({ aud }));
    }
    // Good elsewhere as well: what audience injection lives on.
    await refused('aud', claims({ aud: [T, 'https://other.example/token'] }));
    await refused('aud', claims({ aud: ['https://other.example/token'] }));
    expectToken(await requestToken(as, { ...inline, ...claims({ aud: [T] }) }));
  });

  it('A13: the issuer is accepted only where the configuration says so', async () => {
    await refused('aud', claims({ aud: as.server.issuer }));
    const lenient = await runServer([{ client_id: 'inline', jwks: { keys: [ec.jwk] }, scope }], {
      acceptIssuerAsAudience: true,
    });
    expectToken(await requestToken(lenient, { ...inline, ...claims({ aud: lenient.server.issuer }) }));
    expectToken(await requestToken(lenient, inline));
    expectInvalidClient(await requestToken(lenient, { ...inline, ...claims({ aud: `${lenient.server.issuer}/` }) }));
    await lenient.close();
  });

  it('A14: exp is present, a number, in the future, at most five minutes ahead', async () => {
    await refused('exp-past', claims({ exp: now() - 60 }));
    await refused('exp-past', claims({ exp: 0 }));
    await refused('exp-missing', claims({ exp: undefined }));
    await refused('exp-missing', claims({ exp: String(now() + 200) }));
    await refused('exp-missing', claims({ exp: null }));
    await refused('exp-too-far', claims({ exp: now() + 36_000 }));
    await refused('exp-too-far', claims({ exp: now() + 330 }));
    await refused('exp-too-far', claims({ exp: 1e300 }));
  });

  it('A14: now + 300 is accepted, and so is a clock a few seconds off', async () => {
    expectToken(await requestToken(as, { ...inline, ...claims({ exp: now() + 300 }) }));
    expectToken(await requestToken(as, { ...inline, ...claims({ exp: now() + 303 }) }));
    expectToken(await requestToken(as, { ...inline, ...claims({ exp: now() - 2 }) }));
  });

  it('A15: nbf is honoured, iat is optional and may not be nonsense', async () => {
    await refused('nbf', claims({ nbf: now() + 600 }));
    await refused('nbf', claims({ nbf: 'soon' }));
    await refused('iat', claims({ iat: 'now' }));
    expectToken(await requestToken(as, { ...inline, ...claims({ nbf: now() - 1, iat: now() }) }));
    expectToken(await requestToken(as, { ...inline, ...claims({ iat: undefined }) }));
  });

  for (const tolerance of [0, 5, 60]) {
    it(`A14: A15: clockToleranceSeconds ${tolerance}: exp and nbf are judged to the second`, async () => {
      // Only the clock stands still; timers and sockets stay real.
      const clock = useFakeTimers({ toFake: ['Date'], now: now() * 1000 });
      const strict = await runServer([{ client_id: 'inline', jwks: { keys: [ec.jwk] }, scope }], {
        clockToleranceSeconds: tolerance,
      });
      try {
        const judge = async (members: Record<string, unknown>): Promise<string> => {
          strict.events.length = 0;
          const { status } = await requestToken(strict, { ...inline, ...claims(members) });
          expect(status).to.equal(strict.refusals().length === 0 ? 200 : 400);
          return strict.refusals()[0] ?? 'accepted';
        };
        const at = now();
        const cases: readonly (readonly [name: 'exp' | 'nbf', seconds: number, verdict: string])[] = [
          ['exp', -tolerance - 3, 'exp-past'],
          ['exp', -tolerance, 'exp-past'],
          ['exp', -tolerance + 1, 'accepted'],
          ['exp', -tolerance + 3, 'accepted'],
          ['exp', 300, 'accepted'],
          ['exp', 300 + tolerance, 'accepted'],
          ['exp', 300 + tolerance + 1, 'exp-too-far'],
          ['exp', 300 + tolerance + 3, 'exp-too-far'],
          ['nbf', -3, 'accepted'],
          ['nbf', tolerance - 1, 'accepted'],
          ['nbf', tolerance, 'accepted'],
          ['nbf', tolerance + 1, 'nbf'],
          ['nbf', tolerance + 3, 'nbf'],
        ];
        for (const [name, seconds, verdict] of cases)
          expect(await judge({ [name]: at + seconds }), `${name} ${seconds}`).to.equal(verdict);
      } finally {
        clock.restore();
        await strict.close();
      }
    });
  }

  it('A16: jti is required and good once for its issuer', async () => {
    await refused('jti-missing', claims({ jti: undefined }));
    await refused('jti-missing', claims({ jti: '' }));
    await refused('jti-missing', claims({ jti: 7 }));
    const jti = randomUUID();
    expectToken(await requestToken(as, { ...inline, ...claims({ jti }) }));
    await refused('replay', claims({ jti }));
    expectToken(await requestToken(as, { key: ec, clientId: 'other', ...claims({ jti }) }));
  });

  it('A16: the same assertion twice is a replay', async () => {
    const form = tokenForm(as, inline);
    expectToken(await postForm(as.token, form));
    expectInvalidClient(await postForm(as.token, form));
    expect(as.refusals()).to.deep.equal(['replay']);
  });

  it('A16: of twenty parallel copies exactly one gets a token', async () => {
    const form = tokenForm(as, inline);
    const answers = await Promise.all(Array.from({ length: 20 }, () => postForm(as.token, form)));
    expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
    answers.filter(({ status }) => status !== 200).forEach(expectInvalidClient);
  });

  it('A17: a forged assertion cannot use up a jti', async () => {
    const jti = randomUUID();
    const forged = assertion({
      key: ec,
      clientId: 'inline',
      aud: as.token,
      claims: { jti },
      signer: signWith(key('stranger')),
    });
    const form = { ...tokenForm(as, inline), client_assertion: forged };
    expectInvalidClient(await postForm(as.token, form));
    expect(as.refusals()).to.deep.equal(['signature']);
    expectToken(await requestToken(as, { ...inline, ...claims({ jti }) }));
  });

  it('A17: neither does an assertion that fails a later check', async () => {
    const jti = randomUUID();
    await refused('aud', claims({ jti, aud: 'https://other.example/token' }));
    await refused('exp-too-far', claims({ jti, exp: now() + 36_000 }));
    expectToken(await requestToken(as, { ...inline, ...claims({ jti }) }));
  });

  it('A17: a used jti is kept until its assertion has expired, tolerance included', async () => {
    const kept: [string, number | undefined][] = [];
    const store = recordingStore(kept);
    const recorded = await runServer([{ client_id: 'inline', jwks: { keys: [ec.jwk] }, scope }], {
      store,
      clockToleranceSeconds: 30,
    });
    expectToken(await requestToken(recorded, { ...inline, ...claims({ exp: now() + 200 }) }));
    const [entry] = kept.filter(([name]) => name.startsWith('jti-'));
    expect(entry?.[1]).to.be.within(228, 233);
    await recorded.close();
  });

  it('A17: a client that fills the list of used assertions is refused alone, and is still not replayed', async () => {
    const store = createMemoryStore({ maxEntriesPerNamespace: 3 });
    const clients = ['inline', 'other'].map((client_id) => ({ client_id, jwks: { keys: [ec.jwk] }, scope }));
    const small = await runServer(clients, { store });
    const first = { ...inline, ...claims({ jti: 'first' }) };
    expectToken(await requestToken(small, first));
    for (let count = 0; count < 2; count += 1) expectToken(await requestToken(small, inline));
    expect((await requestToken(small, inline)).status).to.equal(503);
    expectInvalidClient(await requestToken(small, first));
    expect(small.refusals()).to.include('replay');
    expectToken(await requestToken(small, { ...inline, clientId: 'other' }));
    await small.close();
  });

  it('A18: alg none, HS256 and HS384 keyed with the public PEM, and everything off the list are refused', async () => {
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
    const none = { header: { alg: 'none' }, signer: () => Buffer.alloc(0) };
    await refused('header-alg', { key: rsa, assert: none });
    for (const [alg, hash] of [
      ['HS256', 'sha256'],
      ['HS384', 'sha384'],
    ] as const) {
      const signer = (input: string): Buffer => createHmac(hash, pem).update(input).digest();
      await refused('header-alg', { key: rsa, assert: { header: { alg }, signer } });
    }
    for (const alg of ['RS256', 'PS384', 'ES256', 'EdDSA', 'NONE', '', undefined, 7, 'rs384']) {
      expectInvalidClient(await requestToken(as, { ...inline, ...header({ alg }) }));
    }
  });

  it("A18: a key is used with its own algorithm only: the key's alg must be the header's", async () => {
    await refused('key-alg', header({ alg: 'RS384' }));
    await refused('key-alg', { key: rsa, assert: { header: { alg: 'ES384' }, signer: signWith(ec) } });
    const wrongAlg = await startKeySetHost();
    wrongAlg.publish([
      { ...rsa.jwk, alg: 'RS256' },
      { ...rsa.jwk, kid: 'enc', use: 'enc', alg: undefined },
    ]);
    await as.server.registerClient({ client_id: 'wrong-alg', jwks_uri: wrongAlg.url, scope });
    as.events.length = 0;
    await refused('key-not-found', { key: rsa, clientId: 'wrong-alg' });
    await refused('key-not-found', { key: rsa, clientId: 'wrong-alg', ...header({ kid: 'enc' }) });
    await wrongAlg.close();
  });

  it('A19: kid is required and names exactly one key', async () => {
    await refused('header-kid', header({ kid: undefined }));
    await refused('header-kid', header({ kid: '' }));
    await refused('header-kid', header({ kid: 7 }));
    await refused('header-kid', header({ kid: { toString: 'x' } }));
    await refused('key-not-found', header({ kid: 'unknown' }));
    const twins = key('twin', 'RS384');
    host.publish([rsa.jwk, { ...twins.jwk, kid: rsa.kid }]);
    const two = await runServer([{ client_id: 'remote', jwks_uri: host.url, scope }]);
    expectInvalidClient(await requestToken(two, { key: rsa, clientId: 'remote' }));
    expect(two.refusals()).to.deep.equal(['key-ambiguous']);
    await two.close();
  });

  it('A19: the kid of another client names nothing', async () => {
    await refused('key-not-found', { key: rsa, clientId: 'other' });
  });

  it('A20: jku may be the registered URL; any other is refused, and nothing is fetched', async () => {
    expectToken(await requestToken(as, { key: rsa, clientId: 'remote', ...header({ jku: host.url }) }));
    expect(host.fetches).to.have.length(1);
    const evil = await startKeySetHost(key('evil', 'RS384'));
    host.fetches.length = 0;
    const fresh = await runServer([{ client_id: 'remote', jwks_uri: host.url, scope }]);
    for (const jku of [
      evil.url,
      `${host.url}?x=1`,
      `${host.url}#`,
      host.url.replace('127.0.0.1', 'localhost'),
      '',
      7,
      null,
    ]) {
      const request = { key: rsa, clientId: 'remote', ...header({ jku }) };
      expectInvalidClient(await requestToken(fresh, request));
    }
    const signed = { header: { jku: evil.url, kid: 'evil' }, signer: signWith(key('evil', 'RS384')) };
    expectInvalidClient(await requestToken(fresh, { key: rsa, clientId: 'remote', assert: signed }));
    expect(new Set(fresh.refusals())).to.deep.equal(new Set(['header-jku']));
    expect(evil.fetches).to.have.length(0);
    expect(host.fetches).to.have.length(0);
    await refused('header-jku', header({ jku: host.url }));
    await fresh.close();
    await evil.close();
  });

  it('A21: keys in the header are never used', async () => {
    const evil = key('evil', 'RS384');
    const signer = signWith(evil);
    await refused('header-key', { key: rsa, assert: { header: { jwk: evil.jwk }, signer } });
    await refused('header-key', { key: rsa, assert: { header: { x5c: ['MIIB'] }, signer } });
    await refused('header-key', { key: rsa, assert: { header: { x5u: 'https://evil.example/cert' }, signer } });
  });

  it('A21: crit is refused, known or not', async () => {
    await refused('header-crit', header({ crit: ['exp'], exp: 1 }));
    await refused('header-crit', header({ crit: ['https://example.org/unknown'], 'https://example.org/unknown': 1 }));
    await refused('header-crit', header({ crit: ['b64'], b64: false }));
    await refused('header-crit', header({ crit: [] }));
    await refused('header-crit', header({ crit: null }));
  });

  it('A24: typ is JWT, in any case, or absent; another kind of token is refused', async () => {
    for (const typ of ['JWT', 'jwt', undefined]) expectToken(await requestToken(as, { ...inline, ...header({ typ }) }));
    for (const typ of ['at+jwt', 'application/jwt', '', 7, null, ['JWT']]) await refused('header-typ', header({ typ }));
  });

  const malformed: [string, string][] = [
    ['no text at all', 'x'],
    ['two parts', 'e30.e30'],
    ['four parts', 'e30.e30.e30.e30'],
    ['five parts', 'e30.e30.e30.e30.e30'],
    ['a header that is no object', `${b64('[]')}.${b64('{}')}.AA`],
    ['a header that is null', `${b64('null')}.${b64('{}')}.AA`],
    ['a payload that is no object', `${b64('{"alg":"ES384","kid":"ec"}')}.${b64('7')}.AA`],
    ['a payload that is an array', `${b64('{"alg":"ES384","kid":"ec"}')}.${b64('[]')}.AA`],
    ['a payload that is no JSON', `${b64('{"alg":"ES384","kid":"ec"}')}.${b64('{')}.AA`],
    ['invalid UTF-8', `${b64('{"alg":"ES384","kid":"ec"}')}.${Buffer.from([0x22, 0xff]).toString('base64url')}.AA`],
    ['20,000 characters', 'A'.repeat(20_000)],
  ];
  for (const [what, text] of malformed) {
    it(`an assertion that is ${what} is invalid_client`, async () => {
      expectInvalidClient(await postForm(as.token, { ...tokenForm(as, inline), client_assertion: text }));
      expect(as.refusals()).to.deep.equal(['malformed-assertion']);
    });
  }

  it('claims named like inherited properties change nothing', async () => {
    expectToken(
      await requestToken(as, { ...inline, ...claims({ constructor: 'x', toString: 'x', hasOwnProperty: 1 }) }),
    );
  });

  it('events name the reason and the registered client, and never the assertion', async () => {
    const form = tokenForm(as, { ...inline, ...claims({ exp: now() + 36_000 }) });
    await postForm(as.token, form);
    expect(as.events).to.deep.equal([
      { type: 'client-refused', endpoint: '/token', reason: 'exp-too-far', clientId: 'inline' },
    ]);
    as.events.length = 0;
    await requestToken(as, { ...inline, clientId: 'a stranger' });
    expect(as.events).to.deep.equal([
      { type: 'client-refused', endpoint: '/token', reason: 'unknown-client', clientId: undefined },
    ]);
  });
});

function b64(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function recordingStore(kept: [string, number | undefined][]): StateStore {
  const inner = createMemoryStore();
  return {
    ...inner,
    setIfAbsent(name, value, expiresInSeconds) {
      kept.push([name, expiresInSeconds]);
      return inner.setIfAbsent(name, value, expiresInSeconds);
    },
  };
}

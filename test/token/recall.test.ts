// The way past all waiting: it may give nothing that verify would not give.
import { expect } from 'chai';
import type { TokenVerifier, TokenVerifierOptions } from '../../src/token/verifier.js';
import { Issuer, codeOf, edA, mint, newEd, seconds } from './issuer.js';

describe('token/verifier: recall', () => {
  let issuer: Issuer;
  let now: number;
  const make = (options: Partial<TokenVerifierOptions> = {}): TokenVerifier =>
    issuer.verifier({ now: () => now, ...options });

  beforeEach(async () => {
    issuer = await Issuer.start(edA.jwk({ kid: 'a' }));
    now = Date.now();
  });
  afterEach(() => issuer.close());

  it('gives what verify gave, and nothing before that', async () => {
    const verifier = make();
    const token = mint({ key: edA });
    expect(verifier.recall(token)).to.equal(undefined);
    const { claims, proof } = await verifier.verify(token);
    expect(verifier.recall(token)).to.deep.equal({ claims, proof });
    expect(verifier.recall(token)?.claims).to.equal(claims);
    expect(verifier.recall(token)).to.be.frozen;
  });

  it('hole-42: ends with exp, without tolerance, and does not begin before nbf', async () => {
    now = seconds(now) * 1000;
    const verifier = make({ clockToleranceSeconds: 5 });
    const token = mint({ key: edA, claims: { nbf: now / 1000, exp: now / 1000 + 3 } });
    await verifier.verify(token);
    now += 2_999;
    expect(verifier.recall(token)).not.to.equal(undefined);
    now += 1;
    expect(verifier.recall(token)).to.equal(undefined);
    now -= 3_001;
    expect(verifier.recall(token)).to.equal(undefined);
  });

  it('ends when the keys are due, and with the key', async () => {
    const verifier = make();
    const token = mint({ key: edA, claims: { exp: seconds(now) + 86_400 } });
    await verifier.verify(token);
    now += 480_000;
    expect(verifier.recall(token), 'a set is renewed at 80 % of its age').to.equal(undefined);
    issuer.publish(newEd().jwk({ kid: 'b' }));
    now += 120_000;
    expect(await codeOf(verifier.verify(token))).to.equal('ERR_TOKEN_KEY');
    expect(verifier.recall(token)).to.equal(undefined);
  });

  it('hole-42: a clock that tells no time refuses good tokens and kept ones, and once it runs again all is well', async () => {
    const verifier = make({ clockToleranceSeconds: 300 });
    const token = mint({ key: edA });
    const other = mint({ key: edA, claims: { jti: 'other' } });
    await verifier.verify(token);
    const right = now;
    const fetched = issuer.count('/jwks');
    for (const wrong of [NaN, undefined, Infinity, -Infinity, null]) {
      now = wrong as number;
      expect(verifier.recall(token), String(wrong)).to.equal(undefined);
      for (const each of [token, other]) {
        expect(await codeOf(verifier.verify(each)), String(wrong)).to.equal('ERR_TOKEN_INTERNAL');
        expect(await codeOf(make().verify(each)), String(wrong)).to.equal('ERR_TOKEN_INTERNAL');
      }
      now = right;
      expect(await codeOf(verifier.verify(token)), String(wrong)).to.equal(undefined);
      expect(verifier.recall(token), String(wrong)).not.to.equal(undefined);
    }
    expect(issuer.count('/jwks'), 'nothing is fetched for a clock that could not tell its age').to.equal(fetched);
  });

  it('is for the whole token', async () => {
    const verifier = make();
    const token = mint({ key: edA });
    await verifier.verify(token);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const [, other = ''] = mint({ key: edA, claims: { scope: 'system/*.*' } }).split('.');
    for (const forged of [
      `${header}.${other}.${signature}`,
      `${header}.${payload}.`,
      `${token} `,
      token.toUpperCase(),
    ]) {
      expect(verifier.recall(forged), forged).to.equal(undefined);
    }
  });

  it('knows nothing that is no string, is too long, or was refused; and never throws', async () => {
    const verifier = make({ maxTokenLength: 1_024 });
    const refused = mint({ key: edA, claims: { aud: 'https://other.example' } });
    expect(await codeOf(verifier.verify(refused))).to.equal('ERR_TOKEN_AUDIENCE');
    for (const token of [undefined, null, '', 7, {}, [], Symbol('x'), 'x'.repeat(100_000), refused]) {
      expect(verifier.recall(token)).to.equal(undefined);
    }
    let broken = false;
    const clock = make({
      now: () => {
        if (broken) throw new Error('no clock');
        return now;
      },
    });
    const token = mint({ key: edA });
    await clock.verify(token);
    broken = true;
    expect(clock.recall(token)).to.equal(undefined);
  });

  it('knows nothing where proofs are not kept, or an introspection server is to be asked', async () => {
    const token = mint({ key: edA });
    const forgetful = make({ cache: { maxEntries: 0 } });
    await forgetful.verify(token);
    expect(forgetful.recall(token)).to.equal(undefined);
    issuer.introspection = { body: { active: true } };
    const introspection = { introspectUrl: issuer.introspectUrl, clientId: 'a', clientSecret: 'b' };
    const asking = make({ introspection: { ...introspection, cacheMaxAgeMs: 60_000 } });
    await asking.verify(token);
    expect(asking.recall(token)).to.equal(undefined);
  });
});

import { expect } from 'chai';
import type { TokenVerifier, TokenVerifierOptions } from '../../src/token/verifier.js';
import { Issuer, codeOf, edA, encode, goodClaims, mint, newEd, rsaA, seconds } from './issuer.js';

describe('token/jwt: proofs that are used again', () => {
  let issuer: Issuer;
  let now: number;
  const make = (options: Partial<TokenVerifierOptions> = {}): TokenVerifier =>
    issuer.verifier({ now: () => now, ...options });
  /** Whether the verifier remembered the token: then it hands out the very same claims. */
  const remembers = async (verifier: TokenVerifier, token: string): Promise<boolean> => {
    const [first, second] = [await verifier.verify(token), await verifier.verify(token)];
    expect(second).to.deep.equal(first);
    return first.claims === second.claims;
  };

  beforeEach(async () => {
    issuer = await Issuer.start(edA.jwk({ kid: 'a' }));
    now = Date.now();
  });
  afterEach(() => issuer.close());

  it('a token that was proved is not proved again', async () => {
    expect(await remembers(make(), mint({ key: edA }))).to.equal(true);
  });

  it('`cache.maxEntries: 0` remembers nothing', async () => {
    expect(await remembers(make({ cache: { maxEntries: 0 } }), mint({ key: edA }))).to.equal(false);
  });

  it('hole-42: a proof ends with exp, though the clock tolerance would let the token pass', async () => {
    now = seconds(now) * 1000;
    const token = mint({ key: edA, claims: { exp: now / 1000 + 3 } });
    const verifier = make({ clockToleranceSeconds: 5 });
    const { claims } = await verifier.verify(token);
    now += 2_999;
    expect((await verifier.verify(token)).claims).to.equal(claims);
    now += 1;
    expect((await verifier.verify(token)).claims).not.to.equal(claims);
    now += 4_999;
    expect(await codeOf(verifier.verify(token))).to.equal(undefined);
    now += 1;
    expect(await codeOf(verifier.verify(token))).to.equal('ERR_TOKEN_EXPIRED');
  });

  it('hole-42: a proof is for the whole token: neither the same payload nor the same signature is enough', async () => {
    const token = mint({ key: edA });
    const verifier = make();
    await verifier.verify(token);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const [, otherPayload = ''] = mint({ key: edA, claims: { scope: 'system/*.*' } }).split('.');
    const third = signature.at(-3) === 'A' ? 'E' : 'A';
    for (const [forged, code] of [
      [`${header}.${otherPayload}.${signature}`, 'ERR_TOKEN_SIGNATURE'],
      [`${header}.${payload}.${signature.slice(0, -3)}${third}${signature.slice(-2)}`, 'ERR_TOKEN_SIGNATURE'],
      [`${encode({ alg: 'none', kid: 'a' })}.${payload}.${signature}`, 'ERR_TOKEN_ALGORITHM'],
      [`${header}.${payload}.`, 'ERR_TOKEN_SIGNATURE'],
      [token.toLowerCase(), 'ERR_TOKEN_MALFORMED'],
      [`${token} `, 'ERR_TOKEN_MALFORMED'],
    ] as const) {
      expect(await codeOf(verifier.verify(forged)), forged).to.equal(code);
    }
  });

  it('a refused token is not remembered', async () => {
    const edB = newEd();
    const token = mint({ key: edB, header: { kid: 'b' } });
    const verifier = make();
    expect(await codeOf(verifier.verify(token))).to.equal('ERR_TOKEN_KEY');
    issuer.publish(edB.jwk({ kid: 'b' }));
    expect(await codeOf(verifier.verify(token))).to.equal(undefined);
  });

  it('a proof survives a renewal of the set that keeps its key, and is dropped with its key', async () => {
    const token = mint({ key: edA, claims: { exp: seconds(now) + 86_400 } });
    const verifier = make();
    const { claims } = await verifier.verify(token);
    issuer.publish(newEd().jwk({ kid: 'b' }), edA.jwk({ kid: 'a' }));
    now += 600_000;
    expect((await verifier.verify(token)).claims).to.equal(claims);
    expect(issuer.count('/jwks')).to.equal(2);
    issuer.publish(edA.jwk({ kid: 'a', use: 'enc' }));
    now += 600_000;
    expect(await codeOf(verifier.verify(token))).to.equal('ERR_TOKEN_KEY');
  });

  it('a proof is dropped when its key is bound to another algorithm', async () => {
    issuer.publish({ ...rsaA.jwk({ kid: 'a' }), alg: undefined });
    const token = mint({ claims: { exp: seconds(now) + 86_400 } });
    const verifier = make();
    await verifier.verify(token);
    issuer.publish(rsaA.jwk({ kid: 'a', alg: 'PS256' }));
    now += 600_000;
    expect(await codeOf(verifier.verify(token))).to.equal('ERR_TOKEN_KEY');
  });

  it('the number of proofs is bounded: the one not used for longest goes', async () => {
    const verifier = make({ cache: { maxEntries: 2 } });
    const [a, b, c] = ['a', 'b', 'c'].map((jti) => mint({ key: edA, claims: { jti } })) as [string, string, string];
    const first = new Map<string, unknown>();
    for (const token of [a, b, a, c]) {
      first.set(token, (await verifier.verify(token)).claims);
    }
    expect((await verifier.verify(a)).claims).to.equal(first.get(a));
    expect((await verifier.verify(c)).claims).to.equal(first.get(c));
    expect((await verifier.verify(b)).claims).not.to.equal(first.get(b));
  });

  it('their size is bounded too: a token that is larger than the bound is not remembered', async () => {
    const verifier = make({ cache: { maxChars: 1_024 } });
    expect(await remembers(verifier, mint({ key: edA }))).to.equal(true);
    expect(await remembers(verifier, mint({ key: edA, claims: { filler: 'x'.repeat(1_024) } }))).to.equal(false);
  });

  it('each verifier remembers for itself: another audience is another verdict', async () => {
    const token = mint({ key: edA, claims: { ...goodClaims() } });
    expect(await codeOf(make().verify(token))).to.equal(undefined);
    expect(await codeOf(make({ audience: 'https://other.example' }).verify(token))).to.equal('ERR_TOKEN_AUDIENCE');
  });
});

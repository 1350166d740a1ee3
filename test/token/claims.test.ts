import { inspect } from 'node:util';
import { expect } from 'chai';
import type { TokenError } from '../../src/token/error.js';
import { audienceTest, checkClaims, readDate } from '../../src/token/claims.js';

describe('token/claims', () => {
  it('reads dates that are finite numbers', () => {
    expect(readDate(1.5)).to.equal(1500);
    for (const none of [undefined, null, '5', NaN, Infinity, [5], { valueOf: () => 5 }]) {
      expect(readDate(none)).to.equal(undefined);
    }
  });

  it('reads no date that is not exact in milliseconds: multiplied, it would be for ever, or any time', () => {
    expect(readDate(9_007_199_254_740)).to.equal(9_007_199_254_740_000);
    expect(readDate(-9_007_199_254_740)).to.equal(-9_007_199_254_740_000);
    for (const none of [9_007_199_254_741, 1e16, 1e306, Number.MAX_VALUE, -1e16, -1e306]) {
      expect(readDate(none), String(none)).to.equal(undefined);
    }
  });

  it('hole-42: a clock that tells no time lets nothing pass that depends on it', () => {
    const policy = { issuers: new Set<string>(), isAudience: () => true, toleranceMs: 300_000 };
    const codeAt = (now: unknown, claims: Record<string, unknown>): string | undefined => {
      try {
        checkClaims(claims, { exp: false, iss: false, aud: false }, policy, now as number);
        return undefined;
      } catch (error) {
        return (error as TokenError).code;
      }
    };
    for (const now of [NaN, undefined, null, Infinity, -Infinity, '0', '', 0n, new Date(0), {}, []]) {
      expect(codeAt(now, { exp: 9_000_000_000 }), inspect(now)).to.equal('ERR_TOKEN_EXPIRED');
      expect(codeAt(now, { nbf: 0 }), inspect(now)).to.equal('ERR_TOKEN_NOT_YET_VALID');
    }
    expect(codeAt(0, { exp: 9_000_000_000, nbf: 0 })).to.equal(undefined);
  });

  it('tests audiences by one text, by several, and by an expression', () => {
    const one = audienceTest('https://fhir.example');
    expect(['https://fhir.example', 'https', 'h'].map(one)).to.deep.equal([true, false, false]);
    expect(['a', 'b', 'ab'].map(audienceTest(['a', 'b']))).to.deep.equal([true, true, false]);
    const expression = audienceTest(/^https:\/\/[a-z]+\.example$/g);
    expect(['https://a.example', 'https://a.example', 'x'].map(expression)).to.deep.equal([true, true, false]);
  });
});

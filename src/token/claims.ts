import { types } from 'node:util';
import { TokenError } from './error.js';
import type { JsonObject } from '../json-object.js';

export interface ClaimsPolicy {
  readonly issuers: ReadonlySet<string>;
  readonly isAudience: (value: string) => boolean;
  /** Milliseconds by which `exp` and `nbf` may be missed. */
  readonly toleranceMs: number;
}

/** What must be present, beside being right. */
export interface RequiredClaims {
  readonly exp: boolean;
  readonly iss: boolean;
  readonly aud: boolean;
}

/**
 * Checks the registered claims of RFC 7519 §4.1 that decide whether a token holds here and now: each one wherever it is present.
 *
 * `iat` is not among them: RFC 7519 §4.1.6 gives it no rule, and no age is derived from it.
 */
export function checkClaims(claims: JsonObject, required: RequiredClaims, policy: ClaimsPolicy, now: number): void {
  if (required.iss || Object.hasOwn(claims, 'iss')) {
    if (typeof claims.iss !== 'string' || !policy.issuers.has(claims.iss)) {
      throw new TokenError('ERR_TOKEN_ISSUER');
    }
  }
  if (required.aud || Object.hasOwn(claims, 'aud')) {
    if (!readAudience(claims.aud).some(policy.isAudience)) {
      throw new TokenError('ERR_TOKEN_AUDIENCE');
    }
  }
  if (required.exp || Object.hasOwn(claims, 'exp')) {
    const exp = readDate(claims.exp);
    // §4.1.4: "on or after" the expiration time the token must not be accepted.
    if (exp === undefined || !isTime(now) || now >= exp + policy.toleranceMs) {
      throw new TokenError('ERR_TOKEN_EXPIRED');
    }
  }
  if (Object.hasOwn(claims, 'nbf')) {
    const nbf = readDate(claims.nbf);
    if (nbf === undefined || !isTime(now) || now < nbf - policy.toleranceMs) {
      throw new TokenError('ERR_TOKEN_NOT_YET_VALID');
    }
  }
}

/**
 * NumericDate (RFC 7519 §2) in milliseconds; undefined where these are no exact number. `1e999` is valid JSON and parses to Infinity,
 * and `1e306` becomes Infinity by the multiplication: a token for ever.
 */
export function readDate(value: unknown): number | undefined {
  if (typeof value !== 'number') return undefined;
  const ms = value * 1000;
  return Math.abs(ms) <= Number.MAX_SAFE_INTEGER ? ms : undefined;
}

/** Whether a clock told a time. Compared with NaN every date would be neither past nor future, and every token good. */
export function isTime(now: unknown): now is number {
  return Number.isFinite(now);
}

/** RFC 7519 §4.1.3: a string or an array of strings. Other members are not turned into strings: they match nothing. */
function readAudience(aud: unknown): readonly string[] {
  return (Array.isArray(aud) ? aud : [aud]).filter((member) => typeof member === 'string');
}

/**
 * A test for expected audiences. An expression is copied, so that neither its `lastIndex` nor a later change of the caller's
 * object plays a part: `g` is dropped, and `y` keeps its meaning, which is to match at the start.
 */
export function audienceTest(expected: string | readonly string[] | RegExp): (value: string) => boolean {
  // Not instanceof: a configuration may come from another realm, as in Jest.
  if (types.isRegExp(expected)) {
    const expression = new RegExp(expected.source, expected.flags.replace('g', ''));
    return (value) => {
      expression.lastIndex = 0;
      return expression.test(value);
    };
  }
  const values = new Set(typeof expected === 'string' ? [expected] : expected);
  return (value) => values.has(value);
}

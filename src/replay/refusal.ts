import type { SMARTConfig } from '../config.js';
import { DeniedError } from '../denied-error.js';
import { splitJwt } from '../token/bearer.js';
import { readDate } from '../token/claims.js';
import { TokenError } from '../token/error.js';
import { parseEncodedObject } from '../token/parse-object.js';
import type { JsonObject } from '../json-object.js';

/** A token that was refused: why, and what its issuer said in it, where that was proved. */
export interface Refusal {
  readonly refused: string;
  readonly claims: JsonObject | undefined;
}

/** Refusals that say nothing about the token. */
const UNPROVED: ReadonlySet<string> = new Set(['tenant-mismatch', 'internal-error']);

/** Why a token was refused. Undefined for what is no refusal, such as a mistake in the configuration. */
export function refusalOf(error: unknown, token: unknown, smart: SMARTConfig): Refusal | undefined {
  if (error instanceof TokenError) {
    const { code } = error;
    // These two are looked at after the signature and before the dates.
    const isProved = code === 'ERR_TOKEN_ISSUER' || code === 'ERR_TOKEN_AUDIENCE';
    const claims = isProved ? provedClaims(token, smart) : undefined;
    return { refused: code, claims: claims && holdsNow(claims) ? claims : undefined };
  }
  if (!(error instanceof DeniedError)) return undefined;
  const { code = 'internal-error' } = error.decision.reasons[0] ?? {};
  return { refused: code, claims: UNPROVED.has(code) ? undefined : provedClaims(token, smart) };
}

/**
 * The claims of a token whose signature was verified. Where an introspection server is asked, its answer counts, which is
 * not at hand; what an unproved token says is anybody's word, and is not kept.
 */
export function provedClaims(
  token: unknown,
  { jwksEndpoint, tokenIntrospection }: SMARTConfig,
): JsonObject | undefined {
  if (typeof token !== 'string' || jwksEndpoint === undefined || tokenIntrospection !== undefined) return undefined;
  const jwt = splitJwt(token);
  return jwt && parseEncodedObject(jwt.encodedPayload);
}

/** An expired token is refused by every configuration; one that is only for somebody else need not be. */
function holdsNow({ exp, nbf }: JsonObject): boolean {
  const [ends, begins] = [readDate(exp), nbf === undefined ? 0 : readDate(nbf)];
  const now = Date.now();
  return ends !== undefined && begins !== undefined && now < ends && now >= begins;
}

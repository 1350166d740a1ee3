import { UnauthorizedError } from '../errors.js';

/**
 * Why a token was not accepted. A closed list: match on it with a `switch`.
 *
 * A code names the first check that failed; whatever comes after it was not looked at.
 */
export type TokenErrorCode =
  /** No token at all: `undefined`, `null` or the empty string. */
  | 'ERR_TOKEN_MISSING'
  /** Not a bearer token (RFC 6750 §2.1), too long, or a JWT whose header or claims are not what they must be. */
  | 'ERR_TOKEN_MALFORMED'
  /** The header's `alg` is missing, unsecured or not on the allow-list (RFC 8725 §3.1, §3.2). */
  | 'ERR_TOKEN_ALGORITHM'
  /** The header has `crit`: no extension is understood here (RFC 7515 §4.1.11). */
  | 'ERR_TOKEN_CRITICAL'
  /** Another kind of token: an ID token, a refresh token, a logout token, … (RFC 8725 §3.11, §3.12). */
  | 'ERR_TOKEN_TYPE'
  /** No key of the issuer has this `kid` and fits the algorithm (RFC 7517 §4). */
  | 'ERR_TOKEN_KEY'
  /** The signature does not verify. */
  | 'ERR_TOKEN_SIGNATURE'
  /** `exp` is reached, missing or not a number (RFC 7519 §4.1.4). */
  | 'ERR_TOKEN_EXPIRED'
  /** `nbf` is not reached or not a number (RFC 7519 §4.1.5). */
  | 'ERR_TOKEN_NOT_YET_VALID'
  /** `iss` is missing or not an expected issuer (RFC 7519 §4.1.1). */
  | 'ERR_TOKEN_ISSUER'
  /** `aud` is missing or names other audiences only (RFC 7519 §4.1.3). */
  | 'ERR_TOKEN_AUDIENCE'
  /** The issuer's keys could not be fetched, and no earlier set that is recent enough is at hand. */
  | 'ERR_JWKS_UNAVAILABLE'
  /** The introspection server answered, and did not say `"active": true` (RFC 7662 §2.2). */
  | 'ERR_INTROSPECTION_INACTIVE'
  /** The introspection server gave no usable answer. */
  | 'ERR_INTROSPECTION_UNAVAILABLE'
  /** Something broke inside the verification: denied, and reported through `onEvent`. */
  | 'ERR_TOKEN_INTERNAL';

/**
 * A token that was not accepted.
 *
 * It is the `UnauthorizedError` of fhir-works-on-aws-interface, so that its hosts answer 401. The message is the same for every
 * code, because clients may see it; the code is for logs and for hosts that tell 401 from 503.
 */
export class TokenError extends UnauthorizedError {
  readonly code: TokenErrorCode;

  constructor(code: TokenErrorCode) {
    super('The access token was not accepted');
    // The constructor of UnauthorizedError points the prototype at itself.
    Object.setPrototypeOf(this, new.target.prototype);
    // Hosts and the interface's own tests compare the name.
    this.name = 'UnauthorizedError';
    this.code = code;
  }

  /** True if the token may be good, but the server that could prove it did not answer: a host can say 503 instead of 401. */
  get unavailable(): boolean {
    return this.code === 'ERR_JWKS_UNAVAILABLE' || this.code === 'ERR_INTROSPECTION_UNAVAILABLE';
  }
}

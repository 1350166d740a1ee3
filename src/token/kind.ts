import { normalizeType } from './header.js';
import type { JsonObject } from '../json-object.js';

/** Claims that only ID tokens have: OpenID Connect Core §3.1.3.6 and §3.3.2.11, and FAPI's `s_hash`. */
const ID_TOKEN_CLAIMS = ['at_hash', 'c_hash', 's_hash'] as const;

/** `token_type` values of RFC 8693 §3 and their short forms, as introspection servers use them for what is no access token. */
const OTHER_TOKEN_TYPES = /(?:^|:)(?:refresh|offline|id|logout)(?:_token)?$/i;

/**
 * Whether the claims belong to another kind of token: an ID token, a refresh token, a logout token or another security event.
 *
 * The issuer signs those with the same keys, and its introspection endpoint calls refresh tokens active too (RFC 7662 §2.1).
 * Most of them carry no telling `typ`, so the claims must tell. A token whose header says `at+jwt` (RFC 9068 §2.1) has told.
 */
export function isOtherKind(claims: JsonObject, header?: JsonObject): boolean {
  // Amazon Cognito says 'access' or 'id'.
  if (Object.hasOwn(claims, 'token_use') && claims.token_use !== 'access' && claims.token_use !== 'access_token') {
    return true;
  }
  // Keycloak: 'Bearer' ('DPoP'), 'ID', 'Refresh', 'Offline', 'Logout'.
  if (typeof claims.typ === 'string' && OTHER_TOKEN_TYPES.test(claims.typ)) {
    return true;
  }
  if (typeof claims.token_type === 'string' && OTHER_TOKEN_TYPES.test(claims.token_type)) {
    return true;
  }
  if (typeof header?.typ === 'string' && normalizeType(header.typ) === 'at+jwt') {
    return false;
  }
  // RFC 8417 §2.2: security event tokens, logout tokens among them.
  if (Object.hasOwn(claims, 'events') || ID_TOKEN_CLAIMS.some((name) => Object.hasOwn(claims, name))) {
    return true;
  }
  // A `nonce` marks an ID token, but Keycloak before 25 put it into access tokens, which say so by `typ`.
  return Object.hasOwn(claims, 'nonce') && claims.typ !== 'Bearer';
}

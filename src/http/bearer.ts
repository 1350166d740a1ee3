import { isBearerSyntax } from '../token/bearer.js';
import type { HeaderBag, Pairs } from './request.js';

/** What a request presents: a token, nothing, or something that is refused. */
export type Presented =
  | { readonly token: string }
  /** Nothing that this server takes for a credential: it is challenged without an error code (RFC 6750, 3.1). */
  | { readonly absent: true }
  /** RFC 6750, 3.1 `invalid_request`: repeated, malformed, or sent in more than one way. */
  | { readonly invalid: true };

/**
 * The bearer token of a request (RFC 6750, 2.1). Only the Authorization header is taken. A token in the URL would end up
 * in logs (RFC 6750, 5.3) and one in a form might be a search parameter to another server, so both are refused, alone
 * or beside the header.
 *
 * @param parameters Those of the URL and of the form.
 */
export function presentedBearer(headers: HeaderBag, parameters: Pairs): Presented {
  if (parameters.some(([name]) => name === 'access_token')) return { invalid: true };
  const { authorization } = headers;
  if (authorization === undefined) return { absent: true };
  if (typeof authorization !== 'string') return { invalid: true };
  // RFC 9110, 11.1: the scheme is compared without regard to case.
  const [, scheme = '', token = ''] = /^([^ ]*)(?: +(.*))?$/s.exec(authorization) ?? [];
  if (scheme.toLowerCase() !== 'bearer') return { absent: true };
  return isBearerSyntax(token) ? { token } : { invalid: true };
}

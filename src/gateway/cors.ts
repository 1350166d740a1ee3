import type { FinalAnswer } from '../http/guard.js';
import type { HeaderBag } from '../http/request.js';

/** What a browser app may read of an answer beyond what every script may (Fetch, 3.2.3). */
const EXPOSED =
  'content-location, etag, last-modified, location, retry-after, www-authenticate, x-progress, x-request-id';

const ASKED = 'accept, authorization, content-type, if-match, if-modified-since, if-none-exist, if-none-match, prefer';

/**
 * Lets the scripts of some origins read an answer. Never with credentials: a token comes in a header that the script sets,
 * so no page can use what a browser holds for another.
 */
export function allowOrigin(answer: FinalAnswer, asked: HeaderBag, origins: readonly string[] | '*'): FinalAnswer {
  const { origin } = asked;
  const isAny = origins === '*';
  const vary = isAny ? {} : { vary: 'origin' };
  if (typeof origin !== 'string' || !(isAny || origins.includes(origin))) {
    return { ...answer, headers: Object.assign({}, answer.headers, vary) };
  }
  const allowed = { 'access-control-allow-origin': isAny ? '*' : origin, 'access-control-expose-headers': EXPOSED };
  return { ...answer, headers: Object.assign({}, answer.headers, vary, allowed) };
}

/** The answer to OPTIONS, a preflight or not. Which methods a path knows, its own requests tell. */
export function optionsAnswer(): FinalAnswer {
  const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE';
  return {
    status: 204,
    headers: {
      allow: `${methods}, OPTIONS`,
      'access-control-allow-methods': methods,
      'access-control-allow-headers': ASKED,
      'access-control-max-age': '600',
    },
    body: undefined,
  };
}

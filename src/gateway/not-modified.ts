import omit from 'lodash/omit.js';
import type { FinalAnswer } from '../http/guard.js';
import type { FhirRequest, HeaderBag } from '../http/request.js';

/**
 * RFC 9110, 13.1.3 If-Modified-Since, for a read that was judged: upstream is never asked under a condition, so a client
 * that may not see a resource cannot learn from a 304 that it is there. If-None-Match takes precedence, and the guard
 * has answered it.
 */
export function notModifiedSince(request: FhirRequest, asked: HeaderBag, answer: FinalAnswer): FinalAnswer {
  const isRead = request.kind === 'interaction' && (request.interaction === 'read' || request.interaction === 'vread');
  const since = asked['if-modified-since'];
  const modified = answer.headers['last-modified'];
  if (!isRead || answer.status !== 200 || asked['if-none-match'] !== undefined) return answer;
  if (typeof since !== 'string' || typeof modified !== 'string') return answer;
  // Comparisons with NaN are false.
  if (!(Date.parse(modified) <= Date.parse(since))) return answer;
  return { status: 304, headers: omit(answer.headers, 'content-type'), body: undefined };
}

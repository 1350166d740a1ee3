import type { FinalAnswer } from './guard.js';
import type { AnsweredJson } from './json.js';
import { printAnswer, sendable } from './json.js';
import type { Judged } from './judge-response.js';
import type { Answer } from './outcome.js';
import type { HeaderBag } from './request.js';

/** What was judged, with those of the server's headers that go with it. @param source What the server answered with. */
export function withServerHeaders(
  judged: Judged,
  headers: HeaderBag,
  ifNoneMatch: HeaderBag[string],
  source?: AnsweredJson,
): FinalAnswer {
  if (judged.keeps === 'none') return final(judged);
  const others = passedOn(headers, judged.keeps, 'replaced');
  if (judged.status === 200 && judged.keeps === 'all' && matches(ifNoneMatch, others['etag'])) {
    return { status: 304, headers: others, body: undefined };
  }
  const answer = final(judged, source);
  return { ...answer, headers: Object.assign(others, answer.headers) };
}

/** An answer with which the connection ends (RFC 9112, 9.6). */
export function closing(answer: FinalAnswer): FinalAnswer {
  return { ...answer, headers: { ...answer.headers, connection: 'close' } };
}

/** RFC 9110, 13.1.2: the weak comparison. */
function matches(asked: HeaderBag[string], etag: string | readonly string[] | undefined): boolean {
  if (typeof asked !== 'string' || typeof etag !== 'string') return false;
  const opaque = (tag: string): string => tag.trim().replace(/^W\//, '');
  return asked.split(',').some((each) => opaque(each) === opaque(etag));
}

/** About a body that was replaced, about the connection, or a challenge that is not ours. */
const NOT_PASSED_ON = new Set([
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'trailer',
  'content-md5',
  'digest',
  'www-authenticate',
  'connection',
  'keep-alive',
]);

/** What says nothing about what was found: no validator, no Link to the last page, no X-Total-Count. */
const KEPT_WITH_LISTS =
  /^(?:access-control-.*|allow|cache-control|content-language|content-security-policy|date|location|content-location|pragma|expires|retry-after|server-timing|strict-transport-security|traceparent|vary|via|warning|x-content-type-options|x-correlation-id|x-frame-options|x-powered-by|x-request-id|x-trace-id)$/;

/**
 * The server's headers that a client gets: all, or without those that tell of what was filtered out.
 *
 * @param body `replaced` leaves out what type the server's body had. Default `kept`.
 */
export function passedOn(
  headers: HeaderBag,
  keeps: 'all' | 'lists',
  body: 'kept' | 'replaced' = 'kept',
): Record<string, string | readonly string[]> {
  const passed: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || NOT_PASSED_ON.has(name)) continue;
    if (body === 'replaced' && name === 'content-type') continue;
    if (keeps === 'lists' && !KEPT_WITH_LISTS.test(name)) continue;
    passed[name] = typeof value === 'number' ? String(value) : value;
  }
  return passed;
}

/** An answer as it is sent. What is left as the server made it is not printed again. */
export function final({ status, headers, body }: Answer, source?: AnsweredJson): FinalAnswer {
  if (!body) return { status, headers, body: undefined };
  return {
    status,
    headers: { 'content-type': 'application/fhir+json; charset=utf-8', ...headers },
    body: source?.value === body ? sendable(printAnswer(source), source.bytes) : printAnswer({ value: body }),
  };
}

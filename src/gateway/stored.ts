import { idOf, typeOf } from '../access/judge.js';
import type { ResourceLookup } from '../options.js';
import type { BaseUrls } from './base-urls.js';
import { readAnswer } from './read-answer.js';
import type { RequestScope } from './scope.js';
import type { Upstream } from './upstream.js';
import { UpstreamError } from './upstream-error.js';
import { upstreamHeaders } from './upstream-headers.js';

/** RFC 9110, 8.8.3: one entity tag that can be sent back. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{1,256}"$/;

/**
 * Looks up resources as upstream has them, for the guard and one request: updates, patches and deletes are judged by what
 * is stored. The ETag is remembered, so that what was judged is what is changed.
 *
 * @param timeoutMs Milliseconds for all lookups of the request: a batch has up to a thousand, eight at a time.
 */
export function storedLookup(
  upstream: Upstream,
  bases: BaseUrls,
  scope: RequestScope,
  timeoutMs: number,
): ResourceLookup {
  return async (resourceType, id) => {
    try {
      scope.lookupsUntil ??= performance.now() + timeoutMs;
      const left = Math.floor(scope.lookupsUntil - performance.now());
      if (left <= 0) throw new UpstreamError('ERR_UPSTREAM_TIMEOUT');
      const resource = await readStored(upstream, bases, scope, resourceType, id, left);
      // Somebody's, and nobody knows whose: nothing but its name is left to judge it by.
      return scope.gone.has(`${resourceType}/${id}`) ? { resourceType, id } : resource;
    } catch (error) {
      // The guard refuses for any error; the gateway tells by this one that it was not the client's fault.
      if (error instanceof UpstreamError) scope.failure = error;
      throw error;
    }
  };
}

/** A resource as it is stored; null if there is none. @throws UpstreamError */
export async function readStored(
  upstream: Upstream,
  bases: BaseUrls,
  scope: RequestScope,
  resourceType: string,
  id: string,
  timeoutMs?: number,
): Promise<unknown> {
  const request = { method: 'GET', below: `/${resourceType}/${id}`, headers: upstreamHeaders(scope) };
  const started = performance.now();
  const answer = await upstream.send(request, scope.signal, timeoutMs).finally(() => {
    scope.upstreamMs += performance.now() - started;
  });
  if (answer.status === 404 || answer.status === 410) {
    scope.absent.add(`${resourceType}/${id}`);
    if (answer.status === 410) scope.gone.add(`${resourceType}/${id}`);
    return null;
  }
  const resource = readAnswer(answer, bases)?.value;
  if (answer.status === 401) throw new UpstreamError('ERR_UPSTREAM_CREDENTIALS');
  if (answer.status !== 200 || typeOf(resource) !== resourceType || idOf(resource) !== id) {
    throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
  }
  const { etag } = answer.headers;
  if (typeof etag === 'string' && ETAG.test(etag)) scope.judgedBy.set(`${resourceType}/${id}`, etag);
  return resource;
}

import type { HeaderBag } from '../http/request.js';
import type { BaseUrls } from './base-urls.js';
import { UpstreamError } from './upstream-error.js';

/** What upstream may tell a client by headers. Anything else (cookies, its name, hints about caches) stays behind. */
const PASSED = [
  'content-type',
  'content-language',
  'etag',
  'last-modified',
  'location',
  'content-location',
  'retry-after',
  'allow',
  'x-progress',
  'expires',
] as const;

/** RFC 9110, 5.6.7: the one form that is still written. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

const LOCATIONS: ReadonlySet<string> = new Set(['location', 'content-location']);

/**
 * The headers of an answer as the guard gets them. A header that came twice would be read by one client in one way and by
 * another in another, so such an answer is none. A location outside of the server's base is left out.
 *
 * @param url What was asked of upstream: a location may be relative to it (RFC 9110, 10.2.2).
 * @throws UpstreamError
 */
export function passedHeaders(headers: HeaderBag, url: string, bases: BaseUrls): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of PASSED) {
    const value = headers[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
    const told = LOCATIONS.has(name) ? publicLocation(value, url, bases) : value;
    // RFC 9110, 10.2.3: seconds, or a date.
    if (name === 'retry-after' && !/^\d{1,10}$/.test(value) && !HTTP_DATE.test(value)) continue;
    if (told !== undefined) passed[name] = told;
  }
  return passed;
}

/** A resource or a version of it at the end of a path: `Type/id`, `Type/id/_history/vid`. */
const INSTANCE = /\/([A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64}(?:\/_history\/[A-Za-z0-9\-.]{1,64})?)$/;

/**
 * A location under the public base. Of a resource, type and id are enough: there are servers that get the part before
 * them wrong.
 */
function publicLocation(location: string, url: string, bases: BaseUrls): string | undefined {
  if (!URL.canParse(location, url)) return undefined;
  const { href, pathname } = new URL(location, url);
  const told = bases.toPublic(href);
  if (!bases.isPublic(told)) return undefined;
  const [, instance] = INSTANCE.exec(pathname) ?? [];
  return instance === undefined ? told : bases.publicUrl(`/${instance}`);
}

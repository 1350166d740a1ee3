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
    if (told !== undefined) passed[name] = told;
  }
  return passed;
}

function publicLocation(location: string, url: string, bases: BaseUrls): string | undefined {
  if (!URL.canParse(location, url)) return undefined;
  const told = bases.toPublic(new URL(location, url).href);
  return bases.isPublic(told) ? told : undefined;
}

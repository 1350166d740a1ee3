import { typeOf } from '../access/judge.js';
import type { BaseUrls } from './base-urls.js';
import { isJsonObject } from '../json-object.js';
import type { JsonObject } from '../json-object.js';

/** Bundles that upstream makes to answer; those of other types hold what somebody wrote. */
const MADE_BY_UPSTREAM = new Set(['searchset', 'history', 'batch-response', 'transaction-response']);

/**
 * An answer without the addresses that are not below the public base: they are names of upstream that nobody told the
 * gateway (`upstreamNames`), and lead past it. Links and locations are left out. A fullUrl stays if it is no address
 * (`urn:uuid:…`), and is left out otherwise: entries of such a Bundle are of this server, whatever base it gives them.
 */
export function withoutForeignLinks(resource: unknown, bases: BaseUrls): unknown {
  if (typeOf(resource) !== 'Bundle') return resource;
  const { type, link, entry } = resource as JsonObject;
  if (typeof type !== 'string' || !MADE_BY_UPSTREAM.has(type)) return resource;
  const inner = type === 'batch-response' || type === 'transaction-response';
  const links = ownLinks(link, bases);
  const entries = Array.isArray(entry) ? each(entry, (one) => ownEntry(one, bases, inner)) : entry;
  if (links === link && entries === entry) return resource;
  return {
    ...(resource as JsonObject),
    ...(links !== link && { link: links }),
    ...(entries !== entry && { entry: entries }),
  };
}

function ownEntry(entry: unknown, bases: BaseUrls, inner: boolean): unknown {
  if (!isJsonObject(entry)) return entry;
  const { fullUrl, link, response, resource, ...others } = entry;
  const links = ownLinks(link, bases);
  const keepsUrl = typeof fullUrl !== 'string' || /^urn:/i.test(fullUrl) || isOwn(fullUrl, bases);
  const answered = ownResponse(response, bases);
  // The result of a search in a batch.
  const result = inner ? withoutForeignLinks(resource, bases) : resource;
  if (keepsUrl && links === link && answered === response && result === resource) return entry;
  return {
    ...(keepsUrl && fullUrl !== undefined && { fullUrl }),
    ...(links !== undefined && { link: links }),
    ...(result !== undefined && { resource: result }),
    ...others,
    ...(answered !== undefined && { response: answered }),
  };
}

function ownLinks(links: unknown, bases: BaseUrls): unknown {
  if (!Array.isArray(links)) return links;
  const kept = (links as readonly unknown[]).filter(
    (link) => isJsonObject(link) && typeof link['url'] === 'string' && isOwn(link['url'], bases),
  );
  return kept.length === links.length ? links : kept;
}

function ownResponse(response: unknown, bases: BaseUrls): unknown {
  if (!isJsonObject(response)) return response;
  const { location, ...others } = response;
  if (location === undefined || (typeof location === 'string' && isOwn(location, bases))) return response;
  return others;
}

/** Below the public base, or relative to it: a name without a scheme that does not begin at a root. */
function isOwn(url: string, bases: BaseUrls): boolean {
  return bases.isPublic(url) || (/^[A-Za-z0-9?_$]/.test(url) && !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(url));
}

function each(list: readonly unknown[], map: (member: unknown) => unknown): readonly unknown[] {
  const mapped = list.map(map);
  return mapped.some((member, index) => member !== list[index]) ? mapped : list;
}

import { carryNumbers, printExactly } from '../http/exact-numbers.js';
import { parseStrictJson } from '../http/json.js';
import { parseQuery, printQuery } from '../http/query.js';
import type { Pairs } from '../http/request.js';
import { isJsonObject } from '../json-object.js';
import type { JsonObject } from '../json-object.js';

type MapUrl = (url: string) => string;

/**
 * Gives the URLs in a resource other names, in the places where FHIR has addresses of this server: references, what a
 * Bundle links to, where an attachment lies. Not in texts, and not where a URL is an identity (`url` of a definition or
 * of an extension, canonicals, systems of codes and identifiers).
 *
 * What comes in is not changed; what needs no other name comes back as the very same object.
 */
export function rewriteUrls(value: unknown, mapUrl: MapUrl): unknown {
  return rewritten(value, mapUrl, '');
}

/** Without lists of names and members: every resource that upstream answers with comes through here. */
function rewritten(value: unknown, mapUrl: MapUrl, place: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value)
    ? rewrittenList(value, mapUrl, place)
    : rewrittenMembers(value as JsonObject, mapUrl, place);
}

function rewrittenList(list: readonly unknown[], mapUrl: MapUrl, place: string): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < list.length; index += 1) {
    const renamed = rewritten(list[index], mapUrl, place);
    if (renamed !== list[index]) (copy ??= [...list])[index] = renamed;
  }
  return copy ? carryNumbers(list, copy) : list;
}

function rewrittenMembers(holder: JsonObject, mapUrl: MapUrl, place: string): JsonObject {
  let copy: Record<string, unknown> | undefined;
  for (const name in holder) {
    const member = holder[name];
    const renamed =
      typeof member !== 'string'
        ? rewritten(member, mapUrl, name)
        : isAddress(name, holder, place)
          ? mapUrl(member)
          : member;
    if (renamed !== member) (copy ??= { ...holder })[name] = renamed;
  }
  return copy ? carryNumbers(holder, copy) : holder;
}

const IDENTITIES = new Set(['extension', 'modifierExtension']);

function isAddress(name: string, holder: JsonObject, place: string): boolean {
  switch (name) {
    case 'reference':
    case 'fullUrl':
    case 'location':
      return true;
    case 'url':
      return !IDENTITIES.has(place) && typeof holder['resourceType'] !== 'string';
    case 'value':
      return isOperation(holder) && isAddressPointer(holder['path']);
    default:
      return false;
  }
}

/** One operation of a JSON Patch (RFC 6902, 4). */
function isOperation(holder: JsonObject): holder is JsonObject & { readonly path: string } {
  return typeof holder['op'] === 'string' && typeof holder['path'] === 'string';
}

function isAddressPointer(pointer: string): boolean {
  if (pointer.endsWith('/reference')) return true;
  return /.\/url$/.test(pointer) && !/\/(?:extension|modifierExtension)\/(?:\d+|-)\/url$/.test(pointer);
}

/** The parameters of a search whose values, or members of lists of values, are URLs. */
export function rewriteParameters(parameters: Pairs, mapUrl: MapUrl): Pairs {
  return parameters.map(([name, value]) => [
    name,
    value
      .split(/(?<!\\),/)
      .map(mapUrl)
      .join(','),
  ]);
}

/**
 * A body as upstream is to read it. In a batch or transaction, searches are in the URLs of entries, and a JSON Patch is
 * in a Binary (FHIR R4, 3.1.0.9.1).
 */
export function rewriteBody(body: unknown, mapUrl: MapUrl): unknown {
  return withEntries(rewriteUrls(body, mapUrl), (entry) => rewriteEntry(entry, mapUrl));
}

/**
 * Gives the URLs in the JSON Patches of a batch or transaction other names; elsewhere the body comes back as it is. A patch
 * that cannot be parsed is left out, so that nobody takes it for one that was looked at.
 */
export function rewritePatches(body: unknown, mapUrl: MapUrl, parse: (bytes: Uint8Array) => unknown): unknown {
  return withEntries(body, (entry) =>
    isJsonObject(entry) && isJsonObject(entry['request']) && entry['request']['method'] === 'PATCH'
      ? { ...entry, resource: rewritePatchIn(entry['resource'], mapUrl, parse) ?? null }
      : entry,
  );
}

function withEntries(body: unknown, map: (entry: unknown) => unknown): unknown {
  if (!isJsonObject(body) || body['resourceType'] !== 'Bundle') return body;
  const { type, entry } = body;
  if ((type !== 'batch' && type !== 'transaction') || !Array.isArray(entry)) return body;
  return { ...body, entry: (entry as readonly unknown[]).map(map) };
}

function rewriteEntry(entry: unknown, mapUrl: MapUrl): unknown {
  if (!isJsonObject(entry) || !isJsonObject(entry['request'])) return entry;
  const { request, resource } = entry;
  const { url, ifNoneExist, method } = request;
  return {
    ...entry,
    ...(method === 'PATCH' && { resource: rewritePatchIn(resource, mapUrl, parsePatch) }),
    request: {
      ...request,
      ...(typeof url === 'string' && { url: rewriteQueryOf(url, mapUrl) }),
      ...(typeof ifNoneExist === 'string' && { ifNoneExist: rewriteQuery(ifNoneExist, mapUrl) }),
    },
  };
}

function rewriteQueryOf(url: string, mapUrl: MapUrl): string {
  const mark = url.indexOf('?');
  return mark === -1 ? url : `${url.slice(0, mark)}?${rewriteQuery(url.slice(mark + 1), mapUrl)}`;
}

/** A query that the guard has printed; one that is none stays as it is. */
function rewriteQuery(query: string, mapUrl: MapUrl): string {
  const parameters = parseQuery(query);
  return parameters ? printQuery(rewriteParameters(parameters, mapUrl)) : query;
}

/** The Binary with other names in its patch; undefined for one whose patch cannot be parsed. */
function rewritePatchIn(binary: unknown, mapUrl: MapUrl, parse: (bytes: Uint8Array) => unknown): unknown {
  if (!isJsonObject(binary) || typeof binary['data'] !== 'string') return binary;
  const patch = parse(Buffer.from(binary['data'], 'base64'));
  if (patch === undefined) return undefined;
  const other = rewriteUrls(patch, mapUrl);
  return other === patch ? binary : { ...binary, data: Buffer.from(printExactly(other)).toString('base64') };
}

/** A JSON Patch with every digit of its numbers; undefined for what is no JSON of one meaning. */
export function parsePatch(bytes: Uint8Array): unknown {
  const verdict = parseStrictJson(bytes, 'exact');
  return 'value' in verdict ? verdict.value : undefined;
}

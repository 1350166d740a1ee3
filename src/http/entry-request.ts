import { typeOf } from '../access/judge.js';
import type { FhirVersion } from '../fhir/version.js';
import type { Content } from './content.js';
import { NOTHING } from './content.js';
import { parseStrictJson } from './json.js';
import { parseFhirRequest } from './parse.js';
import type { InteractionRequest, Malformed, OperationRequest } from './request.js';
import { isMalformed } from './request.js';
import { isJsonObject } from '../json-object.js';
import type { JsonObject } from '../json-object.js';

/** What an entry of a batch or transaction asks for. */
export interface EntryRequest {
  readonly request: InteractionRequest | OperationRequest;
  readonly content: Content;
  /** As it came. */
  readonly fullUrl: unknown;
  /** As it came: for a patch, the Binary that holds it. */
  readonly resource: unknown;
}

/** Where an entry is read. */
export interface EntrySettings {
  readonly basePath: string;
  readonly version: FhirVersion;
}

/**
 * Reads an entry of a batch or transaction (FHIR R4, 3.1.0.11.1) as the request that it is. Undefined for what is none: an
 * entry without method or URL, a HEAD, another Bundle, an operation that is not read by GET, a body that is no resource.
 */
export function readEntryRequest(entry: unknown, settings: EntrySettings): EntryRequest | Malformed | undefined {
  if (!isJsonObject(entry) || !isJsonObject(entry['request'])) return undefined;
  const { method, url, ifMatch, ifNoneExist, ifNoneMatch, ifModifiedSince } = entry['request'];
  const { fullUrl, resource } = entry;
  if (typeof method !== 'string' || typeof url !== 'string' || url.startsWith('/')) return undefined;
  const request = parseFhirRequest({
    ...settings,
    method,
    url: `${settings.basePath}/${url}`,
    headers: {
      'if-match': ifMatch as string,
      'if-none-exist': ifNoneExist as string,
      'if-none-match': ifNoneMatch as string,
      'if-modified-since': ifModifiedSince as string,
    },
  });
  if (isMalformed(request)) return request;
  if (request.kind !== 'interaction' && request.kind !== 'operation') return undefined;
  if (request.kind === 'operation' && request.method !== 'GET') return undefined;
  if (request.method === 'OPTIONS' || request.method === 'HEAD' || request.format === 'other') return undefined;
  const content = request.method === 'PATCH' ? patchIn(resource) : contentOf(resource);
  return content && { request, content, fullUrl, resource };
}

function contentOf(resource: unknown): Content | undefined {
  if (resource === undefined) return NOTHING;
  return isJsonObject(resource) ? { kind: 'resource', value: resource } : undefined;
}

/** FHIR R4, 3.1.0.9.1: in a Bundle a JSON Patch comes as a Binary. */
function patchIn(resource: unknown): Content | undefined {
  if (typeOf(resource) !== 'Binary') return undefined;
  const { contentType, data } = resource as JsonObject;
  if (contentType !== 'application/json-patch+json' || typeof data !== 'string') return undefined;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return undefined;
  const verdict = parseStrictJson(Buffer.from(data, 'base64'));
  return 'value' in verdict && Array.isArray(verdict.value) ? { kind: 'patch', value: verdict.value } : undefined;
}

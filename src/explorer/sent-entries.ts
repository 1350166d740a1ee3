import { typeOf } from '../access/judge.js';
import { isAsking, isSearch } from '../fhir/interactions.js';
import type { FhirVersion } from '../fhir/version.js';
import { contentFor } from '../http/content.js';
import { readEntryRequest } from '../http/entry-request.js';
import { isMalformed } from '../http/request.js';
import type { RecordedQuestion } from '../replay/request.js';
import type { JsonObject } from '../json-object.js';

/** An entry of a batch or transaction, as it would be judged; without a question it is none that could be. */
export interface SentEntry {
  readonly name: string;
  readonly question: RecordedQuestion | undefined;
}

/** Parameters about the form of an answer. */
const FORM = new Set(['_format', '_pretty', '_summary', '_elements']);

/**
 * Reads the entries of a batch or transaction (FHIR R4, 3.1.0.11.1), each as the request that it is. Undefined for what has
 * none.
 */
export function readSentEntries(bundle: unknown, version: FhirVersion): readonly SentEntry[] | undefined {
  if (typeOf(bundle) !== 'Bundle') return undefined;
  const { entry } = bundle as JsonObject;
  return Array.isArray(entry) && entry.length > 0 ? entry.map((each: unknown) => readEntry(each, version)) : undefined;
}

function readEntry(entry: unknown, version: FhirVersion): SentEntry {
  const name = nameOf(entry);
  const read = readEntryRequest(entry, { basePath: '', version });
  if (!read || isMalformed(read)) return { name, question: undefined };
  const { request, content } = read;
  const { resourceType, id } = request;
  const about = { ...(resourceType !== undefined && { resourceType }), ...(id !== undefined && { id }) };
  if (request.kind === 'operation') return { name, question: { operation: request.operation, ...about } };
  const { interaction: operation, vid, condition, parameters } = request;
  const wanted = contentFor(operation);
  if (!isAsking(operation) && content.kind !== wanted) return { name, question: undefined };
  const asked = isSearch(operation) ? parameters.filter(([each]) => !FORM.has(each)) : undefined;
  const query = condition?.parameters ?? asked;
  return {
    name,
    question: {
      operation,
      ...about,
      ...(vid !== undefined && { vid }),
      ...(condition && { conditional: true }),
      ...(query && { query }),
      ...(wanted === 'resource' && { resource: content.value }),
      ...(wanted === 'patch' && { patch: content.value }),
    },
  };
}

function nameOf(entry: unknown): string {
  const { request } = (entry ?? {}) as JsonObject;
  const { method, url } = (request ?? {}) as JsonObject;
  return typeof method === 'string' && typeof url === 'string' ? `${method} ${url}`.slice(0, MAX_NAME) : 'no request';
}

/** What a URL of a search may need; the rest is no name to look at. */
const MAX_NAME = 200;

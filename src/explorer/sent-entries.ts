import { typeOf } from '../access/judge.js';
import { isSearch } from '../fhir/interactions.js';
import type { FhirVersion } from '../fhir/version.js';
import { parseFhirRequest } from '../http/parse.js';
import { isMalformed } from '../http/request.js';
import type { RecordedQuestion } from '../replay/request.js';

type Json = Readonly<Record<string, unknown>>;

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
  const { entry } = bundle as Json;
  return Array.isArray(entry) && entry.length > 0 ? entry.map((each: unknown) => readEntry(each, version)) : undefined;
}

function readEntry(entry: unknown, version: FhirVersion): SentEntry {
  const { request, resource } = isRecord(entry) ? entry : {};
  const { method, url, ifNoneExist } = isRecord(request) ? request : {};
  if (typeof method !== 'string' || typeof url !== 'string') return { name: 'no request', question: undefined };
  const name = `${method} ${url}`.slice(0, MAX_NAME);
  const parsed = parseFhirRequest({
    method,
    url: `/${url}`,
    basePath: '',
    headers: typeof ifNoneExist === 'string' ? { 'if-none-exist': ifNoneExist } : {},
    version,
  });
  if (isMalformed(parsed) || parsed.method === 'HEAD' || parsed.method === 'OPTIONS') {
    return { name, question: undefined };
  }
  const { resourceType, id } = parsed;
  const about = { ...(resourceType !== undefined && { resourceType }), ...(id !== undefined && { id }) };
  if (parsed.kind === 'operation') return { name, question: { operation: parsed.operation, ...about } };
  if (parsed.kind !== 'interaction') return { name, question: undefined };
  const { interaction: operation, vid, condition, parameters } = parsed;
  const asked = isSearch(operation) ? parameters.filter(([each]) => !FORM.has(each)) : undefined;
  const query = condition?.parameters ?? asked;
  const content = contentOf(operation, resource);
  if (content === undefined) return { name, question: undefined };
  return {
    name,
    question: {
      operation,
      ...about,
      ...(vid !== undefined && { vid }),
      ...(condition && { conditional: true }),
      ...(query && { query }),
      ...content,
    },
  };
}

/** What a URL of a search may need; the rest is no name to look at. */
const MAX_NAME = 200;

/** The body of an entry; undefined where it lacks the one that it needs. */
function contentOf(operation: string, resource: unknown): Pick<RecordedQuestion, 'resource' | 'patch'> | undefined {
  if (operation === 'create' || operation === 'update') return isRecord(resource) ? { resource } : undefined;
  if (operation !== 'patch') return resource === undefined ? {} : undefined;
  // FHIR R4, 3.1.0.9.1: a JSON Patch comes as a Binary.
  const { data } = isRecord(resource) ? resource : {};
  try {
    const patch: unknown = JSON.parse(Buffer.from(String(data), 'base64').toString('utf8'));
    return Array.isArray(patch) ? { patch } : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import { resourceTypes } from '../fhir/resource-types.js';
import type { FhirVersion } from '../fhir/version.js';
import { parseFhirUrl } from '../identity/fhir-url.js';
import { parseQuery } from './query.js';
import type { OperationRequest, Pairs } from './request.js';
import { isJsonObject } from '../json-object.js';

/** What a kick-off request asks for (Bulk Data Access IG 2, Query Parameters). */
export interface ExportParameters {
  /** All but `_type`, in order, as they are handed on. */
  readonly others: Pairs;
  /** The types asked for; undefined for all. */
  readonly types: readonly string[] | undefined;
  /** The searches of `_typeFilter`. */
  readonly filters: readonly { readonly resourceType: string; readonly query: Pairs }[];
  /** Whether Provenance comes along with what is exported. */
  readonly withProvenance: boolean;
}

/** Why there are none: malformed, or something that could not be judged. */
export type ExportFlaw = 'structure' | 'not-supported';

const NDJSON = new Set(['application/fhir+ndjson', 'application/ndjson', 'ndjson']);

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;

/** The value[x] of each parameter in the Parameters of a POST. */
const VALUES: Readonly<Record<string, string>> = {
  _outputFormat: 'valueString',
  _since: 'valueInstant',
  _until: 'valueInstant',
  _type: 'valueString',
  _typeFilter: 'valueString',
  _elements: 'valueString',
  includeAssociatedData: 'valueCode',
  patient: 'valueReference',
};

/** Reads the parameters of a kick-off: of the URL of a GET, of the body of a POST. */
export function readExport(
  version: FhirVersion,
  { method, parameters }: OperationRequest,
  body: unknown,
): ExportParameters | ExportFlaw {
  const asked = parameters.filter(([name]) => name !== '_format' && name !== '_pretty');
  if (method !== 'POST') return readPairs(version, asked, false);
  if (asked.length > 0) return 'structure';
  const pairs = body === undefined ? [] : pairsIn(body);
  return pairs ? readPairs(version, pairs, true) : 'structure';
}

/** The parameters with the types that are to be exported, as a Parameters resource. */
export function parametersResource(pairs: Pairs): Readonly<Record<string, unknown>> {
  const parameter = pairs.map(([name, value]) => ({
    name,
    [VALUES[name] ?? 'valueString']: name === 'patient' ? { reference: value } : value,
  }));
  return { resourceType: 'Parameters', parameter };
}

function readPairs(version: FhirVersion, pairs: Pairs, posted: boolean): ExportParameters | ExportFlaw {
  const known = resourceTypes(version);
  const others: (readonly [string, string])[] = [];
  const filters: { resourceType: string; query: Pairs }[] = [];
  let types: string[] | undefined;
  let withProvenance = false;
  for (const [name, value] of pairs) {
    switch (name) {
      case '_type': {
        const listed = value.split(',');
        if (!listed.every((type) => known.has(type))) return 'structure';
        types = [...new Set([...(types ?? []), ...listed])];
        continue;
      }
      case '_typeFilter': {
        const read = readFilters(value, known);
        if (!read) return 'structure';
        filters.push(...read);
        break;
      }
      case '_outputFormat':
        if (!NDJSON.has(value)) return 'not-supported';
        break;
      case '_since':
      case '_until':
        if (!INSTANT.test(value)) return 'structure';
        break;
      case '_elements':
        if (!/^[A-Za-z.]+(?:,[A-Za-z.]+)*$/.test(value)) return 'structure';
        break;
      case 'includeAssociatedData':
        // A token of the server's own may bring anything.
        if (!/^(?:Latest|Relevant)ProvenanceResources$/.test(value)) return 'not-supported';
        withProvenance = true;
        break;
      case 'patient':
        // Bulk Data Access IG 2: only in a POST.
        if (!posted || parseFhirUrl(value)?.resourceType !== 'Patient') return 'structure';
        break;
      case 'allowPartialManifests':
        // The first manifest is the only one that is judged.
        continue;
      default:
        return 'not-supported';
    }
    others.push([name, value]);
  }
  // A filter for what is not asked for: servers differ in what they make of it.
  const unasked = (type: string): boolean => types !== undefined && !types.includes(type);
  if (filters.some(({ resourceType }) => unasked(resourceType))) return 'structure';
  return { others, types, filters, withProvenance };
}

/**
 * The searches in a `_typeFilter`: lists are separated by commas, values of a search may hold some too. A comma in front
 * of a type and a question mark separates; a server that takes it for a part of the value compares with an odd value.
 */
function readFilters(
  value: string,
  known: ReadonlySet<string>,
): readonly { resourceType: string; query: Pairs }[] | undefined {
  const filters = value.split(/,(?=[A-Z][A-Za-z]*\?)/).map((text) => {
    const mark = text.indexOf('?');
    const resourceType = text.slice(0, Math.max(mark, 0));
    const query = known.has(resourceType) ? parseQuery(text.slice(mark + 1)) : undefined;
    return query && query.length > 0 && !query.some(([name]) => SHAPES.test(name))
      ? { resourceType, query }
      : undefined;
  });
  return filters.every((each) => each !== undefined) ? filters : undefined;
}

/** Bulk Data Access IG 2, _typeFilter: no parameters about the form of results. */
const SHAPES =
  /^_(?:include|revinclude|sort|count|total|summary|elements|contained|containedType|graph|filter|query|format|pretty|type|maxresults)(?::|$)/;

function pairsIn(body: unknown): Pairs | undefined {
  if (!isJsonObject(body) || body['resourceType'] !== 'Parameters') return undefined;
  const { parameter = [] } = body;
  if (!Array.isArray(parameter) || parameter.length > 256) return undefined;
  const pairs = (parameter as readonly unknown[]).map((each): readonly [string, string] | undefined => {
    if (!isJsonObject(each)) return undefined;
    const { name, ...rest } = each;
    const [value, ...more] = Object.entries(rest);
    if (typeof name !== 'string' || !value || more.length > 0 || !value[0].startsWith('value')) return undefined;
    const text = isJsonObject(value[1]) ? value[1]['reference'] : value[1];
    if (typeof text === 'boolean') return [name, String(text)];
    return typeof text === 'string' && text.length <= 8192 ? [name, text] : undefined;
  });
  return pairs.every((each) => each !== undefined) ? pairs : undefined;
}

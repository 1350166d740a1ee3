import { dataLines, perVersion } from './data-by-version.js';
import { SEARCH_PARAMETERS as R4 } from './data/r4/search-parameters.js';
import { SEARCH_PARAMETERS as R4B } from './data/r4b/search-parameters.js';
import { SEARCH_PARAMETERS as R5 } from './data/r5/search-parameters.js';
import { SEARCH_PARAMETERS as STU3 } from './data/stu3/search-parameters.js';
import { resourceTypes } from './resource-types.js';
import type { FhirVersion } from './version.js';

/** @see https://hl7.org/fhir/R4/search.html#ptypes */
export type SearchParameterType =
  'number' | 'date' | 'string' | 'token' | 'reference' | 'composite' | 'quantity' | 'uri' | 'special';

/** Only those entries of an element count whose property has the value. */
export interface SearchParameterFilter {
  /** How many of the path's elements lead to the entry: 1 for the first one's entries. */
  readonly depth: number;
  readonly property: string;
  readonly value: string;
}

/** One place in a resource where a search parameter looks. */
export interface SearchParameterPath {
  /** JSON property names from the resource on; each may hold one value or an array. */
  readonly elements: readonly string[];
  /** The FHIR datatype there: `CodeableConcept`, `dateTime`, `Reference`, … */
  readonly datatype: string;
  /** For a Reference: only references to these types count; `*` for any. */
  readonly targets?: readonly string[] | '*';
  /** All of them must hold, or the path selects more than the parameter does. Empty for nearly every path. */
  readonly filters: readonly SearchParameterFilter[];
}

/** A search parameter of the standard, for one resource type. */
export interface SearchParameterDefinition {
  readonly code: string;
  readonly type: SearchParameterType;
  /** The places are alternatives: a resource matches where one of them does. */
  readonly paths: readonly SearchParameterPath[];
  /**
   * False where the definition is more than a set of elements (composites, extensions, calculations, no expression).
   * Such a parameter has no paths and cannot be evaluated.
   */
  readonly supported: boolean;
}

interface MutableDefinition extends SearchParameterDefinition {
  readonly paths: SearchParameterPath[];
}

/** Whose parameters every resource type has. */
const COMMON = ['DomainResource', 'Resource'];

const NO_CODES: readonly string[] = [];

function readPath(text: string, datatype: string, targets: readonly string[]): SearchParameterPath {
  const elements: string[] = [];
  const filters: SearchParameterFilter[] = [];
  for (const step of text.split('.').slice(1)) {
    const [, property = '', name, value] = /^(\w+)(?:\[(\w+)=(.*)\])?$/.exec(step) ?? [];
    elements.push(property);
    if (name !== undefined && value !== undefined) filters.push({ depth: elements.length, property: name, value });
  }
  if (targets.length === 0) return { elements, datatype, filters };
  return { elements, datatype, targets: targets[0] === '*' ? '*' : targets, filters };
}

function readParameters(text: string): ReadonlyMap<string, ReadonlyMap<string, SearchParameterDefinition>> {
  const byType = new Map<string, Map<string, MutableDefinition>>();
  for (const line of dataLines(text)) {
    const [base = '', code = '', type, path = '', datatype = '', , ...targets] = line.split(' ');
    let byCode = byType.get(base);
    if (byCode === undefined) byType.set(base, (byCode = new Map<string, MutableDefinition>()));
    let definition = byCode.get(code);
    if (definition === undefined) {
      definition = { code, type: type as SearchParameterType, paths: [], supported: path !== '-' };
      byCode.set(code, definition);
    }
    if (path !== '-') definition.paths.push(readPath(path, datatype, targets));
  }
  return byType;
}

const table = perVersion({ '3.0.1': STU3, '4.0.1': R4, '4.3.0': R4B, '5.0.0': R5 }, readParameters);

/**
 * The definition of a search parameter of a resource type, those of all resources included (`_id`, `_lastUpdated`,
 * `_tag`, `_profile`, `_security`, …). `undefined` when the version, the type or the code is unknown.
 */
export function searchParameter(
  version: FhirVersion,
  resourceType: string,
  code: string,
): SearchParameterDefinition | undefined {
  if (!resourceTypes(version).has(resourceType)) return undefined;
  const byType = table(version);
  for (const base of [resourceType, ...COMMON]) {
    const definition = byType?.get(base)?.get(code);
    if (definition !== undefined) return definition;
  }
  return undefined;
}

/**
 * The codes of a resource type's search parameters, its own ones first, then those of all resources. Empty when the
 * version or the type is unknown.
 */
export function searchParameterCodes(version: FhirVersion, resourceType: string): readonly string[] {
  if (!resourceTypes(version).has(resourceType)) return NO_CODES;
  const byType = table(version);
  // R4B and R5 define _text for both of the common ones.
  return [...new Set([resourceType, ...COMMON].flatMap((base) => [...(byType?.get(base)?.keys() ?? [])]))];
}

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

type Definitions = ReadonlyMap<string, SearchParameterDefinition>;

/** The lines of one type, read at the first question about it: few servers ask about all of them. */
interface Section {
  readonly lines: string[];
  definitions?: Definitions;
}

function readSections(text: string): ReadonlyMap<string, Section> {
  const sections = new Map<string, Section>();
  for (const line of dataLines(text)) {
    const base = line.slice(0, line.indexOf(' '));
    const section = sections.get(base);
    if (section === undefined) sections.set(base, { lines: [line] });
    else section.lines.push(line);
  }
  return sections;
}

function readDefinitions(lines: readonly string[]): Definitions {
  const definitions = new Map<string, MutableDefinition>();
  for (const line of lines) {
    const [, code = '', type, path = '', datatype = '', , ...targets] = line.split(' ');
    let definition = definitions.get(code);
    if (definition === undefined) {
      definition = { code, type: type as SearchParameterType, paths: [], supported: path !== '-' };
      definitions.set(code, definition);
    }
    if (path !== '-') definition.paths.push(readPath(path, datatype, targets));
  }
  return definitions;
}

const sectionsOf = perVersion({ '3.0.1': STU3, '4.0.1': R4, '4.3.0': R4B, '5.0.0': R5 }, readSections);

function definitionsOf(version: FhirVersion, base: string): Definitions | undefined {
  const section = sectionsOf(version)?.get(base);
  if (section === undefined) return undefined;
  section.definitions ??= readDefinitions(section.lines);
  return section.definitions;
}

/**
 * The definition of a search parameter of a resource type, those of all resources included (`_id`, `_lastUpdated`,
 * `_tag`, `_profile`, `_security`, …). `undefined` when the version, the type or the code is unknown.
 */
export function searchParameter(
  version: FhirVersion,
  resourceType: string,
  code: string,
): SearchParameterDefinition | undefined {
  // The common ones lie in the table as if they were types; they are none to ask about.
  if (!resourceTypes(version).has(resourceType)) return undefined;
  let definition = definitionsOf(version, resourceType)?.get(code);
  for (const base of COMMON) definition ??= definitionsOf(version, base)?.get(code);
  return definition;
}

/**
 * The codes of a resource type's search parameters, its own ones first, then those of all resources. Empty when the
 * version or the type is unknown.
 */
export function searchParameterCodes(version: FhirVersion, resourceType: string): readonly string[] {
  if (!resourceTypes(version).has(resourceType)) return [];
  const codes = [resourceType, ...COMMON].flatMap((base) => [...(definitionsOf(version, base)?.keys() ?? [])]);
  // R4B and R5 define _text for both of the common ones.
  return [...new Set(codes)];
}

import { resourceTypes } from '../../fhir/resource-types.js';
import type { FhirVersion } from '../../fhir/version.js';
import type { Asked } from './asked.js';
import { askedOf } from './asked.js';
import { judgeInclude } from './include.js';
import { RESULT_PARAMETERS } from './result.js';
import { lacks } from './touched.js';
import type { GrantView, Outcome, Parameter, QueryFinding, QueryVerdict } from './verdict.js';
import { keep, refuse } from './verdict.js';

export type { GrantView, Parameter, QueryFinding, QueryVerdict } from './verdict.js';

export interface GateOptions {
  /**
   * Names of parameters that the server has beyond the definitions and that look at nothing but elements of the resource
   * that is searched: its own search parameters, and those of its paging links. Compared exactly; a modifier may
   * follow, a chain may not. A standard parameter keeps its rule. Default: none.
   */
  readonly customParameters?: readonly string[];
}

/** A query of more parameters than this asks nothing that anybody would. */
const MAX_PARAMETERS = 256;

/** The characters of names, modifiers and chains; whatever else stands in a name is not understood. */
const NAME = /^[A-Za-z0-9_.:-]{1,512}$/;

/**
 * Judges a search before it runs. What is found is filtered afterwards, entry by entry; this is about what that cannot
 * mend: parameters whose answer depends on resources that are never shown, counts of what is not shown, and includes
 * that could bring nothing but what is not shown.
 *
 * | parameter | rule |
 * |---|---|
 * | the type that is searched | some grant covers it; a system search is narrowed to such types by `_type` |
 * | own elements, with modifiers that stay there | allowed |
 * | a chain (`subject.name`), `_has`, `_list`, `_in`, `:above`/`:below` of a reference | each type that it looks at is open as a whole, all possible targets where none is stated |
 * | `:in`, `:not-in` with a value set of this server | ValueSet is open as a whole |
 * | `_sort` | each key as if it were a parameter |
 * | `_include`, `_revinclude` | taken out unless a grant covers where they start and something that they bring |
 * | `_total`, `_summary=count`, `_count=0` | taken out unless the type that is searched is open as a whole |
 * | `_summary`, `_elements` | the same; with `_include` or `_revinclude`, unless everything is open |
 * | `_graph` | taken out unless everything is open |
 * | `_filter`, `_query`, `_contained`, `_containedType` | only where everything is open |
 * | a parameter that the definitions do not have | only where the type that is searched is open as a whole; with an underscore or a chain, where everything is |
 * | malformed, with odd characters, or more than 256 | refused |
 *
 * Each occurrence of a parameter is judged by itself, so it does not matter which of them the server takes. Names are
 * case-sensitive, as in FHIR. Whether an include is asked for is all that one parameter has to know of the others.
 *
 * The caller hands over all parameters that the server will see, decoded once as the server decodes them: those of the
 * URL and of the body of a POST, split where the server splits. A server that takes `;` for `&`, or matrix parameters in
 * the path, needs them split so here too.
 *
 * @param resourceType The type in the URL; undefined for a search over all types.
 */
export function gateQuery(
  version: FhirVersion,
  resourceType: string | undefined,
  parameters: readonly Parameter[],
  grants: GrantView,
  { customParameters = [] }: GateOptions = {},
): QueryVerdict {
  const knownTypes = resourceTypes(version);
  if (resourceType !== undefined && !knownTypes.has(resourceType)) {
    return verdict([refuse({ name: printable(resourceType), code: 'query-type' })]);
  }
  if (parameters.length > MAX_PARAMETERS) return verdict([refuse({ name: '*', code: 'query-parameter' })]);
  const types = resourceType === undefined ? typesAsked(parameters, knownTypes) : [resourceType];
  const includes = parameters.some(([name]) => /^_(?:rev)?include(?::|$)/.test(name));
  const asked = askedOf(grants, { version, knownTypes, types, custom: new Set(customParameters), includes });
  const judge = (parameter: Parameter): Outcome => judgeParameter(asked, parameter, resourceType);
  return verdict([judgeTypes(asked, resourceType, parameters), ...parameters.map(judge)]);
}

function verdict(outcomes: readonly Outcome[]): QueryVerdict {
  const refused = outcomes.flatMap((outcome) => outcome.refused);
  const removed = outcomes.flatMap((outcome) => outcome.removed);
  const allowed = refused.length === 0;
  return { allowed, parameters: allowed ? outcomes.flatMap(({ kept }) => kept) : [], refused, removed };
}

function judgeParameter(asked: Asked, parameter: Parameter, resourceType: string | undefined): Outcome {
  const [name, value] = parameter;
  if (name === '_type') return judgeTypeList(asked, value, resourceType);
  const result = RESULT_PARAMETERS.get(name);
  if (result !== undefined) return result(asked, parameter);
  switch (name) {
    case '_include':
    case '_include:iterate':
    case '_include:recurse':
      return judgeInclude(asked, parameter, false);
    case '_revinclude':
    case '_revinclude:iterate':
    case '_revinclude:recurse':
      return judgeInclude(asked, parameter, true);
  }
  if (!NAME.test(name)) return refuse({ name: printable(name), code: 'query-parameter' });
  const findings = lacks(asked, name, name, value);
  return findings.length === 0 ? keep(parameter) : refuse(...findings);
}

/** The types of a system search: what its `_type` parameters list, or all. */
function typesAsked(parameters: readonly Parameter[], knownTypes: ReadonlySet<string>): readonly string[] {
  const lists = parameters.filter(([name]) => name === '_type');
  if (lists.length === 0) return [...knownTypes];
  return [...new Set(lists.flatMap(([, value]) => value.split(',')))].filter((type) => knownTypes.has(type));
}

/** The types that are searched: at least one of them is covered. A system search without `_type` gets one. */
function judgeTypes(asked: Asked, resourceType: string | undefined, parameters: readonly Parameter[]): Outcome {
  const covered = asked.types.filter((type) => asked.covers(type));
  if (covered.length === 0) return refuse({ name: resourceType ?? '_type', code: 'query-type', ...one(resourceType) });
  if (resourceType !== undefined || covered.length === asked.types.length) return keep();
  if (parameters.some(([name]) => name === '_type')) return keep();
  return { ...keep(['_type', covered.join(',')]), removed: [{ name: '_type', code: 'query-type' }] };
}

/** FHIR R4, 3.1.1.1 Search Context: `_type` lists the types of a search over several. */
function judgeTypeList(asked: Asked, value: string, resourceType: string | undefined): Outcome {
  const listed = value.split(',');
  if (listed.some((type) => !asked.knownTypes.has(type))) return refuse({ name: '_type', code: 'query-parameter' });
  // In a search of one type it can only repeat that type: a server might follow it elsewhere.
  if (resourceType !== undefined) {
    const others = listed.filter((type) => type !== resourceType && !asked.opensEverything());
    return others.length === 0 ? keep(['_type', value]) : refuse(...others.map(notOpen));
  }
  const kept = listed.filter((type) => asked.covers(type));
  const removed = listed.filter((type) => !asked.covers(type)).map(notOpen);
  return kept.length === 0 ? refuse(...removed) : { ...keep(['_type', kept.join(',')]), removed };
}

function notOpen(type: string): QueryFinding {
  return { name: '_type', code: 'query-type', resourceType: type };
}

function one(resourceType: string | undefined): { readonly resourceType?: string } {
  return resourceType === undefined ? {} : { resourceType };
}

/** A name that may go to a log: short, and without what could end a line there or hide in it. */
function printable(name: string): string {
  return name.slice(0, 64).replace(/[^A-Za-z0-9_.:-]/g, '?');
}

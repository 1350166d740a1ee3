import type { Compartment } from '../fhir/compartments.js';
import { COMPARTMENT_TYPES, compartmentParams } from '../fhir/compartments.js';
import type { ReferenceNode } from '../fhir/reference-node.js';
import type { SearchParameterDefinition } from '../fhir/search-parameters.js';
import { searchParameter, searchParameterCodes } from '../fhir/search-parameters.js';
import type { Grant } from './grant.js';
import type { AccessPolicy } from './policy.js';
import { memberPlan } from './reach.js';
import { opensBeyondReferences } from './search-filter.js';
import type { Subject } from './subject.js';

/** A parameter that may be added to a search, so that the server finds less of what would be filtered out. */
export interface SearchNarrowing {
  readonly parameter: string;
  readonly value: string;
  /**
   * Whether nothing that may be seen is lost: every element by which a resource can be the identity's is one that the
   * parameter looks at. Otherwise it finds the identity's compartment as this one parameter knows it, and no more.
   */
  readonly exact: boolean;
}

/** More elements than this are those of a type that no one parameter looks at. */
const MAX_PATHS = 64;

/**
 * The parameters with which a search of one type finds only what the membership of the identities opens, the exact
 * ones first: all that such a parameter finds is theirs, if nothing else narrows what they see. None where something else may open resources of the type: a system, an admin, a rule of theirs, a type that
 * belongs to nobody; nor for an identity of another server, whom no reference search of this one knows.
 *
 * @param grants The grants that cover the search of the type.
 */
export function searchNarrowings(
  grants: readonly Grant[],
  resourceType: string | undefined,
  policy: AccessPolicy,
): readonly SearchNarrowing[] {
  const subjects = grants.map(({ subject }) => subject);
  const [first] = subjects;
  if (resourceType === undefined || first === undefined || opensBeyondReferences(resourceType, policy)) return [];
  const alike = subjects.every(
    (subject): subject is Subject =>
      subject !== undefined && subject.local && !subject.admin && subject.resourceType === first.resourceType,
  );
  if (!alike) return [];
  const plan = memberPlan(policy, resourceType, first, policy.membership.read);
  if (resourceType === first.resourceType) {
    const ids = new Set(subjects.map(({ id }) => id));
    return [{ parameter: '_id', value: [...ids].join(','), exact: plan === undefined || pathsOf(plan)?.length === 0 }];
  }
  // Nothing of this type can be theirs: whatever a parameter found would be left out.
  if (plan === undefined) return [];
  const value = [...new Set(subjects.map(({ relative }) => relative))].join(',');
  return parametersOf(plan, resourceType, first.resourceType, policy).map((each) => ({ value, ...each }));
}

type Narrowing = Omit<SearchNarrowing, 'value'>;

/** What is found by the definitions alone does not depend on who asks, and every search asks for it. */
const known = new WeakMap<AccessPolicy, Map<string, readonly Narrowing[]>>();

function parametersOf(
  plan: ReferenceNode,
  resourceType: string,
  identityType: string,
  policy: AccessPolicy,
): readonly Narrowing[] {
  const ofPolicy = known.get(policy) ?? new Map<string, readonly Narrowing[]>();
  known.set(policy, ofPolicy);
  const name = `${resourceType} ${identityType}`;
  const found = ofPolicy.get(name) ?? findParameters(plan, resourceType, identityType, policy);
  ofPolicy.set(name, found);
  return found;
}

function findParameters(
  plan: ReferenceNode,
  resourceType: string,
  identityType: string,
  policy: AccessPolicy,
): readonly Narrowing[] {
  const paths = pathsOf(plan);
  const admitting = new Set(
    isCompartment(identityType) ? compartmentParams(policy.version, identityType, resourceType) : [],
  );
  const found = searchParameterCodes(policy.version, resourceType).flatMap((parameter) => {
    const looked = pathsOfParameter(searchParameter(policy.version, resourceType, parameter), identityType);
    if (looked.size === 0 || ![...looked].every((path) => leadsTo(plan, path.split('.')))) return [];
    const exact = paths?.every((path) => looked.has(path)) ?? false;
    return exact || admitting.has(parameter) || (parameter === 'patient' && identityType === 'Patient')
      ? [{ parameter, exact }]
      : [];
  });
  return found.sort((a, b) => rank(a) - rank(b));
}

/** What most servers know comes first. */
function rank({ exact, parameter }: Narrowing): number {
  const common = ['patient', 'subject'].indexOf(parameter);
  return (exact ? 0 : 10) + (common === -1 ? 2 : common);
}

/** The elements of a plan, as dotted paths; undefined where they are too many, or go round. */
function pathsOf(plan: ReferenceNode): readonly string[] | undefined {
  const paths: string[] = [];
  const walk = (node: ReferenceNode, prefix: string, above: readonly ReferenceNode[]): boolean => {
    if (above.includes(node) || paths.length > MAX_PATHS) return false;
    for (const name of node.references) paths.push(`${prefix}${name}`);
    return node.children.every(([name, child]) => walk(child, `${prefix}${name}.`, [...above, node]));
  };
  return walk(plan, '', []) ? paths : undefined;
}

/** Whether a plan holds an element: what a parameter finds there belongs to whom it names. */
function leadsTo(plan: ReferenceNode, [name = '', ...rest]: readonly string[]): boolean {
  if (rest.length === 0) return plan.references.includes(name);
  const child = plan.children.find(([property]) => property === name)?.[1];
  return child !== undefined && leadsTo(child, rest);
}

/** The elements at which a parameter looks for references to a type, and at all of them. */
function pathsOfParameter(definition: SearchParameterDefinition | undefined, targetType: string): ReadonlySet<string> {
  if (definition?.type !== 'reference' || !definition.supported) return new Set();
  const looked = definition.paths.filter(
    ({ datatype, filters, targets = [] }) =>
      datatype === 'Reference' && filters.length === 0 && (targets === '*' || targets.includes(targetType)),
  );
  return new Set(looked.map(({ elements }) => elements.join('.')));
}

function isCompartment(type: string): type is Compartment {
  return COMPARTMENT_TYPES.some((each) => each === type);
}

import { dataLines, perVersion } from './data-by-version.js';
import { COMPARTMENTS as R4 } from './data/r4/compartments.js';
import { COMPARTMENTS as R4B } from './data/r4b/compartments.js';
import { COMPARTMENTS as R5 } from './data/r5/compartments.js';
import { COMPARTMENTS as STU3 } from './data/stu3/compartments.js';
import type { ReferenceNode } from './reference-node.js';
import type { FhirVersion } from './version.js';

/** The resource types that the standard defines a compartment for. */
export const COMPARTMENT_TYPES = ['Patient', 'Practitioner', 'RelatedPerson', 'Encounter', 'Device'] as const;

/** A compartment, named by the type of the resource that it is about. */
export type Compartment = (typeof COMPARTMENT_TYPES)[number];

interface MutableNode extends ReferenceNode {
  readonly references: string[];
  readonly children: (readonly [string, MutableNode])[];
}

interface Membership {
  readonly params: string[];
  readonly plan: MutableNode;
}

type Members = Map<string, Membership>;

const NO_TYPES: ReadonlySet<string> = new Set();
const NO_PARAMS: readonly string[] = [];

const emptyNode = (): MutableNode => ({ references: [], children: [] });

function addPath(plan: MutableNode, properties: readonly string[]): void {
  let node = plan;
  for (const property of properties.slice(0, -1)) {
    let child = node.children.find(([name]) => name === property)?.[1];
    if (child === undefined) node.children.push([property, (child = emptyNode())]);
    node = child;
  }
  const last = properties.at(-1);
  if (last !== undefined && !node.references.includes(last)) node.references.push(last);
}

function readCompartments(text: string): ReadonlyMap<string, Members> {
  const compartments = new Map<string, Members>();
  for (const line of dataLines(text)) {
    const [compartment = '', type = '', param = '', path = ''] = line.split(' ');
    let members = compartments.get(compartment);
    if (members === undefined) compartments.set(compartment, (members = new Map<string, Membership>()));
    let membership = members.get(type);
    if (membership === undefined) members.set(type, (membership = { params: [], plan: emptyNode() }));
    if (!membership.params.includes(param)) membership.params.push(param);
    if (path !== '-') addPath(membership.plan, path.split('.').slice(1));
  }
  return compartments;
}

const table = perVersion({ '3.0.1': STU3, '4.0.1': R4, '4.3.0': R4B, '5.0.0': R5 }, readCompartments);

/**
 * The elements of a resource type that put a resource into the compartment of the resource they point to, by the
 * official CompartmentDefinition. The same node object is returned for the same arguments.
 *
 * `undefined` when the type is not in the compartment, or only as the resource that the compartment is about (`{def}`).
 * The chained parameters of STU3 (`target.patient` of Provenance) admit nothing here: they depend on other resources.
 */
export function compartmentPlan(
  version: FhirVersion,
  compartment: Compartment,
  resourceType: string,
): ReferenceNode | undefined {
  const plan = table(version)?.get(compartment)?.get(resourceType)?.plan;
  return plan === undefined || plan.references.length + plan.children.length === 0 ? undefined : plan;
}

const types = new Map<Members, ReadonlySet<string>>();

/** The resource types that may be in the compartment. Empty for an unknown version or compartment. */
export function compartmentTypes(version: FhirVersion, compartment: Compartment): ReadonlySet<string> {
  const members = table(version)?.get(compartment);
  if (members === undefined) return NO_TYPES;
  let known = types.get(members);
  if (known === undefined) types.set(members, (known = new Set(members.keys())));
  return known;
}

/**
 * The search parameters by which the CompartmentDefinition admits a resource type, in its order. `{def}` stands for
 * the resource that the compartment is about. Empty for a type that is not in the compartment.
 */
export function compartmentParams(version: FhirVersion, compartment: Compartment, type: string): readonly string[] {
  return table(version)?.get(compartment)?.get(type)?.params ?? NO_PARAMS;
}

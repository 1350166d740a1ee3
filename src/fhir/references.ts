import { dataLines, perVersion } from './data-by-version.js';
import { REFERENCES as R4 } from './data/r4/references.js';
import { REFERENCES as R4B } from './data/r4b/references.js';
import { REFERENCES as R5 } from './data/r5/references.js';
import { REFERENCES as STU3 } from './data/stu3/references.js';
import type { ReferenceNode } from './reference-node.js';
import { resourceTypes } from './resource-types.js';
import type { FhirVersion } from './version.js';

export type { ReferenceNode } from './reference-node.js';

/** An element whose type is Reference. */
export interface ReferencePath {
  /** From the resource type on, by JSON property names: `Task.input.valueReference`. */
  readonly path: string;
  /** The resource types that it may point to; `*` for any. */
  readonly targets: readonly string[] | '*';
}

/** An element, as seen from the owner (resource, datatype or element) that it belongs to. */
interface Edge {
  readonly name: string;
  /** Set where the element is a Reference. */
  readonly targets?: readonly string[] | '*';
  /** Whose elements lie below this one. */
  readonly owner?: string;
}

type Graph = ReadonlyMap<string, readonly Edge[]>;

/** The owner of what lies inside every Reference: its identifier, which names an assigner. */
const REFERENCE = 'Reference';

function readGraph(text: string): Graph {
  const graph = new Map<string, Edge[]>();

  function edgesOf(owner: string): Edge[] {
    const known = graph.get(owner);
    if (known !== undefined) return known;
    const edges: Edge[] = [];
    graph.set(owner, edges);
    // An element with children of its own has no line; its children's lines imply it.
    const dot = owner.lastIndexOf('.');
    if (dot > 0) edgesOf(owner.slice(0, dot)).push({ name: owner.slice(dot + 1), owner });
    return edges;
  }

  for (const line of dataLines(text)) {
    const [path = '', sign, ...rest] = line.split(' ');
    const dot = path.lastIndexOf('.');
    const edges = edgesOf(path.slice(0, dot));
    const name = path.slice(dot + 1);
    if (sign === '>') edges.push({ name, targets: rest[0] === '*' ? '*' : rest, owner: REFERENCE });
    else edges.push({ name, owner: rest[0] ?? '' });
  }
  return graph;
}

const graphs = perVersion({ '3.0.1': STU3, '4.0.1': R4, '4.3.0': R4B, '5.0.0': R5 }, readGraph);

/** Whether an element is one that may point to a type. */
type MayPoint = (edge: Edge, targetType: string) => boolean;

const isStatedFor: MayPoint = ({ targets }, targetType) => targets !== '*' && (targets?.includes(targetType) ?? false);

const mayPointTo: MayPoint = (edge, targetType) => edge.targets === '*' || isStatedFor(edge, targetType);

/** Owners from which a reference that may point to the target type can be reached. */
function leadingOwners(graph: Graph, targetType: string, mayPoint: MayPoint): ReadonlySet<string> {
  const usedBy = new Map<string, string[]>();
  const leading = new Set<string>();
  for (const [owner, edges] of graph) {
    for (const edge of edges) {
      if (mayPoint(edge, targetType)) leading.add(owner);
      if (edge.owner === undefined) continue;
      const users = usedBy.get(edge.owner);
      if (users === undefined) usedBy.set(edge.owner, [owner]);
      else users.push(owner);
    }
  }
  // A set also visits what is added while it is walked.
  for (const owner of leading) {
    for (const user of usedBy.get(owner) ?? []) leading.add(user);
  }
  return leading;
}

type Planner = (owner: string) => ReferenceNode | undefined;

function planner(graph: Graph, targetType: string, mayPoint: MayPoint): Planner {
  const leading = leadingOwners(graph, targetType, mayPoint);
  const nodes = new Map<string, ReferenceNode>();

  function build(owner: string): ReferenceNode {
    const known = nodes.get(owner);
    if (known !== undefined) return known;
    const references: string[] = [];
    const children: (readonly [string, ReferenceNode])[] = [];
    const node = { references, children };
    // Kept before its children are built, so that a recursive element finds itself.
    nodes.set(owner, node);
    for (const edge of graph.get(owner) ?? []) {
      if (mayPoint(edge, targetType)) references.push(edge.name);
      if (edge.owner !== undefined && leading.has(edge.owner)) children.push([edge.name, build(edge.owner)]);
    }
    return node;
  }

  return (owner) => (leading.has(owner) ? build(owner) : undefined);
}

type PlanFinder = (version: FhirVersion, resourceType: string, targetType: string) => ReferenceNode | undefined;

function planFinder(mayPoint: MayPoint): PlanFinder {
  const planners = new Map<FhirVersion, Map<string, Planner>>();
  return (version, resourceType, targetType) => {
    const graph = graphs(version);
    const types = resourceTypes(version);
    // The types come from requests: only known ones are planned for and kept.
    if (graph === undefined || !types.has(resourceType) || !types.has(targetType)) return undefined;
    let ofVersion = planners.get(version);
    if (ofVersion === undefined) planners.set(version, (ofVersion = new Map<string, Planner>()));
    let plan = ofVersion.get(targetType);
    if (plan === undefined) ofVersion.set(targetType, (plan = planner(graph, targetType, mayPoint)));
    return plan(resourceType);
  };
}

const findPlan = planFinder(mayPointTo);

const findStatedPlan = planFinder(isStatedFor);

/**
 * Where a resource may hold references to a resource of the target type: only elements that the official definitions
 * allow to point there, `Reference(Any)` included.
 *
 * Extensions, contained and inline resources, canonicals and URIs are no part of it. The same node object is returned
 * for the same arguments. `undefined` when there is no such element, or when the version or a type is unknown.
 */
export function referencePlan(
  version: FhirVersion,
  resourceType: string,
  targetType: string,
): ReferenceNode | undefined {
  return findPlan(version, resourceType, targetType);
}

/** {@link referencePlan} without `Reference(Any)`: the elements that are there for the target type, or for few beside it. */
export function statedReferencePlan(
  version: FhirVersion,
  resourceType: string,
  targetType: string,
): ReferenceNode | undefined {
  return findStatedPlan(version, resourceType, targetType);
}

/**
 * Every element of a resource type whose type is Reference, flat. References inside datatypes are listed
 * (`Observation.note.authorReference`); an element that recurs inside itself is listed once, where it begins
 * (`Questionnaire.item`); what lies inside a reference (`identifier.assigner`) is left out.
 *
 * Empty when the version or the type is unknown.
 */
export function referencePaths(version: FhirVersion, resourceType: string): readonly ReferencePath[] {
  const graph = graphs(version);
  if (graph === undefined || !resourceTypes(version).has(resourceType)) return [];
  const paths: ReferencePath[] = [];

  function list(owner: string, path: string, above: readonly string[]): void {
    for (const edge of graph?.get(owner) ?? []) {
      const here = `${path}.${edge.name}`;
      if (edge.targets !== undefined) paths.push({ path: here, targets: edge.targets });
      else if (edge.owner !== undefined && !above.includes(edge.owner)) list(edge.owner, here, [...above, edge.owner]);
    }
  }

  list(resourceType, resourceType, [resourceType]);
  return paths;
}

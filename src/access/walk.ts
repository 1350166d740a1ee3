import type { ReferenceNode } from '../fhir/reference-node.js';
import { isJsonObject } from '../json-object.js';

/**
 * How deep a resource is followed. The deepest path of the official definitions has fewer than 20 steps without
 * recursion; what lies deeper than this is not looked at.
 */
const MAX_DEPTH = 64;

/**
 * How many objects of one resource are visited. No resource out of JSON of a few megabytes comes near; an object graph
 * of the host's, in which one object stands in many places, could otherwise be walked for ever.
 */
const MAX_VISITS = 200_000;

/**
 * The path of the first reference that is accepted, among the elements that the plan lists, or undefined.
 *
 * It visits only elements that the plan names, each once: linear in what the resource holds there, whatever its shape.
 * Where the definitions know one value an array is taken too, and the other way round, as servers differ in it; an
 * array within an array is no FHIR and is not looked into.
 *
 * @param accepts Is given the text of a literal reference.
 * @param unsure Whether to accept what nobody can read: an element without a literal reference (an identifier, a display),
 * and whatever lies beyond the limits. Default false, for references that give access; true for those that take it away.
 */
export function findReference(
  plan: ReferenceNode,
  resource: unknown,
  accepts: (reference: string) => boolean,
  unsure = false,
): string | undefined {
  return walkNode(plan, resource, { accepts, unsure, visits: 0 }, 0);
}

interface Walk {
  readonly accepts: (reference: string) => boolean;
  readonly unsure: boolean;
  visits: number;
}

/** A path that nobody knows, since it was not followed so far. */
const BEYOND = '…';

function walkNode(node: ReferenceNode, value: unknown, walk: Walk, depth: number): string | undefined {
  // A list within a list is no FHIR.
  if (!isJsonObject(value)) return walk.unsure && Array.isArray(value) ? BEYOND : undefined;
  if (depth > MAX_DEPTH || (walk.visits += 1) > MAX_VISITS) return walk.unsure ? BEYOND : undefined;
  for (const name of node.references) {
    const held = value[name];
    // Most elements that could be there are not.
    if (held !== undefined && holdsReference(held, walk)) return name;
  }
  for (const [name, child] of node.children) {
    const held = value[name];
    if (held === undefined) continue;
    const path = walkMembers(child, held, walk, depth + 1);
    if (path !== undefined) return `${name}.${path}`;
  }
  return undefined;
}

function walkMembers(node: ReferenceNode, held: unknown, walk: Walk, depth: number): string | undefined {
  if (!Array.isArray(held)) return walkNode(node, held, walk, depth);
  for (const member of held) {
    const path = walkNode(node, member, walk, depth);
    if (path !== undefined) return path;
    // An array of the host's that lies about its length has no end.
    if (walk.visits > MAX_VISITS) return walk.unsure ? BEYOND : undefined;
  }
  return undefined;
}

function holdsReference(held: unknown, walk: Walk): boolean {
  if (!Array.isArray(held)) return isAccepted(held, walk);
  for (const member of held) {
    if ((walk.visits += 1) > MAX_VISITS) return walk.unsure;
    if (isAccepted(member, walk)) return true;
  }
  return false;
}

function isAccepted(value: unknown, { accepts, unsure }: Walk): boolean {
  if (!isJsonObject(value)) return unsure && value !== null;
  const { reference } = value;
  return typeof reference === 'string' ? accepts(reference) : unsure;
}

/** The plan of one dotted element path, for rules that name their element: `managingOrganization`. */
export function planOfPath(path: string): ReferenceNode {
  const names = path.split('.');
  const last = names.pop() ?? '';
  return names.reduceRight<ReferenceNode>((child, name) => ({ references: [], children: [[name, child]] }), {
    references: [last],
    children: [],
  });
}

/** The plan without what lies below one element of the resource. */
export function planWithout(plan: ReferenceNode, name: string): ReferenceNode {
  return {
    references: plan.references.filter((each) => each !== name),
    children: plan.children.filter(([each]) => each !== name),
  };
}

import type { ReferenceNode } from '../fhir/references.js';
import type { Subject } from './subject.js';
import { refersTo } from './subject.js';

/**
 * How deep a resource is followed. The deepest path of the official definitions has fewer than 20 steps without
 * recursion; what lies deeper than this is not looked at, and so gives no access.
 */
const MAX_DEPTH = 64;

/**
 * The path of the first reference to the subject at an element that the plan lists, or undefined.
 *
 * It visits only elements that the plan names, each once: linear in what the resource holds there, whatever its shape.
 * Where the definitions know one value an array is taken too, and the other way round, as servers differ in it; an
 * array within an array is no FHIR and is not looked into.
 */
export function findReference(plan: ReferenceNode, resource: unknown, subject: Subject): string | undefined {
  return walkNode(plan, resource, subject, 0);
}

function walkNode(node: ReferenceNode, value: unknown, subject: Subject, depth: number): string | undefined {
  if (!isObject(value) || depth > MAX_DEPTH) return undefined;
  for (const name of node.references) {
    const held = value[name];
    if (held !== undefined && holdsReference(held, subject)) return name;
  }
  for (const [name, child] of node.children) {
    const held = value[name];
    if (held === undefined) continue;
    const path = walkMembers(child, held, subject, depth + 1);
    if (path !== undefined) return `${name}.${path}`;
  }
  return undefined;
}

function walkMembers(node: ReferenceNode, held: unknown, subject: Subject, depth: number): string | undefined {
  if (!Array.isArray(held)) return walkNode(node, held, subject, depth);
  for (const member of held) {
    const path = walkNode(node, member, subject, depth);
    if (path !== undefined) return path;
  }
  return undefined;
}

function holdsReference(held: unknown, subject: Subject): boolean {
  if (Array.isArray(held)) return held.some((member) => isReferenceTo(member, subject));
  return isReferenceTo(held, subject);
}

function isReferenceTo(value: unknown, subject: Subject): boolean {
  return isObject(value) && typeof value['reference'] === 'string' && refersTo(value['reference'], subject);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

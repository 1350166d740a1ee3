import type { ReferenceNode } from '../../src/fhir/references.js';

/** Every object that a plan reaches in a resource: a plain walk, for tests alone. */
export function reached(node: ReferenceNode | undefined, value: unknown, found = new Set<object>()): Set<object> {
  if (node === undefined || typeof value !== 'object' || value === null) return found;
  if (Array.isArray(value)) {
    for (const entry of value) reached(node, entry, found);
    return found;
  }
  const record = value as Record<string, unknown>;
  for (const name of node.references) {
    for (const reference of [record[name]].flat()) {
      if (typeof reference === 'object' && reference !== null) found.add(reference);
    }
  }
  for (const [name, child] of node.children) reached(child, record[name], found);
  return found;
}

/** Follows property names through a plan: is the last one a reference there? */
export function leadsTo(node: ReferenceNode | undefined, path: string): boolean {
  const names = path.split('.').slice(1);
  const last = names.pop();
  let at = node;
  for (const name of names) at = at?.children.find(([child]) => child === name)?.[1];
  return last !== undefined && at?.references.includes(last) === true;
}

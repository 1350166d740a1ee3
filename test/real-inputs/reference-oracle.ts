// Finds references by another way than the library: a walk over everything, and the flat list of official paths.
import { referencePaths } from '../../src/fhir/references.js';

export interface FoundReference {
  /** `Patient/example`, or an absolute URL. */
  readonly reference: string;
  /** `Observation.performer` */
  readonly path: string;
  /** Whether the definitions let the element point to a resource of the type that the reference names. */
  readonly isOfficial: boolean;
}

/** Whatever lies below is no element of the resource's own. */
const FOREIGN = /^(?:extension|modifierExtension|contained|_.*)$/;
/** Inline resources. */
const INLINE = /^(?:Bundle\.entry|Parameters\.parameter(?:\.part)*)\.resource$|^Bundle\.entry\.response\.outcome$/;

/** Every object with a literal reference, wherever it is. */
export function allReferences(resource: { readonly resourceType: string }): FoundReference[] {
  const official = new Map(referencePaths('4.0.1', resource.resourceType).map(({ path, targets }) => [path, targets]));
  const found: FoundReference[] = [];

  function walk(value: unknown, path: string, isOwn: boolean): void {
    if (Array.isArray(value)) {
      for (const member of value) walk(member, path, isOwn);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const { reference } = value as { readonly reference?: unknown };
    if (typeof reference === 'string')
      found.push({ reference, path, isOfficial: isOwn && mayPointTo(path, reference) });
    for (const [name, member] of Object.entries(value)) {
      const below = `${path}.${name}`;
      walk(member, below, isOwn && !FOREIGN.test(name) && !INLINE.test(below));
    }
  }

  function mayPointTo(path: string, reference: string): boolean {
    const type = typeIn(reference);
    return (
      type !== undefined &&
      spellings(path).some((each) => {
        const targets = official.get(each);
        return targets === '*' || (targets?.includes(type) ?? false);
      })
    );
  }

  walk(resource, resource.resourceType, true);
  return found;
}

/** The type that a relative or absolute literal reference names. */
export function typeIn(reference: string): string | undefined {
  return /(?:^|\/)([A-Z][A-Za-z]+)\/[A-Za-z0-9.-]{1,64}(?:\/_history\/[A-Za-z0-9.-]{1,64})?$/.exec(reference)?.[1];
}

/**
 * The path itself, and the shorter ones that it repeats: an element that recurs inside itself is listed where it begins
 * (`Composition.section.section.entry` as `Composition.section.entry`, `Contract.term.group.offer` as `Contract.term.offer`).
 */
function spellings(path: string): string[] {
  const names = path.split('.');
  const all = new Set([path]);
  const queue = [names];
  for (const current of queue) {
    for (let from = 2; from < current.length - 1; from += 1) {
      for (let to = from + 1; to < current.length; to += 1) {
        const shorter = [...current.slice(0, from), ...current.slice(to)];
        if (all.has(shorter.join('.')) || all.size > 500) continue;
        all.add(shorter.join('.'));
        queue.push(shorter);
      }
    }
  }
  return [...all];
}

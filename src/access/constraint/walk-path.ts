import type { SearchParameterPath } from '../../fhir/search-parameters.js';
import type { ValueMatcher } from './constraint.js';
import { boundedLength } from './constraint.js';
import { isJsonObject } from '../../json-object.js';

/** All of them must hold for an entry to count: `Patient.telecom[system=phone]`. */
type Filters = readonly { readonly property: string; readonly value: string }[];

/** A step of a path, with what has to lie below it. */
interface Step {
  readonly property: string;
  /** Undefined for nearly every step. */
  readonly filters: Filters | undefined;
  /** What the values that it leads to have to be: the matcher, behind the steps that are left. */
  readonly below: Step | ValueMatcher;
}

/** A path from the resource on, with what must lie at its end. */
export type WalkedPath = Step;

export function walkedPath({ elements, filters }: SearchParameterPath, matches: ValueMatcher): WalkedPath {
  let below: Step | ValueMatcher = matches;
  for (let depth = elements.length; depth > 0; depth -= 1) {
    const here = filters.filter((filter) => filter.depth === depth);
    below = { property: elements[depth - 1] ?? '', filters: here.length === 0 ? undefined : here, below };
  }
  if (typeof below === 'function') throw new TypeError('a path has one step at least');
  return below;
}

/** Whether one of the paths leads to a value that matches. */
export function leadsAnyToMatch(paths: readonly WalkedPath[], resource: unknown): boolean {
  for (const path of paths) if (leadsToMatch(path, resource)) return true;
  return false;
}

/**
 * Goes as deep as the path has steps and visits each member once. One value and an array of them count the same, as
 * servers differ in it; an array within an array is no FHIR and leads nowhere.
 */
function leadsToMatch(step: Step, owner: unknown): boolean {
  if (!isJsonObject(owner)) return false;
  const held = owner[step.property];
  if (held === undefined) return false;
  if (!Array.isArray(held)) return memberMatches(step, held);
  const length = boundedLength(held);
  for (let at = 0; at < length; at += 1) {
    if (memberMatches(step, held[at])) return true;
  }
  return false;
}

function memberMatches({ filters, below }: Step, member: unknown): boolean {
  if (filters !== undefined && !passes(filters, member)) return false;
  return typeof below === 'function' ? below(member) : leadsToMatch(below, member);
}

function passes(filters: Filters, entry: unknown): boolean {
  return isJsonObject(entry) && filters.every(({ property, value }) => entry[property] === value);
}

import type { SearchParameterPath } from '../../fhir/search-parameters.js';

/** What a granular scope asks of a resource. */
export interface Constraint {
  /**
   * Whether the resource meets every clause. Never throws: what cannot be evaluated (no object, another type, a getter
   * that throws) is not met.
   */
  matches(resource: unknown): boolean;
}

/** Whether one value that lies at an element meets a clause. Gets whatever the resource holds there. */
export type ValueMatcher = (value: unknown) => boolean;

/**
 * How the values of one type of search parameter are read and compared (FHIR R4, 3.1.1.4 Search Parameter Types).
 *
 * `V` is a value of the clause, read once; a clause holds several, as alternatives.
 */
export interface ValueRule<V> {
  /** Reads a value, still with the escapes of FHIR search; undefined for what is malformed. */
  read(text: string): V | undefined;
  /** Whether the value can be compared with what lies at the path: a system can not with a boolean. */
  fits(value: V, path: SearchParameterPath): boolean;
  /** Compares with any of the values; called only with values that fit the path. */
  matcher(values: readonly V[], path: SearchParameterPath): ValueMatcher;
}

/** Members of one array that are looked at: more than JSON of a few megabytes has, and an end for one that lies about its length. */
const MAX_MEMBERS = 200_000;

/** How many members of an array to look at. */
export function boundedLength({ length }: readonly unknown[]): number {
  return Math.min(length, MAX_MEMBERS);
}

/** Whether one member does, where a server may have written one value or an array of them. */
export function someMember(held: unknown, matches: ValueMatcher): boolean {
  if (!Array.isArray(held)) return held !== undefined && matches(held);
  const length = boundedLength(held);
  for (let at = 0; at < length; at += 1) {
    if (matches(held[at])) return true;
  }
  return false;
}

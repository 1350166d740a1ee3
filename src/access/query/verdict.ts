/**
 * What the grants of a caller open, as far as a query has to know. More grants never answer false where fewer answered
 * true: all that the gate promises about more and fewer grants rests on that.
 */
export interface GrantView {
  /** Some grant covers searching this type. */
  covers(type: string): boolean;
  /** A grant opens every resource of this type: of a system or an admin, without a constraint. */
  opensAll(type: string): boolean;
  /** A grant opens every resource of every type. */
  opensEverything(): boolean;
}

/** A parameter of the query, name and value, both decoded. */
export type Parameter = readonly [name: string, value: string];

/** Why a parameter was refused or removed. */
export interface QueryFinding {
  /** The parameter's name, or the resource type where the type that is searched is at fault. Never a value. */
  readonly name: string;
  /** `query-type`: it looks at a type that is not opened. `query-parameter`: what it looks at is not known. */
  readonly code: 'query-parameter' | 'query-type';
  /** The type that is not opened; absent where it is more than a few. */
  readonly resourceType?: string;
}

/** The judgement about a query, before anything is searched. */
export interface QueryVerdict {
  /** Nothing is refused: the search may run, with `parameters` in place of what was asked. */
  readonly allowed: boolean;
  /** What is left of the query. Empty where it is not allowed. */
  readonly parameters: readonly Parameter[];
  /** What the query may not ask. */
  readonly refused: readonly QueryFinding[];
  /** What was taken out or narrowed: the search runs without it. */
  readonly removed: readonly QueryFinding[];
}

/** The judgement about one parameter. */
export interface Outcome {
  readonly kept: readonly Parameter[];
  readonly refused: readonly QueryFinding[];
  readonly removed: readonly QueryFinding[];
}

export function keep(...kept: readonly Parameter[]): Outcome {
  return { kept, refused: [], removed: [] };
}

export function refuse(...refused: readonly QueryFinding[]): Outcome {
  return { kept: [], refused, removed: [] };
}

export function remove(...removed: readonly QueryFinding[]): Outcome {
  return { kept: [], refused: [], removed };
}

import type { ParsedScope, PermissionLetter, ResourceScope, ScopeClause } from '../../scope/scope.js';
import { parseScope } from '../../scope/parse.js';

/** How granted scopes differ from requested ones, in what they permit rather than in how they are written. */
export interface ScopeComparison {
  /** Requested scopes that were not, or not wholly, granted. */
  readonly narrowed: readonly string[];
  /** Granted scopes that permit something nobody asked for. */
  readonly widened: readonly string[];
}

/** SMART App Launch 2.2, Scopes: what the words of v1 mean in letters. */
const LETTERS = { read: ['r', 's'], write: ['c', 'u', 'd'], '*': ['c', 'r', 'u', 'd', 's'] } as const;

/**
 * Compares two scope lists by meaning: `system/Patient.read` and `system/Patient.rs` are the same, several granted
 * scopes may cover one requested scope together, and `system/Patient.*` for `system/Patient.rs` is more than was asked.
 */
export function compareScopes(requested: string, granted: string): ScopeComparison {
  const asked = parse(requested);
  const given = parse(granted);
  return {
    narrowed: asked.filter((scope) => !isCovered(scope, given)).map((scope) => scope.text),
    widened: given.filter((scope) => !isCovered(scope, asked)).map((scope) => scope.text),
  };
}

function parse(scopes: string): ParsedScope[] {
  return [...new Set(scopes.split(' '))].filter((text) => text !== '').map((text) => parseScope(text));
}

function isCovered(scope: ParsedScope, by: readonly ParsedScope[]): boolean {
  // What has no permissions to compare is compared as text.
  if (scope.kind !== 'resource') return by.some((other) => other.text === scope.text);
  const covering = by.filter((other): other is ResourceScope => other.kind === 'resource' && reaches(other, scope));
  return lettersOf(scope).every((letter) => covering.some((other) => lettersOf(other).includes(letter)));
}

/** Whether a scope reaches all resources that another reaches, whatever it may do with them. */
function reaches(wide: ResourceScope, narrow: ResourceScope): boolean {
  return (
    wide.level === narrow.level &&
    (wide.type === '*' || wide.type === narrow.type) &&
    wide.clauses.every((clause) => narrow.clauses.some((other) => implies(other, clause)))
  );
}

/** Whether whatever matches the first clause matches the second. */
function implies(narrow: ScopeClause, wide: ScopeClause): boolean {
  return narrow.parameter === wide.parameter && narrow.values.every((value) => wide.values.includes(value));
}

function lettersOf({ permission }: ResourceScope): readonly PermissionLetter[] {
  return permission.syntax === 'v1' ? LETTERS[permission.word] : [...permission.letters];
}

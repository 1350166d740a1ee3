/** The level of a SMART scope: whose access it lends. SMART App Launch 2.2, Scopes for requesting FHIR Resources. */
export type ScopeLevel = 'patient' | 'user' | 'system';

/** One letter of a v2 permission: create, read, update, delete, search. */
export type PermissionLetter = 'c' | 'r' | 'u' | 'd' | 's';

/**
 * What a scope permits, in the syntax it was written in.
 *
 * The two are kept apart on purpose: a v1 word means whatever the ScopeRule table says it means, a v2 letter has one
 * fixed meaning that the table can only narrow.
 */
export type Permission =
  | { readonly syntax: 'v1'; readonly word: 'read' | 'write' | '*' }
  | { readonly syntax: 'v2'; readonly letters: ReadonlySet<PermissionLetter> };

/** One `parameter=value,value` clause of a granular scope: the comma is OR, several clauses are AND. */
export interface ScopeClause {
  readonly parameter: string;
  /** Alternatives, percent-decoded, still with the escapes of FHIR search (`\,`, `\|`, `\$`, `\\`). */
  readonly values: readonly string[];
}

/** A clinical scope: `patient/Observation.rs?category=laboratory`. */
export interface ResourceScope {
  readonly kind: 'resource';
  /** The scope as it arrived. */
  readonly text: string;
  readonly level: ScopeLevel;
  /** A FHIR resource type, or `*` for all types, now and future. */
  readonly type: string;
  readonly permission: Permission;
  /** The granular part; empty for a scope without one. */
  readonly clauses: readonly ScopeClause[];
}

/** Why a text that looks like a clinical scope is none. Closed: each code is explained in docs/scopes.md. */
export type ScopeProblem =
  'empty' | 'level' | 'type' | 'permission' | 'permission-order' | 'query-syntax' | 'query-modifier' | 'query-chain';

/**
 * What one scope token turned out to be. `launch` and `other` are legal and grant no resource; `invalid` grants nothing
 * and says why.
 */
export type ParsedScope =
  | ResourceScope
  | { readonly kind: 'launch'; readonly text: string; readonly context: string | undefined }
  | { readonly kind: 'other'; readonly text: string }
  | { readonly kind: 'invalid'; readonly text: string; readonly problem: ScopeProblem };

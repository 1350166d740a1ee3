import { URI_PREFIX, parseScope } from './parse.js';
import { printScope } from './print.js';
import type { ParsedScope, Permission, PermissionLetter, ResourceScope, ScopeClause } from './scope.js';

/**
 * What of the requested scopes an allowance covers: never more than was asked for, never more than is allowed.
 *
 * - `system/*.rs` under `system/Patient.cruds system/Observation.r` is `system/Patient.rs system/Observation.r`.
 * - A request without a query under a granular allowance becomes granular; two queries are both kept, as AND.
 * - A v1 request is answered in v1 where v1 can say the result, and in v2 where it cannot.
 * - Scopes that are no resource scopes (`openid`, `launch/patient`) are covered by themselves alone; scopes that no
 *   grammar knows are covered by nothing.
 *
 * Both lists are separated by spaces. The result keeps the order of the request and repeats nothing.
 */
export function intersectScopes(requested: string, allowed: string): string[] {
  return [...eachOfIntersection(requested, allowed)];
}

/**
 * The same, one at a time, for callers who stop at a bound: a short request can meet every scope of a long allowance, so
 * the result may be as long as both multiplied.
 */
export function* eachOfIntersection(requested: string, allowed: string): Generator<string, void, undefined> {
  const allowance = tokens(allowed).map((text) => parseScope(text));
  const resources = allowance.filter((scope) => scope.kind === 'resource').map((scope) => withClauses(scope));
  const others = new Set(
    allowance
      .filter((scope) => scope.kind === 'launch' || scope.kind === 'other')
      .map((scope) => withoutPrefix(scope.text)),
  );
  const granted = new Set<string>();
  for (const text of new Set(tokens(requested))) {
    for (const part of covered(parseScope(text), resources, others)) {
      if (granted.has(part)) continue;
      granted.add(part);
      yield part;
    }
  }
}

function covered(scope: ParsedScope, resources: readonly Scope[], others: ReadonlySet<string>): readonly string[] {
  switch (scope.kind) {
    case 'resource':
      return narrow(withClauses(scope), resources);
    case 'launch':
    case 'other':
      return others.has(withoutPrefix(scope.text)) ? [scope.text] : [];
    case 'invalid':
      return [];
  }
}

/** SMART App Launch 2.2, Scopes: how the words of v1 read as letters of v2. */
const LETTERS_OF_WORD: Readonly<Record<'read' | 'write' | '*', readonly PermissionLetter[]>> = {
  read: ['r', 's'],
  write: ['c', 'u', 'd'],
  '*': ['c', 'r', 'u', 'd', 's'],
};

/** Clauses by what they say, so that saying the same is one look-up: every requested scope meets every allowed one. */
type Clauses = ReadonlyMap<string, ScopeClause>;

interface Scope {
  readonly scope: ResourceScope;
  readonly letters: ReadonlySet<PermissionLetter>;
  readonly clauses: Clauses;
}

interface Part {
  readonly type: string;
  readonly letters: ReadonlySet<PermissionLetter>;
  readonly clauses: Clauses;
}

function withClauses(scope: ResourceScope): Scope {
  const clauses = new Map<string, ScopeClause>();
  for (const clause of scope.clauses) {
    const key = clauseKey(clause);
    if (!clauses.has(key)) clauses.set(key, clause);
  }
  return { scope, letters: lettersOf(scope.permission), clauses };
}

function narrow(requested: Scope, allowed: readonly Scope[]): string[] {
  const parts = mergeParts(allowed.map((scope) => meet(requested, scope)).filter((part) => part !== undefined));
  // Only a part with fewer conditions, or as many, can cover another: the widest are asked first, the narrower never.
  const widestFirst = [...parts].sort((first, second) => first.clauses.size - second.clauses.size);
  return parts.filter((part) => !isCovered(part, widestFirst)).map((part) => print(requested, part));
}

/** What two scopes have in common, or undefined for nothing. */
function meet(requested: Scope, allowed: Scope): Part | undefined {
  const { level, type } = requested.scope;
  const { level: allowedLevel, type: allowedType } = allowed.scope;
  if (level !== allowedLevel) return undefined;
  if (type !== '*' && allowedType !== '*' && type !== allowedType) return undefined;
  const letters = new Set([...requested.letters].filter((letter) => allowed.letters.has(letter)));
  if (letters.size === 0) return undefined;
  return {
    type: type === '*' ? allowedType : type,
    letters,
    // Of two clauses that say the same the request's own words stay.
    clauses: new Map([...requested.clauses, ...[...allowed.clauses].filter(([key]) => !requested.clauses.has(key))]),
  };
}

/** `Patient.r` and `Patient.s`, both allowed of one requested scope, are `Patient.rs`: a letter is one interaction. */
function mergeParts(parts: readonly Part[]): readonly Part[] {
  const merged = new Map<string, Part>();
  for (const part of parts) {
    const key = `${part.type}?${[...part.clauses.keys()].sort().join('&')}`;
    const known = merged.get(key);
    merged.set(key, known === undefined ? part : { ...known, letters: new Set([...known.letters, ...part.letters]) });
  }
  return [...merged.values()];
}

function isCovered(part: Part, widestFirst: readonly Part[]): boolean {
  for (const other of widestFirst) {
    if (other.clauses.size > part.clauses.size) return false;
    if (other !== part && covers(other, part)) return true;
  }
  return false;
}

/** Whether one part says everything that another says, so that the other need not be said. */
function covers(wider: Part, part: Part): boolean {
  if (wider.type !== '*' && wider.type !== part.type) return false;
  return isSubset(wider.clauses, part.clauses) && holdsLetters(wider, part);
}

/** Without copies: this runs for every two parts. */
function isSubset(some: Clauses, all: Clauses): boolean {
  for (const key of some.keys()) if (!all.has(key)) return false;
  return true;
}

function holdsLetters({ letters }: Part, part: Part): boolean {
  for (const letter of part.letters) if (!letters.has(letter)) return false;
  return true;
}

function clauseKey(clause: ScopeClause): string {
  return JSON.stringify([clause.parameter, [...clause.values].sort()]);
}

function print(requested: Scope, part: Part): string {
  const { scope } = requested;
  const { type, letters, clauses } = part;
  const same =
    type === scope.type && letters.size === requested.letters.size && clauses.size === requested.clauses.size;
  if (same) return scope.text;
  const permission = permissionOf(part, scope.permission);
  const text = printScope({ level: scope.level, type, permission, clauses: [...clauses.values()] });
  return scope.text.startsWith(URI_PREFIX) ? URI_PREFIX + text : text;
}

/** In the syntax of the request, where v1 has a word for it and no query is needed. */
function permissionOf(part: Part, requested: Permission): Permission {
  if (requested.syntax === 'v1' && part.clauses.size === 0) {
    for (const word of ['read', 'write', '*'] as const) {
      const letters = LETTERS_OF_WORD[word];
      if (letters.length === part.letters.size && letters.every((letter) => part.letters.has(letter))) {
        return { syntax: 'v1', word };
      }
    }
  }
  return { syntax: 'v2', letters: part.letters };
}

function lettersOf(permission: Permission): ReadonlySet<PermissionLetter> {
  return permission.syntax === 'v2' ? permission.letters : new Set(LETTERS_OF_WORD[permission.word]);
}

function tokens(list: string): string[] {
  return list.split(' ').filter((token) => token !== '');
}

function withoutPrefix(text: string): string {
  return text.startsWith(URI_PREFIX) ? text.slice(URI_PREFIX.length) : text;
}

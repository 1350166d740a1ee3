import { parseScope } from './parse.js';
import { printScope } from './print.js';
import type { Permission, PermissionLetter, ResourceScope, ScopeClause } from './scope.js';

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
  const allowance = tokens(allowed).map((text) => parseScope(text));
  const resources = allowance.filter((scope) => scope.kind === 'resource');
  const others = new Set(
    allowance
      .filter((scope) => scope.kind === 'launch' || scope.kind === 'other')
      .map((scope) => withoutPrefix(scope.text)),
  );
  const granted = new Set<string>();
  for (const text of tokens(requested)) {
    const scope = parseScope(text);
    switch (scope.kind) {
      case 'resource':
        for (const part of narrow(scope, resources)) granted.add(part);
        break;
      case 'launch':
      case 'other':
        if (others.has(withoutPrefix(text))) granted.add(text);
        break;
      case 'invalid':
        break;
    }
  }
  return [...granted];
}

/** SMART App Launch 2.2, Scopes: how the words of v1 read as letters of v2. */
const LETTERS_OF_WORD: Readonly<Record<'read' | 'write' | '*', readonly PermissionLetter[]>> = {
  read: ['r', 's'],
  write: ['c', 'u', 'd'],
  '*': ['c', 'r', 'u', 'd', 's'],
};

const URI_PREFIX = 'http://smarthealthit.org/fhir/scopes/';

interface Part {
  readonly type: string;
  readonly letters: ReadonlySet<PermissionLetter>;
  readonly clauses: readonly ScopeClause[];
}

function narrow(requested: ResourceScope, allowed: readonly ResourceScope[]): string[] {
  const parts = mergeParts(allowed.map((scope) => meet(requested, scope)).filter((part) => part !== undefined));
  return parts
    .filter((part, index) => !parts.some((other, at) => at !== index && covers(other, part)))
    .map((part) => print(requested, part));
}

/** What two scopes have in common, or undefined for nothing. */
function meet(requested: ResourceScope, allowed: ResourceScope): Part | undefined {
  if (requested.level !== allowed.level) return undefined;
  if (requested.type !== '*' && allowed.type !== '*' && requested.type !== allowed.type) return undefined;
  const allowedLetters = lettersOf(allowed.permission);
  const letters = new Set([...lettersOf(requested.permission)].filter((letter) => allowedLetters.has(letter)));
  if (letters.size === 0) return undefined;
  return {
    type: requested.type === '*' ? allowed.type : requested.type,
    letters,
    clauses: mergeClauses(requested.clauses, allowed.clauses),
  };
}

/** `Patient.r` and `Patient.s`, both allowed of one requested scope, are `Patient.rs`: a letter is one interaction. */
function mergeParts(parts: readonly Part[]): readonly Part[] {
  const merged = new Map<string, Part>();
  for (const part of parts) {
    const key = `${part.type}?${part.clauses.map(clauseKey).sort().join('&')}`;
    const known = merged.get(key);
    merged.set(key, known === undefined ? part : { ...known, letters: new Set([...known.letters, ...part.letters]) });
  }
  return [...merged.values()];
}

/** Whether one part says everything that another says, so that the other need not be said. */
function covers(wider: Part, part: Part): boolean {
  if (wider.type !== '*' && wider.type !== part.type) return false;
  if (![...part.letters].every((letter) => wider.letters.has(letter))) return false;
  const clauses = new Set(part.clauses.map(clauseKey));
  return wider.clauses.every((clause) => clauses.has(clauseKey(clause)));
}

function mergeClauses(first: readonly ScopeClause[], second: readonly ScopeClause[]): readonly ScopeClause[] {
  const known = new Set(first.map(clauseKey));
  return [...first, ...second.filter((clause) => !known.has(clauseKey(clause)))];
}

function clauseKey(clause: ScopeClause): string {
  return JSON.stringify([clause.parameter, [...clause.values].sort()]);
}

function print(requested: ResourceScope, part: Part): string {
  const { level } = requested;
  const { type, clauses } = part;
  const same =
    type === requested.type &&
    part.letters.size === lettersOf(requested.permission).size &&
    clauses.length === requested.clauses.length;
  if (same) return requested.text;
  const permission = permissionOf(part, requested.permission);
  const text = printScope({ level, type, permission, clauses });
  return requested.text.startsWith(URI_PREFIX) ? URI_PREFIX + text : text;
}

/** In the syntax of the request, where v1 has a word for it and no query is needed. */
function permissionOf(part: Part, requested: Permission): Permission {
  if (requested.syntax === 'v1' && part.clauses.length === 0) {
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

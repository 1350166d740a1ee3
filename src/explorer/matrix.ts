import { compileConstraint } from '../access/constraint/compile.js';
import type { Settings } from '../config-file/settings.js';
import type { UserIdentity } from '../identity/identity.js';
import { parseScope } from '../scope/parse.js';
import type { Interaction } from '../scope/rule.js';
import { interactionsOf, letterOf } from '../scope/rule.js';
import type { PermissionLetter, ResourceScope, ScopeLevel } from '../scope/scope.js';

export const LEVELS: readonly ScopeLevel[] = ['patient', 'user', 'system'];
export const LETTERS: readonly PermissionLetter[] = ['c', 'r', 'u', 'd', 's'];

/**
 * - `open`: a scope permits it for every resource that its identity reaches.
 * - `granular`: only for resources that meet the granular part of a scope.
 * - `nobody`: a scope permits it, and there is no identity to lend it.
 */
export type CellState = 'open' | 'granular' | 'nobody';

/** One letter at one level for one type. */
export interface Cell {
  readonly state: CellState;
  readonly scopes: readonly string[];
  readonly interactions: readonly Interaction[];
}

/** One resource type, or `*` for all that no scope names. */
export interface Row {
  readonly type: string;
  /** By level and letter: `patient.r`. What is closed is absent. */
  readonly cells: Readonly<Record<string, Cell>>;
}

/** What a list of scopes opens. */
export interface Matrix {
  readonly rows: readonly Row[];
  /** The scopes that open nothing, and why. */
  readonly idle: readonly { readonly scope: string; readonly why: string }[];
  /** How many types, and how many scopes that open nothing, are not listed: more would be no picture. */
  readonly more: { readonly rows: number; readonly idle: number };
}

/** FHIR knows about 150 types. */
const MAX_ROWS = 200;
const MAX_IDLE = 100;

/** Works out what scopes open, by types and letters, after the ScopeRule had its say. */
export function matrixOf({ smart, access, fhirVersion = '4.0.1' }: Settings, identity: UserIdentity): Matrix {
  const scopes: ResourceScope[] = [];
  const idle: { scope: string; why: string }[] = [];
  for (const text of new Set(identity.scopes.filter(Boolean))) {
    const scope = parseScope(text, { decodeSlash: access?.decodeScopeSlash ?? false });
    if (scope.kind === 'resource') scopes.push(scope);
    else if (scope.kind === 'invalid') idle.push({ scope: text, why: `it is no valid scope (${scope.problem})` });
    else idle.push({ scope: text, why: 'it is about the launch or the user, not about resources' });
  }
  const rule = smart.scopeRule;
  for (const { text, level, permission } of scopes) {
    if (interactionsOf(rule, level, permission).size === 0) {
      idle.push({ scope: text, why: `scopeRule.${level} lists nothing that it permits` });
    }
  }
  const named = [...new Set(scopes.map(({ type }) => type).filter((type) => type !== '*'))].sort();
  const types = [...named.slice(0, MAX_ROWS), ...(scopes.some(({ type }) => type === '*') ? ['*'] : [])];
  const byLevel = LEVELS.map((level) => [level, scopes.filter((scope) => scope.level === level)] as const);
  const rows = types.map((type) => {
    const cells: Record<string, Cell> = {};
    for (const [level, all] of byLevel) {
      const about = all.filter((scope) => scope.type === '*' || scope.type === type);
      for (const letter of LETTERS) {
        const cell = cellOf(type, letter, about, { smart, fhirVersion }, identity);
        if (cell) cells[`${level}.${letter}`] = cell;
      }
    }
    return { type, cells };
  });
  const more = { rows: Math.max(named.length - MAX_ROWS, 0), idle: Math.max(idle.length - MAX_IDLE, 0) };
  return { rows, idle: idle.slice(0, MAX_IDLE), more };
}

function cellOf(
  type: string,
  letter: PermissionLetter,
  scopes: readonly ResourceScope[],
  { smart, fhirVersion = '4.0.1' }: Pick<Settings, 'smart' | 'fhirVersion'>,
  { fhirUserObject, patientLaunchContext }: UserIdentity,
): Cell | undefined {
  const granting = scopes
    // A granular part that cannot be evaluated for the type opens nothing of it.
    .filter(({ clauses }) => type === '*' || !('unsupported' in compileConstraint(fhirVersion, type, clauses)))
    .map((scope) => ({
      scope,
      interactions: [...interactionsOf(smart.scopeRule, scope.level, scope.permission)].filter(
        (interaction) => letterOf(interaction) === letter,
      ),
    }))
    .filter(({ interactions }) => interactions.length > 0);
  const [first] = granting;
  if (!first) return undefined;
  const { level } = first.scope;
  const isAnybody = level === 'system' || (level === 'user' ? fhirUserObject : patientLaunchContext) !== undefined;
  const isGranular = granting.every(({ scope }) => scope.clauses.length > 0);
  return {
    state: !isAnybody ? 'nobody' : isGranular ? 'granular' : 'open',
    scopes: granting.map(({ scope }) => scope.text),
    interactions: [...new Set(granting.flatMap(({ interactions }) => interactions))],
  };
}

import { compileConstraint } from '../../access/constraint/compile.js';
import { resourceTypes } from '../../fhir/resource-types.js';
import { parseScope } from '../../scope/parse.js';
import type { AccessRule, Interaction } from '../../scope/rule.js';
import { FULL_RULE, interactionsOf, isEnvelope, isSystemInteraction, letterOf } from '../../scope/rule.js';
import type { ResourceScope, ScopeLevel } from '../../scope/scope.js';
import type { Settings } from '../settings.js';
import type { Advice, Advisor } from './advice.js';

const LEVELS: readonly ScopeLevel[] = ['patient', 'user', 'system'];

/** What the words mean here, which scopes come to nothing, and which rules nobody can use. */
export const adviseOnScopes: Advisor = ({ settings, scopes }) => [
  ...onRule(settings),
  ...(scopes === undefined ? [] : [...onTexts(settings, scopes), ...onReach(settings, scopes)]),
];

function rulesOf({ smart }: Settings): readonly (readonly [ScopeLevel, Partial<AccessRule>])[] {
  const { scopeRule }: { readonly scopeRule: Partial<Settings['smart']['scopeRule']> } = smart;
  return LEVELS.map((level) => [level, scopeRule[level] ?? {}] as const);
}

function onRule(settings: Settings): readonly Advice[] {
  const rules = rulesOf(settings);
  if (rules.every(([, { read = [], write = [] }]) => read.length + write.length === 0)) {
    return [
      {
        code: 'scope-rule-empty',
        level: 'danger',
        key: 'smart.scopeRule',
        reason: 'no level lists an interaction, so that no scope grants anything',
        remedy: 'list what scopes may do: {"user": {"read": ["read", "search-type"], "write": []}}',
      },
    ];
  }
  const advice: Advice[] = [];
  for (const [level, { read = [], write = [] }] of rules) {
    const writes = read.filter((interaction) => FULL_RULE.write.includes(interaction));
    const reads = write.filter((interaction) => FULL_RULE.read.includes(interaction));
    if (writes.length > 0) {
      advice.push({
        code: 'rule-read-writes',
        level: 'danger',
        key: `smart.scopeRule.${level}.read`,
        reason: `a scope ${level}/….read then allows to ${writes.join(', ')}, which nobody who consents to reading expects`,
        remedy: `move ${writes.join(', ')} to write`,
      });
    }
    if (reads.length > 0) {
      advice.push({
        code: 'rule-write-reads',
        level: 'warning',
        key: `smart.scopeRule.${level}.write`,
        reason: `a scope ${level}/….write then allows to ${reads.join(', ')}`,
        remedy: `move ${reads.join(', ')} to read`,
      });
    }
    if (level !== 'system' && write.includes('delete')) {
      advice.push({
        code: 'rule-deletes',
        level: 'note',
        key: `smart.scopeRule.${level}.write`,
        reason: `a scope ${level}/….write allows to delete`,
        remedy: 'leave delete out unless an app needs it',
      });
    }
  }
  return [...advice, ...onLevels(settings)];
}

/** Settings that wait for a level of scopes that grants nothing. */
function onLevels(settings: Settings): readonly Advice[] {
  const { access = {} } = settings;
  const empty = new Set(
    rulesOf(settings)
      .filter(([, { read = [], write = [] }]) => read.length + write.length === 0)
      .map(([level]) => level),
  );
  const waiting = [
    ['access.adminRules', 'user', (access.adminRules ?? []).length > 0],
    ['access.isUserScopeAllowedForSystemExport', 'user', access.isUserScopeAllowedForSystemExport === true],
    ['access.encounterContext', 'patient', access.encounterContext === 'narrow'],
    ['access.patientExport', 'system', access.patientExport === true],
  ] as const;
  return waiting
    .filter(([, level, isSet]) => isSet && empty.has(level))
    .map(([key, level]) => ({
      code: 'rule-unreachable',
      level: 'warning',
      key,
      reason: `it is about ${level}/ scopes, and smart.scopeRule.${level} lets none of them grant anything`,
      remedy: `list interactions in smart.scopeRule.${level}, or take the key away`,
    }));
}

/** Scopes that come to nothing, or to less than they say. */
function onTexts({ smart, fhirVersion = '4.0.1', access }: Settings, scopes: readonly string[]): readonly Advice[] {
  const advice: Advice[] = [];
  for (const text of new Set(scopes)) {
    const scope = parseScope(text, { decodeSlash: access?.decodeScopeSlash ?? false });
    if (scope.kind === 'invalid') {
      advice.push(
        ignored(text, `it is no valid scope (${scope.problem}), so that it grants nothing`, 'correct its spelling'),
      );
    }
    if (scope.kind !== 'resource') continue;
    const granted = interactionsOf(smart.scopeRule, scope.level, scope.permission);
    const meant = interactionsOf({ [scope.level]: FULL_RULE }, scope.level, scope.permission);
    const missing = [...meant].filter((interaction) => !granted.has(interaction) && !isEnvelope(interaction));
    if (granted.size === 0) {
      const key = `smart.scopeRule.${scope.level}`;
      advice.push(
        ignored(text, `${key} lists nothing that it permits, so that it grants nothing`, `list it in ${key}`),
      );
    } else if (missing.length > 0 && scope.permission.syntax === 'v2' && lettersLost(scope, granted).length > 0) {
      advice.push({
        code: 'scope-partial',
        level: 'note',
        key: text,
        reason: `its letters ${lettersLost(scope, granted).join('')} grant nothing: smart.scopeRule.${scope.level} lists none of ${missing.join(', ')}`,
        remedy: 'have the authorization server give out only what this server grants, or extend the rule',
      });
    }
    if (scope.type !== '*' && !resourceTypes(fhirVersion).has(scope.type)) {
      advice.push(ignored(text, `${scope.type} is no resource type of FHIR ${fhirVersion}`, 'correct its spelling'));
      continue;
    }
    const compiled = compileConstraint(fhirVersion, scope.type === '*' ? 'Observation' : scope.type, scope.clauses);
    if ('unsupported' in compiled && scope.type !== '*') {
      const reason = `its parameter ${compiled.unsupported} cannot be evaluated, so that it grants nothing`;
      advice.push(ignored(text, reason, 'see docs/scopes.md for the parameters that can'));
    }
  }
  return advice;
}

function lettersLost(scope: ResourceScope, granted: ReadonlySet<Interaction>): readonly string[] {
  if (scope.permission.syntax === 'v1') return [];
  const left = new Set([...granted].map(letterOf));
  return [...scope.permission.letters].filter((letter) => !left.has(letter));
}

function ignored(scope: string, reason: string, remedy: string): Advice {
  return { code: 'scope-ignored', level: 'warning', key: scope.slice(0, 200), reason, remedy };
}

/** What the rule allows, and no scope asks for. */
function onReach({ smart, access }: Settings, scopes: readonly string[]): readonly Advice[] {
  const parsed = scopes
    .map((text) => parseScope(text, { decodeSlash: access?.decodeScopeSlash ?? false }))
    .filter((scope) => scope.kind === 'resource');
  return rulesOf({ smart }).flatMap(([level, { read = [], write = [] }]) => {
    const own = parsed.filter((scope) => scope.level === level);
    if (read.length + write.length === 0) return [];
    const key = `smart.scopeRule.${level}`;
    if (own.length === 0) return [unreached(key, `no scope is of the level ${level}/`)];
    const reached = new Set(
      own.flatMap((scope) =>
        [...interactionsOf(smart.scopeRule, level, scope.permission)].filter(
          (interaction) => scope.type === '*' || !isSystemInteraction(interaction) || isEnvelope(interaction),
        ),
      ),
    );
    const lost = [...read, ...write].filter((interaction) => !reached.has(interaction));
    return lost.length === 0 ? [] : [unreached(key, `no ${level}/ scope permits to ${[...new Set(lost)].join(', ')}`)];
  });
}

function unreached(key: string, reason: string): Advice {
  return {
    code: 'rule-unreachable',
    level: 'note',
    key,
    reason: `${reason}, so that this part of the rule is of no use`,
    remedy: 'take it out of the rule, or check the list of scopes',
  };
}

import type { SystemOperation, TypeOperation } from 'fhir-works-on-aws-interface';
import type { Permission, PermissionLetter, ScopeLevel } from './scope.js';

/** A FHIR interaction, in the names of the FHIR RESTful API. `batch` and `transaction` stand for the envelope only. */
export type Interaction = TypeOperation | SystemOperation;

/** What the words of a v1 scope allow at one level: `.read` the first list, `.write` the second, `.*` both. */
export interface AccessRule {
  read: Interaction[];
  write: Interaction[];
}

/** What the words of v1 scopes allow, level by level. A level that is missing grants nothing. */
export interface ScopeRule {
  patient: AccessRule;
  user: AccessRule;
  system: AccessRule;
}

/**
 * The letters of SMART App Launch 2.x by interaction. The history of one instance reads it; the history of a type or of
 * the system searches. A batch or transaction has no letter of its own: its entries are judged one by one.
 */
const LETTER: Readonly<Record<Exclude<Interaction, 'batch' | 'transaction'>, PermissionLetter>> = {
  create: 'c',
  read: 'r',
  vread: 'r',
  'history-instance': 'r',
  update: 'u',
  patch: 'u',
  delete: 'd',
  'search-type': 's',
  'search-system': 's',
  'history-type': 's',
  'history-system': 's',
};

/** The letter that covers an interaction, or undefined for the envelope of a batch or transaction. */
export function letterOf(interaction: Interaction): PermissionLetter | undefined {
  return isEnvelope(interaction) ? undefined : LETTER[interaction];
}

/** Whether the interaction is only the envelope around others. */
export function isEnvelope(interaction: Interaction): interaction is 'batch' | 'transaction' {
  return interaction === 'batch' || interaction === 'transaction';
}

/** Whether the interaction is about the whole system, not about one type. */
export function isSystemInteraction(interaction: Interaction): boolean {
  return interaction === 'search-system' || interaction === 'history-system' || isEnvelope(interaction);
}

/** The rule of every level when none is given: read what reading is, write what writing is. */
export const FULL_RULE: AccessRule = {
  read: ['read', 'vread', 'search-type', 'history-type', 'history-instance', 'search-system', 'history-system'],
  write: ['create', 'update', 'patch', 'delete', 'transaction', 'batch'],
};

/**
 * The interactions that a permission allows at a level.
 *
 * A v1 word is the table's: `.read` is whatever the rule lists under read. A v2 letter has a meaning of its own, and
 * the rule bounds it: an interaction counts when its letter is there AND the level's rule lists it, under whichever
 * word. So a server whose rule allows `create` but not `update` for users grants `user/*.cu` no update either.
 *
 * The envelope of a batch or transaction has no letter. It opens nothing by itself, and is counted with the writes: a
 * v2 scope may send one when it has a letter that writes and the rule lists the envelope under write.
 */
export function interactionsOf(
  rule: Partial<ScopeRule>,
  level: ScopeLevel,
  permission: Permission,
): ReadonlySet<Interaction> {
  const { read = [], write = [] }: Partial<AccessRule> = rule[level] ?? {};
  if (permission.syntax === 'v1') {
    if (permission.word === 'read') return new Set(read);
    return new Set(permission.word === 'write' ? write : [...read, ...write]);
  }
  const { letters } = permission;
  const writes = letters.has('c') || letters.has('u') || letters.has('d');
  return new Set(
    [...read, ...write].filter((interaction) => {
      const letter = letterOf(interaction);
      return letter === undefined ? writes && write.includes(interaction) : letters.has(letter);
    }),
  );
}

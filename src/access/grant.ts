import type { ScopeParser } from '../scope/list.js';
import type { Interaction } from '../scope/rule.js';
import { interactionsOf, isEnvelope, isSystemInteraction } from '../scope/rule.js';
import type { ResourceScope } from '../scope/scope.js';
import type { ClaimedIdentity } from '../identity/identity.js';
import type { AccessPolicy } from './policy.js';
import type { DenyReason } from './reason.js';
import type { Subject } from './subject.js';
import { subjectOf } from './subject.js';

/**
 * One scope joined with one identity: the only thing that opens a resource.
 *
 * Invariant: whatever a decision takes (level, identity, type, interaction, constraint), it takes from one grant. Nothing
 * here combines the type of one scope with the identity of another.
 */
export interface Grant {
  readonly scope: ResourceScope;
  /** Whose access the scope lends; undefined for `system/`. */
  readonly subject: Subject | undefined;
  readonly interactions: ReadonlySet<Interaction>;
}

/** A scope whose identity is missing: it grants nothing, and is kept for the reasons. */
export type UnidentifiedScope = Omit<Grant, 'subject'>;

/** The grants that a list of scopes makes, and what became of the other scopes. */
export interface Grants {
  readonly granted: readonly Grant[];
  readonly unidentified: readonly UnidentifiedScope[];
  readonly ungranted: readonly DenyReason[];
}

/**
 * Joins each scope with its identity. A `patient/` scope without a launch patient and a `user/` scope without a fhirUser
 * make no grant; neither does a scope that cannot be read, nor one whose level the ScopeRule leaves empty.
 *
 * @param base Normalised base URL of the server that is asked.
 */
export function grantsOf(
  scopes: readonly string[],
  identity: ClaimedIdentity,
  base: string,
  policy: AccessPolicy,
  parser: ScopeParser,
): Grants {
  const user = identity.user && subjectOf('user', identity.user, base, policy.adminTypes);
  const patient = identity.patient && subjectOf('patient', identity.patient, base, policy.adminTypes);
  const granted: Grant[] = [];
  const unidentified: UnidentifiedScope[] = [];
  const ungranted: DenyReason[] = [];
  for (const text of new Set(scopes)) {
    const scope = parser.parse(text);
    if (scope.kind === 'invalid') {
      if (text !== '') ungranted.push({ code: 'scope-unparsable', scope: text, name: scope.problem });
      continue;
    }
    if (scope.kind !== 'resource') continue;
    const interactions = interactionsOf(policy.scopeRule, scope.level, scope.permission);
    const subject = scope.level === 'user' ? user : patient;
    if (scope.level === 'system') granted.push({ scope, subject: undefined, interactions });
    else if (subject) granted.push({ scope, subject, interactions });
    else unidentified.push({ scope, interactions });
  }
  return { granted, unidentified, ungranted };
}

/** Whether a scope's type covers a resource type. */
export function coversType({ scope }: UnidentifiedScope, resourceType: string): boolean {
  return scope.type === '*' || scope.type === resourceType;
}

/**
 * Whether a scope covers interactions on a type, before any resource is known. A request on the whole
 * system (search, history) needs a scope for all types; the envelope of a batch or transaction touches no type at all;
 * anything else without a type is no FHIR request.
 */
export function coversRequest(
  scope: UnidentifiedScope,
  interactions: readonly Interaction[],
  resourceType: string | undefined,
): boolean {
  if (!interactions.every((each) => scope.interactions.has(each))) return false;
  if (resourceType !== undefined) return coversType(scope, resourceType);
  return interactions.every(isEnvelope) || (scope.scope.type === '*' && interactions.every(isSystemInteraction));
}

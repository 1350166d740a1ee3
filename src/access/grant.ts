import type { ScopeParser } from '../scope/list.js';
import type { Interaction } from '../scope/rule.js';
import { interactionsOf } from '../scope/rule.js';
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

/** The grants that a list of scopes makes, and why the other scopes make none. */
export interface Grants {
  readonly granted: readonly Grant[];
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
  const ungranted: DenyReason[] = [];
  for (const text of new Set(scopes)) {
    const scope = parser.parse(text);
    if (scope.kind === 'invalid') {
      if (text !== '') ungranted.push({ code: 'scope-unparsable', scope: text, name: scope.problem });
      continue;
    }
    if (scope.kind !== 'resource') {
      ungranted.push({ code: 'scope-grants-no-resource', scope: text });
      continue;
    }
    const subject = scope.level === 'user' ? user : patient;
    if (scope.level !== 'system' && subject === undefined) {
      ungranted.push({ code: scope.level === 'user' ? 'user-missing' : 'patient-missing', scope: text });
      continue;
    }
    const interactions = interactionsOf(policy.scopeRule, scope.level, scope.permission);
    granted.push({ scope, subject: scope.level === 'system' ? undefined : subject, interactions });
  }
  return { granted, ungranted };
}

/** Whether the grant's type covers a resource type; an undefined type asks about a request that names none. */
export function coversType(grant: Grant, resourceType: string | undefined): boolean {
  return resourceType === undefined || grant.scope.type === '*' || grant.scope.type === resourceType;
}

import type { Caller } from '../../src/access/caller.js';
import { grantsOf } from '../../src/access/grant.js';
import type { AccessPolicy } from '../../src/access/policy.js';
import type { FhirResource } from '../../src/identity/fhir-url.js';
import { parseFhirUrl } from '../../src/identity/fhir-url.js';
import { policyOptions } from '../../src/options.js';
import { ScopeParser } from '../../src/scope/list.js';
import { BASE, CONFIG } from './world.js';

/** The policy of a handler without options, with some parts changed. */
export function policyWith(changes: Partial<AccessPolicy> = {}): AccessPolicy {
  return {
    version: '4.0.1',
    scopeRule: CONFIG.scopeRule,
    adminTypes: ['Practitioner'],
    bulkDataTypes: ['Practitioner'],
    userScopesExport: false,
    ...policyOptions({}),
    ...changes,
  };
}

/** The policy with another membership. */
export function membershipWith(membership: Partial<AccessPolicy['membership']>): AccessPolicy {
  const policy = policyWith();
  return { ...policy, membership: { ...policy.membership, ...membership } };
}

/** Who is meant by a reference: somebody of this server by a relative one. */
function named(reference: string | undefined): FhirResource | undefined {
  const parsed = reference === undefined ? undefined : parseFhirUrl(reference);
  return parsed && { hostname: parsed.base ?? BASE, resourceType: parsed.resourceType, id: parsed.id };
}

/** Whoever holds scopes as a user, as a patient in context, or as both. */
export interface Who {
  readonly user?: string;
  readonly patient?: string;
  readonly encounter?: Caller['encounter'];
  readonly claims?: Caller['claims'];
}

export function callerWith(scopes: readonly string[], who: Who = {}, policy = policyWith()): Caller {
  const identity = { user: named(who.user), patient: named(who.patient) };
  return {
    grants: grantsOf(scopes, identity, BASE, policy, new ScopeParser()),
    claims: { sub: 'somebody', ...who.claims },
    encounter: who.encounter,
    base: BASE,
  };
}

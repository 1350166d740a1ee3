import { compartmentPlan } from '../fhir/compartments.js';
import type { ReferenceNode } from '../fhir/reference-node.js';
import { referencePlan } from '../fhir/references.js';
import { parseFhirUrl } from '../identity/fhir-url.js';
import { claimAt } from '../identity/claim-path.js';
import type { Grant } from './grant.js';
import type { AccessPolicy, AdminRule, MembershipPolicy } from './policy.js';
import type { AllowCode, DenyCode } from './reason.js';
import type { Subject } from './subject.js';
import { refersTo, subjectOf } from './subject.js';
import { findReference, planOfPath, planWithout } from './walk.js';

/** What made a resource the identity's. */
export interface Evidence {
  readonly code: AllowCode;
  readonly path?: string;
}

/** Whether one grant reaches resources of one type: evidence if it does, a reason code if it does not. */
export interface Reach {
  /** Whether it reaches every resource of the type, whatever it holds. */
  readonly all: boolean;
  /** The id of the resource that is the identity itself; undefined where it is of another type, or elsewhere. */
  readonly self: string | undefined;
  /** A resource at hand. @param id The id by which the server knows it, if it does. */
  seen(resource: Readonly<Record<string, unknown>>, id: string | undefined): Evidence | DenyCode;
  /** A resource of which only the id is known, or nothing. */
  unseen(id: string | undefined): Evidence | DenyCode;
}

const SYSTEM: Evidence = { code: 'system' };
const ADMIN: Evidence = { code: 'admin' };
const SELF: Evidence = { code: 'self' };
const SHARED: Evidence = { code: 'shared-type' };

const always = (evidence: Evidence): Reach => ({
  all: true,
  self: undefined,
  seen: () => evidence,
  unseen: () => evidence,
});

/**
 * Works out once how a grant reaches the resources of a type.
 *
 *   reach(G, resource) :=  G is system
 *                       |  its identity is an admin
 *                       |  the resource is its identity
 *                       |  the resource is a member: it refers to the identity, or is in its compartment
 *                       |  an admin rule opens it
 *                       |  its type belongs to nobody, it names no patient, and it is only read
 *
 * @param claims The claims of the caller, for admin rules and the encounter in context.
 * @param base Normalised base URL of the server that is asked.
 */
export function reachOf(
  grant: Grant,
  type: string,
  writes: boolean,
  policy: AccessPolicy,
  claims: Readonly<Record<string, unknown>>,
  base: string,
): Reach {
  const { subject } = grant;
  if (subject === undefined) return always(SYSTEM);
  const rules = policy.adminRules.filter(
    ({ userTypes }) => subject.level === 'user' && userTypes.includes(subject.resourceType),
  );
  // Who is bounded by a rule is no admin without bounds, whatever the list of types says.
  if (subject.admin && rules.length === 0) return always(ADMIN);

  const { membership, version } = policy;
  const mode = writes ? membership.write : membership.read;
  const plan = memberPlan(policy, type, subject, mode);
  const member = mode === 'compartment' ? 'compartment' : 'referenced';
  const outside: DenyCode = mode === 'compartment' ? 'not-in-compartment' : 'not-referenced';
  const accepts = (reference: string): boolean => refersTo(reference, subject);
  const self = subject.local && type === subject.resourceType ? subject.id : undefined;
  const ruleReaches = rules
    .filter(({ resourceType }) => resourceType === type)
    .map((rule) => ruleReach(rule, claims, base))
    .filter((reach) => reach !== undefined);
  const patientPlan =
    !writes && membership.sharedTypes.has(type) ? (referencePlan(version, type, 'Patient') ?? NOWHERE) : undefined;

  return {
    all: false,
    self,
    seen(resource, id) {
      if (self !== undefined && id === self) return SELF;
      const path = plan && findReference(plan, resource, accepts);
      if (path !== undefined) return { code: member, path };
      for (const reach of ruleReaches) {
        const by = reach(resource);
        if (by !== undefined) return { code: 'admin-rule', path: by };
      }
      // A device that is somebody's is not everybody's, however its patient is named.
      if (patientPlan && findReference(patientPlan, resource, () => true, true) === undefined) return SHARED;
      return outside;
    },
    unseen(id) {
      return self !== undefined && id === self ? SELF : 'stored-unknown';
    },
  };
}

const NOWHERE: ReferenceNode = { references: [], children: [] };

/** The elements by which a resource of a type is the identity's; undefined if there are none. */
export function memberPlan(
  { membership, version }: AccessPolicy,
  type: string,
  subject: Subject,
  mode: MembershipPolicy['read'],
): ReferenceNode | undefined {
  const plan =
    mode === 'reference' ? referencePlan(version, type, subject.resourceType) : compartmentOf(version, type, subject);
  if (plan === undefined) return undefined;
  if (type === 'Patient' && !membership.patientLink) return planWithout(plan, 'link');
  if (type === 'Group' && !membership.groupMember) return planWithout(plan, 'member');
  return plan;
}

function compartmentOf(
  version: AccessPolicy['version'],
  type: string,
  { resourceType }: Subject,
): ReferenceNode | undefined {
  switch (resourceType) {
    case 'Patient':
    case 'Practitioner':
    case 'RelatedPerson':
      return compartmentPlan(version, resourceType, type);
    default:
      // The standard defines no compartment for Person and PractitionerRole: only what they are themselves is theirs.
      return undefined;
  }
}

/** An admin rule with its claim read: the path at which a resource names one of the claim's references. */
function ruleReach(
  rule: AdminRule,
  claims: Readonly<Record<string, unknown>>,
  base: string,
): ((resource: unknown) => string | undefined) | undefined {
  const claim = claimAt(claims, rule.claim);
  const subjects = (Array.isArray(claim) ? claim : [claim]).flatMap((text: unknown) => {
    const parsed = typeof text === 'string' ? parseFhirUrl(text) : undefined;
    if (!parsed) return [];
    const { base: hostname = base, resourceType, id } = parsed;
    return subjectOf('user', { hostname, resourceType, id }, base, []) ?? [];
  });
  if (subjects.length === 0) return undefined;
  const plan = planOfPath(rule.path);
  return (resource) =>
    findReference(plan, resource, (reference) => subjects.some((subject) => refersTo(reference, subject)));
}

import type { ReferenceNode } from '../fhir/references.js';
import { referencePlan } from '../fhir/references.js';
import type { Interaction } from '../scope/rule.js';
import { letterOf } from '../scope/rule.js';
import type { Decision } from './decision.js';
import { allow, deny } from './decision.js';
import type { Grant, Grants } from './grant.js';
import { coversType } from './grant.js';
import type { AccessPolicy } from './policy.js';
import type { AllowCode, DenyReason } from './reason.js';
import type { Subject } from './subject.js';
import { findReference } from './walk.js';

/** One state of a resource that a request touches: as it is stored, or as the request would leave it. */
export type ResourceState = SeenState | UnseenState;

/** A state that can be looked at. */
export interface SeenState {
  readonly value: unknown;
  /**
   * Whether the id in the resource is the server's. A client chooses the id of what it creates, so there it proves
   * nothing; everywhere else it tells which resource this is.
   */
  readonly idProves: boolean;
  readonly state?: 'stored' | 'result';
}

/** A state of which only type and id are known: a deletion in a history, a resource that nobody looked up. */
export interface UnseenState {
  readonly unseenId: string | undefined;
  readonly state?: 'stored' | 'result';
}

/** A grant that covers the interaction on one type, with what it needs to be checked against a resource. */
interface Candidate {
  readonly grant: Grant;
  readonly subject: Subject | undefined;
  readonly plan: ReferenceNode | undefined;
}

interface Evidence {
  readonly code: AllowCode;
  readonly path?: string;
}

const SYSTEM: Evidence = { code: 'system' };
const ADMIN: Evidence = { code: 'admin' };
const SELF: Evidence = { code: 'self' };

/** Enough reasons to find the mistake, not so many that a token of a thousand scopes fills the log. */
const MAX_REASONS = 50;

/**
 * Judges resources for one interaction. Every answer of the library about a resource comes from here.
 *
 *   covered     :=  one grant G with  type(G) ∋ type(resource)  and  interactions(G) ⊇ the request's
 *                   and for every known state of the resource:  reach(G, state)
 *   reach       :=  G is system  |  its identity is an admin  |  the resource is its identity
 *                |  the resource refers to its identity at an element that the definitions list
 *
 * Grants by type are worked out once, so that a Bundle costs the walks of its entries and no more.
 */
export class Judge {
  readonly #grants: Grants;
  readonly #interactions: readonly Interaction[];
  readonly #policy: AccessPolicy;
  readonly #candidates = new Map<string, readonly Candidate[]>();

  /** @param interactions The interactions that one grant must cover together: one, or the letter and a search. */
  constructor(grants: Grants, interactions: readonly Interaction[], policy: AccessPolicy) {
    this.#grants = grants;
    this.#interactions = interactions;
    this.#policy = policy;
  }

  /** The grants that could cover the interaction on a type: the question before any resource is known. */
  grantsFor(resourceType: string | undefined): readonly Grant[] {
    return this.#grants.granted.filter((grant) => this.#covers(grant, resourceType));
  }

  /** Whether a resource is covered: the short form for the entries of a Bundle. */
  allows(resource: unknown): boolean {
    const type = typeOf(resource);
    if (type === undefined) return false;
    return this.#find(type, [{ value: resource, idProves: true }], undefined) !== undefined;
  }

  /** Whether a resource of which only type and id are known is covered. */
  allowsUnseen(resourceType: string, id: string): boolean {
    return this.#find(resourceType, [{ unseenId: id }], undefined) !== undefined;
  }

  /** The decision about all known states of one resource of a type. */
  decide(resourceType: string, states: readonly ResourceState[]): Decision {
    for (const each of states) {
      if ('unseenId' in each) continue;
      const { value, state } = each;
      const type = typeOf(value);
      const about = { resourceType, ...(state && { state }) };
      if (value === undefined || value === null) return deny({ code: 'resource-missing', ...about });
      if (type === undefined) return deny({ code: 'resource-malformed', ...about });
      if (type !== resourceType) return deny({ code: 'type-mismatch', ...about });
    }
    const reasons: DenyReason[] = [];
    const found = this.#find(resourceType, states, reasons);
    if (found) return allow(found.evidence.code, found.grant, found.evidence.path);
    return this.#denied(resourceType, reasons);
  }

  /** The decision before a resource is known: is there a grant at all? */
  decideType(resourceType: string | undefined): Decision {
    const [grant] = this.grantsFor(resourceType);
    return grant ? allow('scope-covers', grant) : this.#denied(resourceType, []);
  }

  #find(
    type: string,
    states: readonly ResourceState[],
    reasons: DenyReason[] | undefined,
  ): { grant: Grant; evidence: Evidence } | undefined {
    for (const candidate of this.#candidatesFor(type)) {
      const evidence = this.#reaches(candidate, type, states, reasons);
      if (evidence) return { grant: candidate.grant, evidence };
    }
    return undefined;
  }

  #reaches(
    { grant, subject, plan }: Candidate,
    type: string,
    states: readonly ResourceState[],
    reasons: DenyReason[] | undefined,
  ): Evidence | undefined {
    if (subject === undefined) return SYSTEM;
    if (subject.admin) return ADMIN;
    let evidence: Evidence | undefined;
    for (const each of states) {
      evidence = belongs(type, each, subject, plan);
      if (evidence === undefined) {
        const code = 'unseenId' in each ? 'stored-unknown' : 'not-referenced';
        reasons?.push({ code, scope: grant.scope.text, resourceType: type, ...(each.state && { state: each.state }) });
        return undefined;
      }
    }
    return evidence;
  }

  #candidatesFor(type: string): readonly Candidate[] {
    const known = this.#candidates.get(type);
    if (known) return known;
    const candidates: Candidate[] = [];
    const seen = new Set<Subject | undefined>();
    for (const grant of this.grantsFor(type)) {
      const { subject } = grant;
      // A second grant of the same identity opens nothing that the first does not.
      if (seen.has(subject)) continue;
      seen.add(subject);
      const plan = subject && referencePlan(this.#policy.version, type, subject.resourceType);
      candidates.push({ grant, subject, plan });
    }
    this.#candidates.set(type, candidates);
    return candidates;
  }

  #covers(grant: Grant, resourceType: string | undefined): boolean {
    return coversType(grant, resourceType) && this.#interactions.every((each) => grant.interactions.has(each));
  }

  /** What each scope lacked. Only a denial pays for this. */
  #denied(resourceType: string | undefined, tried: readonly DenyReason[]): Decision {
    const about = resourceType === undefined ? {} : { resourceType };
    const reasons = [...tried];
    for (const grant of this.#grants.granted) {
      if (this.#covers(grant, resourceType)) continue;
      const code = coversType(grant, resourceType) ? this.#lack(grant) : 'scope-other-type';
      reasons.push({ code, scope: grant.scope.text, ...about });
    }
    reasons.push(...this.#grants.ungranted);
    const [first, ...rest] = reasons.slice(0, MAX_REASONS);
    return deny(first ?? { code: 'scope-grants-no-resource', ...about }, ...rest);
  }

  /** Whether the scope itself lacks the interaction, or the ScopeRule took it. */
  #lack({ scope: { permission } }: Grant): DenyReason['code'] {
    if (permission.syntax === 'v1') return permission.word === '*' ? 'scope-rule-excludes' : 'scope-lacks-interaction';
    const letters = this.#interactions.map(letterOf).filter((letter) => letter !== undefined);
    return letters.every((letter) => permission.letters.has(letter))
      ? 'scope-rule-excludes'
      : 'scope-lacks-interaction';
  }
}

function belongs(
  type: string,
  state: ResourceState,
  subject: Subject,
  plan: ReferenceNode | undefined,
): Evidence | undefined {
  if ('unseenId' in state) return isSelf(type, state.unseenId, subject) ? SELF : undefined;
  const { value, idProves } = state;
  if (idProves && isSelf(type, (value as { readonly id?: unknown }).id, subject)) return SELF;
  const path = plan && findReference(plan, value, subject);
  return path === undefined ? undefined : { code: 'referenced', path };
}

function isSelf(type: string, id: unknown, subject: Subject): boolean {
  return subject.local && id === subject.id && type === subject.resourceType;
}

/** The type of a resource, or undefined for what is none. */
export function typeOf(resource: unknown): string | undefined {
  if (typeof resource !== 'object' || resource === null || Array.isArray(resource)) return undefined;
  const { resourceType } = resource as { readonly resourceType?: unknown };
  return typeof resourceType === 'string' && resourceType !== '' ? resourceType : undefined;
}

import { isAsking } from '../fhir/interactions.js';
import { resourceTypes } from '../fhir/resource-types.js';
import type { Interaction } from '../scope/rule.js';
import { FULL_RULE, letterOf } from '../scope/rule.js';
import type { Permission } from '../scope/scope.js';
import type { Caller } from './caller.js';
import { compileConstraint } from './constraint/compile.js';
import type { Constraint } from './constraint/constraint.js';
import { containedTypes, namesOtherPatient } from './contained.js';
import type { Decision } from './decision.js';
import { allow, deny } from './decision.js';
import type { EncounterCheck } from './encounter.js';
import { encounterCheck } from './encounter.js';
import type { Grant, Grants, UnidentifiedScope } from './grant.js';
import { coversRequest, coversType } from './grant.js';
import type { AccessPolicy } from './policy.js';
import type { GrantView } from './query/gate.js';
import type { Evidence, Reach } from './reach.js';
import { reachOf } from './reach.js';
import type { DenyCode, DenyReason } from './reason.js';

/** One state of a resource that a request touches: as it is stored, or as the request would leave it. */
export type ResourceState = SeenState | UnseenState;

/** A state that can be looked at. */
export interface SeenState {
  readonly value: unknown;
  /**
   * The id by which the server knows the resource. Undefined where a client chose it, on create: there an id in the body
   * proves nothing.
   */
  readonly id: string | undefined;
  readonly state?: 'stored' | 'result';
}

/** A state of which at most the id is known: a deletion in a history, a resource that nobody looked up. */
export interface UnseenState {
  readonly unseenId: string | undefined;
  readonly state?: 'stored' | 'result';
}

/** A grant that covers the first interaction on one type, with all that has to hold for a resource. */
interface Candidate {
  readonly grant: Grant;
  readonly reach: Reach;
  /**
   * The granular parts that bind: of the grant itself, and, for an interaction that it does not cover, of the grants of
   * the same identity that do (one alternative of each has to match). Empty for a plain grant.
   */
  readonly constraints: readonly (readonly Constraint[])[];
  readonly encounter: EncounterCheck | undefined;
  /** Whether it opens every resource of the type: nothing in a resource need be looked at. */
  readonly opensAll: boolean;
}

/** All types, those that no definition knows included: covered and opened by grants for all types alone. */
export const ANY_TYPE = '*';

/** Enough reasons to find the mistake, not so many that a token of a thousand scopes fills the log. */
const MAX_REASONS = 50;

/**
 * Judges resources for the interactions of one request. Every answer of the library about a resource comes from here.
 *
 *   covered  :=  one grant G with  type(G) ∋ type(resource)  and  interaction ∈ interactions(G)
 *                and for every known state of the resource:
 *                    reach(G, state)  and  constraint(G, state)  and  what the policy adds to narrow
 *
 * A conditional create, update or delete is two interactions, its letter and a search. G covers the first; each other
 * may be covered by another grant of the same identity for the same type, whose constraint then binds as well.
 *
 * Grants by type are worked out once, so that a Bundle costs the walks of its entries and no more.
 */
export class Judge {
  readonly #caller: Caller;
  readonly #interactions: readonly [Interaction, ...Interaction[]];
  readonly #policy: AccessPolicy;
  readonly #candidates = new Map<string, readonly Candidate[]>();
  readonly #covering = new Map<string | undefined, readonly Grant[]>();
  #forAnyType: readonly Grant[] | undefined;

  /**
   * The judge for a caller, with what earlier requests by the same grants have worked out. Grants of the same scopes
   * and identities are the same object (known-grants.ts). What depends on anything else of the token is judged anew.
   */
  static for(caller: Caller, interactions: readonly [Interaction, ...Interaction[]], policy: AccessPolicy): Judge {
    if (policy.adminRules.length > 0 || caller.encounter !== undefined) return new Judge(caller, interactions, policy);
    const key = interactions.length === 1 ? interactions[0] : interactions.join();
    let judges = remembered.get(caller.grants);
    if (judges === undefined) remembered.set(caller.grants, (judges = new Map<string, Judge>()));
    const known = judges.get(key);
    if (known !== undefined && known.#policy === policy && known.#caller.base === caller.base) return known;
    // The claims are one token's; the judge may outlive it.
    const judge = new Judge({ ...caller, claims: {} }, interactions, policy);
    judges.set(key, judge);
    return judge;
  }

  constructor(caller: Caller, interactions: readonly [Interaction, ...Interaction[]], policy: AccessPolicy) {
    this.#caller = caller;
    this.#interactions = interactions;
    this.#policy = policy;
  }

  /** The grants that could cover the request on a type: the question before any resource is known. */
  grantsFor(resourceType: string | undefined): readonly Grant[] {
    const known = this.#covering.get(resourceType);
    if (known) return known;
    const covering = this.#caller.grants.granted.filter((grant) => this.#covers(grant, resourceType));
    if (resourceType === undefined || this.#isKnown(resourceType)) this.#covering.set(resourceType, covering);
    return covering;
  }

  /** All grants for the first interaction, whatever their type: what a search over all types may find. */
  grantsForAnyType(): readonly Grant[] {
    const [first] = this.#interactions;
    this.#forAnyType ??= this.#caller.grants.granted.filter(({ interactions }) => interactions.has(first));
    return this.#forAnyType;
  }

  /** Whether every resource of a type is covered: by a system or an admin, without a constraint or a narrowing. */
  opensAll(resourceType: string): boolean {
    return this.#candidatesFor(resourceType).some((candidate) => candidate.opensAll);
  }

  /** What a query may touch, for the query gate. */
  view(): GrantView {
    return {
      covers: (type) => this.grantsFor(type).length > 0,
      opensAll: (type) => this.opensAll(type),
      opensEverything: () => this.opensAll(ANY_TYPE),
    };
  }

  /** Whether a grant for the request opens less than its identity's resources: no count can then be trusted. */
  isPartial(): boolean {
    const { narrow, membership } = this.#policy;
    if (narrow || membership.contained === 'refuse' || this.#caller.encounter !== undefined) return true;
    return this.grantsForAnyType().some(({ scope }) => scope.clauses.length > 0);
  }

  /** Whether a resource is covered: the short form for the entries of a Bundle. */
  allows(resource: unknown): boolean {
    const type = typeOf(resource);
    if (type === undefined) return false;
    const held = resource as Readonly<Record<string, unknown>>;
    let last: Reach | undefined;
    let reached = false;
    for (const candidate of this.#candidatesFor(type)) {
      if (candidate.opensAll) return true;
      const { reach } = candidate;
      // Grants of one identity share their reach, so a resource is walked once for all of them.
      if (reach !== last) {
        // The id matters in resources of the identity's own type alone.
        const id = reach.self === undefined ? undefined : idOf(resource);
        reached = typeof reach.seen(held, id) !== 'string';
        last = reach;
      }
      const id = candidate.encounter ? idOf(resource) : undefined;
      if (reached && this.#flawIn(candidate, type, held, id) === undefined) return true;
    }
    return false;
  }

  /** Whether a resource of which only type and id are known is covered. */
  allowsUnseen(resourceType: string, id: string): boolean {
    return this.#find(resourceType, [{ unseenId: id }], undefined) !== undefined;
  }

  /** The decision about all known states of one resource of a type. Without a state it is about the type alone. */
  decide(resourceType: string, states: readonly ResourceState[]): Decision {
    if (states.length === 0) return this.decideType(resourceType);
    // Whether there is such a resource, and of what type, is nothing for whom no grant is for the type.
    if (this.#candidatesFor(resourceType).length === 0) return this.#denied(resourceType, []);
    for (const state of states) {
      const flaw = flawOf(resourceType, state);
      if (flaw) return deny(flaw);
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

  /** The decision about results of any type: is there a grant for the request at all? */
  decideAny(): Decision {
    const [grant] = this.grantsForAnyType();
    return grant ? allow('scope-covers', grant) : this.#denied(undefined, []);
  }

  #find(
    type: string,
    states: readonly ResourceState[],
    reasons: DenyReason[] | undefined,
  ): { grant: Grant; evidence: Evidence } | undefined {
    for (const candidate of this.#candidatesFor(type)) {
      const evidence = this.#judge(candidate, type, states, reasons);
      if (evidence) return { grant: candidate.grant, evidence };
    }
    return undefined;
  }

  #judge(
    candidate: Candidate,
    type: string,
    states: readonly ResourceState[],
    reasons: DenyReason[] | undefined,
  ): Evidence | undefined {
    let evidence: Evidence | undefined;
    for (const each of states) {
      const outcome = this.#judgeState(candidate, type, each);
      if (typeof outcome === 'string') {
        const scope = candidate.grant.scope.text;
        reasons?.push({ code: outcome, scope, resourceType: type, ...(each.state && { state: each.state }) });
        return undefined;
      }
      evidence = outcome;
    }
    return evidence;
  }

  #judgeState(candidate: Candidate, type: string, state: ResourceState): Evidence | DenyCode {
    if (!('unseenId' in state)) {
      return this.#judgeSeen(candidate, type, state.value as Readonly<Record<string, unknown>>, state.id);
    }
    const { reach, constraints, encounter } = candidate;
    // What cannot be seen cannot be shown to meet a constraint.
    return constraints.length > 0 || encounter || this.#policy.narrow ? 'stored-unknown' : reach.unseen(state.unseenId);
  }

  #judgeSeen(
    candidate: Candidate,
    type: string,
    resource: Readonly<Record<string, unknown>>,
    id: string | undefined,
  ): Evidence | DenyCode {
    const outcome = candidate.reach.seen(resource, id);
    return typeof outcome === 'string' ? outcome : (this.#flawIn(candidate, type, resource, id) ?? outcome);
  }

  /** What keeps a grant that reaches a resource from covering it. */
  #flawIn(
    { grant, constraints, encounter }: Candidate,
    type: string,
    resource: Readonly<Record<string, unknown>>,
    id: string | undefined,
  ): DenyCode | undefined {
    for (const alternatives of constraints) {
      if (!matchesAny(alternatives, resource)) return 'constraint-not-met';
    }
    if (encounter && !encounter(resource, id)) return 'encounter-not-in-context';
    if (this.#policy.membership.contained === 'refuse' && !this.#coversContained(grant, resource)) {
      return 'contained-not-covered';
    }
    return this.#passesHostRule(grant, type, resource) ? undefined : 'host-rule';
  }

  #coversContained(grant: Grant, resource: Readonly<Record<string, unknown>>): boolean {
    const types = containedTypes(resource);
    if (types === undefined) return false;
    if (!types.every((type) => coversType(grant, type))) return false;
    return grant.subject === undefined || grant.subject.admin || !namesOtherPatient(types);
  }

  /** The host may only narrow: true lets pass, anything else and any failure refuses. */
  #passesHostRule({ scope, subject }: Grant, resourceType: string, resource: unknown): boolean {
    const { narrow } = this.#policy;
    if (!narrow) return true;
    const [interaction] = this.#interactions;
    try {
      const answer: unknown = narrow({
        interaction,
        resourceType,
        resource,
        scope: scope.text,
        identity: subject?.relative,
      });
      return answer === true;
    } catch {
      return false;
    }
  }

  #candidatesFor(type: string): readonly Candidate[] {
    const known = this.#candidates.get(type);
    if (known) return known;
    const candidates = this.#compile(type);
    if (this.#isKnown(type)) this.#candidates.set(type, candidates);
    return candidates;
  }

  /** Types come from requests and resources: what is worked out for them is kept for known ones alone. */
  #isKnown(type: string): boolean {
    return type === ANY_TYPE || resourceTypes(this.#policy.version).has(type);
  }

  #compile(type: string): readonly Candidate[] {
    const [first, ...others] = this.#interactions;
    const { granted } = this.#caller.grants;
    const writes = !isAsking(first);
    const candidates: Candidate[] = [];
    const plain = new Set<Grant['subject']>();
    const reaches = new Map<Grant['subject'], Reach>();
    for (const grant of granted) {
      if (!coversType(grant, type) || !grant.interactions.has(first)) continue;
      const own = constraintOf(this.#policy, type, grant);
      if (own === undefined) continue;
      const companions = others.map((interaction) => companionsOf(granted, grant, type, interaction, this.#policy));
      if (companions.some((alternatives) => alternatives === undefined)) continue;
      const constraints = [own, ...companions].filter(
        (alternatives) => alternatives !== undefined && alternatives.length > 0,
      );
      // A second plain grant of the same identity opens nothing that the first does not.
      if (constraints.length === 0 && plain.has(grant.subject)) continue;
      if (constraints.length === 0) plain.add(grant.subject);
      let reach = reaches.get(grant.subject);
      if (reach === undefined) {
        reach = reachOf(grant, type, writes, this.#policy, this.#caller.claims, this.#caller.base);
        reaches.set(grant.subject, reach);
      }
      const encounter = encounterCheck(grant, type, this.#caller, this.#policy.version);
      candidates.push({
        grant,
        reach,
        constraints: constraints as readonly (readonly Constraint[])[],
        encounter,
        opensAll: reach.all && constraints.length === 0 && encounter === undefined && !this.#mayNarrow(type),
      });
    }
    // Plain grants first: the cheapest way to an answer, and the plainest reason.
    return candidates.sort((a, b) => a.constraints.length - b.constraints.length);
  }

  /** Whether the policy may refuse a resource of a type that a grant covers. */
  #mayNarrow(type: string): boolean {
    const { narrow, membership } = this.#policy;
    return narrow !== undefined || (membership.contained === 'refuse' && !CONTAINS_NOTHING.has(type));
  }

  #covers(grant: Grant, resourceType: string | undefined): boolean {
    const [first, ...others] = this.#interactions;
    if (!coversRequest(grant, [first], resourceType)) return false;
    if (resourceType === undefined) return others.every((each) => coversRequest(grant, [each], undefined));
    if (constraintOf(this.#policy, resourceType, grant) === undefined) return false;
    const { granted } = this.#caller.grants;
    return others.every((each) => companionsOf(granted, grant, resourceType, each, this.#policy) !== undefined);
  }

  /** What each scope lacked. Only a denial pays for this. */
  #denied(resourceType: string | undefined, tried: readonly DenyReason[]): Decision {
    const { granted, unidentified, ungranted } = this.#caller.grants;
    const about = resourceType === undefined ? {} : { resourceType };
    const reasons = [...tried];
    for (const grant of granted) {
      if (this.#covers(grant, resourceType)) continue;
      reasons.push({ ...this.#lack(grant, resourceType), scope: grant.scope.text, ...about });
    }
    for (const scope of unidentified) {
      const lack = coversRequest(scope, this.#interactions, resourceType) ? undefined : this.#lack(scope, resourceType);
      const missing = scope.scope.level === 'user' ? 'user-missing' : 'patient-missing';
      reasons.push({ ...(lack ?? { code: missing }), scope: scope.scope.text, ...about });
    }
    reasons.push(...ungranted);
    const [first, ...rest] = reasons.slice(0, MAX_REASONS);
    return deny(first ?? { code: 'scope-missing', ...about }, ...rest);
  }

  #lack(scope: UnidentifiedScope, resourceType: string | undefined): DenyReason {
    const { permission, clauses, type } = scope.scope;
    if (resourceType !== undefined && !coversType(scope, resourceType)) return { code: 'scope-other-type' };
    const missing = this.#interactions.filter((interaction) => !scope.interactions.has(interaction));
    if (missing.length === 0) {
      if (resourceType === undefined) return { code: 'scope-other-type', name: type };
      const compiled = compileConstraint(this.#policy.version, resourceType, clauses);
      if ('unsupported' in compiled) return { code: 'scope-constraint-unsupported', name: compiled.unsupported };
    }
    const permitted = missing.every((each) => permits(permission, each));
    return { code: permitted ? 'scope-rule-excludes' : 'scope-lacks-interaction' };
  }
}

/** Resources that are no DomainResource (FHIR R4, 2.26) have no `contained`. */
const CONTAINS_NOTHING: ReadonlySet<string> = new Set(['Binary', 'Bundle', 'Parameters']);

const remembered = new WeakMap<Grants, Map<string, Judge>>();

/** Whether a permission means an interaction by itself, before this server's ScopeRule. */
function permits(permission: Permission, interaction: Interaction): boolean {
  if (permission.syntax === 'v2') return permission.letters.has(letterOf(interaction) ?? 'c');
  return permission.word === '*' || FULL_RULE[permission.word].includes(interaction);
}

/** The grant's own granular part as one alternative; nothing for a plain grant, undefined if it cannot be evaluated. */
function constraintOf({ version }: AccessPolicy, type: string, { scope }: Grant): readonly Constraint[] | undefined {
  if (scope.clauses.length === 0) return [];
  const compiled = compileConstraint(version, type, scope.clauses);
  return 'unsupported' in compiled ? undefined : [compiled];
}

/**
 * What has to match so that another interaction is covered by a grant of the same identity and type: nothing if a plain
 * one is there, else one of the granular ones. Undefined if there is none.
 */
function companionsOf(
  granted: readonly Grant[],
  { subject }: Grant,
  type: string,
  interaction: Interaction,
  policy: AccessPolicy,
): readonly Constraint[] | undefined {
  const alternatives: Constraint[] = [];
  for (const other of granted) {
    if (other.subject !== subject || !coversType(other, type) || !other.interactions.has(interaction)) continue;
    const constraint = constraintOf(policy, type, other);
    if (constraint === undefined) continue;
    if (constraint.length === 0) return [];
    alternatives.push(...constraint);
  }
  return alternatives.length === 0 ? undefined : alternatives;
}

function matchesAny(alternatives: readonly Constraint[], resource: unknown): boolean {
  for (const constraint of alternatives) if (constraint.matches(resource)) return true;
  return false;
}

function flawOf(resourceType: string, state: ResourceState): DenyReason | undefined {
  if ('unseenId' in state) return undefined;
  const type = typeOf(state.value);
  if (type === resourceType) return undefined;
  const isMissing = state.value === undefined || state.value === null;
  const code = isMissing ? 'resource-missing' : type === undefined ? 'resource-malformed' : 'type-mismatch';
  return { code, resourceType, ...(state.state && { state: state.state }) };
}

/** A resource as the server holds it: its id is the server's. */
export function seen(value: unknown, state?: 'stored' | 'result'): SeenState {
  return state === undefined ? { value, id: idOf(value) } : { value, id: idOf(value), state };
}

/** The id that a resource bears. */
export function idOf(resource: unknown): string | undefined {
  if (typeof resource !== 'object' || resource === null) return undefined;
  const { id } = resource as { readonly id?: unknown };
  return typeof id === 'string' ? id : undefined;
}

/** The type of a resource, or undefined for what is none. */
export function typeOf(resource: unknown): string | undefined {
  if (typeof resource !== 'object' || resource === null || Array.isArray(resource)) return undefined;
  const { resourceType } = resource as { readonly resourceType?: unknown };
  return typeof resourceType === 'string' && resourceType !== '' ? resourceType : undefined;
}

import type { FhirVersion } from '../fhir/version.js';
import type { ScopeRule } from '../scope/rule.js';
import type { Interaction } from '../scope/rule.js';

/**
 * What makes a resource the identity's.
 *
 * - `reference`: it refers to the identity at any element that the official definitions let point there.
 * - `compartment`: it is in the identity's compartment by the official CompartmentDefinition.
 */
export type Membership = 'reference' | 'compartment';

/** When a resource belongs to an identity that is neither an admin nor a system. */
export interface MembershipPolicy {
  /** For reading and searching. */
  readonly read: Membership;
  /** For writing; often stricter than for reading. */
  readonly write: Membership;
  /** Whether `Patient.link` makes a Patient resource the linked patient's. */
  readonly patientLink: boolean;
  /** Whether `Group.member` makes a Group its members'. */
  readonly groupMember: boolean;
  /**
   * `keep` shows a covered resource with all that it contains; `refuse` covers it only if each contained resource is of
   * a type that the same grant covers and names nobody else as its Patient.
   */
  readonly contained: 'keep' | 'refuse';
  /**
   * Types that belong to nobody (Practitioner, Organization, Location, Medication, Device, …) and that a grant of any
   * identity opens for reading, as long as the resource names no Patient.
   */
  readonly sharedTypes: ReadonlySet<string>;
}

/**
 * A bounded admin: users of some types see the resources of one type whose reference at `path` is among the references
 * in a claim. `{ userTypes: ['Practitioner'], resourceType: 'Patient', path: 'managingOrganization', claim: 'organizations' }`
 * lets a practitioner see the patients of the organizations that the token names.
 */
export interface AdminRule {
  readonly userTypes: readonly string[];
  readonly resourceType: string;
  /** Element path from the resource root to a Reference: `managingOrganization`, `participant.individual`. */
  readonly path: string;
  /** Path of a claim that holds a reference or a list of references, relative or absolute. */
  readonly claim: string;
}

/** An operation (`$everything`) in terms of interactions. Whatever it returns is judged entry by entry as well. */
export interface OperationRule {
  /** The interactions that the caller's grants must cover on the type it is called on. */
  readonly requires: readonly Interaction[];
  /** Whether the instance that it is called on must be covered, when there is one. Default true. */
  readonly judgesInstance?: boolean;
}

/** What a host's own rule gets to see. It may say no to what was allowed; it is never asked about what was refused. */
export interface NarrowingContext {
  readonly interaction: Interaction;
  readonly resourceType: string;
  /** The resource that would be shown, or the state that a write starts from or leaves. */
  readonly resource: unknown;
  /** The scope of the grant that covers it. */
  readonly scope: string;
  /** `Patient/p1`, or undefined for a system. */
  readonly identity: string | undefined;
}

/** What decides over grants, beside the grants themselves. All of it is fixed when the handler is built. */
export interface AccessPolicy {
  readonly version: FhirVersion;
  readonly scopeRule: Partial<ScopeRule>;
  /** fhirUser types that see everything their scopes name. */
  readonly adminTypes: readonly string[];
  readonly adminRules: readonly AdminRule[];
  readonly membership: MembershipPolicy;
  /** `narrow`: with an encounter in the launch context, patient/ grants open only what refers to that encounter, or to none. */
  readonly encounterContext: 'ignore' | 'narrow';
  readonly operations: ReadonlyMap<string, OperationRule>;
  /** A rule of the host's that may only narrow. It must return true to let pass; anything else, or a throw, refuses. */
  readonly narrow: ((context: NarrowingContext) => boolean) | undefined;
  /** fhirUser types that may export with `user/` scopes. */
  readonly bulkDataTypes: readonly string[];
  /** Whether `user/` scopes may export at all. */
  readonly userScopesExport: boolean;
  /** Whether Patient/$export may be started with system grants through verifyAccessToken. */
  readonly patientExport: boolean;
  /** Whether an update, patch or delete without a known stored resource is refused. */
  readonly refuseWritesWithoutStored: boolean;
}

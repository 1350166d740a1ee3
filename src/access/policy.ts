import type { FhirVersion } from '../fhir/version.js';
import type { ScopeRule } from '../scope/rule.js';

/** What makes a resource the identity's: that it refers to the identity, or that it is in its compartment. */
export type Membership = 'reference' | 'compartment';

/** What decides over grants, beside the grants themselves. All of it is fixed when the handler is built. */
export interface AccessPolicy {
  readonly version: FhirVersion;
  readonly scopeRule: Partial<ScopeRule>;
  /** fhirUser types that see everything their scopes name. */
  readonly adminTypes: readonly string[];
  /** fhirUser types that may export with `user/` scopes. */
  readonly bulkDataTypes: readonly string[];
  /** Whether `user/` scopes may export at all. */
  readonly userScopesExport: boolean;
  /** Whether an update, patch or delete without a known stored resource is refused. */
  readonly refuseWritesWithoutStored: boolean;
}

/**
 * Why access is granted or refused: a closed list, so that a code that is added breaks every switch that forgot it.
 * docs/decisions.md explains each with an example. Reasons are for logs and for people who may see them; clients get a
 * generic text. They carry scopes, types, paths and codes, never a value out of a resource and never a token.
 */
export type AllowCode =
  /** No resource was looked at yet: a grant covers the interaction on the type. */
  | 'scope-covers'
  /** A `system/` grant covers it. */
  | 'system'
  /** The caller is of an admin type of this server. */
  | 'admin'
  /** The resource is the identity itself. */
  | 'self'
  /** The resource refers to the identity. */
  | 'referenced'
  /** The resource is in the identity's compartment. */
  | 'compartment'
  /** The type is one that belongs to no compartment and that the policy opens. */
  | 'shared-type'
  /** The job belongs to the caller. */
  | 'job-owner';

export type DenyCode =
  | 'identity-malformed'
  | 'interaction-unknown'
  | 'operation-unknown'
  | 'scope-unparsable'
  | 'scope-grants-no-resource'
  | 'scope-other-type'
  | 'scope-lacks-interaction'
  | 'scope-rule-excludes'
  | 'scope-constraint-unsupported'
  | 'scope-not-for-export'
  | 'user-missing'
  | 'patient-missing'
  | 'constraint-not-met'
  | 'not-referenced'
  | 'not-in-compartment'
  | 'contained-not-covered'
  | 'encounter-not-in-context'
  | 'resource-missing'
  | 'resource-malformed'
  | 'type-mismatch'
  | 'id-mismatch'
  | 'stored-unknown'
  | 'stored-not-found'
  | 'patch-unusable'
  | 'bulk-user-not-allowed'
  | 'bulk-import-unsupported'
  | 'job-owner-mismatch'
  | 'query-parameter'
  | 'query-type'
  | 'host-rule'
  | 'internal-error';

/** One reason of a denial: what was tried and what it lacked. */
export interface DenyReason {
  readonly code: DenyCode;
  /** The scope that was tried, as the token carries it. */
  readonly scope?: string;
  /** The resource type that the reason is about. */
  readonly resourceType?: string;
  /** Which state of the resource failed: as stored, or as the request would leave it. */
  readonly state?: 'stored' | 'result';
  /** A name out of the request or the configuration: a query parameter, an operation, a constraint. Never a value. */
  readonly name?: string;
}

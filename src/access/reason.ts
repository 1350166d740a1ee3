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
  /** An admin rule opens the resource to the caller. */
  | 'admin-rule'
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

/** Why a grant did not do, or a request could not be judged: a closed list. docs/decisions.md explains each. */
export type DenyCode =
  /** The access token did not verify; `name` is the code of the TokenError. */
  | 'token-invalid'
  /** The request names an issuer or tenant that is not known here, or the identity is of another one. */
  | 'tenant-mismatch'
  /** The identity is not what verifyAccessToken returned, or lacks a claim that is needed (`name`). */
  | 'identity-malformed'
  /** No scope at all. */
  | 'scope-missing'
  /** The text is no scope; `name` is the problem. */
  | 'scope-unparsable'
  /** The scope is about another resource type. */
  | 'scope-other-type'
  /** The scope does not permit the interaction. */
  | 'scope-lacks-interaction'
  /** The scope permits the interaction, but this server's ScopeRule does not. */
  | 'scope-rule-excludes'
  /** The scope is granular with a parameter (`name`) that cannot be evaluated: it grants nothing. */
  | 'scope-constraint-unsupported'
  /** The scope cannot carry this bulk data request. */
  | 'scope-not-for-export'
  /** A `user/` scope, but the token names no fhirUser. */
  | 'user-missing'
  /** A `patient/` scope, but there is no patient in context. */
  | 'patient-missing'
  /** A claim that should name an identity (`name`) does not. */
  | 'identity-claim-malformed'
  /** The resource does not meet the granular part of the scope. */
  | 'constraint-not-met'
  /** The resource does not refer to the identity. */
  | 'not-referenced'
  /** The resource is not in the identity's compartment. */
  | 'not-in-compartment'
  /** The resource contains another that the grant does not cover. */
  | 'contained-not-covered'
  /** The resource refers to another encounter than the one in context. */
  | 'encounter-not-in-context'
  /** There is no resource to judge. */
  | 'resource-missing'
  /** What should be a resource is none. */
  | 'resource-malformed'
  /** The body is of another type than the URL, or the stored resource is. */
  | 'type-mismatch'
  /** The body bears another id than the URL. */
  | 'id-mismatch'
  /** The stored resource is not known, and the grant needs it. */
  | 'stored-unknown'
  /** The patch cannot be applied. */
  | 'patch-unusable'
  /** The operation (`name`) is not known here. */
  | 'operation-unknown'
  /** The fhirUser is of no type that may export. */
  | 'bulk-user-not-allowed'
  /** Bulk import and other bulk operations are not supported. */
  | 'bulk-operation-unsupported'
  /** The job belongs to somebody else, or nobody can be told apart. */
  | 'job-owner-mismatch'
  /** A query parameter (`name`) would reveal what no grant covers. */
  | 'query-parameter'
  /** A query parameter (`name`) reaches a type that no grant covers. */
  | 'query-type'
  /** The host's own rule refused. */
  | 'host-rule'
  /** Something failed inside; that is a denial, too. */
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

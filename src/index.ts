export { SMARTHandler } from './handler.js';
export type {
  AccessRequest,
  AuthenticateRequest,
  ExportAuthorization,
  ExportRequest,
  FilterBundleRequest,
  GatedSearch,
  KnownRequest,
  KnownSearch,
  SearchAuthorization,
  WholeTypeRequest,
} from './requests.js';
export type { SearchNarrowing } from './access/search-narrowing.js';
export type { IntrospectionOptions, SMARTConfig } from './config.js';
export type { MembershipOptions, ResourceLookup, SMARTHandlerOptions, Tenant, TenantRequest } from './options.js';
export type { DecisionEvent } from './decision-event.js';
export type { AllowDecision, Decision, DenyDecision, GrantReference } from './access/decision.js';
export type { AdminRule, Membership, NarrowingContext, OperationRule } from './access/policy.js';
export type { FilteredBundle } from './access/read-filter.js';
export type { AllowCode, DenyCode, DenyReason } from './access/reason.js';
export { explainDecision } from './access/explain.js';
export { qualifiedOwner } from './access/job.js';
export type { AccessRule, Interaction, ScopeRule } from './scope/rule.js';
export { FULL_RULE } from './scope/rule.js';
export type { ParseScopeOptions } from './scope/parse.js';
export { parseScope } from './scope/parse.js';
export { printScope } from './scope/print.js';
export type {
  ParsedScope,
  Permission,
  PermissionLetter,
  ResourceScope,
  ScopeClause,
  ScopeLevel,
  ScopeProblem,
} from './scope/scope.js';
export type { FhirResource } from './identity/fhir-url.js';
export type { UserIdentity } from './identity/identity.js';
export type { FhirVersion } from './fhir/version.js';
export { FHIR_VERSIONS } from './fhir/version.js';
export { DeniedError } from './denied-error.js';
export { ConfigError, UnauthorizedError } from './errors.js';
export type { AnswerStore } from './token/answer-store.js';
export type { IntrospectionVerifierOptions } from './token/options.js';
export type { TokenEvent, TokenEventListener } from './token/event.js';
export type { IntrospectionSettings, JwksOptions, ProofCacheOptions, TokenSettings } from './token/settings.js';
export type { TokenErrorCode } from './token/error.js';
export { TokenError } from './token/error.js';
export type { KeyFault } from './token/jwk.js';
export type { ReadFailure } from './token/read-json.js';

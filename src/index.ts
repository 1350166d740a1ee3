export { SMARTHandler } from './handler.js';
export type { IsAuthorizedRequest, SMARTHandlerOptions } from './handler.js';
export type { SMARTConfig, IntrospectionOptions } from './config.js';
export type { AccessRule, Interaction, ScopeRule } from './scope/rule.js';
export type { UserIdentity } from './identity/identity.js';
export type { FhirResource } from './identity/fhir-url.js';
export type { FhirVersion } from './fhir/version.js';
export { ConfigError, UnauthorizedError } from './errors.js';

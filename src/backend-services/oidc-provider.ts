export { createSmartAuthorizationServer } from './authorization-server/create-server.js';
export type { SmartAuthorizationServer } from './authorization-server/create-server.js';
export type { RequestHandler } from './authorization-server/router.js';
export type { Endpoints } from './authorization-server/endpoints.js';
export type { SmartConfiguration } from './authorization-server/metadata.js';
export type { AuthorizationServerEvent, EventListener } from './authorization-server/events.js';
export type { BareError } from './bare-error.js';
export type { ClientRefusalReason } from './authorization-server/client-auth/refusal.js';
export type {
  IntrospectionCaller,
  IntrospectionOptions,
  KeySetFetchOptions,
  RegistrationOptions,
  ScopeRequest,
  SmartAuthorizationServerOptions,
} from './authorization-server/options.js';
export type {
  EhrLaunch,
  LaunchContext,
  LaunchInteraction,
  LaunchOptions,
  LaunchResult,
} from './authorization-server/launch/options.js';
export { ClientMetadataError } from './authorization-server/clients/check-client.js';
export type {
  ClientAuthMethod,
  ClientGrantType,
  ClientMetadata,
  RegisteredClient,
} from './authorization-server/clients/client.js';
export { ClientRegistryError } from './authorization-server/clients/registry.js';
export type { ClientRegistry, ListableClientRegistry } from './authorization-server/clients/registry.js';
export { createMemoryClientRegistry } from './authorization-server/clients/memory-registry.js';
export { createJsonFileClientRegistry } from './authorization-server/clients/json-file-registry.js';
export type { JsonFileRegistryOptions } from './authorization-server/clients/json-file-registry.js';
export { createStoredClientRegistry } from './authorization-server/clients/stored-registry.js';
export type { StoredClientRegistryOptions } from './authorization-server/clients/stored-registry.js';
export { createHttpServer } from './authorization-server/wire/create-http-server.js';
export type { HttpServerTimeouts } from './authorization-server/wire/create-http-server.js';
export { createMemoryStore } from './state/memory-store.js';
export type { MemoryStoreOptions } from './state/memory-store.js';
export { createRedisStore } from './state/redis-store.js';
export type { RedisCommands, RedisStoreOptions } from './state/redis-store.js';
export { StateStoreError } from './state/store.js';
export type { StateStore } from './state/store.js';

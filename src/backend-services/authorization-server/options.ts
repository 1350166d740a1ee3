import type { DenyListOptions } from '../keys/deny-list.js';
import type { Jwk } from '../keys/jwk.js';
import type { StateStore } from '../state/store.js';
import type { RegisteredClient } from './clients/client.js';
import type { ClientRegistry } from './clients/registry.js';
import type { EventListener } from './events.js';
import type { LaunchOptions } from './launch/options.js';

/** A resource server that may introspect tokens. RFC 7662 §2.1. */
export interface IntrospectionCaller {
  readonly clientId: string;
  /** Sent with HTTP Basic. At least 16 characters. */
  readonly clientSecret: string;
}

/** Who may ask about tokens (RFC 7662). */
export interface IntrospectionOptions {
  /** Resource servers that call with HTTP Basic. Default: none. */
  readonly callers?: readonly IntrospectionCaller[];
  /**
   * The scope that lets a registered client introspect any token: with its own access token as bearer token, or by
   * client assertion. It has to be registered for the client like any other. Default: `__introspect`.
   */
  readonly scope?: string;
}

/** The endpoint at which an administrator registers clients. */
export interface RegistrationOptions {
  /**
   * Turns on `POST /register` (RFC 7591) for whoever holds this token: an administrator. At least 32 characters.
   */
  readonly bearerToken: string;
}

/** How the key sets of clients are fetched. */
export interface KeySetFetchOptions {
  /** Milliseconds for one fetch. Default: 5,000. Bounds: 100 to 30,000. */
  readonly timeoutMilliseconds?: number;
  /** Bytes of a key set. Default: 262,144. Bounds: 1,024 to 4,194,304. */
  readonly maxBytes?: number;
  /** Seconds a set is kept whose answer does not say. Default: 300. Bounds: 0 to 86,400. */
  readonly defaultMaxAgeSeconds?: number;
  /** Seconds a set is kept at most; `Cache-Control` may shorten that, never lengthen it. Default: 3,600. Bounds: 0 to 86,400. */
  readonly maxAgeSeconds?: number;
  /** Seconds between fetches that an unknown kid may cause for one client. Default: 30. Bounds: 0 to 3,600. */
  readonly unknownKidCooldownSeconds?: number;
  /** Seconds for which a failed fetch is not repeated. Default: 5. Bounds: 0 to 3,600. */
  readonly retryAfterFailureSeconds?: number;
  /** Host names whose key sets may have private addresses, such as those of a hospital's own network. Default: none. */
  readonly allowedPrivateHosts?: readonly string[];
  /** Certificate authorities to trust instead of Node's list, PEM. */
  readonly ca?: string | readonly string[];
}

/** What is asked of {@link SmartAuthorizationServerOptions.narrowScopes}. */
export interface ScopeRequest {
  readonly client: RegisteredClient;
  /** What would be granted: the request, bounded by the client's registration. */
  readonly scopes: readonly string[];
  readonly grantType: 'client_credentials' | 'authorization_code';
}

/** How an authorization server is set up. */
export interface SmartAuthorizationServerOptions {
  /** The issuer identifier: an https URL without query or fragment. Compared exactly, a final slash included. */
  readonly issuer: string;

  /** The FHIR server's base URL: the audience of every access token. */
  readonly fhirBaseUrl: string;

  /** The registered clients. */
  readonly clients: ClientRegistry;

  /**
   * The server's own private keys, as a JSON Web Key Set: RSA of 2048 bits or more, or EC. Every key has a `kid` and an
   * `alg` (RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or ES512). The first signs access tokens; id_tokens
   * are signed with the first RS256 key, or the first key of all. Further keys are published only: put a new key last,
   * and first once every resource server has fetched it.
   */
  readonly signingKeys: { readonly keys: readonly Jwk[] };

  /** Where state is kept. Default: the memory of this process, which is for one process only. */
  readonly store?: StateStore;

  /**
   * How long `store` may take for one call before the request is answered with 503. Milliseconds, default 2,000, bounds
   * 50 to 60,000. `createRedisStore` has a bound of its own; the shorter one counts.
   */
  readonly storeTimeoutMilliseconds?: number;

  /**
   * Lifetime of a Backend Services access token. Seconds, default 300 (SMART Backend Services: should not exceed it),
   * bounds 1 to 3,600.
   */
  readonly accessTokenLifetimeSeconds?: number;

  /**
   * How far a client's clock may be off. Seconds, default 5, bounds 0 to 60. An assertion may be that much older than
   * its exp, and its exp that much further ahead than five minutes. The same for a machine at which clients are
   * registered (`client_id_issued_at`).
   */
  readonly clockToleranceSeconds?: number;

  /**
   * Accept the issuer as `aud` of an assertion besides the token endpoint's URL, as the successor of RFC 7523 asks
   * for. Default: false.
   */
  readonly acceptIssuerAsAudience?: boolean;

  /** Which keys clients may not register, or may although they are published. */
  readonly clientKeys?: DenyListOptions;

  /** How clients' published key sets are fetched. */
  readonly keySetFetch?: KeySetFetchOptions;

  /**
   * What is done with scopes that no grammar knows, in a request: `drop` them and grant the rest, or `reject` the
   * request. Default: `drop`.
   */
  readonly invalidScopes?: 'drop' | 'reject';

  /** A policy of one's own. It may only narrow: whatever it returns beyond `request.scopes` is dropped. */
  readonly narrowScopes?: (request: ScopeRequest) => readonly string[] | Promise<readonly string[]>;

  /** `scopes_supported` of the metadata. Default: a list that shows the forms of scope that are understood. */
  readonly scopesSupported?: readonly string[];

  /** Further entries of `capabilities` in smart-configuration, of what the FHIR server can do. Default: none. */
  readonly capabilities?: readonly string[];

  readonly introspection?: IntrospectionOptions;

  /** Dynamic registration. Default: off; `server.registerClient` works all the same. */
  readonly registration?: RegistrationOptions;

  /** SMART app launch: users, browsers, patients. Default: off; then the server is for Backend Services alone. */
  readonly launch?: LaunchOptions;

  /**
   * Allow `http:` on the loopback interface, for the issuer and for clients' key sets. Default: false. For development
   * and tests only.
   */
  readonly allowInsecureLoopback?: boolean;

  /** Bytes of a request body. Default: 65,536. Bounds: 4,096 to 1,048,576. */
  readonly maxBodyBytes?: number;

  /** Seconds for a request body to arrive. Default: 10. Bounds: above 0, to 120. */
  readonly bodyTimeoutSeconds?: number;

  /** Receives what happens. A failing listener changes nothing. */
  readonly onEvent?: EventListener;
}

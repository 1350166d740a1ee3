import type { AccessPolicy } from './access/policy.js';
import type { SMARTConfig } from './config.js';
import { checkApiUrl, checkConfig } from './config.js';
import { ConfigError } from './errors.js';
import { normalizeBaseUrl } from './identity/fhir-url.js';
import type { SMARTHandlerOptions, Tenant, TenantRequest } from './options.js';
import type { TokenSettings, TokenVerifier } from './token/verifier.js';
import { createTokenVerifier } from './token/verifier.js';

/** A configuration made ready to serve: what a request is judged with. */
export class Realm {
  readonly config: SMARTConfig;
  readonly apiUrl: string;
  /** Normalised base URL. */
  readonly base: string;
  readonly policy: AccessPolicy;
  readonly #token: TokenSettings;
  #verifier: TokenVerifier | undefined;

  constructor(
    config: SMARTConfig,
    apiUrl: string,
    policy: Omit<AccessPolicy, 'scopeRule'>,
    token: TokenSettings | undefined,
  ) {
    checkConfig(config);
    this.base = checkApiUrl(apiUrl);
    this.config = config;
    this.apiUrl = apiUrl;
    this.policy = { ...policy, scopeRule: config.scopeRule };
    this.#token = token ?? {};
  }

  /** Made at first use: a handler that never verifies needs no endpoint. @throws ConfigError that names both keys. */
  verifier(): TokenVerifier {
    this.#verifier ??= this.#createVerifier();
    return this.#verifier;
  }

  #createVerifier(): TokenVerifier {
    const { jwksEndpoint, jwksHeaders, tokenIntrospection, expectedIssValue, expectedAudValue, scopeKey } = this.config;
    if (!jwksEndpoint && !tokenIntrospection) {
      throw new ConfigError('jwksEndpoint', 'this or tokenIntrospection has to be set to verify access tokens');
    }
    const { introspection, ...settings } = this.#token;
    return createTokenVerifier({
      ...settings,
      issuer: expectedIssValue,
      audience: expectedAudValue,
      scopeClaim: scopeKey,
      ...(jwksEndpoint && { jwksEndpoint }),
      ...(jwksHeaders && { jwksHeaders }),
      ...(tokenIntrospection && { introspection: { ...tokenIntrospection, ...introspection } }),
    });
  }
}

/** Finds the realm of a request: the one of the handler, or the tenant that the host's resolver names. */
export class Realms {
  readonly #main: Realm;
  readonly #tenantOf: SMARTHandlerOptions['tenantOf'];
  readonly #policy: Omit<AccessPolicy, 'scopeRule'>;
  readonly #token: TokenSettings | undefined;
  /** By configuration object, so that a tenant keeps its keys and caches between requests. */
  readonly #realms = new WeakMap<SMARTConfig, Realm>();

  constructor(
    main: Realm,
    policy: Omit<AccessPolicy, 'scopeRule'>,
    { tenantOf, token }: Pick<SMARTHandlerOptions, 'tenantOf' | 'token'>,
  ) {
    this.#main = main;
    this.#policy = policy;
    this.#token = token;
    this.#tenantOf = tenantOf;
  }

  /** Whether one handler serves several issuers. */
  get several(): boolean {
    return this.#tenantOf !== undefined;
  }

  /** The realm, or undefined where the request belongs to none: to no tenant, or to one with another base URL. */
  find(request: TenantRequest): Realm | undefined {
    if (!this.#tenantOf) return this.#main;
    const tenant = this.#resolve(this.#tenantOf, request);
    if (!tenant) return undefined;
    const realm = this.#realmOf(tenant);
    const asked = baseOf(request);
    return asked === undefined || asked === realm.base ? realm : undefined;
  }

  /** A resolver that fails on what a client sent names no tenant. */
  #resolve(tenantOf: NonNullable<SMARTHandlerOptions['tenantOf']>, request: TenantRequest): Tenant | undefined {
    try {
      return tenantOf(request);
    } catch {
      return undefined;
    }
  }

  #realmOf({ config, apiUrl }: Tenant): Realm {
    const known = this.#realms.get(config);
    if (known && known.apiUrl === apiUrl) return known;
    const realm = new Realm(config, apiUrl, this.#policy, this.#token);
    this.#realms.set(config, realm);
    return realm;
  }
}

/**
 * The base URL that a request names, normalised; undefined if it names none. The router leaves something else in this
 * place for the history of an instance, so what is no base URL counts as none.
 */
export function baseOf({ fhirServiceBaseUrl }: { readonly fhirServiceBaseUrl?: unknown }): string | undefined {
  return typeof fhirServiceBaseUrl === 'string' ? normalizeBaseUrl(fhirServiceBaseUrl) : undefined;
}

import { ConfigError } from '../../errors.js';
import type { Fetch } from './bounded-request.js';
import { checkClientId, checkLifetime } from './assertion.js';
import { bearerRequest, headersWithoutCredentials } from './bearer-request.js';
import type { BulkManifest } from './bulk-file.js';
import { bulkFileNeedsToken } from './bulk-file.js';
import type { SmartConfiguration } from './discover.js';
import { discover } from './discover.js';
import type { AccessToken } from './request-token.js';
import { requestToken } from './request-token.js';
import type { SigningKeyOptions } from './signing-key.js';
import { signingKey } from './signing-key.js';
import { TokenKeeper } from './token-keeper.js';
import { endpointUrl, fhirBase, isInside } from './url.js';

/** How a client is registered, with which key it signs, and how patient it is. */
export interface BackendServicesClientOptions extends SigningKeyOptions {
  /**
   * The FHIR server. Its `/.well-known/smart-configuration` names the token endpoint, and the token goes to no URL
   * outside it. Needed unless `tokenEndpoint` is given; without it the client has `getToken` alone.
   */
  readonly fhirBaseUrl?: string;
  /** The token endpoint, if it is known: then nothing is discovered. */
  readonly tokenEndpoint?: string;
  /**
   * The origin that a discovered token endpoint must have (`https://as.example`). Default: the origin that the first
   * discovery finds; a later one that finds another is refused.
   */
  readonly tokenEndpointOrigin?: string;
  readonly clientId: string;
  /** The scopes to request: `system/Patient.rs`, as a list or separated by spaces. */
  readonly scope: string | readonly string[];
  /** The registered JWKS URL, to be named in assertions. Default: none. */
  readonly jku?: string;
  /** Seconds that an assertion lives, 1 to 300. Default: 240. */
  readonly assertionLifetimeSeconds?: number;
  /**
   * Seconds before expiry from which on a token is renewed, 0 to 3600; never more than half of a token's life.
   * Default: 30.
   */
  readonly renewBeforeSeconds?: number;
  /**
   * Which answers of the FHIR server make the client renew its token and try once more. Default: 'invalid_token', a 401
   * that says so (RFC 6750 §3.1). 'any-401' is for servers that answer 401 without a challenge.
   */
  readonly renewOn?: 'invalid_token' | 'any-401';
  /** Milliseconds for each discovery and each token request, 1 to 60000. Default: 5000. FHIR requests have no limit. */
  readonly timeoutMs?: number;
  /** How often a token request is repeated after status 429, 502, 503, 504 or a network failure, 0 to 5. Default: 1. */
  readonly retries?: number;
  /** Milliseconds before the first repetition, doubled each time; Retry-After wins. 0 to 60000. Default: 500. */
  readonly retryDelayMs?: number;
  /** Milliseconds beyond which no repetition is waited for, and the error is thrown instead. 0 to 60000. Default: 5000. */
  readonly maxRetryDelayMs?: number;
  /** Seconds that a discovered configuration is used before it is read again, 0 to 86400. Default: 3600. */
  readonly discoveryMaxAgeSeconds?: number;
  /** Accept `http:` URLs of the loopback interface, for development. Default: false. */
  readonly allowInsecureLoopback?: boolean;
  /** Origins besides the FHIR server's own that may receive the token with a bulk data file. Default: none. */
  readonly bulkFileOrigins?: readonly string[];
  /** Default: the global fetch. */
  readonly fetch?: Fetch;
  /** The current time in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
}

/** A system that calls a FHIR server on its own behalf. SMART App Launch 2.2, Backend Services. */
export interface BackendServicesClient {
  /** A valid access token: the one in hand, or a new one when that is about to expire. */
  getToken(): Promise<AccessToken>;
  /**
   * Like the global fetch. A relative URL is resolved inside the FHIR base; a URL inside the base goes with the token,
   * any other without. With the token, redirects are not followed.
   */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>;
  /** Downloads a file of a bulk data export: with the token if and only if the manifest says `requiresAccessToken`. */
  fetchBulkFile(manifest: BulkManifest, url: string | URL, init?: RequestInit): Promise<Response>;
  /** What the FHIR server's SMART configuration says; cached. */
  getConfiguration(): Promise<SmartConfiguration>;
}

/** A configuration and token answer of ordinary size is a hundredth of this. */
const MAX_RESPONSE_BYTES = 262_144;

/**
 * Makes a Backend Services client. Options are checked here, and the key is read here; the network is first touched by
 * the first call.
 *
 * One client stands for one registration at one authorization server. For another FHIR server make another client, with
 * a client id of its own: whoever names your token endpoint can direct your token.
 *
 * @throws ConfigError for options, BackendServicesError `ERR_KEY_*` and `ERR_URL_REFUSED` for keys and URLs
 */
export function createBackendServicesClient(options: BackendServicesClientOptions): BackendServicesClient {
  const { allowInsecureLoopback = false, now = Date.now, renewOn = 'invalid_token', clientId, jku } = options;
  const policy = { allowInsecureLoopback };
  const base = options.fhirBaseUrl === undefined ? undefined : fhirBase(options.fhirBaseUrl, policy);
  if (base === undefined && options.tokenEndpoint === undefined) {
    throw new ConfigError('fhirBaseUrl', 'needed to find the token endpoint, unless tokenEndpoint is given');
  }
  if (options.tokenEndpoint !== undefined) endpointUrl(options.tokenEndpoint, 'tokenEndpoint', policy);
  if (jku !== undefined) endpointUrl(jku, 'jku', policy);
  checkClientId(clientId);
  const scope = scopeText(options.scope);
  const lifetimeSeconds = options.assertionLifetimeSeconds ?? 240;
  checkLifetime(lifetimeSeconds);
  const key = signingKey(options);
  const discoveryMaxAgeMs = bounded(options, 'discoveryMaxAgeSeconds', 3600, 0, 86_400) * 1000;
  const bulkFileOrigins = (options.bulkFileOrigins ?? []).map((origin) => originOf('bulkFileOrigins', origin));
  let pinnedOrigin =
    options.tokenEndpointOrigin === undefined
      ? undefined
      : originOf('tokenEndpointOrigin', options.tokenEndpointOrigin);

  // The global is looked up at each call: tracing and test tools replace it while the program runs.
  const send: Fetch = options.fetch ?? ((url, init) => fetch(url, init));
  const bounds = {
    fetch: send,
    timeoutMs: bounded(options, 'timeoutMs', 5000, 1, 60_000),
    maxBytes: MAX_RESPONSE_BYTES,
  };

  let discovered: { readonly configuration: SmartConfiguration; readonly until: number } | undefined;
  async function getConfiguration(): Promise<SmartConfiguration> {
    if (base === undefined) throw new ConfigError('fhirBaseUrl', 'needed for discovery');
    if (discovered !== undefined && now() < discovered.until) return discovered.configuration;
    const configuration = await discover(base.href, { ...policy, ...bounds, tokenEndpointOrigin: pinnedOrigin });
    pinnedOrigin ??= new URL(configuration.tokenEndpoint).origin;
    discovered = { configuration, until: now() + discoveryMaxAgeMs };
    return configuration;
  }

  const keeper = new TokenKeeper({
    request: async () => {
      const given = options.tokenEndpoint;
      const tokenEndpoint = given ?? (await getConfiguration()).tokenEndpoint;
      return requestToken({
        ...policy,
        ...bounds,
        tokenEndpoint,
        // What is found is pinned; what is given by name needs no other word for it.
        tokenEndpointOrigin: given === undefined ? pinnedOrigin : undefined,
        key,
        scope,
        now,
        claims: { clientId, jku, lifetimeSeconds, now },
      });
    },
    now,
    renewBeforeSeconds: bounded(options, 'renewBeforeSeconds', 30, 0, 3600),
    retries: bounded(options, 'retries', 1, 0, 5),
    retryDelayMs: bounded(options, 'retryDelayMs', 500, 0, 60_000),
    maxRetryDelayMs: bounded(options, 'maxRetryDelayMs', 5000, 0, 60_000),
  });
  const bearer = { fetch: send, keeper, allowInsecureLoopback, renewOn };

  return Object.freeze({
    getToken: () => keeper.get(),
    getConfiguration,

    async fetch(input: string | URL, init: RequestInit = {}): Promise<Response> {
      if (base === undefined)
        throw new ConfigError('fhirBaseUrl', 'needed by fetch, which sends the token nowhere else');
      const url = new URL(input, base);
      // A server may refer to others, in a link or a reference: they do not get its token.
      return isInside(url, base) ? bearerRequest(url, init, bearer) : send(url.href, init);
    },

    async fetchBulkFile(manifest: BulkManifest, input: string | URL, init: RequestInit = {}): Promise<Response> {
      if (base === undefined) throw new ConfigError('fhirBaseUrl', 'needed by fetchBulkFile');
      const url = new URL(input);
      const headers = headersWithoutCredentials(init.headers, 'application/fhir+ndjson');
      const needsToken = bulkFileNeedsToken(manifest, url, [base.origin, ...bulkFileOrigins]);
      // With a token or without, it is data of patients (SMART App Launch 2.2, Backend Services: all exchanges over TLS).
      endpointUrl(url.href, 'bulk file', policy);
      if (!needsToken) {
        // Bulk Data Access 3: a client SHALL NOT send a token where none is asked for. A signed URL is its own token.
        return send(url.href, { ...init, headers });
      }
      return bearerRequest(url, { ...init, headers }, bearer);
    },
  });
}

function scopeText(scope: string | readonly string[]): string {
  const list = typeof scope === 'string' ? scope.split(' ').filter((token) => token !== '') : scope;
  // RFC 6749 §3.3.
  if (
    !Array.isArray(list) ||
    list.length === 0 ||
    !list.every((token) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(String(token)))
  ) {
    throw new ConfigError(
      'scope',
      'at least one scope, as a list or separated by spaces, of the characters of RFC 6749 §3.3',
    );
  }
  return list.join(' ');
}

type NumericOption =
  'renewBeforeSeconds' | 'timeoutMs' | 'retries' | 'retryDelayMs' | 'maxRetryDelayMs' | 'discoveryMaxAgeSeconds';

function bounded(
  options: BackendServicesClientOptions,
  key: NumericOption,
  byDefault: number,
  min: number,
  max: number,
): number {
  const value = options[key] ?? byDefault;
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new ConfigError(key, `a whole number from ${min} to ${max}`);
  }
  return value;
}

function originOf(key: string, text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (origin === 'null' || (text !== origin && text !== `${origin}/`)) {
    throw new ConfigError(key, `an origin such as https://as.example, not ${JSON.stringify(text)}`);
  }
  return origin;
}

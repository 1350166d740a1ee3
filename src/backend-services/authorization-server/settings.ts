import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ConfigError } from '../../errors.js';
import type { Jwk } from '../keys/jwk.js';
import { createMemoryStore } from '../state/memory-store.js';
import type { StateStore } from '../state/store.js';
import { guardStore } from '../state/store.js';
import { DEFAULT_TIMEOUT, MAX_TIMEOUT, MIN_TIMEOUT } from '../state/time-bound.js';
import type { ClientPolicy } from './clients/check-client.js';
import type { Endpoints } from './endpoints.js';
import { endpointsOf } from './endpoints.js';
import type { EventListener } from './events.js';
import { guardListener } from './events.js';
import type { LaunchOptions } from './launch/options.js';
import type { IntrospectionCaller, SmartAuthorizationServerOptions } from './options.js';
import type { KeySetFetchPolicy } from './wire/fetch-key-set.js';
import { isLoopbackHost } from './wire/addresses.js';
import type { BodyLimits } from './wire/read-form.js';

/** A key of the server's own. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly publicKey: KeyObject;
  /** As configured; for oidc-provider, which signs. */
  readonly privateJwk: Jwk;
  readonly publicJwk: Jwk;
}

export interface LaunchSettings {
  readonly interaction: LaunchOptions['interaction'];
  readonly accessTokenLifetimeSeconds: number;
  readonly refreshTokenLifetimeSeconds: number;
  readonly interactionLifetimeSeconds: number;
  readonly launchLifetimeSeconds: number;
  readonly fhirUserClaim: string;
  readonly contextPrefix: string;
}

/** The options, checked, every default filled in. */
export interface Settings {
  readonly issuer: string;
  readonly fhirBaseUrl: string;
  readonly endpoints: Endpoints;
  /** At least one; the first signs access tokens. */
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]];
  readonly idTokenKey: SigningKey;
  readonly store: StateStore;
  readonly accessTokenLifetimeSeconds: number;
  readonly clockToleranceSeconds: number;
  readonly assertionAudiences: ReadonlySet<string>;
  readonly clientPolicy: ClientPolicy;
  readonly keySetFetch: KeySetFetchPolicy & {
    readonly defaultMaxAgeSeconds: number;
    readonly maxAgeSeconds: number;
    readonly unknownKidCooldownSeconds: number;
    readonly retryAfterFailureSeconds: number;
  };
  readonly invalidScopes: 'drop' | 'reject';
  readonly narrowScopes: SmartAuthorizationServerOptions['narrowScopes'];
  readonly scopesSupported: readonly string[];
  readonly capabilities: readonly string[];
  readonly introspectionCallers: readonly IntrospectionCaller[];
  readonly introspectionScope: string;
  readonly registrationToken: string | undefined;
  readonly launch: LaunchSettings | undefined;
  readonly bodyLimits: BodyLimits;
  readonly emit: EventListener;
}

const SIGNING_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];
const CURVES: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };

const BACKEND_SCOPES = ['system/*.cruds', 'system/*.rs', 'system/*.read', 'system/*.write', 'system/*.*'];
const LAUNCH_SCOPES = [
  'openid',
  'fhirUser',
  'launch',
  'launch/patient',
  'launch/encounter',
  'offline_access',
  'patient/*.cruds',
  'patient/*.rs',
  'patient/*.read',
  'patient/*.write',
  'user/*.cruds',
  'user/*.rs',
  'user/*.read',
  'user/*.write',
];

/** @throws ConfigError, which names the option at fault */
export function readSettings(options: SmartAuthorizationServerOptions): Settings {
  const { keySetFetch = {}, introspection = {} } = options;
  const allowInsecureLoopback = options.allowInsecureLoopback ?? false;
  const issuer = checkUrl('issuer', options.issuer, allowInsecureLoopback);
  const fhirBaseUrl = checkUrl('fhirBaseUrl', options.fhirBaseUrl, allowInsecureLoopback);
  const endpoints = endpointsOf(issuer);
  const signingKeys = readSigningKeys(options.signingKeys);
  const allowedPrivateHosts = new Set(keySetFetch.allowedPrivateHosts ?? []);
  const introspectionScope = introspection.scope ?? '__introspect';
  if (!/^[!#-[\]-~]+$/.test(introspectionScope)) throw new ConfigError('introspection.scope', 'must be one scope');
  return {
    issuer,
    fhirBaseUrl,
    endpoints,
    signingKeys,
    idTokenKey: signingKeys.find((key) => key.alg === 'RS256') ?? signingKeys[0],
    store: readStore(options),
    accessTokenLifetimeSeconds: integer('accessTokenLifetimeSeconds', options.accessTokenLifetimeSeconds, 300, 1, 3600),
    clockToleranceSeconds: integer('clockToleranceSeconds', options.clockToleranceSeconds, 5, 0, 60),
    assertionAudiences: new Set([endpoints.token, ...(options.acceptIssuerAsAudience === true ? [issuer] : [])]),
    clientPolicy: { keys: options.clientKeys ?? {}, allowInsecureLoopback, allowedPrivateHosts },
    keySetFetch: {
      timeoutMilliseconds: integer(
        'keySetFetch.timeoutMilliseconds',
        keySetFetch.timeoutMilliseconds,
        5000,
        100,
        30_000,
      ),
      maxBytes: integer('keySetFetch.maxBytes', keySetFetch.maxBytes, 262_144, 1024, 4_194_304),
      defaultMaxAgeSeconds: integer(
        'keySetFetch.defaultMaxAgeSeconds',
        keySetFetch.defaultMaxAgeSeconds,
        300,
        0,
        86_400,
      ),
      maxAgeSeconds: integer('keySetFetch.maxAgeSeconds', keySetFetch.maxAgeSeconds, 3600, 0, 86_400),
      unknownKidCooldownSeconds: integer(
        'keySetFetch.unknownKidCooldownSeconds',
        keySetFetch.unknownKidCooldownSeconds,
        30,
        0,
        3600,
      ),
      retryAfterFailureSeconds: integer(
        'keySetFetch.retryAfterFailureSeconds',
        keySetFetch.retryAfterFailureSeconds,
        5,
        0,
        3600,
      ),
      allowInsecureLoopback,
      allowedPrivateHosts,
      ca: keySetFetch.ca,
    },
    invalidScopes: options.invalidScopes ?? 'drop',
    narrowScopes: options.narrowScopes,
    scopesSupported: options.scopesSupported ?? [
      ...(options.launch === undefined ? [] : LAUNCH_SCOPES),
      ...BACKEND_SCOPES,
    ],
    capabilities: options.capabilities ?? [],
    introspectionCallers: readCallers(introspection.callers ?? []),
    introspectionScope,
    registrationToken: secret('registration.bearerToken', options.registration?.bearerToken, 32),
    launch: options.launch === undefined ? undefined : readLaunch(options.launch),
    bodyLimits: {
      maxBodyBytes: integer('maxBodyBytes', options.maxBodyBytes, 65_536, 4096, 1_048_576),
      bodyTimeoutSeconds: number('bodyTimeoutSeconds', options.bodyTimeoutSeconds, 10, 0.01, 120),
    },
    emit: guardListener(options.onEvent),
  };
}

function readStore({ store, storeTimeoutMilliseconds }: SmartAuthorizationServerOptions): StateStore {
  const key = 'storeTimeoutMilliseconds';
  const timeout = integer(key, storeTimeoutMilliseconds, DEFAULT_TIMEOUT, MIN_TIMEOUT, MAX_TIMEOUT);
  return store === undefined ? createMemoryStore() : guardStore(store, timeout);
}

function readLaunch(launch: LaunchOptions): LaunchSettings {
  if (typeof launch.interaction !== 'function') throw new ConfigError('launch.interaction', 'must be a function');
  const { fhirUser = 'fhirUser', contextPrefix = 'launch_response_' } = launch.claims ?? {};
  return {
    interaction: launch.interaction,
    accessTokenLifetimeSeconds: integer(
      'launch.accessTokenLifetimeSeconds',
      launch.accessTokenLifetimeSeconds,
      3600,
      1,
      3600,
    ),
    refreshTokenLifetimeSeconds: integer(
      'launch.refreshTokenLifetimeSeconds',
      launch.refreshTokenLifetimeSeconds,
      1_209_600,
      60,
      31_536_000,
    ),
    interactionLifetimeSeconds: integer(
      'launch.interactionLifetimeSeconds',
      launch.interactionLifetimeSeconds,
      900,
      30,
      3600,
    ),
    launchLifetimeSeconds: integer('launch.launchLifetimeSeconds', launch.launchLifetimeSeconds, 300, 10, 3600),
    fhirUserClaim: claimName('launch.claims.fhirUser', fhirUser),
    contextPrefix: claimName('launch.claims.contextPrefix', contextPrefix),
  };
}

/** Claims that say who issued a token, to whom and for what: a context claim of that name would change the token. */
const TOKEN_CLAIMS = [
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'client_id',
  'scope',
  'cnf',
  'authorization_details',
];

function claimName(key: string, name: string): string {
  if (name === '' || TOKEN_CLAIMS.includes(name))
    throw new ConfigError(key, 'must not be empty or a claim that tokens have');
  return name;
}

function readCallers(callers: readonly IntrospectionCaller[]): readonly IntrospectionCaller[] {
  callers.forEach(({ clientId, clientSecret }, index) => {
    if (clientId === '') throw new ConfigError(`introspection.callers[${index}].clientId`, 'must not be empty');
    secret(`introspection.callers[${index}].clientSecret`, clientSecret, 16);
  });
  return [...callers];
}

function readSigningKeys(set: { readonly keys: readonly Jwk[] }): readonly [SigningKey, ...SigningKey[]] {
  const [first, ...rest] = set.keys.map((jwk, index) => readSigningKey(jwk, `signingKeys.keys[${index}]`));
  if (first === undefined) throw new ConfigError('signingKeys', 'must hold at least one private key');
  if (new Set(set.keys.map((key) => key.kid)).size < set.keys.length)
    throw new ConfigError('signingKeys', 'repeats a kid');
  return [first, ...rest];
}

function readSigningKey(jwk: Jwk, key: string): SigningKey {
  const { kid, alg } = jwk as Record<string, unknown>;
  if (typeof kid !== 'string' || kid === '') throw new ConfigError(key, 'needs a kid');
  if (typeof alg !== 'string' || !SIGNING_ALGORITHMS.includes(alg)) {
    throw new ConfigError(key, `needs an alg: ${SIGNING_ALGORITHMS.join(', ')}`);
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    // Node's own words could quote a member of the key.
    throw new ConfigError(key, 'is no private key in JWK form');
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = privateKey;
  const curve = CURVES[alg];
  const fits = curve === undefined ? type === 'rsa' : type === 'ec' && details.namedCurve === curve;
  if (!fits) throw new ConfigError(key, `does not fit its alg ${alg}`);
  // RFC 7518 §3.3.
  if (type === 'rsa' && (details.modulusLength ?? 0) < 2048) throw new ConfigError(key, 'must have 2048 bits or more');
  const publicKey = createPublicKey(privateKey);
  const publicJwk: Jwk = { kid, alg, use: 'sig', ...publicKey.export({ format: 'jwk' }) };
  return {
    kid,
    alg,
    publicKey,
    privateJwk: { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    publicJwk,
  };
}

function checkUrl(key: string, value: string, allowInsecureLoopback: boolean): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new ConfigError(key, 'must be an absolute URL');
  }
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(value))
    throw new ConfigError(key, 'must have no query or fragment');
  if (url.username !== '' || url.password !== '') throw new ConfigError(key, 'must have no credentials');
  const loopback = allowInsecureLoopback && url.protocol === 'http:' && isLoopbackHost(url.hostname);
  if (url.protocol !== 'https:' && !loopback) {
    throw new ConfigError(key, 'must be https (allowInsecureLoopback permits http on this machine)');
  }
  return value;
}

function secret(key: string, value: string, minLength: number): string;
function secret(key: string, value: string | undefined, minLength: number): string | undefined;
function secret(key: string, value: string | undefined, minLength: number): string | undefined {
  if (value === undefined) return undefined;
  if (value.length < minLength) throw new ConfigError(key, `must have at least ${minLength} characters`);
  return value;
}

function integer(key: string, value: number | undefined, fallback: number, min: number, max: number): number {
  const chosen = number(key, value, fallback, min, max);
  if (!Number.isInteger(chosen)) throw new ConfigError(key, 'must be a whole number');
  return chosen;
}

function number(key: string, value: number | undefined, fallback: number, min: number, max: number): number {
  const chosen = value ?? fallback;
  if (!Number.isFinite(chosen) || chosen < min || chosen > max)
    throw new ConfigError(key, `must be from ${min} to ${max}`);
  return chosen;
}

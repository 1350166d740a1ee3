import { types } from 'node:util';
import { ConfigError } from '../errors.js';
import { KEY_SHAPES } from './algorithm.js';
import { audienceTest } from './claims.js';
import type { TokenEventListener } from './event.js';
import { normalizeType } from './header.js';

export interface TokenVerifierOptions {
  /**
   * Where the issuer publishes its keys (RFC 7517 §5): an `https:` or `http:` URL without credentials. At least one of
   * `jwksEndpoint` and `introspection` is needed; with both, a JWT must pass both.
   */
  readonly jwksEndpoint?: string | undefined;
  /** Headers to send to the JWKS endpoint. */
  readonly jwksHeaders?: Readonly<Record<string, string>> | undefined;
  /** The issuer's introspection server (RFC 7662). Opaque tokens need one. */
  readonly introspection?: IntrospectionVerifierOptions | undefined;
  /** Expected `iss`, compared exactly (RFC 9068 §4): one, or several of which any will do. */
  readonly issuer: string | readonly string[];
  /**
   * Expected `aud`: one, several of which any will do, or an expression. Anchor the expression with `^` and `$`: an unanchored one
   * also matches `https://fhir.example.com.evil.test`.
   */
  readonly audience: string | readonly string[] | RegExp;
  /** Allowed `alg` values. Default: RS, PS and ES with 256, 384 and 512 bits, EdDSA and Ed25519; no other is supported. */
  readonly algorithms?: readonly string[] | undefined;
  /**
   * Allowed `typ` values of a JWT's header; case and a leading `application/` do not count, `null` stands for a token without
   * `typ`. Default: `['at+jwt', 'JWT', null]`; RFC 9068 issuers allow `['at+jwt']`, which keeps every other kind of token out.
   * Where `typ` leaves it open, ID tokens and refresh tokens are refused by their claims.
   */
  readonly acceptedTypes?: readonly (string | null)[] | undefined;
  /**
   * Seconds by which `exp` and `nbf` may be missed, for clocks that differ. Default 0, at most 300.
   */
  readonly clockToleranceSeconds?: number | undefined;
  /** Longest token, in characters. Default 16,384 (Node's own limit for all headers of a request), 256 to 262,144. */
  readonly maxTokenLength?: number | undefined;
  /** The claim that the host reads scopes from, for the answers of an introspection server. Default 'scope'. */
  readonly scopeClaim?: string | undefined;
  /** How the key set is fetched and kept. */
  readonly jwks?: JwksOptions | undefined;
  /** How many proved JWTs are remembered. */
  readonly cache?: ProofCacheOptions | undefined;
  /** The clock: milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Is told what happens around the verification. What it throws is ignored. */
  readonly onEvent?: TokenEventListener | undefined;
}

export interface IntrospectionVerifierOptions {
  /** The introspection endpoint: an `https:` or `http:` URL without credentials. Redirects are not followed. */
  readonly introspectUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Milliseconds for one exchange. Default 5,000, 1 to 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Bytes of an answer. Default 65,536, 256 to 10,485,760. */
  readonly maxBytes?: number | undefined;
  /**
   * True if the server calls a token active only when it is meant for this resource server. Then a token without any `aud`, in
   * itself and in the answer, is accepted; an `aud` that is there is checked all the same. Default false.
   */
  readonly vouchesForAudience?: boolean | undefined;
  /**
   * Milliseconds for which an answer is used again, never beyond the token's `exp`. A token that is revoked works for as long.
   * Default 0: every request asks. At most 3,600,000.
   */
  readonly cacheMaxAgeMs?: number | undefined;
  /** Answers kept. Default 5,000, 0 to 1,000,000. */
  readonly cacheSize?: number | undefined;
}

export interface JwksOptions {
  /** Milliseconds for one fetch. Default 5,000, 1 to 60,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * Milliseconds for which a fetched set is used. A key that the issuer withdraws verifies no longer than this. Default 600,000 (10
   * minutes), 1,000 to 86,400,000.
   */
  readonly maxAgeMs?: number | undefined;
  /**
   * Milliseconds, after `maxAgeMs`, for which the last set is used while the issuer does not answer. Default 21,600,000 (6 hours), 0
   * to 604,800,000.
   */
  readonly maxStaleMs?: number | undefined;
  /**
   * Milliseconds after which unknown `kid`s may cause another fetch, and after which a failed one is tried again while an older set
   * serves. Tokens with known `kid`s never wait for it. Default 30,000, 1 to 3,600,000.
   */
  readonly cooldownMs?: number | undefined;
  /** Fetches that unknown `kid`s may cause without a cooldown between them, so that keys can rotate twice. Default 3, 1 to 100. */
  readonly burst?: number | undefined;
  /** Bytes of a set. Default 262,144, 256 to 10,485,760. */
  readonly maxBytes?: number | undefined;
  /** Members of a set. Default 100, 1 to 10,000. */
  readonly maxKeys?: number | undefined;
}

export interface ProofCacheOptions {
  /** Proved JWTs kept, each until its `exp` or until its key is withdrawn. Default 5,000; 0 keeps none; at most 1,000,000. */
  readonly maxEntries?: number | undefined;
  /** Characters of all tokens whose proofs are kept, as a measure of their claims. Default 8,388,608, 1,024 to 1,073,741,824. */
  readonly maxChars?: number | undefined;
}

/** The options with every default filled in, and everything of the caller's copied. */
export interface CheckedOptions {
  readonly jwks: (Required<Defined<JwksOptions>> & { url: string; headers: Record<string, string> }) | undefined;
  readonly introspection:
    (Omit<Required<Defined<IntrospectionVerifierOptions>>, 'introspectUrl'> & { url: string }) | undefined;
  readonly issuers: ReadonlySet<string>;
  readonly isAudience: (value: string) => boolean;
  readonly algorithms: ReadonlySet<string>;
  readonly acceptedTypes: ReadonlySet<string | null>;
  readonly toleranceMs: number;
  readonly maxTokenLength: number;
  readonly scopeClaim: string;
  readonly cache: Required<Defined<ProofCacheOptions>>;
  readonly now: () => number;
  readonly fetch: typeof fetch;
  readonly onEvent: TokenEventListener | undefined;
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

const DAY_MS = 86_400_000;

/** Checks the options as a program that is not compiled against the types may have written them. */
export function readOptions(options: TokenVerifierOptions): CheckedOptions {
  const { jwksEndpoint, introspection, onEvent } = options;
  if (jwksEndpoint === undefined && introspection === undefined) {
    throw new ConfigError('jwksEndpoint', 'is missing, and so is introspection: one of them must prove the tokens');
  }
  return {
    jwks:
      jwksEndpoint === undefined ? undefined : readJwks(jwksEndpoint, options.jwksHeaders ?? {}, options.jwks ?? {}),
    introspection: introspection === undefined ? undefined : readIntrospection(introspection),
    issuers: new Set(readStrings('issuer', options.issuer)),
    isAudience: audienceTest(
      types.isRegExp(options.audience) ? options.audience : readStrings('audience', options.audience),
    ),
    algorithms: readAlgorithms(options.algorithms ?? [...KEY_SHAPES.keys()]),
    acceptedTypes: readTypes(options.acceptedTypes ?? ['at+jwt', 'JWT', null]),
    toleranceMs: readNumber('clockToleranceSeconds', options.clockToleranceSeconds, 0, [0, 300]) * 1000,
    maxTokenLength: readNumber('maxTokenLength', options.maxTokenLength, 16_384, [256, 262_144]),
    scopeClaim: readString('scopeClaim', options.scopeClaim ?? 'scope'),
    cache: {
      maxEntries: readNumber('cache.maxEntries', options.cache?.maxEntries, 5_000, [0, 1_000_000]),
      maxChars: readNumber('cache.maxChars', options.cache?.maxChars, 8_388_608, [1_024, 1_073_741_824]),
    },
    now: readFunction('now', options.now) ?? Date.now,
    // Looked up at each call, so that instrumentation which replaces the global later is seen.
    fetch: readFunction('fetch', options.fetch) ?? ((...request) => globalThis.fetch(...request)),
    onEvent: readFunction('onEvent', onEvent),
  };
}

function readJwks(
  endpoint: string,
  headers: Readonly<Record<string, string>>,
  jwks: JwksOptions,
): CheckedOptions['jwks'] {
  return {
    url: readUrl('jwksEndpoint', endpoint),
    headers: readHeaders('jwksHeaders', headers),
    timeoutMs: readNumber('jwks.timeoutMs', jwks.timeoutMs, 5_000, [1, 60_000]),
    maxAgeMs: readNumber('jwks.maxAgeMs', jwks.maxAgeMs, 600_000, [1_000, DAY_MS]),
    maxStaleMs: readNumber('jwks.maxStaleMs', jwks.maxStaleMs, DAY_MS / 4, [0, 7 * DAY_MS]),
    cooldownMs: readNumber('jwks.cooldownMs', jwks.cooldownMs, 30_000, [1, 3_600_000]),
    burst: readNumber('jwks.burst', jwks.burst, 3, [1, 100]),
    maxBytes: readNumber('jwks.maxBytes', jwks.maxBytes, 262_144, [256, 10_485_760]),
    maxKeys: readNumber('jwks.maxKeys', jwks.maxKeys, 100, [1, 10_000]),
  };
}

function readIntrospection(options: IntrospectionVerifierOptions): CheckedOptions['introspection'] {
  const vouches: unknown = options.vouchesForAudience ?? false;
  if (typeof vouches !== 'boolean') {
    throw new ConfigError('introspection.vouchesForAudience', 'must be a boolean');
  }
  return {
    url: readUrl('introspection.introspectUrl', options.introspectUrl),
    clientId: readString('introspection.clientId', options.clientId),
    clientSecret: readString('introspection.clientSecret', options.clientSecret),
    timeoutMs: readNumber('introspection.timeoutMs', options.timeoutMs, 5_000, [1, 60_000]),
    maxBytes: readNumber('introspection.maxBytes', options.maxBytes, 65_536, [256, 10_485_760]),
    vouchesForAudience: vouches,
    cacheMaxAgeMs: readNumber('introspection.cacheMaxAgeMs', options.cacheMaxAgeMs, 0, [0, 3_600_000]),
    cacheSize: readNumber('introspection.cacheSize', options.cacheSize, 5_000, [0, 1_000_000]),
  };
}

function readString(key: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw new ConfigError(key, 'must be a non-empty string');
  }
  return value;
}

function readStrings(key: string, value: unknown): string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0) {
    throw new ConfigError(key, 'must not be an empty list');
  }
  return values.map((member) => readString(key, member));
}

function readNumber(key: string, value: unknown, standard: number, [min, max]: readonly [number, number]): number {
  const number = value ?? standard;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) {
    throw new ConfigError(key, `must be an integer from ${min} to ${max}`);
  }
  return number;
}

function readFunction<T>(key: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') {
    throw new ConfigError(key, 'must be a function');
  }
  return value;
}

function readUrl(key: string, value: unknown): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ConfigError(key, 'must be an https: or http: URL');
  }
  if (url.username !== '' || url.password !== '') {
    throw new ConfigError(key, 'must not carry credentials');
  }
  return url.href;
}

function readHeaders(key: string, value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError(key, 'must be an object of strings');
  }
  const headers: Record<string, string> = {};
  for (const [name, content] of Object.entries(value)) {
    if (typeof content !== 'string' || !isHeader(name, content)) {
      // The content may be a secret.
      throw new ConfigError(`${key}.${name}`, 'is not a valid HTTP header');
    }
    headers[name] = content;
  }
  return headers;
}

function isHeader(name: string, content: string): boolean {
  try {
    new Headers([[name, content]]);
    return true;
  } catch {
    return false;
  }
}

function readAlgorithms(value: readonly string[]): ReadonlySet<string> {
  const algorithms = readStrings('algorithms', value);
  const unsupported = algorithms.find((alg) => !KEY_SHAPES.has(alg));
  if (unsupported !== undefined) {
    throw new ConfigError('algorithms', `'${unsupported}' is not supported: use ${[...KEY_SHAPES.keys()].join(', ')}`);
  }
  return new Set(algorithms);
}

function readTypes(value: unknown): ReadonlySet<string | null> {
  if (!Array.isArray(value) || value.length === 0) {
    throw new ConfigError('acceptedTypes', 'must be a list of strings, or null for tokens without typ');
  }
  return new Set(value.map((type) => (type === null ? null : normalizeType(readString('acceptedTypes', type)))));
}

import { ConfigError } from '../errors.js';
import { KEY_SHAPES } from './algorithm.js';
import type { AnswerStore } from './answer-store.js';
import { readFunction, readNumber, readString, readStrings } from './check-value.js';
import type { TokenEventListener } from './event.js';
import { normalizeType } from './header.js';

/** How tokens are verified, whoever issues them: limits, caches, the clock and the network. All members are optional. */
export interface TokenSettings {
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
  /** How the key set is fetched and kept. */
  readonly jwks?: JwksOptions | undefined;
  /** How many proved JWTs are remembered. */
  readonly cache?: ProofCacheOptions | undefined;
  /** How answers of the introspection server are read and kept. */
  readonly introspection?: IntrospectionSettings | undefined;
  /** The clock: milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Is told what happens around the verification. What it throws is ignored. */
  readonly onEvent?: TokenEventListener | undefined;
}

/** How the key set of an issuer is fetched and kept. */
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

/** How many verified tokens are remembered. */
export interface ProofCacheOptions {
  /** Proved JWTs kept, each until its `exp` or until its key is withdrawn. Default 5,000; 0 keeps none; at most 1,000,000. */
  readonly maxEntries?: number | undefined;
  /** Characters of all tokens whose proofs are kept, as a measure of their claims. Default 8,388,608, 1,024 to 1,073,741,824. */
  readonly maxChars?: number | undefined;
}

/** How answers of an introspection server are read and kept. */
export interface IntrospectionSettings {
  /** Bytes of an answer. Default 65,536, 256 to 10,485,760. */
  readonly maxBytes?: number | undefined;
  /**
   * Milliseconds for which an answer is used again, never beyond the token's `exp`. A token that is revoked works for as long.
   * Default 0: every request asks, and nothing is kept anywhere. At most 3,600,000.
   */
  readonly cacheMaxAgeMs?: number | undefined;
  /** Answers kept in this process. Default 5,000, 0 to 1,000,000. */
  readonly cacheSize?: number | undefined;
  /** Where answers are shared with other processes, for `cacheMaxAgeMs` as well. Default: nowhere. */
  readonly cache?: AnswerStore | undefined;
  /**
   * Milliseconds to wait for the shared cache before the introspection server is asked instead. Default 250, 1 to 60,000.
   */
  readonly cacheTimeoutMs?: number | undefined;
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The settings with every default filled in, and everything of the caller's copied. */
export interface CheckedSettings {
  readonly algorithms: ReadonlySet<string>;
  readonly acceptedTypes: ReadonlySet<string | null>;
  readonly toleranceMs: number;
  readonly maxTokenLength: number;
  readonly jwks: Required<Defined<JwksOptions>>;
  readonly cache: Required<Defined<ProofCacheOptions>>;
  readonly introspection: Required<Defined<Omit<IntrospectionSettings, 'cache'>>> & {
    readonly cache: AnswerStore | undefined;
  };
  readonly now: () => number;
  readonly fetch: typeof fetch;
  readonly onEvent: TokenEventListener | undefined;
}

const DAY_MS = 86_400_000;

/**
 * Checks the settings as a program that is not compiled against the types may have written them.
 *
 * @param at What stands before the keys in error messages: `options.token.`.
 * @throws ConfigError
 */
export function readSettings(settings: TokenSettings, at = ''): CheckedSettings {
  return {
    algorithms: readAlgorithms(`${at}algorithms`, settings.algorithms ?? [...KEY_SHAPES.keys()]),
    acceptedTypes: readTypes(`${at}acceptedTypes`, settings.acceptedTypes ?? ['at+jwt', 'JWT', null]),
    toleranceMs: readNumber(`${at}clockToleranceSeconds`, settings.clockToleranceSeconds, 0, [0, 300]) * 1000,
    maxTokenLength: readNumber(`${at}maxTokenLength`, settings.maxTokenLength, 16_384, [256, 262_144]),
    jwks: readJwks(`${at}jwks`, settings.jwks ?? {}),
    cache: {
      maxEntries: readNumber(`${at}cache.maxEntries`, settings.cache?.maxEntries, 5_000, [0, 1_000_000]),
      maxChars: readNumber(`${at}cache.maxChars`, settings.cache?.maxChars, 8_388_608, [1_024, 1_073_741_824]),
    },
    introspection: readIntrospection(`${at}introspection`, settings.introspection ?? {}),
    now: readFunction(`${at}now`, settings.now) ?? Date.now,
    // Looked up at each call, so that instrumentation which replaces the global later is seen.
    fetch: readFunction(`${at}fetch`, settings.fetch) ?? ((...request) => globalThis.fetch(...request)),
    onEvent: readFunction(`${at}onEvent`, settings.onEvent),
  };
}

function readJwks(at: string, jwks: JwksOptions): CheckedSettings['jwks'] {
  return {
    timeoutMs: readNumber(`${at}.timeoutMs`, jwks.timeoutMs, 5_000, [1, 60_000]),
    maxAgeMs: readNumber(`${at}.maxAgeMs`, jwks.maxAgeMs, 600_000, [1_000, DAY_MS]),
    maxStaleMs: readNumber(`${at}.maxStaleMs`, jwks.maxStaleMs, DAY_MS / 4, [0, 7 * DAY_MS]),
    cooldownMs: readNumber(`${at}.cooldownMs`, jwks.cooldownMs, 30_000, [1, 3_600_000]),
    burst: readNumber(`${at}.burst`, jwks.burst, 3, [1, 100]),
    maxBytes: readNumber(`${at}.maxBytes`, jwks.maxBytes, 262_144, [256, 10_485_760]),
    maxKeys: readNumber(`${at}.maxKeys`, jwks.maxKeys, 100, [1, 10_000]),
  };
}

function readIntrospection(at: string, settings: IntrospectionSettings): CheckedSettings['introspection'] {
  return {
    maxBytes: readNumber(`${at}.maxBytes`, settings.maxBytes, 65_536, [256, 10_485_760]),
    cacheMaxAgeMs: readNumber(`${at}.cacheMaxAgeMs`, settings.cacheMaxAgeMs, 0, [0, 3_600_000]),
    cacheSize: readNumber(`${at}.cacheSize`, settings.cacheSize, 5_000, [0, 1_000_000]),
    cache: readStore(`${at}.cache`, settings.cache),
    cacheTimeoutMs: readNumber(`${at}.cacheTimeoutMs`, settings.cacheTimeoutMs, 250, [1, 60_000]),
  };
}

function readStore(key: string, store: AnswerStore | undefined): AnswerStore | undefined {
  if (store === undefined) return undefined;
  const { get, set } = Object(store) as Partial<Record<'get' | 'set', unknown>>;
  if (typeof get !== 'function' || typeof set !== 'function') {
    throw new ConfigError(key, 'must be a store with get and set');
  }
  return store;
}

function readAlgorithms(key: string, value: readonly string[]): ReadonlySet<string> {
  const algorithms = readStrings(key, value);
  const unsupported = algorithms.find((alg) => !KEY_SHAPES.has(alg));
  if (unsupported !== undefined) {
    throw new ConfigError(key, `'${unsupported}' is not supported: use ${[...KEY_SHAPES.keys()].join(', ')}`);
  }
  return new Set(algorithms);
}

function readTypes(key: string, value: unknown): ReadonlySet<string | null> {
  if (!Array.isArray(value) || value.length === 0) {
    throw new ConfigError(key, 'must be a list of strings, or null for tokens without typ');
  }
  return new Set(value.map((type) => (type === null ? null : normalizeType(readString(key, type)))));
}

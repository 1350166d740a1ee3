import { LRUCache } from 'lru-cache';
import type { FetchedKeySet } from '../wire/fetch-key-set.js';
import { KeySetFetchError } from '../wire/fetch-key-set.js';
import type { NamedKey } from './read-key-set.js';

export interface RemoteKeySetOptions {
  /** Rejects when the set cannot be had. */
  readonly fetch: (uri: string) => Promise<FetchedKeySet>;
  /** The keys of a fetched body, or undefined when it holds no key set. */
  readonly read: (body: unknown) => readonly NamedKey[] | undefined;
  /** Seconds a set is kept when its answer says nothing about it. */
  readonly defaultMaxAgeSeconds: number;
  /** Seconds a set is kept at most, whatever its answer says. */
  readonly maxAgeSeconds: number;
  /** Seconds between two fetches that a kid missing from a fresh set may cause, for one URL. */
  readonly unknownKidCooldownSeconds: number;
  /** Seconds for which a failed fetch is not tried again, for one URL. */
  readonly retryAfterFailureSeconds: number;
}

interface CachedSet {
  readonly keys: readonly NamedKey[];
  /** Milliseconds since the epoch. */
  readonly freshUntil: number;
}

interface Source {
  cached?: CachedSet;
  /** The one fetch under way; everybody who needs the set waits for it. */
  pending?: Promise<CachedSet> | undefined;
  failure?: { readonly error: unknown; readonly until: number };
  unknownKidFetchAt?: number;
}

/** URLs kept in memory; only registered clients cause an entry. */
const MAX_SOURCES = 10_000;

/**
 * The key sets that clients publish, cached as long as their answers allow (SMART App Launch 2.2, Client
 * Authentication: no longer than Cache-Control says).
 *
 * A kid that a fresh set lacks may be a rotated key, or a stranger's invention. It causes one fetch, then none for a
 * while; keys that are known keep working meanwhile. An expired set is never used, even when its server is down: a
 * client that withdrew a key must be able to rely on that.
 */
export class RemoteKeySets {
  readonly #options: RemoteKeySetOptions;
  readonly #sources = new LRUCache<string, Source>({ max: MAX_SOURCES });

  constructor(options: RemoteKeySetOptions) {
    this.#options = options;
  }

  /** @throws KeySetFetchError */
  async keysOf(uri: string, kid: string): Promise<readonly NamedKey[]> {
    const source = this.#sourceOf(uri);
    const now = Date.now();
    const { cached } = source;
    if (cached === undefined || cached.freshUntil <= now) return (await this.#fetch(uri, source)).keys;
    if (cached.keys.some((key) => key.kid === kid)) return cached.keys;

    const { unknownKidFetchAt = -Infinity } = source;
    if (now - unknownKidFetchAt < this.#options.unknownKidCooldownSeconds * 1000) return cached.keys;
    source.unknownKidFetchAt = now;
    return (await this.#fetch(uri, source)).keys;
  }

  #sourceOf(uri: string): Source {
    let source = this.#sources.get(uri);
    if (source === undefined) {
      source = {};
      this.#sources.set(uri, source);
    }
    return source;
  }

  #fetch(uri: string, source: Source): Promise<CachedSet> {
    if (source.pending !== undefined) return source.pending;
    if (source.failure !== undefined && source.failure.until > Date.now())
      return Promise.reject(asError(source.failure.error));
    const pending = this.#load(uri)
      .then((set) => {
        source.cached = set;
        delete source.failure;
        return set;
      })
      .catch((error: unknown) => {
        source.failure = { error, until: Date.now() + this.#options.retryAfterFailureSeconds * 1000 };
        throw error;
      })
      .finally(() => {
        source.pending = undefined;
      });
    source.pending = pending;
    return pending;
  }

  async #load(uri: string): Promise<CachedSet> {
    const { defaultMaxAgeSeconds, maxAgeSeconds } = this.#options;
    // Counted from before the request, so that a slow answer is not kept longer than it said.
    const askedAt = Date.now();
    const { body, freshForSeconds = defaultMaxAgeSeconds } = await this.#options.fetch(uri);
    const keys = this.#options.read(body);
    if (keys === undefined) throw new KeySetFetchError('not-json');
    return { keys, freshUntil: askedAt + Math.min(freshForSeconds, maxAgeSeconds) * 1000 };
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new KeySetFetchError('network', { cause });
}

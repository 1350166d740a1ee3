import type { TokenEventListener } from './event.js';
import { TokenError } from './error.js';
import { isTime } from './claims.js';
import { isJsonObject } from '../json-object.js';
import { readJwk, type KeyFault, type VerificationKey } from './jwk.js';
import { readJson, type ReadFailure } from './read-json.js';

export interface RemoteKeysOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxAgeMs: number;
  readonly maxStaleMs: number;
  readonly cooldownMs: number;
  readonly burst: number;
  readonly maxBytes: number;
  readonly maxKeys: number;
  readonly fetch: typeof fetch;
  readonly now: () => number;
  readonly onEvent: TokenEventListener;
}

interface KeySet {
  readonly byKid: ReadonlyMap<string, readonly VerificationKey[]>;
  readonly keys: ReadonlySet<VerificationKey>;
  /** When its request was sent: the set may be as old as that. */
  readonly requestedAt: number;
}

/** The part of `maxAgeMs` after which a set in use is renewed in the background, so that busy servers never wait for it. */
const RENEW_AFTER = 0.8;

/**
 * The issuer's key set (RFC 7517 §5), kept up to date.
 *
 * | the set at hand is        | a known `kid`                                   | an unknown `kid`                      |
 * |---------------------------|-------------------------------------------------|---------------------------------------|
 * | missing                   | waits for a fetch                               | waits for a fetch                     |
 * | younger than maxAge       | is served at once                               | one fetch, if the allowance has one   |
 * | older, issuer answers     | waits for the fetch                             | waits for the fetch                   |
 * | older, issuer is down     | is served; a retry every cooldown, in background| is refused as unavailable             |
 * | older than maxAge+maxStale| waits for a fetch                               | waits for a fetch                     |
 *
 * Concurrent callers share one fetch. A failed fetch is not remembered where nothing else could serve.
 */
export class RemoteKeys {
  readonly #options: RemoteKeysOptions;
  #set: KeySet | undefined;
  #inFlight: Promise<void> | undefined;
  /** Fetches that have ended, well or badly. */
  #attempts = 0;
  /** When the last fetch failed; `undefined` once one succeeds. */
  #failedAt: number | undefined;
  /** Fetches that unknown `kid`s may still cause: a bucket that regains one each cooldown. */
  #allowance: number;
  #allowanceAt: number | undefined;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    this.#allowance = options.burst;
  }

  /** True if keys can be served without any waiting or background work. */
  isFresh(now: number): boolean {
    const age = this.#age(now);
    return age !== undefined && age < this.#options.maxAgeMs * RENEW_AFTER;
  }

  /** Whether the key is in the set now at hand. */
  holds(key: VerificationKey): boolean {
    return this.#set?.keys.has(key) ?? false;
  }

  /** The keys of this name, if they can be served without any waiting. */
  peek(kid: string): readonly VerificationKey[] | undefined {
    return this.isFresh(this.#options.now()) ? this.#set?.byKid.get(kid) : undefined;
  }

  /** The keys of this name. Rejects with ERR_TOKEN_KEY if the issuer has none, ERR_JWKS_UNAVAILABLE if that cannot be known. */
  async find(kid: string): Promise<readonly VerificationKey[]> {
    const attempts = this.#attempts;
    await this.renew();
    let found = this.#set?.byKid.get(kid);
    if (found === undefined && attempts === this.#attempts && (this.#inFlight !== undefined || this.#spend())) {
      await this.#fetchOnce();
      found = this.#set?.byKid.get(kid);
    }
    if (found === undefined) {
      // After a failed fetch nobody knows whether the issuer has the key by now.
      throw new TokenError(this.#failedAt === undefined ? 'ERR_TOKEN_KEY' : 'ERR_JWKS_UNAVAILABLE');
    }
    return found;
  }

  /**
   * Sees to it that a usable set is at hand. Rejects with ERR_JWKS_UNAVAILABLE if there is none, and with a TypeError if the clock
   * tells no time.
   */
  async renew(): Promise<void> {
    const now = this.#options.now();
    if (!isTime(now)) {
      // Without fetching: no set could be told to be fresh, and every token would cause another fetch.
      throw new TypeError('the clock of the verifier tells no time');
    }
    if (this.isFresh(now)) {
      return;
    }
    const { maxAgeMs, maxStaleMs, cooldownMs } = this.#options;
    const age = this.#age(now);
    const sinceFailure = this.#failedAt === undefined ? undefined : now - this.#failedAt;
    if (age === undefined || age >= maxAgeMs + maxStaleMs) {
      await this.#fetchOnce();
      // By the clock after the fetch: the new set may have been asked for later than `now`.
      const reached = this.#age(this.#options.now());
      if (reached === undefined || reached >= maxAgeMs + maxStaleMs) {
        throw new TokenError('ERR_JWKS_UNAVAILABLE');
      }
    } else if (sinceFailure !== undefined && sinceFailure >= 0 && sinceFailure < cooldownMs) {
      // The issuer was down a moment ago: serve the last good set and leave the issuer alone.
    } else if (age < maxAgeMs || (sinceFailure !== undefined && sinceFailure >= 0 && sinceFailure < maxAgeMs)) {
      this.#fetchOnce().catch(() => undefined);
    } else {
      await this.#fetchOnce();
    }
  }

  /** Milliseconds since the set at hand was asked for; `undefined` without one. */
  #age(now: number): number | undefined {
    if (this.#set === undefined) {
      return undefined;
    }
    const age = now - this.#set.requestedAt;
    if (!isTime(now) || !isTime(age)) {
      return Infinity;
    }
    // The clock was set back: how old the set is cannot be told, so it is due.
    return age < 0 ? this.#options.maxAgeMs : age;
  }

  /** Takes one fetch from the allowance for unknown `kid`s. */
  #spend(): boolean {
    const now = this.#options.now();
    const { burst, cooldownMs } = this.#options;
    if (!isTime(now)) {
      return false;
    }
    const since = this.#allowanceAt ?? now;
    const earned = Math.max(0, Math.floor((now - since) / cooldownMs));
    this.#allowance = Math.min(burst, this.#allowance + earned);
    // A full bucket earns nothing; otherwise the time towards the next fetch is kept.
    this.#allowanceAt = this.#allowance === burst || now < since ? now : since + earned * cooldownMs;
    if (this.#allowance < 1) {
      return false;
    }
    this.#allowance -= 1;
    return true;
  }

  /** Fetches the set, or joins the fetch that is under way. Rejects only if an injected clock throws. */
  #fetchOnce(): Promise<void> {
    this.#inFlight ??= this.#fetch().finally(() => {
      this.#attempts += 1;
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  async #fetch(): Promise<void> {
    const { url, headers, timeoutMs, maxBytes, maxKeys, now, onEvent } = this.#options;
    const requestedAt = now();
    const result = await readJson({
      fetch: this.#options.fetch,
      url,
      method: 'GET',
      headers: { accept: 'application/json, application/jwk-set+json', ...headers },
      timeoutMs,
      maxBytes,
      acceptsStatus: (status) => status === 200,
    });
    if (!result.ok) {
      this.#fail(result.reason, result.status);
    } else if (!isJsonObject(result.value) || !Array.isArray(result.value.keys)) {
      this.#fail('not-a-key-set');
    } else if (result.value.keys.length > maxKeys) {
      this.#fail('too-many-keys');
    } else {
      const ignored = this.#accept(result.value.keys, requestedAt);
      onEvent({ type: 'jwks.refreshed', keys: this.#set?.keys.size ?? 0, ignored });
    }
  }

  #fail(reason: ReadFailure | 'not-a-key-set' | 'too-many-keys', status?: number): void {
    const now = this.#options.now();
    this.#failedAt = now;
    const age = this.#age(now);
    this.#options.onEvent({
      type: 'jwks.failed',
      reason,
      ...(status === undefined ? {} : { status }),
      servingLastGood: age !== undefined && age < this.#options.maxAgeMs + this.#options.maxStaleMs,
    });
  }

  /** Replaces the set. A key that was in the last one keeps its object, and with it what is cached for it. */
  #accept(members: readonly unknown[], requestedAt: number): readonly { index: number; fault: KeyFault }[] {
    const known = new Map([...(this.#set?.keys ?? [])].map((key) => [key.identity, key]));
    const byKid = new Map<string, VerificationKey[]>();
    const keys = new Set<VerificationKey>();
    const ignored: { index: number; fault: KeyFault }[] = [];
    members.forEach((member, index) => {
      const result = readJwk(member);
      if (!result.ok) {
        ignored.push({ index, fault: result.fault });
        return;
      }
      const key = known.get(result.key.identity) ?? result.key;
      if (!keys.has(key)) {
        known.set(key.identity, key);
        keys.add(key);
        byKid.set(key.kid, [...(byKid.get(key.kid) ?? []), key]);
      }
    });
    this.#set = { byKid, keys, requestedAt };
    this.#failedAt = undefined;
    return ignored;
  }
}

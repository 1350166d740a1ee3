import { LRUCache } from 'lru-cache';
import type { AnswerStore } from './answer-store.js';
import { fingerprint } from './bearer.js';
import { readDate } from './claims.js';
import { TokenError } from './error.js';
import type { TokenEventListener } from './event.js';
import type { JsonObject } from '../json-object.js';
import { isJsonObject } from '../json-object.js';
import { readJson, type ReadFailure } from './read-json.js';
import { SharedAnswers, type DatedAnswer } from './shared-answers.js';

export interface IntrospectorOptions {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** 0 keeps no answer. */
  readonly cacheMaxAgeMs: number;
  readonly cacheSize: number;
  readonly cache: AnswerStore | undefined;
  readonly cacheTimeoutMs: number;
  readonly fetch: typeof fetch;
  readonly now: () => number;
  readonly onEvent: TokenEventListener;
}

/** Asks the introspection server of RFC 7662 about tokens. */
export class Introspector {
  readonly #options: IntrospectorOptions;
  readonly #authorization: string;
  readonly #answers: LRUCache<string, DatedAnswer> | undefined;
  readonly #shared: SharedAnswers | undefined;

  constructor(options: IntrospectorOptions) {
    this.#options = options;
    this.#authorization = basicCredentials(options.clientId, options.clientSecret);
    this.#answers =
      options.cacheMaxAgeMs === 0 || options.cacheSize === 0 ? undefined : new LRUCache({ max: options.cacheSize });
    const { cacheMaxAgeMs, cache: store, cacheTimeoutMs: timeoutMs } = options;
    this.#shared =
      cacheMaxAgeMs === 0 || store === undefined ? undefined : new SharedAnswers({ ...options, store, timeoutMs });
  }

  /**
   * What the server says about an active token, without `active` itself. Rejects with ERR_INTROSPECTION_INACTIVE or
   * ERR_INTROSPECTION_UNAVAILABLE.
   *
   * Only answers about active tokens are kept: a token that is unknown now may be known in a second.
   */
  async ask(token: string): Promise<JsonObject> {
    if (this.#options.cacheMaxAgeMs === 0) {
      return this.#request(token);
    }
    const id = fingerprint(token);
    const kept = this.#answers?.get(id);
    if (kept !== undefined && this.#lifetimeOf(kept) > 0) {
      return kept.answer;
    }
    this.#answers?.delete(id);
    const shared = await this.#shared?.get(token);
    if (shared !== undefined && this.#lifetimeOf(shared) > 0) {
      this.#answers?.set(id, shared);
      return shared.answer;
    }
    const askedAt = this.#options.now();
    const dated = { askedAt, answer: await this.#request(token) };
    const lifetimeMs = this.#lifetimeOf(dated);
    if (lifetimeMs > 0) {
      this.#answers?.set(id, dated);
      // Nobody waits for it: it is for others.
      void this.#shared?.set(token, dated, lifetimeMs);
    }
    return dated.answer;
  }

  /**
   * Milliseconds for which an answer may still be used. They count from when it was asked for, so they do not begin anew as it comes
   * from one cache to the next, and end with the token itself (RFC 7662 §4).
   */
  #lifetimeOf({ answer, askedAt }: DatedAnswer): number {
    const now = this.#options.now();
    // From the future: a clock was set back, here or where it was asked for. It could serve for any time.
    if (askedAt > now) return 0;
    return Math.min(askedAt + this.#options.cacheMaxAgeMs, readDate(answer.exp) ?? Infinity) - now;
  }

  async #request(token: string): Promise<JsonObject> {
    const result = await readJson({
      fetch: this.#options.fetch,
      url: this.#options.url,
      method: 'POST',
      headers: {
        accept: 'application/json',
        authorization: this.#authorization,
        'content-type': 'application/x-www-form-urlencoded',
      },
      // RFC 7662 §2.1.
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
      timeoutMs: this.#options.timeoutMs,
      maxBytes: this.#options.maxBytes,
      // 200 says RFC 7662 §2.2; servers that answer the POST with 201 mean the same.
      acceptsStatus: (status) => status === 200 || status === 201,
    });
    if (!result.ok) {
      throw this.#unavailable(result.reason, result.status);
    }
    if (!isJsonObject(result.value)) {
      throw this.#unavailable('not-an-object');
    }
    const { active, ...answer } = result.value;
    // The boolean, and nothing that is merely truthy: "false" is a string.
    if (active !== true) {
      throw new TokenError('ERR_INTROSPECTION_INACTIVE');
    }
    return answer;
  }

  #unavailable(reason: ReadFailure | 'not-an-object', status?: number): TokenError {
    this.#options.onEvent({ type: 'introspection.failed', reason, ...(status === undefined ? {} : { status }) });
    return new TokenError('ERR_INTROSPECTION_UNAVAILABLE');
  }
}

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined, so that a colon in the id does not end it. */
function basicCredentials(clientId: string, clientSecret: string): string {
  return `Basic ${Buffer.from(`${formEncode(clientId)}:${formEncode(clientSecret)}`).toString('base64')}`;
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice('='.length);
}

/**
 * Joins what a JWT says with what the server says about it; the server has the last word.
 *
 * Scopes need care: RFC 7662 §2.2 calls them `scope` whatever the token calls them, so an answer that narrows them must also
 * displace `scp` or a claim of another name. `scopeClaim` is the one that the host reads.
 */
export function joinClaims(token: JsonObject, answer: JsonObject, scopeClaim: string): JsonObject {
  const joined: Record<string, unknown> = { ...token, ...answer };
  const names = [...new Set([scopeClaim, 'scope', 'scp'])];
  const answered = names.find((name) => Object.hasOwn(answer, name));
  if (answered !== undefined) {
    for (const name of names) {
      if (!Object.hasOwn(answer, name) && (name === scopeClaim || Object.hasOwn(token, name))) {
        joined[name] = answer[answered];
      }
    }
  }
  return joined;
}

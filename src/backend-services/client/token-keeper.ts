import { setTimeout as sleep } from 'node:timers/promises';
import { BackendServicesError } from '../errors.js';
import type { AccessToken } from './request-token.js';

export interface TokenKeeperOptions {
  /** Makes one token request. */
  readonly request: () => Promise<AccessToken>;
  readonly now: () => number;
  readonly renewBeforeSeconds: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly maxRetryDelayMs: number;
}

/** Keeps one access token fresh: renews it before it expires, one request at a time, and knows which failures pass. */
export class TokenKeeper {
  readonly #options: TokenKeeperOptions;
  #token: AccessToken | undefined;
  #pending: Promise<AccessToken> | undefined;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
  }

  async get(): Promise<AccessToken> {
    const token = this.#token;
    const now = this.#options.now();
    if (token === undefined || now >= token.expiresAt) return this.#renew();
    // A token that lives hardly longer than the margin would be renewed at every call: keep it for half its life.
    const marginMs = Math.min(this.#options.renewBeforeSeconds, token.expiresIn / 2) * 1000;
    if (now < token.expiresAt - marginMs) return token;
    try {
      return await this.#renew();
    } catch (error) {
      // The token in hand is still good: a server that is briefly away need not stop the work.
      if (isTransient(error) && this.#token === token && this.#options.now() < token.expiresAt) return token;
      throw error;
    }
  }

  /** Forgets a token that a resource server refused, unless a newer one has taken its place already. */
  discard(refused: AccessToken): void {
    if (this.#token === refused) this.#token = undefined;
  }

  /** All callers who need a new token at once share one request. */
  async #renew(): Promise<AccessToken> {
    this.#pending ??= this.#request().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #request(): Promise<AccessToken> {
    const { retries, retryDelayMs, maxRetryDelayMs } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        this.#token = await this.#options.request();
        return this.#token;
      } catch (error) {
        if (attempt >= retries || !isTransient(error)) throw error;
        const waitMs =
          error.retryAfterSeconds === undefined ? retryDelayMs * 2 ** attempt : error.retryAfterSeconds * 1000;
        // A server that asks for more patience than we have gets it: the caller decides when to come back.
        if (waitMs > maxRetryDelayMs) throw error;
        await sleep(waitMs);
      }
    }
  }
}

/** Failures that say nothing about the request: the same one may succeed later. */
function isTransient(error: unknown): error is BackendServicesError {
  if (!(error instanceof BackendServicesError)) return false;
  if (error.code === 'ERR_NETWORK' || error.code === 'ERR_TIMEOUT') return true;
  return error.status !== undefined && [429, 502, 503, 504].includes(error.status);
}

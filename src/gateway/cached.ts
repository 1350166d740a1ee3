/** So that whoever asks in vain a thousand times a second, asks others once. */
const FAILURE_MAX_AGE_MS = 1000;

/** A value that is fetched now and then. */
export class Cached<T> {
  readonly #fetch: () => Promise<T>;
  readonly #maxAgeMs: number;
  #value: { readonly value: T; readonly until: number } | undefined;
  #failure: { readonly error: unknown; readonly until: number } | undefined;
  #pending: Promise<T> | undefined;

  /** @param maxAgeMs Milliseconds for which a value is taken again. A failure counts for one second. */
  constructor(fetch: () => Promise<T>, maxAgeMs: number) {
    this.#fetch = fetch;
    this.#maxAgeMs = maxAgeMs;
  }

  /** The value; everybody who asks meanwhile waits for the same one. */
  async get(): Promise<T> {
    if (this.#value && this.#value.until > performance.now()) return this.#value.value;
    if (this.#failure && this.#failure.until > performance.now()) throw this.#failure.error;
    this.#pending ??= this.#renew().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #renew(): Promise<T> {
    try {
      const value = await this.#fetch();
      this.#value = { value, until: performance.now() + this.#maxAgeMs };
      return value;
    } catch (error) {
      this.#failure = { error, until: performance.now() + FAILURE_MAX_AGE_MS };
      throw error;
    }
  }
}

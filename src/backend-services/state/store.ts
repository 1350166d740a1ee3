import { DEFAULT_TIMEOUT, within } from './time-bound.js';

/**
 * Where the authorization server keeps what must outlive one request: used assertion ids, sessions, codes, grants,
 * launches, registered clients, cached answers.
 *
 * Small on purpose, so that a store of one's own is an hour's work. Two calls carry the security: `setIfAbsent` and
 * `take` must be **one atomic operation of the store** each. A store that reads first and writes afterwards lets
 * parallel replays through.
 *
 * Keys are printable ASCII, below 256 characters; the part before the first colon is a namespace. Values are text.
 * A call that fails rejects; callers then refuse, they never assume an answer. So they do when a call takes longer than
 * they are ready to wait: what a store does after that must be harmless, as each of these calls is.
 */
export interface StateStore {
  /** The value, or undefined when there is none or it has expired. */
  get(key: string): Promise<string | undefined>;

  /**
   * Stores a value, in place of an earlier one.
   *
   * @param expiresInSeconds - Seconds from now, more than 0, fractions allowed; without it the value stays.
   */
  set(key: string, value: string, expiresInSeconds?: number): Promise<void>;

  /**
   * Stores a value where there is none, atomically: of any number of parallel callers, in any number of processes,
   * exactly one receives `true`.
   *
   * @param expiresInSeconds - As in {@link StateStore.set}.
   */
  setIfAbsent(key: string, value: string, expiresInSeconds?: number): Promise<boolean>;

  /** Removes a value and returns it, atomically: of any number of parallel callers exactly one receives it. */
  take(key: string): Promise<string | undefined>;

  /** Removes a value; nothing happens when there is none. */
  delete(key: string): Promise<void>;
}

/**
 * A store that cannot do what it was asked; the caller refuses the request. The message goes to the operator's log: it
 * names no key and no value.
 */
export class StateStoreError extends Error {
  readonly code: 'ERR_STATE_STORE_FULL' | 'ERR_STATE_STORE_UNAVAILABLE';

  constructor(code: StateStoreError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StateStoreError';
    this.code = code;
  }
}

/** @internal Guards every store against a lifetime that would mean "forever" or "already gone" by accident. */
export function lifetimeMilliseconds(expiresInSeconds: number | undefined): number | undefined {
  if (expiresInSeconds === undefined) return undefined;
  if (!Number.isFinite(expiresInSeconds) || expiresInSeconds <= 0) {
    throw new TypeError('expiresInSeconds must be a finite number greater than 0');
  }
  return Math.ceil(expiresInSeconds * 1000);
}

/**
 * @internal A store whose every failure is a {@link StateStoreError}, so that callers tell "cannot be looked up" from a
 * mistake of their own; not to answer in time is one of them.
 */
export function guardStore(store: StateStore, timeoutMilliseconds = DEFAULT_TIMEOUT): StateStore {
  const late = (): StateStoreError =>
    new StateStoreError(
      'ERR_STATE_STORE_UNAVAILABLE',
      `the state store did not answer within ${timeoutMilliseconds} ms`,
    );
  async function guard<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await within(timeoutMilliseconds, call, late);
    } catch (cause) {
      if (cause instanceof StateStoreError) throw cause;
      throw new StateStoreError('ERR_STATE_STORE_UNAVAILABLE', 'the state store failed', { cause });
    }
  }
  return {
    get: (key) => guard(() => store.get(key)),
    set: (key, value, expiresInSeconds) => guard(() => store.set(key, value, expiresInSeconds)),
    setIfAbsent: (key, value, expiresInSeconds) => guard(() => store.setIfAbsent(key, value, expiresInSeconds)),
    take: (key) => guard(() => store.take(key)),
    delete: (key) => guard(() => store.delete(key)),
  };
}

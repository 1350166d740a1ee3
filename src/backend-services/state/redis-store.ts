import type { StateStore } from './store.js';
import { StateStoreError, lifetimeMilliseconds } from './store.js';
import { readTimeout, within } from './time-bound.js';

/**
 * The commands that the store sends. An `ioredis` client or cluster is one; so is anything that sends `call` on as it
 * is. Written as a shape, so that the package needs no Redis client of its own.
 */
export interface RedisCommands {
  /** Sends one command and answers with Redis' reply. */
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}

/** How a store uses Redis. */
export interface RedisStoreOptions {
  /** Put before every key, so that several servers can share one Redis. Default: `smart:`. */
  readonly keyPrefix?: string;
  /**
   * How long Redis may take for one command, connecting included, before the call fails. Milliseconds, default 2,000,
   * bounds 50 to 60,000.
   */
  readonly timeoutMilliseconds?: number;
}

/**
 * State in Redis, for more than one process. Needs Redis 6.2 or later (`GETDEL`).
 *
 * Each call is one command, so Redis itself makes it atomic: `SET … NX PX` for {@link StateStore.setIfAbsent},
 * `GETDEL` for {@link StateStore.take}. Use a Redis that does not evict (`maxmemory-policy noeviction`): an evicted
 * assertion id could be used again. The caller opens and closes the connection.
 *
 * @example
 * ```ts
 * import { Redis } from 'ioredis';
 * const store = createRedisStore(new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: 1, commandTimeout: 2_000 }));
 * ```
 *
 * `commandTimeout` lets the client forget a command that was not answered; the store stops waiting without it, too.
 *
 * @throws TypeError
 */
export function createRedisStore(redis: RedisCommands, options: RedisStoreOptions = {}): StateStore {
  const prefix = options.keyPrefix ?? 'smart:';
  const timeout = readTimeout(options.timeoutMilliseconds);

  async function command(name: string, key: string, ...args: (string | number)[]): Promise<unknown> {
    const late = (): StateStoreError =>
      new StateStoreError('ERR_STATE_STORE_UNAVAILABLE', `Redis did not answer ${name} within ${timeout} ms`);
    try {
      return await within(timeout, () => redis.call(name, prefix + key, ...args), late);
    } catch (error) {
      if (error instanceof StateStoreError) throw error;
      // Without the cause: a client hangs the command with its key and value on it, and Redis quotes them in its words.
      throw new StateStoreError('ERR_STATE_STORE_UNAVAILABLE', `Redis did not answer ${name} (${reasonOf(error)})`);
    }
  }

  function expiry(expiresInSeconds: number | undefined): (string | number)[] {
    const lifetime = lifetimeMilliseconds(expiresInSeconds);
    return lifetime === undefined ? [] : ['PX', lifetime];
  }

  return {
    async get(key) {
      return text(await command('GET', key));
    },
    async set(key, value, expiresInSeconds) {
      acknowledged(await command('SET', key, value, ...expiry(expiresInSeconds)));
    },
    async setIfAbsent(key, value, expiresInSeconds) {
      const answer = await command('SET', key, value, 'NX', ...expiry(expiresInSeconds));
      // Redis answers nil where the key exists. Whatever is neither is no permission.
      if (answer === null) return false;
      acknowledged(answer);
      return true;
    },
    async take(key) {
      return text(await command('GETDEL', key));
    },
    async delete(key) {
      await command('DEL', key);
    },
  };
}

/** The kind of an error (`OOM`, `READONLY`, `ECONNREFUSED`), or what its class is called. */
function reasonOf(error: unknown): string {
  const { name, code, message } = Object(error) as Readonly<Record<'name' | 'code' | 'message', unknown>>;
  const kind = typeof message === 'string' ? /^[A-Z]{3,20}(?= )/.exec(message)?.[0] : undefined;
  const known = [code, kind, name].find((text) => typeof text === 'string' && /^\w{1,40}$/.test(text));
  return typeof known === 'string' ? known : 'unknown error';
}

function text(answer: unknown): string | undefined {
  if (answer === null) return undefined;
  if (typeof answer === 'string') return answer;
  throw new StateStoreError('ERR_STATE_STORE_UNAVAILABLE', 'Redis gave an unexpected answer');
}

function acknowledged(answer: unknown): void {
  if (answer !== 'OK') throw new StateStoreError('ERR_STATE_STORE_UNAVAILABLE', 'Redis gave an unexpected answer');
}

import { createJsonFileClientRegistry } from '../backend-services/authorization-server/clients/json-file-registry.js';
import type { ClientRegistry } from '../backend-services/authorization-server/clients/registry.js';
import { createStoredClientRegistry } from '../backend-services/authorization-server/clients/stored-registry.js';
import type { RedisCommands } from '../backend-services/state/redis-store.js';
import { createRedisStore } from '../backend-services/state/redis-store.js';
import { StateStoreError } from '../backend-services/state/store.js';
import type { Arguments } from './arguments.js';
import type { CommandIo } from './command.js';
import { InputError, UsageError } from './failure.js';

/** Where the registry of an authorization server is. */
export type RegistryPlace =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'redis'; readonly url: URL; readonly keyPrefix: string | undefined };

export interface OpenRegistry {
  readonly registry: ClientRegistry;
  close(): void;
}

/** The part of ioredis that is used. It is a package of the user's choice, so it is loaded only where it is asked for. */
interface RedisModule {
  readonly Redis: new (url: string, options: object) => RedisClient;
}
interface RedisClient extends RedisCommands {
  connect(): Promise<unknown>;
  disconnect(): void;
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

/** Milliseconds to reach Redis. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Milliseconds for each command after that. */
const COMMAND_TIMEOUT_MS = 5_000;

/** @throws UsageError, InputError: neither repeats a URL, which may hold a password */
export function registryPlace(args: Arguments, io: CommandIo): RegistryPlace {
  const path = args.text('registry');
  const option = args.text('redis');
  if (path !== undefined && option !== undefined) throw new UsageError('--registry and --redis exclude each other');
  if (path !== undefined) return { kind: 'file', path };
  const given = option ?? io.env['SMART_REDIS_URL'];
  if (given === undefined || given === '') {
    throw new UsageError('one of --registry and --redis, or the environment variable SMART_REDIS_URL, is needed');
  }
  const name = option === undefined ? 'SMART_REDIS_URL' : '--redis';
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    throw new InputError(`${name} is not a redis: or rediss: URL`);
  }
  // ioredis reads options from the query, the password too.
  const inQuery = [...url.searchParams.keys()].some((key) => key.toLowerCase().includes('password'));
  if (option !== undefined && (url.password !== '' || inQuery)) {
    throw new UsageError('a password as an argument is seen by others: put the URL into SMART_REDIS_URL');
  }
  return { kind: 'redis', url, keyPrefix: args.text('redis-prefix') };
}

/** @throws InputError where ioredis is missing, StateStoreError where Redis does not answer */
export async function openRegistry(
  place: RegistryPlace,
  load: () => Promise<unknown> = () => import('ioredis'),
): Promise<OpenRegistry> {
  if (place.kind === 'file') return { registry: createJsonFileClientRegistry(place.path), close: () => undefined };
  const { url, keyPrefix } = place;
  const { Redis } = await loadRedis(load);
  const redis = new Redis(url.href, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    // One try: somebody waits at the terminal, and reads why it failed.
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  let fault: unknown;
  redis.on('error', (error) => {
    fault = error;
  });
  try {
    await redis.connect();
    // A server that wants a password lets one connect, and refuses what comes next.
    await redis.call('PING');
  } catch (error) {
    redis.disconnect();
    throw unreachable(url, fault ?? error);
  }
  const timeoutMilliseconds = COMMAND_TIMEOUT_MS;
  const store = createRedisStore(redis, { timeoutMilliseconds, ...(keyPrefix !== undefined && { keyPrefix }) });
  return {
    registry: createStoredClientRegistry(store, { timeoutMilliseconds }),
    close: () => {
      redis.disconnect();
    },
  };
}

async function loadRedis(load: () => Promise<unknown>): Promise<RedisModule> {
  try {
    return (await load()) as RedisModule;
  } catch {
    throw new InputError('for a registry on Redis the package ioredis is needed: npm install ioredis');
  }
}

/** Host and port only, and only the kind of fault: its text may quote what was sent. */
function unreachable(url: URL, cause: unknown): StateStoreError {
  const { code, message } = Object(cause) as { readonly code?: unknown; readonly message?: unknown };
  const refusal = typeof message === 'string' ? /^(?:WRONGPASS|NOAUTH|NOPERM)\b/.exec(message)?.[0] : undefined;
  const why = refusal ?? (typeof code === 'string' && /^[A-Z_]{3,40}$/.test(code) ? code : undefined);
  const where = `Redis at ${url.hostname}:${url.port === '' ? '6379' : url.port}`;
  return new StateStoreError(
    'ERR_STATE_STORE_UNAVAILABLE',
    `${where} ${refusal === undefined ? 'cannot be reached' : 'refuses this user or password'}${why === undefined ? '' : ` (${why})`}`,
  );
}

import { LRUCache } from 'lru-cache';
import { hashedKey } from '../../state/hashed-key.js';
import type { StateStore } from '../../state/store.js';
import { guardStore } from '../../state/store.js';
import { readTimeout } from '../../state/time-bound.js';
import { isClientId } from './check-client.js';
import type { ClientMetadata } from './client.js';
import type { ClientRegistry } from './registry.js';
import { ClientRegistryError, clientExists } from './registry.js';

/** Clients whose entries are kept in memory. */
const MAX_KNOWN = 1_000;

/** How a registry uses its store. */
export interface StoredClientRegistryOptions {
  /**
   * How long the store may take for one call before the registry rejects with a `StateStoreError`. Milliseconds, default
   * 2,000, bounds 50 to 60,000. A store on Redis has a bound of its own; the shorter one counts.
   */
  readonly timeoutMilliseconds?: number;
}

/**
 * Clients in a state store, such as Redis, so that every process sees a registration at once.
 *
 * @throws TypeError
 */
export function createStoredClientRegistry(
  given: StateStore,
  options: StoredClientRegistryOptions = {},
): ClientRegistry {
  const store = guardStore(given, readTimeout(options.timeoutMilliseconds));
  // The store is asked every time; what it says the same again is the same object, whose keys have been read already.
  const known = new LRUCache<string, { readonly text: string; readonly client: ClientMetadata }>({ max: MAX_KNOWN });
  return {
    async find(clientId) {
      // Nobody can be called that; and not every text can be encoded.
      if (!isClientId(clientId)) return undefined;
      const text = await store.get(keyOf(clientId));
      if (text === undefined) return undefined;
      let entry = known.get(clientId);
      if (entry?.text !== text) {
        entry = { text, client: read(text, clientId) };
        known.set(clientId, entry);
      }
      return entry.client;
    },
    async add(client) {
      if (!(await store.setIfAbsent(keyOf(client.client_id), JSON.stringify(client)))) throw clientExists();
    },
    async replace(client) {
      await store.set(keyOf(client.client_id), JSON.stringify(client));
    },
    async remove(clientId) {
      return (await store.take(keyOf(clientId))) !== undefined;
    },
  };
}

/** Readable for whoever looks after the store, unless it would be too long for a key (StateStore). */
function keyOf(clientId: string): string {
  const encoded = encodeURIComponent(clientId);
  // `client#` is another namespace: no id is called like another's hash.
  return encoded.length <= 200 ? `client:${encoded}` : hashedKey('client#', clientId);
}

function read(text: string, clientId: string): ClientMetadata {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'client_id' in value && value.client_id === clientId) {
      return value as ClientMetadata;
    }
  } catch {
    // Reported below, with the entries that parse but hold something else.
  }
  throw new ClientRegistryError(
    'ERR_CLIENT_REGISTRY_DAMAGED',
    `the stored entry of client ${JSON.stringify(clientId)} is no client; remove or rewrite it`,
  );
}

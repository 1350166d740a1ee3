import type { ClientMetadata } from './client.js';
import type { ListableClientRegistry } from './registry.js';
import { clientExists } from './registry.js';

/** Clients in the memory of this process, for tests, examples and clients that come from configuration. */
export function createMemoryClientRegistry(
  clients: Iterable<ClientMetadata & { readonly client_id: string }> = [],
): ListableClientRegistry {
  const byId = new Map<string, ClientMetadata>();
  for (const client of clients) {
    if (byId.has(client.client_id)) throw clientExists();
    byId.set(client.client_id, structuredClone(client));
  }
  return {
    find: (clientId) => Promise.resolve(byId.get(clientId)),
    list: () => Promise.resolve([...byId.values()]),
    add(client) {
      if (byId.has(client.client_id)) return Promise.reject(clientExists());
      byId.set(client.client_id, structuredClone(client));
      return Promise.resolve();
    },
    replace(client) {
      byId.set(client.client_id, structuredClone(client));
      return Promise.resolve();
    },
    remove: (clientId) => Promise.resolve(byId.delete(clientId)),
  };
}

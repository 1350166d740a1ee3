import type { NamedKey } from '../client-auth/read-key-set.js';
import { readKeySet } from '../client-auth/read-key-set.js';
import { ClientRefused } from '../client-auth/refusal.js';
import type { RemoteKeySets } from '../client-auth/remote-key-sets.js';
import { KeySetFetchError } from '../wire/fetch-key-set.js';
import type { ClientPolicy } from './check-client.js';
import { ClientMetadataError, checkClient, isClientId } from './check-client.js';
import type { ClientMetadata, RegisteredClient } from './client.js';
import type { ClientRegistry } from './registry.js';

/** Registered clients as the server sees them: checked, with their keys at hand. */
export interface ClientDirectory {
  /**
   * @throws ClientRefused `registration-invalid` for a registration that could not be made today: a registry may be
   * edited by hand, and a client's key may have become known since.
   */
  find(clientId: string): Promise<RegisteredClient | undefined>;
  /** @throws ClientRefused `key-set-unavailable` */
  keysOf(client: RegisteredClient, kid: string): Promise<readonly NamedKey[]>;
}

export function createClientDirectory(
  registry: ClientRegistry,
  policy: ClientPolicy,
  remoteKeySets: RemoteKeySets,
): ClientDirectory {
  // Registries hand out the same object until something changes; checking keys is worth remembering.
  const checked = new WeakMap<ClientMetadata, RegisteredClient | ClientMetadataError>();
  const inlineKeys = new WeakMap<RegisteredClient, readonly NamedKey[]>();

  function check(metadata: ClientMetadata): RegisteredClient | ClientMetadataError {
    try {
      return checkClient(metadata, policy);
    } catch (cause) {
      if (cause instanceof ClientMetadataError) return cause;
      throw cause;
    }
  }

  return {
    async find(clientId) {
      // A stranger's text: no registry has to cope with what nobody can be called.
      if (!isClientId(clientId)) return undefined;
      const metadata = await registry.find(clientId);
      if (metadata === undefined) return undefined;
      let client = checked.get(metadata);
      if (client === undefined) {
        client = check(metadata);
        checked.set(metadata, client);
      }
      if (client instanceof ClientMetadataError || client.client_id !== clientId) {
        throw new ClientRefused('registration-invalid', clientId);
      }
      return client;
    },

    async keysOf(client, kid) {
      if (client.jwks_uri !== undefined) {
        try {
          return await remoteKeySets.keysOf(client.jwks_uri, kid);
        } catch (cause) {
          if (cause instanceof KeySetFetchError) throw new ClientRefused('key-set-unavailable', client.client_id);
          throw cause;
        }
      }
      let keys = inlineKeys.get(client);
      if (keys === undefined) {
        keys = readKeySet(client.jwks, policy.keys) ?? [];
        inlineKeys.set(client, keys);
      }
      return keys;
    },
  };
}

import type { ClientMetadata, RegisteredClient } from './client.js';

/**
 * Where registered clients are kept. The server only reads through `find`; `add`, `replace` and `remove` serve
 * registration.
 *
 * `find` may hand out metadata as an administrator wrote it: the server checks it, and fills in defaults, before it
 * trusts any of it.
 */
export interface ClientRegistry {
  /** The client of that id, or undefined. Rejects when the registry cannot be read; the server then refuses. */
  find(clientId: string): Promise<ClientMetadata | undefined>;

  /** Adds a client. Rejects with `ERR_CLIENT_EXISTS` when the id is taken, atomically. */
  add(client: RegisteredClient): Promise<void>;

  /** Puts a client in the place of the one with the same id, or adds it. */
  replace(client: RegisteredClient): Promise<void>;

  /**
   * Removes a client; true when there was one. Its tokens are inactive at introspection from then on, also when a client
   * of that id is registered again with a `client_id_issued_at`, as `registerClient` does.
   */
  remove(clientId: string): Promise<boolean>;
}

/** What a registry that can be read as a whole offers besides. */
export interface ListableClientRegistry extends ClientRegistry {
  /** All registered clients. */
  list(): Promise<readonly ClientMetadata[]>;
}

/** A registry that cannot be read or written. Nothing has been changed when it is thrown. */
export class ClientRegistryError extends Error {
  /**
   * - `ERR_CLIENT_REGISTRY_DAMAGED`: the stored clients cannot be read; the message says where.
   * - `ERR_CLIENT_REGISTRY_LOCKED`: another process is writing, or died while writing; the message names the lock file.
   * - `ERR_CLIENT_REGISTRY_UNREADABLE`: the file cannot be opened.
   * - `ERR_CLIENT_REGISTRY_UNWRITABLE`: the file, or its lock, cannot be written; the message says why.
   * - `ERR_CLIENT_EXISTS`: the client_id is taken.
   */
  readonly code:
    | 'ERR_CLIENT_REGISTRY_DAMAGED'
    | 'ERR_CLIENT_REGISTRY_LOCKED'
    | 'ERR_CLIENT_REGISTRY_UNREADABLE'
    | 'ERR_CLIENT_REGISTRY_UNWRITABLE'
    | 'ERR_CLIENT_EXISTS';

  constructor(code: ClientRegistryError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ClientRegistryError';
    this.code = code;
  }
}

/** @internal */
export function clientExists(): ClientRegistryError {
  return new ClientRegistryError('ERR_CLIENT_EXISTS', 'a client with this client_id is registered already');
}

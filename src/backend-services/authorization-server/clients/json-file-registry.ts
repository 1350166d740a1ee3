import { randomBytes } from 'node:crypto';
import { lstat, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientMetadata } from './client.js';
import type { ListableClientRegistry } from './registry.js';
import { ClientRegistryError, clientExists } from './registry.js';

/** How the file of a registry is kept. */
export interface JsonFileRegistryOptions {
  /** How long a write waits for another process to finish its own. Milliseconds, default 5,000, bounds 0 to 60,000. */
  readonly lockTimeoutMilliseconds?: number;
}

type Clients = ReadonlyMap<string, ClientMetadata & { readonly client_id: string }>;

/**
 * Clients in a JSON file: an array of client metadata, `[{ "client_id": …, "jwks" | "jwks_uri": …, "scope": … }]`.
 *
 * - The file is read again whenever it has changed, so an administrator may edit it, and several processes may read it.
 * - A write takes the lock file `<path>.lock`, reads the newest content, writes a temporary file beside it, flushes it
 *   to the disk and renames it over the old one: a reader sees the old list or the new one, never half of one.
 * - A link stays a link: the lock, the temporary file and the new list are where it points to, so that two names of one
 *   file are one registry. Mode and, where this process may, owner stay.
 * - A damaged file is an error that says where, for reads and for writes, and is never written over. While it is
 *   damaged no client is found and the server refuses.
 * - A lock that stays behind after a crash is not broken by force, because two processes breaking it at once could lose
 *   a registration: the error names the file to remove.
 *
 * A missing file is an empty registry; the first registration creates it, readable by its owner only.
 */
export function createJsonFileClientRegistry(
  path: string,
  options: JsonFileRegistryOptions = {},
): ListableClientRegistry {
  const file = resolve(path);
  const lockTimeout = options.lockTimeoutMilliseconds ?? 5_000;
  if (!Number.isFinite(lockTimeout) || lockTimeout < 0 || lockTimeout > 60_000) {
    throw new TypeError('lockTimeoutMilliseconds must be a number from 0 to 60,000');
  }
  let known: { readonly version: string; readonly clients: Clients } | undefined;
  let writing: Promise<unknown> = Promise.resolve();

  async function load(): Promise<Clients> {
    const version = await versionOf(file);
    if (version === undefined) return new Map();
    if (known?.version === version) return known.clients;
    const clients = parse(await readText(file), file);
    known = { version, clients };
    return clients;
  }

  /** Runs one change under the lock. Changes of this process queue up first, so that they do not fight for the lock. */
  function change<T>(edit: (clients: Map<string, ClientMetadata>) => T): Promise<T> {
    const mine = writing.then(async () => {
      const target = await followLinks(file);
      const release = await lock(`${target}.lock`, lockTimeout);
      try {
        known = undefined;
        const clients = new Map<string, ClientMetadata>(await load());
        const outcome = edit(clients);
        await writeAtomically(target, `${JSON.stringify([...clients.values()], null, 2)}\n`);
        known = undefined;
        return outcome;
      } finally {
        await release();
      }
    });
    writing = mine.catch(() => undefined);
    return mine;
  }

  return {
    async find(clientId) {
      return (await load()).get(clientId);
    },
    async list() {
      return [...(await load()).values()];
    },
    add: (client) =>
      change((clients) => {
        if (clients.has(client.client_id)) throw clientExists();
        clients.set(client.client_id, client);
      }),
    replace: (client) =>
      change((clients) => {
        clients.set(client.client_id, client);
      }),
    remove: (clientId) => change((clients) => clients.delete(clientId)),
  };
}

/** What changes whenever the file does; undefined when there is no file. */
async function versionOf(file: string): Promise<string | undefined> {
  try {
    const { mtimeNs, size, ino } = await stat(file, { bigint: true });
    return `${String(mtimeNs)}:${String(size)}:${String(ino)}`;
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw unreadable(file, cause);
  }
}

/** Where the file really is; a file that is yet to be made is where it is named. */
async function followLinks(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (cause) {
    // A link to nothing: whatever is not mounted today must not be replaced by a new registry.
    if (!isErrno(cause, 'ENOENT') || (await isLink(file))) throw unreadable(file, cause);
    return file;
  }
}

async function isLink(file: string): Promise<boolean> {
  return lstat(file).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): ClientRegistryError {
  return new ClientRegistryError('ERR_CLIENT_REGISTRY_UNREADABLE', `cannot read the client registry ${file}`, {
    cause,
  });
}

function unwritable(file: string, cause: unknown): ClientRegistryError {
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new ClientRegistryError('ERR_CLIENT_REGISTRY_UNWRITABLE', `cannot write the client registry: ${file}${code}`, {
    cause,
  });
}

function parse(text: string, file: string): Clients {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch (cause) {
    // The parser's own words quote the content, and the content may be a secret that landed in the wrong file.
    const position =
      cause instanceof Error ? /position \d+(?: \(line \d+ column \d+\))?/.exec(cause.message)?.[0] : undefined;
    throw damaged(file, `it is no JSON${position === undefined ? '' : ` (${position})`}`);
  }
  if (!Array.isArray(value)) throw damaged(file, 'it is no array of clients');
  const clients = new Map<string, ClientMetadata & { readonly client_id: string }>();
  value.forEach((entry: unknown, index) => {
    if (!isClient(entry)) throw damaged(file, `entry ${index} has no client_id`);
    if (clients.has(entry.client_id)) throw damaged(file, `entry ${index} repeats a client_id`);
    clients.set(entry.client_id, entry);
  });
  return clients;
}

function damaged(file: string, problem: string): ClientRegistryError {
  return new ClientRegistryError(
    'ERR_CLIENT_REGISTRY_DAMAGED',
    `the client registry ${file} is damaged: ${problem}. It was left as it is; mend it or restore a copy.`,
  );
}

function isClient(entry: unknown): entry is ClientMetadata & { readonly client_id: string } {
  return typeof entry === 'object' && entry !== null && 'client_id' in entry && typeof entry.client_id === 'string';
}

async function lock(lockFile: string, timeoutMilliseconds: number): Promise<() => Promise<void>> {
  const deadline = Date.now() + timeoutMilliseconds;
  for (;;) {
    const handle = await take(lockFile);
    if (handle !== undefined) {
      await sign(handle, lockFile);
      return () => rm(lockFile, { force: true });
    }
    if (Date.now() >= deadline) {
      throw new ClientRegistryError(
        'ERR_CLIENT_REGISTRY_LOCKED',
        `the client registry is locked by ${lockFile}; if no process is writing to it, remove that file`,
      );
    }
    await sleep(20);
  }
}

/** The lock file, made by this call; undefined where there is one already. */
async function take(lockFile: string): Promise<FileHandle | undefined> {
  try {
    return await open(lockFile, 'wx', 0o600);
  } catch (cause) {
    if (isErrno(cause, 'EEXIST')) return undefined;
    throw unwritable(lockFile, cause);
  }
}

/** Writes into the lock whose it is. A disk that is full must not leave a lock that nobody holds. */
async function sign(handle: FileHandle, lockFile: string): Promise<void> {
  try {
    try {
      await handle.writeFile(`${process.pid}\n`);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    await remove(lockFile);
    throw unwritable(lockFile, cause);
  }
}

async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`;
  const found = await stat(file).catch(() => undefined);
  try {
    const handle = await open(temporary, 'wx', found === undefined ? 0o600 : found.mode & 0o777);
    try {
      // An administrator's tool must not lock the server's own user out. Only root may do this for others.
      if (found !== undefined) {
        await handle.chown(found.uid, found.gid).catch(() => undefined);
        // The umask has taken from it, what a group may do for example; without it the file is safe, if less shared.
        await handle.chmod(found.mode & 0o777).catch(() => undefined);
      }
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await remove(temporary);
    throw unwritable(file, cause);
  }
  await syncDirectory(dirname(file));
}

/** Why it is removed is what the caller hears of, be it removed or not. */
async function remove(file: string): Promise<void> {
  await rm(file, { force: true }).catch(() => undefined);
}

/** Makes the rename survive a power cut. Not every platform can open a directory; there the rename itself must do. */
async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows: EISDIR, EPERM.
  }
}

function isErrno(cause: unknown, code: string): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code;
}

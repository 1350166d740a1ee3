import type { StateStore } from './store.js';
import { StateStoreError, lifetimeMilliseconds } from './store.js';

/** Bounds of a store in memory. */
export interface MemoryStoreOptions {
  /**
   * Entries in one namespace (the part of a key before its first colon). Default: 100,000. Bounds: 1 to 10,000,000.
   *
   * A full namespace refuses new entries instead of dropping old ones: dropping a used assertion id would allow its
   * replay. Each namespace has its own bound, so that a flood of abandoned sign-ins cannot crowd out assertion ids, nor
   * one client those of another.
   */
  readonly maxEntriesPerNamespace?: number;
}

interface Entry {
  readonly value: string;
  /** Milliseconds since the epoch; Infinity for an entry that stays. */
  readonly expiresAt: number;
}

interface Namespace {
  readonly entries: Map<string, Entry>;
  /** The size at which expired entries are looked for next: doubling it keeps the cost of an insertion constant. */
  sweepAt: number;
  /** When they were looked for; milliseconds since the epoch. */
  sweptAt: number;
}

/** Few: there is a namespace for each client, and most hold little that has not expired. */
const FIRST_SWEEP = 64;

/** Milliseconds between two sweeps of a namespace that is full. */
const SWEEP_PAUSE = 1000;

/** Expired entries of another namespace that a write takes away: more than it adds, so that all are taken in the end. */
const TIDIED = 4;

/**
 * State in the memory of this process: the default. Everything is lost at a restart, and a second process shares
 * nothing, so that an assertion could be used once in each: take a shared store for more than one process.
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): StateStore {
  const limit = options.maxEntriesPerNamespace ?? 100_000;
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000_000) {
    throw new TypeError('maxEntriesPerNamespace must be an integer from 1 to 10,000,000');
  }
  const namespaces = new Map<string, Namespace>();

  function namespaceOf(key: string): Namespace {
    const name = key.slice(0, Math.max(key.indexOf(':'), 0));
    let namespace = namespaces.get(name);
    if (namespace === undefined) {
      namespace = { entries: new Map(), sweepAt: Math.min(FIRST_SWEEP, limit), sweptAt: 0 };
      namespaces.set(name, namespace);
    }
    return namespace;
  }

  function read(key: string): Entry | undefined {
    const { entries } = namespaceOf(key);
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAt > Date.now()) return entry;
    entries.delete(key);
    return undefined;
  }

  function write(key: string, value: string, expiresInSeconds: number | undefined): void {
    const lifetime = lifetimeMilliseconds(expiresInSeconds);
    const namespace = namespaceOf(key);
    const { entries } = namespace;
    if (!entries.has(key) && entries.size >= namespace.sweepAt) {
      const now = Date.now();
      if (entries.size < limit || Math.abs(now - namespace.sweptAt) >= SWEEP_PAUSE) {
        for (const [other, entry] of entries) if (entry.expiresAt <= now) entries.delete(other);
        namespace.sweptAt = now;
      }
      if (entries.size >= limit) throw new StateStoreError('ERR_STATE_STORE_FULL', 'the in-memory state store is full');
      namespace.sweepAt = Math.min(Math.max(FIRST_SWEEP, entries.size * 2), limit);
    }
    entries.set(key, { value, expiresAt: lifetime === undefined ? Infinity : Date.now() + lifetime });
    tidy();
  }

  /** Namespaces take turns, so that those to which nobody writes any more are emptied, too. The oldest entries come first. */
  function tidy(): void {
    const [next] = namespaces;
    if (next === undefined) return;
    const [name, namespace] = next;
    namespaces.delete(name);
    const now = Date.now();
    let seen = 0;
    for (const [key, entry] of namespace.entries) {
      if (entry.expiresAt > now || (seen += 1) > TIDIED) break;
      namespace.entries.delete(key);
    }
    if (namespace.entries.size > 0) namespaces.set(name, namespace);
  }

  // Each call does its work before its first await: within one process that is what makes it atomic.
  return {
    get: (key) => settle(() => read(key)?.value),
    set: (key, value, expiresInSeconds) =>
      settle(() => {
        write(key, value, expiresInSeconds);
      }),
    setIfAbsent: (key, value, expiresInSeconds) =>
      settle(() => {
        if (read(key) !== undefined) return false;
        write(key, value, expiresInSeconds);
        return true;
      }),
    take: (key) =>
      settle(() => {
        const value = read(key)?.value;
        namespaceOf(key).entries.delete(key);
        return value;
      }),
    delete: (key) =>
      settle(() => {
        namespaceOf(key).entries.delete(key);
      }),
  };
}

function settle<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}

import { createHash, randomBytes } from 'node:crypto';
import isPlainObject from 'lodash/isPlainObject.js';
import { createMemoryStore } from '../backend-services/state/memory-store.js';
import { ConfigError } from '../errors.js';
import type { GuardSettings } from './asking.js';
import { parseQuery, printQuery } from './query.js';

/**
 * Where the guard remembers the jobs that it let start. A store of the authorization server's is one
 * (`createMemoryStore`, `createRedisStore`); several guards of one server have to share it. A call that fails rejects,
 * and the request is refused.
 */
export interface JobStore {
  /** The value, or undefined when there is none or it has expired. */
  get(key: string): Promise<string | undefined>;
  /** Stores a value, in place of an earlier one. @param expiresInSeconds Seconds from now, more than 0. */
  set(key: string, value: string, expiresInSeconds?: number): Promise<void>;
  /** Removes a value; nothing happens when there is none. */
  delete(key: string): Promise<void>;
}

/**
 * Bulk data exports (Bulk Data Access IG 2) through a guard. The guard gives each job and each file a URL of its own, and
 * asks the server under the URLs that the server gave: those have to be below the base URL.
 */
export interface BulkDataOptions {
  /** Where jobs are remembered. Default: the memory of this process. */
  readonly jobs?: JobStore;
  /** Where the state of a job is asked for: `[base]/bulk-status/JOB`. One segment in lower case. Default `bulk-status`. */
  readonly statusPath?: string;
  /** Where files are fetched: `[base]/bulk-files/JOB/FILE`. Default `bulk-files`. */
  readonly filePath?: string;
  /**
   * What becomes of files that lie elsewhere, as behind signed URLs: `refuse` (default) refuses the manifest that names
   * them, `pass` hands their URLs on where no access token is needed for them. Whoever has such a URL has the file, and
   * nobody judges its lines.
   */
  readonly foreignFiles?: 'refuse' | 'pass';
  /** How long a job is remembered, in seconds. Default 86400 (a day), from 60 to 2592000 (30 days). */
  readonly jobLifetimeSeconds?: number;
}

/** The options with their defaults. */
export type BulkDataSettings = Required<BulkDataOptions>;

/** @throws ConfigError that names the option. */
export function bulkDataSettings(options: BulkDataOptions): BulkDataSettings {
  if (!isPlainObject(options)) throw new ConfigError('bulkData', 'must be an object');
  const { statusPath = 'bulk-status', filePath = 'bulk-files', foreignFiles = 'refuse' } = options;
  const { jobs = createMemoryStore(), jobLifetimeSeconds = 86_400 } = options;
  for (const [name, path] of Object.entries({ statusPath, filePath })) {
    // No resource type begins with a lower case letter, so that no URL can mean both.
    if (typeof path !== 'string' || !/^[a-z][a-z0-9-]{0,63}$/.test(path) || path === 'metadata') {
      throw new ConfigError(`bulkData.${name}`, 'must be a path segment of lower case letters, digits and hyphens');
    }
  }
  if (statusPath === filePath) throw new ConfigError('bulkData.filePath', 'must be another than statusPath');
  if (!['refuse', 'pass'].includes(foreignFiles)) {
    throw new ConfigError('bulkData.foreignFiles', 'must be refuse or pass');
  }
  if (!(typeof jobLifetimeSeconds === 'number' && jobLifetimeSeconds >= 60 && jobLifetimeSeconds <= 2_592_000)) {
    throw new ConfigError('bulkData.jobLifetimeSeconds', 'must be a number of seconds from 60 to 2592000');
  }
  const calls = ['get', 'set', 'delete'] as const;
  if (calls.some((name) => typeof (jobs as Partial<JobStore>)[name] !== 'function')) {
    throw new ConfigError('bulkData.jobs', 'must have the methods get, set and delete');
  }
  return { jobs, statusPath, filePath, foreignFiles, jobLifetimeSeconds };
}

/** What a file of a job holds, and where the server keeps it. */
export interface JobFile {
  /** Path and query below the base, as the server named it. */
  readonly location: string;
  readonly type: string;
  /** The list of the manifest in which it stands. */
  readonly list: 'output' | 'error' | 'deleted';
}

/** A job that was let start. */
export interface Job {
  /** As isAccessBulkDataJobAllowed compares it. */
  readonly owner: string;
  readonly issuer: string;
  /** The client that started it; the same person's other apps do not own it. */
  readonly client: string;
  /** The types that were granted when it started: nothing else may come out of it. */
  readonly types: readonly string[];
  /** The kick-off request, for the manifest. */
  readonly request: string;
  /** Where the server tells of it: path and query below the base. */
  readonly location: string;
  readonly files: Readonly<Record<string, JobFile>>;
}

/** A name that nobody guesses: 128 bits. */
export function newJobId(): string {
  return randomBytes(16).toString('base64url');
}

/** The same name for the same file, however often the server tells of it. */
export function fileIdOf({ location, list }: JobFile): string {
  return createHash('sha256').update(`${list} ${location}`).digest('base64url').slice(0, 22);
}

export async function loadJob({ jobs }: BulkDataSettings, id: string): Promise<Job | undefined> {
  const text = await jobs.get(keyOf(id));
  return text === undefined ? undefined : (JSON.parse(text) as Job);
}

export async function saveJob({ jobs, jobLifetimeSeconds }: BulkDataSettings, id: string, job: Job): Promise<void> {
  await jobs.set(keyOf(id), JSON.stringify(job), jobLifetimeSeconds);
}

export async function forgetJob({ jobs }: BulkDataSettings, id: string): Promise<void> {
  await jobs.delete(keyOf(id));
}

/** Whoever reads the store's keys, in a log or a listing, cannot ask for the job. */
function keyOf(id: string): string {
  return `export-job:${createHash('sha256').update(id).digest('base64url')}`;
}

/**
 * Path and query of a URL below the base, in one spelling; undefined for what lies elsewhere. A relative URL is one of
 * this server's.
 */
export function locationBelow({ basePath, baseUrl }: GuardSettings, url: unknown): string | undefined {
  if (typeof url !== 'string' || !URL.canParse(url, `${baseUrl}/`)) return undefined;
  const { origin, pathname, search, username } = new URL(url, `${baseUrl}/`);
  const base = new URL(baseUrl);
  if (username !== '' || origin !== base.origin) return undefined;
  const prefix = [basePath, base.pathname.replace(/\/$/, '')].find((each) => pathname.startsWith(`${each}/`));
  if (prefix === undefined) return undefined;
  const path = pathname.slice(prefix.length);
  const query = parseQuery(search.slice(1));
  if (!query || path.length > 2048 || !/^(?:\/[A-Za-z0-9\-._~$]+)+$/.test(path)) return undefined;
  return query.length === 0 ? path : `${path}?${printQuery(query)}`;
}

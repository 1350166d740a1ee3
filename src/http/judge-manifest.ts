import type { Asking } from './asking.js';
import { opensAll } from './asking.js';
import type { BulkDataSettings, Job, JobFile } from './bulk-data.js';
import { fileIdOf, locationBelow } from './bulk-data.js';
import { isJsonObject } from '../json-object.js';
import type { JsonObject } from '../json-object.js';

/** A manifest that names only what may be fetched, under the guard's own URLs, and the files behind them. */
export interface JudgedManifest {
  readonly manifest: JsonObject;
  readonly files: Readonly<Record<string, JobFile>>;
}

/** More files than an export of a million resources has. */
const MAX_FILES = 10_000;

const LISTS = ['output', 'error', 'deleted'] as const;

/**
 * Judges what the server says about a job that is done (Bulk Data Access IG 2, Response - Complete Status): files of
 * types that were granted stay, each under a URL of the guard's. Whatever else stands in a manifest stays behind.
 * Undefined for what is none, and for files elsewhere where the host does not let them pass.
 *
 * The server counts what it wrote, and lines are left out of it when it is fetched: so `count` is for whom all of it is.
 */
export async function judgeManifest(
  asking: Asking,
  { filePath, foreignFiles }: BulkDataSettings,
  jobId: string,
  job: Job,
  received: unknown,
): Promise<JudgedManifest | undefined> {
  const { settings } = asking;
  const open = await openedTypes(asking, job);
  if (!isJsonObject(received) || typeof received['transactionTime'] !== 'string') return undefined;
  const files: Record<string, JobFile> = {};
  const lists: Record<string, readonly JsonObject[]> = {};
  let foreign = 0;
  for (const list of LISTS) {
    const items = received[list] ?? (list === 'deleted' ? undefined : []);
    if (items === undefined) continue;
    if (!Array.isArray(items) || items.length > MAX_FILES) return undefined;
    const judged: JsonObject[] = [];
    for (const item of items as readonly unknown[]) {
      if (!isJsonObject(item)) return undefined;
      const { type, url, count } = item;
      if (typeof url !== 'string' || !isExpected(list, type, job)) continue;
      const counted = open.has(list === 'output' ? type : ANY_TYPE) && Number.isSafeInteger(count) && { count };
      const location = locationBelow(settings, url);
      if (location === undefined) {
        if (foreignFiles !== 'pass' || !/^https:\/\//i.test(url)) return undefined;
        foreign += 1;
        judged.push({ type, url, ...counted });
        continue;
      }
      const file: JobFile = { location, type, list };
      const id = fileIdOf(file);
      files[id] = file;
      judged.push({ type, url: `${settings.baseUrl}/${filePath}/${jobId}/${id}`, ...counted });
    }
    lists[list] = judged;
  }
  const own = Object.keys(files).length;
  // The token of this server goes to no other one.
  if (foreign > 0 && (own > 0 || received['requiresAccessToken'] !== false)) return undefined;
  const { transactionTime } = received;
  const manifest = { transactionTime, request: job.request, requiresAccessToken: foreign === 0, ...lists };
  return { manifest, files };
}

/** The types of a job of which the caller may read every resource, and whether they may of all types. */
async function openedTypes(asking: Asking, { types }: Job): Promise<ReadonlySet<string>> {
  const open = new Set<string>();
  for (const type of [...types, ANY_TYPE]) if (opensAll(asking, 'read', type)) open.add(type);
  return open;
}

/** The abstract type of all resources: opened by grants for all types alone. */
const ANY_TYPE = 'Resource';

function isExpected(list: JobFile['list'], type: unknown, { types }: Job): type is string {
  if (list === 'error') return type === 'OperationOutcome';
  if (list === 'deleted') return type === 'Bundle';
  return typeof type === 'string' && types.includes(type);
}

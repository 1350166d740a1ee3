import { typeOf } from '../access/judge.js';
import type { Asking } from './asking.js';
import type { Content } from './content.js';
import { readEntryRequest } from './entry-request.js';
import type { Passed } from './judge-request.js';
import { judgeRequest } from './judge-request.js';
import type { Judged, Received } from './judge-response.js';
import { instead, unjudged } from './judge-response.js';
import type { Answer } from './outcome.js';
import { bareOutcome, malformedAnswer, refusal } from './outcome.js';
import { canonicalUrl } from './print.js';
import { printQuery } from './query.js';
import { refuse } from './refuse.js';
import type { BundleRequest } from './request.js';
import { isMalformed } from './request.js';
import { isJsonObject } from '../json-object.js';
import type { JsonObject } from '../json-object.js';

/** One entry: refused, or to be executed. */
type Entry = { readonly refused: Answer } | { readonly passed: Passed; readonly execute: JsonObject };

/** A Bundle that may be executed, and what becomes of the answer. */
export interface PassedBundle {
  readonly bundle: JsonObject;
  readonly respond: (received: Received) => Promise<Judged>;
}

/** More entries would keep the server busy with one request. */
const MAX_ENTRIES = 1000;

/** Entries whose stored resources are looked up at the same time. */
const AT_ONCE = 8;

/**
 * Judges a batch or transaction entry by entry (FHIR R4, 3.1.0.11.1), each as if it had come alone. A batch goes on
 * without its refused entries, which are answered with their own outcome; a transaction is refused whole.
 */
export async function judgeBundle(
  asking: Asking,
  request: BundleRequest,
  content: Content,
): Promise<{ readonly refused: Answer } | PassedBundle> {
  const { value } = content;
  if (content.kind !== 'resource' || typeOf(value) !== 'Bundle') return { refused: refusal(400, 'structure') };
  const { type, entry = [] } = value as JsonObject;
  if ((type !== 'batch' && type !== 'transaction') || !Array.isArray(entry))
    return { refused: refusal(400, 'structure') };
  if (entry.length === 0) return { refused: refusal(400, 'structure') };
  if (entry.length > MAX_ENTRIES) return { refused: refusal(413, 'too-long') };
  const decision = await asking.handler.decide({ operation: type, ...asking.about });
  if (decision.decision === 'deny') return { refused: refuse(asking, request, decision) };
  const entries = await judgeEntries(asking, request, entry, type === 'transaction');
  const refused = entries.find((each) => 'refused' in each);
  if (refused && type === 'transaction') return { refused: refused.refused };
  const executed = entries.flatMap((each) => ('execute' in each ? [each.execute] : []));
  if (executed.length === 0)
    return { refused: batchResponse(entries.map((each) => ('refused' in each ? refusedEntry(each.refused) : {}))) };
  return {
    bundle: { resourceType: 'Bundle', type, entry: executed },
    respond: (received) => judgeResults(type, entries, received),
  };
}

/**
 * Judges entries, several at once, since each may wait for its lookup. They begin in their order, and come back in it.
 *
 * @param isOne Whether nothing more has to be judged as soon as one of them is refused.
 */
async function judgeEntries(
  asking: Asking,
  request: BundleRequest,
  entry: readonly unknown[],
  isOne: boolean,
): Promise<readonly Entry[]> {
  const written = new Set<string>();
  const entries: Entry[] = [];
  let next = 0;
  const judgeOthers = async (): Promise<void> => {
    while (next < entry.length) {
      const index = next;
      next += 1;
      const about = Object.assign({}, asking.about, { entry: index });
      const judged = await judgeEntry({ ...asking, about }, request, entry[index], written);
      if (isOne && 'refused' in judged) next = entry.length;
      entries[index] = judged;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, judgeOthers));
  // After a refusal those behind it may be missing, and none before it.
  return entries;
}

/** Judges one entry. Whether it writes what another one writes is settled before anything is waited for. */
async function judgeEntry(
  asking: Asking,
  { basePath }: BundleRequest,
  entry: unknown,
  written: Set<string>,
): Promise<Entry> {
  const malformed: Entry = { refused: refusal(400, 'structure') };
  const read = readEntryRequest(entry, { basePath, version: asking.settings.version });
  if (!read) return malformed;
  if (isMalformed(read)) return { refused: malformedAnswer(read) };
  const { request, content, fullUrl, resource } = read;
  if (!isOwnFullUrl(asking, fullUrl, request)) return malformed;
  // The state by which a second write of the same resource would be judged is no longer there when it is executed.
  const { resourceType = '', id } = request;
  if (request.method !== 'GET' && id !== undefined) {
    if (written.has(`${resourceType}/${id}`)) return malformed;
    written.add(`${resourceType}/${id}`);
  }
  const verdict = await judgeRequest(asking, request, content);
  return 'refused' in verdict ? verdict : { passed: verdict, execute: print(verdict, fullUrl, resource) };
}

/** The entry as it is executed: nothing in it that was not judged. */
function print({ request, content }: Passed, fullUrl: unknown, resource: unknown): JsonObject {
  const url = canonicalUrl(request).slice(request.basePath.length + 1);
  const { ifMatch, condition } = request.kind === 'interaction' ? request : {};
  const ifNoneExist = condition?.by === 'if-none-exist' ? printQuery(condition.parameters) : undefined;
  const body = content.kind === 'resource' ? content.value : content.kind === 'patch' ? resource : undefined;
  return {
    ...(fullUrl !== undefined && { fullUrl }),
    ...(body !== undefined && { resource: body }),
    request: {
      method: request.method,
      url,
      ...(ifMatch !== undefined && { ifMatch }),
      ...(ifNoneExist !== undefined && { ifNoneExist }),
    },
  };
}

/**
 * A server replaces references to an entry's fullUrl by the resource that the entry makes or finds. So it has to be a
 * placeholder, or the very URL of the entry: otherwise a reference that was judged as one patient's becomes another's.
 */
function isOwnFullUrl(
  { settings }: Asking,
  fullUrl: unknown,
  { resourceType, id, method }: Passed['request'],
): boolean {
  if (fullUrl === undefined) return true;
  if (typeof fullUrl !== 'string') return false;
  if (/^urn:(?:uuid|oid):[A-Za-z0-9.-]{1,64}$/.test(fullUrl)) return true;
  return method !== 'POST' && id !== undefined && fullUrl === `${settings.baseUrl}/${String(resourceType)}/${id}`;
}

async function judgeResults(type: string, entries: readonly Entry[], received: Received): Promise<Judged> {
  const { status, resource } = received;
  if (status >= 400 && status <= 599) return { status, headers: {}, body: bareOutcome(resource), keeps: 'lists' };
  const results = typeOf(resource) === 'Bundle' ? ((resource as JsonObject)['entry'] ?? []) : undefined;
  const sent = entries.filter((each) => 'execute' in each).length;
  // FHIR R4, 3.1.0.11.1: one result for each entry, in the same order. Otherwise nobody knows which is which.
  if (status !== 200 || !Array.isArray(results) || results.length !== sent) return instead(unjudged());
  const remaining = [...(results as readonly unknown[])];
  const entry: JsonObject[] = [];
  for (const each of entries) {
    entry.push('refused' in each ? refusedEntry(each.refused) : await judgeResult(each.passed, remaining.shift()));
  }
  const body = { resourceType: 'Bundle', type: `${type}-response`, entry };
  return { status, headers: {}, body, keeps: 'lists' };
}

async function judgeResult(passed: Passed, result: unknown): Promise<JsonObject> {
  if (!isJsonObject(result) || !isJsonObject(result['response'])) return refusedEntry(unjudged());
  const { response } = result;
  const status = Number(/^([1-5]\d\d)(?: |$)/.exec(String(response['status']))?.[1]);
  if (Number.isNaN(status)) return refusedEntry(unjudged());
  const failed = status >= 400;
  const judged = await passed.respond({
    status,
    resource: failed ? response['outcome'] : (result['resource'] ?? undefined),
  });
  if (judged.keeps === 'none') return refusedEntry(judged);
  const { location, etag, lastModified, outcome } = response;
  const whole = judged.keeps === 'all';
  return {
    ...(!failed && judged.body && { resource: judged.body }),
    response: {
      status: String(judged.status),
      ...(whole && location !== undefined && { location: locationOf(location) }),
      ...(whole && etag !== undefined && { etag }),
      ...(whole && lastModified !== undefined && { lastModified }),
      ...(failed ? { outcome: judged.body } : outcome !== undefined && { outcome: bareOutcome(outcome) }),
    },
  };
}

function locationOf(location: unknown): string | undefined {
  return typeof location === 'string' ? location : undefined;
}

/** Nothing is left to be executed: the answer is known. */
function batchResponse(entry: readonly JsonObject[]): Answer {
  const headers = { 'cache-control': 'no-store' };
  return { status: 200, headers, body: { resourceType: 'Bundle', type: 'batch-response', entry } };
}

function refusedEntry({ status, body }: Answer): JsonObject {
  return { response: { status: String(status), outcome: body } };
}

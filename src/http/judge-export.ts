import { deny } from '../access/decision.js';
import { resourceTypes } from '../fhir/resource-types.js';
import type { ExportAuthorization } from '../requests.js';
import type { Asking } from './asking.js';
import { opensAll } from './asking.js';
import type { BulkDataSettings, Job } from './bulk-data.js';
import { forgetJob, loadJob, locationBelow, newJobId, saveJob } from './bulk-data.js';
import type { Content } from './content.js';
import { NOTHING } from './content.js';
import type { ExportParameters } from './export-parameters.js';
import { parametersResource, readExport } from './export-parameters.js';
import { judgeManifest } from './judge-manifest.js';
import type { Passed } from './judge-request.js';
import type { Judged, Received } from './judge-response.js';
import { instead, judgeCommon, unjudged } from './judge-response.js';
import type { Answer } from './outcome.js';
import { refusal } from './outcome.js';
import { canonicalUrl } from './print.js';
import { notFound, refuse } from './refuse.js';
import type { BulkDataRequest, FhirRequest, HeaderBag, OperationRequest, Pairs } from './request.js';

/** A request about bulk data that may be executed: under a URL that only the server and the guard know, if there is one. */
export interface PassedExport extends Passed {
  /** Path and query below the base; undefined for those of the request. */
  readonly location?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The file that is fetched, with what was granted when it was written. */
  readonly file?: { readonly job: Job; readonly id: string };
}

/** Whether an operation is the start of a bulk data export: of the system, of all patients, or of a group. */
export function isExport({ operation, resourceType, id }: OperationRequest): boolean {
  if (operation !== '$export') return false;
  return (
    resourceType === undefined || (resourceType === 'Patient' ? id === undefined : resourceType === 'Group' && !!id)
  );
}

/**
 * Judges the start of an export (Bulk Data Access IG 2, Kick-off Request). What is asked for by type has to be granted;
 * where nothing is asked for, what is granted is. A `_typeFilter` is judged like the search that it is.
 */
export async function judgeKickOff(
  asking: Asking,
  bulkData: BulkDataSettings,
  request: OperationRequest,
  content: Content,
): Promise<{ readonly refused: Answer } | PassedExport> {
  // A HEAD is safe (RFC 9110, 9.2.1): it starts nothing.
  if (request.method === 'HEAD') return { refused: refusal(405, 'not-supported', { headers: { allow: 'GET, POST' } }) };
  if (content.kind === 'patch') return { refused: refusal(415, 'not-supported') };
  const { version } = asking.settings;
  const asked = readExport(version, request, content.kind === 'none' ? undefined : content.value);
  if (typeof asked === 'string') return { refused: refusal(400, asked) };
  const granted = await authorize(asking, request, asked);
  if (granted.decision.decision === 'deny' || granted.owner === undefined) {
    return { refused: refuse(asking, request, granted.decision) };
  }
  for (const { resourceType, query } of asked.filters) {
    if (!granted.types.includes(resourceType)) return { refused: refuse(asking, request, lacksType(resourceType)) };
    const search = { operation: 'search-type', resourceType, query, ...asking.about } as const;
    const { decision, removed } = await asking.handler.authorizeSearch(search);
    if (decision.decision === 'deny') return { refused: refuse(asking, request, decision) };
    if (removed.length > 0) return { refused: refuse(asking, request, lacksType(resourceType)) };
  }
  const everything = asked.types === undefined && granted.types.length === resourceTypes(version).size;
  const exported = asked.types ?? granted.types;
  const types = asked.withProvenance ? [...new Set([...exported, 'Provenance'])] : exported;
  const others = await wholeOf(asking, asked, types);
  const pairs: Pairs = [...(everything ? [] : [['_type', exported.join(',')] as const]), ...others];
  const posted = request.method === 'POST';
  return {
    request: { ...request, parameters: posted ? [] : pairs },
    content: posted ? { kind: 'resource', value: parametersResource(pairs) } : NOTHING,
    headers: { prefer: 'respond-async' },
    respond: (received) => judgeStarted(asking, bulkData, received, jobOf(asking, request, granted.owner ?? '', types)),
  };
}

async function authorize(
  { handler, about }: Asking,
  { resourceType }: OperationRequest,
  { types, withProvenance }: ExportParameters,
): Promise<ExportAuthorization> {
  const exportType = resourceType === undefined ? 'system' : resourceType === 'Group' ? 'group' : 'patient';
  const bulkDataAuth = { operation: 'initiate-export', exportType } as const;
  const also = withProvenance ? ['Provenance'] : [];
  const granted = await handler.authorizeExport({
    ...about,
    bulkDataAuth,
    ...(types && { types: [...types, ...also] }),
  });
  const lacks = granted.decision.decision === 'allow' && also.find((type) => !granted.types.includes(type));
  return lacks ? { decision: lacksType(lacks), types: [], owner: undefined } : granted;
}

/**
 * The parameters to hand on: without `_elements`, which a server may ignore, unless every resource of every type is the
 * caller's. Each line is judged by the elements that are in it, and by a label that is not.
 */
async function wholeOf(asking: Asking, { others }: ExportParameters, types: readonly string[]): Promise<Pairs> {
  const whole = others.filter(([name]) => name !== '_elements');
  if (whole.length === others.length) return others;
  for (const type of types) if (!opensAll(asking, 'read', type)) return whole;
  return others;
}

function lacksType(resourceType: string): ReturnType<typeof deny> {
  return deny({ code: 'scope-not-for-export', resourceType });
}

function jobOf(
  asking: Asking,
  request: OperationRequest,
  owner: string,
  types: readonly string[],
): Omit<Job, 'location'> {
  const below = canonicalUrl(request).slice(request.basePath.length);
  const kickOff = `${asking.settings.baseUrl}${below}`;
  return { owner, ...appOf(asking), types, request: kickOff, files: {} };
}

/** The issuer, and the client: as RFC 9068 names it, or as others did before. */
function appOf({ identity }: Asking): { readonly issuer: string; readonly client: string } {
  const [issuer, client] = [identity['iss'], identity['client_id'] ?? identity['azp']] as readonly unknown[];
  return { issuer: typeof issuer === 'string' ? issuer : '', client: typeof client === 'string' ? client : '' };
}

async function judgeStarted(
  asking: Asking,
  bulkData: BulkDataSettings,
  received: Received,
  job: Omit<Job, 'location'>,
): Promise<Judged> {
  if (received.status !== 202) return judgeOther(asking, undefined, received);
  const location = locationBelow(asking.settings, received.headers?.['content-location']);
  if (location === undefined) return instead(unjudged());
  const id = newJobId();
  await saveJob(bulkData, id, { ...job, location });
  const url = `${asking.settings.baseUrl}/${bulkData.statusPath}/${id}`;
  return accepted({ 'content-location': url });
}

/** Errors keep their status; anything else is nothing that a client of an export could use. */
function judgeOther(asking: Asking, request: FhirRequest | undefined, received: Received): Judged {
  if (received.status < 400) return instead(unjudged());
  const about: FhirRequest = request ?? { kind: 'bundle', method: 'GET', basePath: '', parameters: [] };
  return judgeCommon(asking, about, received) ?? instead(unjudged());
}

function accepted(headers: Readonly<Record<string, string>>): Judged {
  return { status: 202, headers: { 'cache-control': 'no-store', ...headers }, body: undefined, keeps: 'none' };
}

/**
 * Judges what is asked about a job: it is there for whoever started it, with a token that may still export, and for
 * nobody else.
 */
export async function judgeJob(
  asking: Asking,
  bulkData: BulkDataSettings,
  request: BulkDataRequest,
): Promise<{ readonly refused: Answer } | PassedExport> {
  if (request.parameters.length > 0) return { refused: refusal(400, 'structure') };
  const ends = request.method === 'DELETE';
  const bulkDataAuth = { operation: ends ? 'cancel-export' : 'get-status-export' } as const;
  const { decision } = await asking.handler.authorizeExport({ bulkDataAuth, ...asking.about });
  if (decision.decision === 'deny') return { refused: refuse(asking, request, decision) };
  const job = await loadJob(bulkData, request.job);
  if (!job || !(await isOwner(asking, job))) return { refused: notFound() };
  const passed = { request, content: NOTHING };
  if (request.file !== undefined) {
    const file = Object.hasOwn(job.files, request.file) ? job.files[request.file] : undefined;
    if (!file) return { refused: notFound() };
    return {
      ...passed,
      location: file.location,
      // What comes encoded cannot be read line by line.
      headers: { accept: 'application/fhir+ndjson', 'accept-encoding': 'identity' },
      file: { job, id: request.file },
      respond: (received) => judgeOther(asking, request, received),
    };
  }
  return {
    ...passed,
    location: job.location,
    headers: { accept: 'application/json' },
    respond: ends
      ? (received) => judgeEnded(asking, bulkData, request, received)
      : (received) => judgeStatus(asking, bulkData, request, received, job),
  };
}

async function isOwner(asking: Asking, { owner, issuer, client }: Job): Promise<boolean> {
  const app = appOf(asking);
  if (app.issuer !== issuer || app.client !== client) return false;
  try {
    await asking.handler.isAccessBulkDataJobAllowed({ jobOwnerId: owner, ...asking.about });
    return true;
  } catch {
    return false;
  }
}

async function judgeEnded(
  asking: Asking,
  bulkData: BulkDataSettings,
  request: BulkDataRequest,
  received: Received,
): Promise<Judged> {
  const gone = received.status === 404 || received.status === 410;
  if (received.status < 300 || gone) await forgetJob(bulkData, request.job);
  return received.status < 300 ? accepted({}) : judgeOther(asking, request, received);
}

async function judgeStatus(
  asking: Asking,
  bulkData: BulkDataSettings,
  request: BulkDataRequest,
  received: Received,
  job: Job,
): Promise<Judged> {
  const { status, headers = {}, resource } = received;
  if (status === 202) return accepted(progressIn(headers));
  if (status !== 200) return judgeOther(asking, request, received);
  const judged = await judgeManifest(asking, bulkData, request.job, job, resource);
  if (!judged) return instead(unjudged());
  // While the server was asked, the client may have ended the job: it stays ended.
  if (!(await loadJob(bulkData, request.job))) return instead(notFound());
  await saveJob(bulkData, request.job, { ...job, files: judged.files });
  const expires = headers['expires'];
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(typeof expires === 'string' && { expires }),
    },
    body: judged.manifest,
    keeps: 'none',
  };
}

/** Bulk Data Access IG 2, Response - In-Progress Status: a number or a date, and a text of at most 100 characters. */
function progressIn(headers: HeaderBag): Readonly<Record<string, string>> {
  const [after, progress] = [headers['retry-after'], headers['x-progress']];
  return {
    ...((typeof after === 'string' || typeof after === 'number') && { 'retry-after': String(after) }),
    ...(typeof progress === 'string' && { 'x-progress': progress.replace(/[^\x20-\x7e]/g, '').slice(0, 100) }),
  };
}

import { Readable } from 'node:stream';
import { idOf, typeOf } from '../access/judge.js';
import { isSearch } from '../fhir/interactions.js';
import { printExactly } from '../http/exact-numbers.js';
import type { Admitted, FinalAnswer } from '../http/guard.js';
import { printQuery } from '../http/query.js';
import type { FhirRequest, HeaderBag } from '../http/request.js';
import { asksForResource } from '../http/request.js';
import { failureAnswer } from './answer.js';
import type { BaseUrls } from './base-urls.js';
import type { Binding } from './bind-version.js';
import { boundBundle, boundRequest, withFailed } from './bind-version.js';
import { publicLines } from './lines.js';
import { notModifiedSince } from './not-modified.js';
import { withoutForeignLinks } from './foreign-links.js';
import { bodyOf, readAnswer } from './read-answer.js';
import { passedHeaders } from './response-headers.js';
import { rewriteBody, rewriteParameters } from './rewrite.js';
import type { AskedPage, PageLinks } from './page-links.js';
import type { RequestScope } from './scope.js';
import type { Upstream, UpstreamAnswer, UpstreamRequest } from './upstream.js';
import { discard } from './upstream.js';
import { UpstreamError } from './upstream-error.js';
import { upstreamHeaders } from './upstream-headers.js';

/** An answer whose body is handed on as it comes. */
export interface StreamedAnswer extends Omit<FinalAnswer, 'body'> {
  readonly stream: Readable;
}

export interface Forwarding {
  readonly upstream: Upstream;
  readonly bases: BaseUrls;
  readonly basePath: string;
  /** What a write is bound to. */
  readonly binding: Binding;
  readonly pages: PageLinks;
}

/**
 * Executes an admitted request upstream and has the answer judged.
 *
 * @param page The page of the admitted search that is asked for. Default the first.
 * @throws UpstreamError
 */
export async function forward(
  forwarding: Forwarding,
  scope: RequestScope,
  admitted: Admitted,
  asked: HeaderBag,
  page?: AskedPage,
): Promise<FinalAnswer | StreamedAnswer> {
  const { upstream, bases, pages } = forwarding;
  const executed = requestOf(forwarding, scope, admitted, page);
  if (executed === 'precondition-failed') return failureAnswer(412);
  const { request, failed } = executed;
  if (admitted.judgeStream) return forwardStream(forwarding, scope, request, admitted.judgeStream);
  const started = performance.now();
  const answer = await upstream.send(request, scope.signal).finally(() => {
    scope.upstreamMs += performance.now() - started;
  });
  const answered = readAnswer(answer, bases);
  const whole = failed.length === 0 ? answered?.value : withFailed(answered?.value, failed);
  // What is read is somebody's data, links and all.
  const linked = asksForResource(admitted.request) ? whole : withoutForeignLinks(whole, bases);
  const resource = pages.sealed(linked, admitted.request, admitted.identity, page);
  if (!fits(admitted.request, answer, resource)) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
  const isOurFault = answer.status === 407 || (answer.status === 401 && scope.authorization === undefined);
  if (isOurFault) throw new UpstreamError('ERR_UPSTREAM_CREDENTIALS');
  const headers = passedHeaders(answer.headers, upstream.urlOf(request.below), bases);
  const judged = await admitted.judgeResponse({ status: answer.status, headers, body: bodyOf(resource, answered) });
  return forNobodyElse(notModifiedSince(admitted.request, asked, judged));
}

/** Fetches a file of an export, and has it judged line by line while it comes. */
async function forwardStream(
  { upstream, bases }: Forwarding,
  scope: RequestScope,
  request: UpstreamRequest,
  judgeStream: NonNullable<Admitted['judgeStream']>,
): Promise<FinalAnswer | StreamedAnswer> {
  const { status, headers, body } = await upstream.open(request, scope.signal);
  if (status !== 200 || headers['content-encoding'] !== undefined) {
    discard(body);
    if (status < 400) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
  }
  const passed = passedHeaders(headers, upstream.urlOf(request.below), bases);
  const lines = status === 200 ? publicLines(body, bases) : [];
  const judged = await judgeStream({ status, headers: passed, body: Readable.from(lines) });
  if (typeof judged.body !== 'object' || judged.body instanceof Uint8Array) {
    discard(body);
    return forNobodyElse({ ...judged, body: judged.body });
  }
  const { status: final, headers: kept } = judged;
  return { ...forNobodyElse({ status: final, headers: kept, body: undefined }), stream: Readable.from(judged.body) };
}

/** A request as upstream gets it, and the entries that were left out of it. */
interface Executed {
  readonly request: UpstreamRequest;
  readonly failed: readonly number[];
}

/** The request as upstream gets it: what was judged, under upstream's own names. */
function requestOf(
  { bases, basePath, binding }: Forwarding,
  scope: RequestScope,
  admitted: Admitted,
  page?: AskedPage,
): Executed | 'precondition-failed' {
  const { execute, request } = admitted;
  const [path = ''] = execute.url.slice(basePath.length).split('?', 1);
  const query = printQuery(rewriteParameters(execute.query, bases.toUpstream));
  const bound = boundRequest(scope, binding, request);
  const content = contentOf(bases, scope, binding, admitted);
  // One entry of a transaction that cannot be executed is all of it; of a batch that has no other entry, too.
  if (bound === 'precondition-failed' || (content && isRefusedWhole(content))) return 'precondition-failed';
  const headers = upstreamHeaders(scope, {
    accept: execute.headers['accept'],
    prefer: execute.headers['prefer'],
    'content-type': content?.type,
    'if-match': bound.ifMatch,
    'if-none-match': bound.ifNoneMatch,
    'if-none-exist': ifNoneExist(bases, request),
  });
  const below = `${path === '/' ? '' : path}${query === '' ? '' : `?${query}`}`;
  const once = request.kind === 'operation';
  const reads = request.kind === 'interaction' && isSearch(request.interaction);
  const sent = { method: execute.method, below: page?.below ?? below, headers, body: content?.text, once, reads };
  return { request: sent, failed: content?.failed ?? [] };
}

interface SentContent {
  readonly type: string;
  readonly text: string;
  /** Entries that were left out. */
  readonly failed: readonly number[];
  /** Of a batch or transaction: what is left. */
  readonly bundle?: unknown;
}

function isRefusedWhole({ failed, bundle }: SentContent): boolean {
  if (failed.length === 0) return false;
  const { type, entry } = bundle as { readonly type: string; readonly entry: readonly unknown[] };
  return type === 'transaction' || entry.length === 0;
}

function contentOf(
  bases: BaseUrls,
  scope: RequestScope,
  binding: Binding,
  { request, execute: { method, body } }: Admitted,
): SentContent | undefined {
  if (!body) return undefined;
  if ('form' in body) {
    const text = printQuery(rewriteParameters(body.form, bases.toUpstream));
    return { type: 'application/x-www-form-urlencoded', text, failed: [] };
  }
  // A Bundle that is stored, or handed to an operation, has entries of any shape.
  const isExecuted = request.kind === 'bundle';
  const { bundle, failed } = isExecuted ? boundBundle(scope, binding, body.json) : { bundle: body.json, failed: [] };
  const json = rewriteBody(bundle, bases.toUpstream);
  return { type: mediaOf(method, json), text: printExactly(json), failed, bundle };
}

/** A patch that is a list is a JSON Patch (RFC 6902), an object a merge patch (RFC 7396): the guard saw to it. */
function mediaOf(method: string, json: unknown): string {
  if (method !== 'PATCH') return 'application/fhir+json';
  return Array.isArray(json) ? 'application/json-patch+json' : 'application/merge-patch+json';
}

function ifNoneExist(bases: BaseUrls, request: FhirRequest): string | undefined {
  const condition = request.kind === 'interaction' ? request.condition : undefined;
  if (condition?.by !== 'if-none-exist') return undefined;
  return printQuery(rewriteParameters(condition.parameters, bases.toUpstream));
}

/** Whether an answer is one to this request at all. Whether the client may see it, the guard decides. */
function fits(request: FhirRequest, { status }: UpstreamAnswer, resource: unknown): boolean {
  if (status >= 400) return true;
  if (request.kind === 'bundle') return status === 200 && typeOf(resource) === 'Bundle';
  if (request.kind !== 'interaction') return true;
  switch (request.interaction) {
    case 'read':
    case 'vread':
      return typeOf(resource) === request.resourceType && idOf(resource) === request.id;
    case 'search-type':
    case 'search-system':
    case 'history-instance':
    case 'history-type':
    case 'history-system':
      return typeOf(resource) === 'Bundle';
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      // Done in part or later (202, 206): it may be done, so that it would be a lie to refuse it now.
      return DONE.has(status);
  }
}

/** FHIR R4, 3.1.0.4 to 3.1.0.8: what tells that a write is done. */
const DONE: ReadonlySet<number> = new Set([200, 201, 204]);

/** An answer is for one token; no cache may give it to the bearer of another (RFC 9111, 3.5). */
export function forNobodyElse(answer: FinalAnswer): FinalAnswer {
  const kept = answer.headers['cache-control'] === 'no-store' ? 'no-store' : 'private, no-cache';
  return { ...answer, headers: Object.assign({}, answer.headers, { 'cache-control': kept }) };
}

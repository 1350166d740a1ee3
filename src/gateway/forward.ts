import { Readable } from 'node:stream';
import { idOf, typeOf } from '../access/judge.js';
import { printExactly } from '../http/exact-numbers.js';
import type { Admitted, FinalAnswer } from '../http/guard.js';
import { printQuery } from '../http/query.js';
import type { FhirRequest, HeaderBag } from '../http/request.js';
import type { BaseUrls } from './base-urls.js';
import { publicLines } from './lines.js';
import { notModifiedSince } from './not-modified.js';
import { readAnswer } from './read-answer.js';
import { passedHeaders } from './response-headers.js';
import { rewriteBody, rewriteParameters } from './rewrite.js';
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
  /** Whether a write is bound to the version by which it was judged. */
  readonly bindsVersion: boolean;
}

/** Executes an admitted request upstream and has the answer judged. @throws UpstreamError */
export async function forward(
  forwarding: Forwarding,
  scope: RequestScope,
  admitted: Admitted,
  asked: HeaderBag,
): Promise<FinalAnswer | StreamedAnswer> {
  const { upstream, bases } = forwarding;
  const request = requestOf(forwarding, scope, admitted);
  if (admitted.judgeStream) return forwardStream(forwarding, scope, request, admitted.judgeStream);
  const started = performance.now();
  const answer = await upstream.send(request, scope.signal).finally(() => {
    scope.upstreamMs += performance.now() - started;
  });
  const { resource, body } = readAnswer(answer, bases);
  if (!fits(admitted.request, answer, resource)) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
  const isOurFault = answer.status === 407 || (answer.status === 401 && scope.authorization === undefined);
  if (isOurFault) throw new UpstreamError('ERR_UPSTREAM_CREDENTIALS');
  const headers = passedHeaders(answer.headers, upstream.urlOf(request.below), bases);
  const judged = await admitted.judgeResponse({ status: answer.status, headers, body });
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

/** The request as upstream gets it: what was judged, under upstream's own names. */
function requestOf(
  { bases, basePath, bindsVersion }: Forwarding,
  scope: RequestScope,
  { execute, request }: Admitted,
): UpstreamRequest {
  const [path = ''] = execute.url.slice(basePath.length).split('?', 1);
  const query = printQuery(rewriteParameters(execute.query, bases.toUpstream));
  const content = contentOf(bases, scope, bindsVersion, execute);
  return {
    method: execute.method,
    below: `${path === '/' ? '' : path}${query === '' ? '' : `?${query}`}`,
    headers: upstreamHeaders(scope, {
      accept: execute.headers['accept'],
      prefer: execute.headers['prefer'],
      'content-type': content?.type,
      'if-match': ifMatch(scope, bindsVersion, request),
      'if-none-exist': ifNoneExist(bases, request),
    }),
    body: content?.text,
  };
}

function contentOf(
  bases: BaseUrls,
  { judgedBy }: RequestScope,
  bindsVersion: boolean,
  { method, body }: Admitted['execute'],
): { readonly type: string; readonly text: string } | undefined {
  if (!body) return undefined;
  if ('form' in body) {
    const text = printQuery(rewriteParameters(body.form, bases.toUpstream));
    return { type: 'application/x-www-form-urlencoded', text };
  }
  const json = rewriteBody(bindsVersion ? boundEntries(body.json, judgedBy) : body.json, bases.toUpstream);
  return { type: mediaOf(method, json), text: printExactly(json) };
}

/** A patch that is a list is a JSON Patch (RFC 6902), an object a merge patch (RFC 7396): the guard saw to it. */
function mediaOf(method: string, json: unknown): string {
  if (method !== 'PATCH') return 'application/fhir+json';
  return Array.isArray(json) ? 'application/json-patch+json' : 'application/merge-patch+json';
}

/** The client's own condition, or the version that was judged: between the two somebody may have changed the resource. */
function ifMatch({ judgedBy }: RequestScope, bindsVersion: boolean, request: FhirRequest): string | undefined {
  if (request.kind !== 'interaction' || !CHANGES.has(request.interaction)) return undefined;
  const own = request.ifMatch === '*' ? undefined : request.ifMatch;
  const judged = bindsVersion ? judgedBy.get(`${String(request.resourceType)}/${String(request.id)}`) : undefined;
  return own ?? judged ?? request.ifMatch;
}

const CHANGES: ReadonlySet<string> = new Set(['update', 'patch', 'delete']);

/** The entries of a batch or transaction, each bound to the version by which it was judged. */
function boundEntries(body: unknown, judgedBy: ReadonlyMap<string, string>): unknown {
  if (judgedBy.size === 0 || typeOf(body) !== 'Bundle') return body;
  const bundle = body as { readonly entry: readonly { readonly request: Readonly<Record<string, unknown>> }[] };
  const entry = bundle.entry.map((each) => {
    const { method, url, ifMatch: own } = each.request;
    const judged = method === 'GET' || typeof url !== 'string' ? undefined : judgedBy.get(url);
    return judged === undefined || own !== undefined
      ? each
      : { ...each, request: { ...each.request, ifMatch: judged } };
  });
  return { ...bundle, entry };
}

function ifNoneExist(bases: BaseUrls, request: FhirRequest): string | undefined {
  const condition = request.kind === 'interaction' ? request.condition : undefined;
  if (condition?.by !== 'if-none-exist') return undefined;
  return printQuery(rewriteParameters(condition.parameters, bases.toUpstream));
}

/** Whether an answer is one to this request at all. Whether the client may see it, the guard decides. */
function fits(request: FhirRequest, { status }: UpstreamAnswer, resource: unknown): boolean {
  if (status >= 400) return true;
  if (request.kind === 'bundle') return typeOf(resource) === 'Bundle';
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
      return true;
  }
}

/** An answer is for one token; no cache may give it to the bearer of another (RFC 9111, 3.5). */
export function forNobodyElse(answer: FinalAnswer): FinalAnswer {
  const kept = answer.headers['cache-control'] === 'no-store' ? 'no-store' : 'private, no-cache';
  return { ...answer, headers: { ...answer.headers, 'cache-control': kept } };
}

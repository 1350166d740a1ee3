import { typeOf } from '../access/judge.js';
import type { SMARTHandler } from '../handler.js';
import type { Admitted, FinalAnswer } from '../http/guard.js';
import { printAnswer } from '../http/json.js';
import type { HeaderBag, InteractionRequest } from '../http/request.js';
import { parseFhirUrl } from '../identity/fhir-url.js';
import { failureAnswer } from './answer.js';
import type { Forwarding, StreamedAnswer } from './forward.js';
import { forNobodyElse } from './forward.js';
import { accepts, acceptsByName } from './media-range.js';
import { readAnswer } from './read-answer.js';
import { passedHeaders } from './response-headers.js';
import type { RequestScope } from './scope.js';
import { readStored } from './stored.js';
import type { UpstreamStream } from './upstream.js';
import { discard } from './upstream.js';
import { UpstreamError } from './upstream-error.js';
import { upstreamHeaders } from './upstream-headers.js';
import type { JsonObject } from '../json-object.js';

export interface BinaryServing extends Forwarding {
  readonly handler: SMARTHandler;
  /** The public base, as the handler knows it. */
  readonly baseUrl: string;
}

/** Whether a request is for a Binary: it is judged by its securityContext, and may be wanted as what it holds. */
export function isBinaryRead(request: Admitted['request']): request is InteractionRequest {
  return (
    request.kind === 'interaction' &&
    request.resourceType === 'Binary' &&
    (request.interaction === 'read' || request.interaction === 'vread')
  );
}

/**
 * Whether a client wants a Binary as what it holds: it names what it takes, and FHIR is not among it (FHIR R4, 2.42.3
 * Serving Binary Resources using the RESTful API).
 */
export function wantsContent(accept: HeaderBag[string]): accept is string {
  return typeof accept === 'string' && !acceptsByName(accept, FHIR_MEDIA) && accept.trim() !== '*/*';
}

const FHIR_MEDIA = ['application/fhir+json', 'application/json', 'text/json'];

/**
 * Serves a Binary. Its elements come first and are judged; then, if the client wants what it holds, that: out of the
 * resource, or in a second request, streamed, since there is nothing left to judge. Only the same ETag on both answers
 * tells that they are about one version: without it the resource is read whole, within `maxResponseBytes`.
 *
 * FHIR R4, Binary.securityContext: access is as to the resource that it names. A Binary that names none, or one that the
 * client may not read, is for those alone who may read every Binary.
 *
 * @param wanted The Accept header of a client that wants the content. @throws UpstreamError
 */
export async function serveBinary(
  serving: BinaryServing,
  scope: RequestScope,
  admitted: Admitted & { readonly request: InteractionRequest },
  wanted: string | undefined,
): Promise<FinalAnswer | StreamedAnswer> {
  if (wanted === undefined) return (await judgeElements(serving, scope, admitted, '')).answer;
  const { answer, open } = await judgeElements(serving, scope, admitted, '?_summary=true');
  if (!open) return answer;
  const type = mediaType(open.binary['contentType']);
  if (!accepts(wanted, type)) return failureAnswer(406);
  if (typeof open.binary['data'] === 'string') return held(open, type);
  const streamed = await streamedContent(serving, scope, admitted.request, open, type);
  if (streamed) return streamed;
  // Nothing says that both answers are about one version. So the whole resource is read, and judged once more.
  const whole = await judgeElements(serving, scope, admitted, '');
  if (!whole.open) return whole.answer;
  const now = mediaType(whole.open.binary['contentType']);
  return accepts(wanted, now) ? held(whole.open, now) : failureAnswer(406);
}

/** A Binary that the client may have, with the headers that upstream gave. */
interface Opened {
  readonly binary: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
}

/** The elements of a Binary, judged; `open` where the client may have what it holds. */
async function judgeElements(
  serving: BinaryServing,
  scope: RequestScope,
  admitted: Admitted & { readonly request: InteractionRequest },
  query: string,
): Promise<{ readonly answer: FinalAnswer; readonly open?: Opened }> {
  const { upstream, bases } = serving;
  const below = belowOf(admitted.request);
  const request = { method: 'GET', below: `${below}${query}`, headers: upstreamHeaders(scope) };
  const answer = await upstream.send(request, scope.signal);
  if (answer.status === 401 && scope.authorization === undefined) throw new UpstreamError('ERR_UPSTREAM_CREDENTIALS');
  const answered = readAnswer(answer, bases);
  const resource = answered?.value;
  const { status } = answer;
  if (status < 400 && !isTheBinary(resource, admitted.request)) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
  const headers = passedHeaders(answer.headers, upstream.urlOf(below), bases);
  const judged = forNobodyElse(await admitted.judgeResponse({ status, headers, body: answered }));
  const open: Opened = { binary: resource as JsonObject, headers };
  if (judged.status === 200) return { answer: judged, open };
  const isRefused = status === 200 && (judged.status === 403 || judged.status === 404);
  if (!isRefused || !(await contextCovers(serving, scope, admitted, open.binary))) return { answer: judged };
  const own = { ...headers, 'content-type': 'application/fhir+json; charset=utf-8' };
  return { answer: forNobodyElse({ status, headers: own, body: answered && printAnswer(answered) }), open };
}

function belowOf({ id, vid }: InteractionRequest): string {
  return `/Binary/${String(id)}${vid === undefined ? '' : `/_history/${vid}`}`;
}

function isTheBinary(resource: unknown, { id }: InteractionRequest): boolean {
  return typeOf(resource) === 'Binary' && (resource as JsonObject)['id'] === id;
}

/**
 * Whether the resource that a Binary names as its context opens it: the client may read that resource, and by the same
 * identity this Binary, labels and all, as if it were that identity's own.
 */
async function contextCovers(
  { handler, baseUrl, upstream, bases }: BinaryServing,
  scope: RequestScope,
  { identity, request }: Admitted & { readonly request: InteractionRequest },
  binary: JsonObject,
): Promise<boolean> {
  const context = contextOf(binary, baseUrl);
  if (!context) return false;
  const { resourceType, id } = context;
  const resource = await readStored(upstream, bases, scope, resourceType, id);
  if (resource === null) return false;
  const about = { userIdentity: identity, fhirServiceBaseUrl: baseUrl };
  const opened = await handler.decide({ operation: 'read', resourceType, id, resource, ...about });
  const owner = opened.decision === 'allow' ? opened.grant?.identity : undefined;
  if (owner === undefined) return false;
  const asOwn = { ...binary, securityContext: { reference: owner } };
  const own = await handler.decide({
    operation: request.interaction,
    resourceType: 'Binary',
    id: String(binary['id']),
    resource: asOwn,
    ...about,
  });
  return own.decision === 'allow' && own.grant?.identity === owner;
}

/** The resource that a Binary names, if it is one of this server's, and none whose context would lead on. */
function contextOf(
  { securityContext }: JsonObject,
  baseUrl: string,
): { readonly resourceType: string; readonly id: string } | undefined {
  const reference = typeof securityContext === 'object' && securityContext !== null && 'reference' in securityContext;
  const text = reference ? securityContext.reference : undefined;
  const parsed = typeof text === 'string' ? parseFhirUrl(text) : undefined;
  if (!parsed || parsed.resourceType === 'Binary') return undefined;
  return parsed.base === undefined || parsed.base === baseUrl ? parsed : undefined;
}

/** What stops a browser from taking a stored page for one of this server's. */
const INERT = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
} as const;

function contentHeaders({ headers }: Opened, type: string): Record<string, string> {
  const { etag, 'last-modified': lastModified } = headers;
  return {
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { 'last-modified': lastModified }),
    ...INERT,
    'content-type': type,
    'cache-control': 'private, no-cache',
  };
}

/** The content out of the very resource that was judged. @throws UpstreamError where it is not in it */
function held(open: Opened, type: string): FinalAnswer {
  const { data } = open.binary;
  if (typeof data !== 'string') throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
  return { status: 200, headers: contentHeaders(open, type), body: Buffer.from(data, 'base64') };
}

/** The content in a second request; undefined where nothing tells that it is of the version that was judged. */
async function streamedContent(
  { upstream }: BinaryServing,
  scope: RequestScope,
  request: InteractionRequest,
  open: Opened,
  type: string,
): Promise<StreamedAnswer | undefined> {
  const { etag } = open.headers;
  // A version does not change.
  const isFixed = request.vid !== undefined;
  if (etag === undefined && !isFixed) return undefined;
  const asked = { method: 'GET', below: belowOf(request), headers: upstreamHeaders(scope, { accept: type }) };
  const stream = await upstream.open(asked, scope.signal);
  try {
    checkContent(stream, type);
  } catch (error) {
    discard(stream.body);
    throw error;
  }
  if (stream.headers['etag'] !== etag) {
    discard(stream.body);
    return undefined;
  }
  return { status: 200, headers: contentHeaders(open, type), stream: stream.body };
}

/** Whether it is an answer that holds the content, of the kind that was judged. */
function checkContent({ status, headers }: UpstreamStream, type: string): void {
  if (status >= 300 && status <= 399) throw new UpstreamError('ERR_UPSTREAM_REDIRECT');
  const same = status === 200 && headers['content-encoding'] === undefined && isSame(headers['content-type'], type);
  if (!same) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
}

function isSame(answered: HeaderBag[string], type: string): boolean {
  const media = (text: string): string => (text.split(';', 1)[0] ?? '').trim().toLowerCase();
  return typeof answered === 'string' && media(answered) === media(type);
}

function mediaType(contentType: unknown): string {
  const isMedia =
    typeof contentType === 'string' &&
    /^[\w.+-]{1,127}\/[\w.+-]{1,127}(?: ?; ?[\w.+-]+="?[\w.+-]+"?)*$/.test(contentType);
  return isMedia ? contentType : 'application/octet-stream';
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SMARTHandler } from '../handler.js';
import type { UserIdentity } from '../identity/identity.js';
import { isPending } from '../once.js';
import { closing } from './final-answer.js';
import type { Admission, Admitted, GuardOptions, OpenToAll } from './guard.js';
import { createGuard } from './guard.js';
import { holdResponse, sendAnswer } from './hold-response.js';
import { queryObject } from './query.js';
import { readBody } from './read-body.js';
import { hasBody } from './read-content.js';
import type { FhirRequest } from './request.js';
import { asksForList } from './request.js';
import { shareShape } from './shared-shape.js';
import { streamResponse } from './stream-response.js';

/** What the middleware leaves on a request: who asks, and what was judged. */
export interface SmartRequest {
  /** Undefined for what everybody may ask: metadata, OPTIONS. */
  readonly identity: UserIdentity | undefined;
  readonly request: FhirRequest;
}

/** The parts of an Express request that are read or replaced, in Express 4 and 5. */
export interface ExpressRequest extends IncomingMessage {
  originalUrl: string;
  baseUrl: string;
  body?: unknown;
  smart?: SmartRequest;
}

/** A middleware for Express 4 and 5, or whatever calls its handlers as they do. */
export type ExpressMiddleware = (
  request: ExpressRequest,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Guards a FHIR router in the same process: mount it in front of the router, under the same path.
 *
 * What comes behind sees the request that was judged: `req.url`, `req.query`, `req.body` and the headers are replaced,
 * and `req.smart` tells who asks. A HEAD arrives as a GET. What it answers is held back until it has been judged.
 *
 * Compress before this middleware, not behind it: what comes encoded cannot be judged, and is refused.
 *
 * Without a body parser before it, the middleware reads the body itself, and refuses JSON with repeated names. Behind a
 * body parser it judges what that one made of the body.
 *
 * @throws ConfigError that names the option.
 */
export function smartFhirExpress(handler: SMARTHandler, options: GuardOptions): ExpressMiddleware {
  const guard = createGuard(handler, options);
  return (request, response, next) => {
    const { method = '', originalUrl: url, headers } = request;
    const body = async (): ReturnType<typeof readBody> =>
      request.body === undefined || isUnread(request)
        ? readBody(request, guard.settings.maxBodyBytes)
        : { parsed: request.body };
    shareShape(request, 'url');
    shareShape(response, 'sendDate');
    const goOn = (admission: Admission): void => {
      if (admission.verdict === 'refused') {
        // Nobody reads the rest of the body: the connection ends with the answer.
        const isLast = !request.complete && hasBody(headers);
        sendAnswer(response, isLast ? closing(admission.answer) : admission.answer);
        return;
      }
      const target = admission.verdict === 'public' ? admission.url : admission.execute.url;
      if (!isMounted(request, target)) {
        next(new Error('smartFhirExpress has to be mounted under basePath, or above it'));
        return;
      }
      request.smart = {
        identity: admission.verdict === 'public' ? undefined : admission.identity,
        request: admission.request,
      };
      if (admission.verdict === 'admitted') replace(request, admission);
      if (admission.verdict === 'admitted' && admission.judgeStream) streamResponse(response, admission.judgeStream);
      else hold(response, admission);
      redirect(request, target);
      next();
    };
    const admission = guard.admitDirectly({ method, url, headers, body });
    if (isPending(admission)) {
      admission.then(goOn).catch(next);
      return;
    }
    try {
      goOn(admission);
    } catch (error) {
      next(error);
    }
  };
}

function hold(response: ServerResponse, admission: Admitted | OpenToAll): void {
  const { judgeResponse, request } = admission;
  const judgeAtOnce = admission.verdict === 'admitted' ? admission.judgeAtOnce : undefined;
  if (judgeResponse) holdResponse(response, { judgeResponse, judgeAtOnce }, asksForList(request));
}

/** body-parser 1, of Express 4, leaves `{}` where it parsed nothing. */
function isUnread(request: ExpressRequest): boolean {
  const { body, readableDidRead } = request;
  return !readableDidRead && typeof body === 'object' && body !== null && Object.keys(body).length === 0;
}

function isMounted({ baseUrl }: ExpressRequest, target: string): boolean {
  return (
    target === baseUrl || target.startsWith(baseUrl === '' ? '/' : `${baseUrl}/`) || target.startsWith(`${baseUrl}?`)
  );
}

/** Everything that the guard judged, in place of what came. */
function replace(request: ExpressRequest, { execute }: Admitted): void {
  const { body, query, method } = execute;
  const { headers } = request;
  // What is as it should be is left alone: in Node 20, each change to a request that Express has extended is a slow one.
  if (request.method !== method) request.method = method;
  for (const name in execute.headers) {
    const value = execute.headers[name];
    if (value !== undefined) headers[name] = value;
    else if (headers[name] !== undefined) Reflect.deleteProperty(headers, name);
  }
  // In Express 5 the query is worked out from the URL anew, with a parser of the host's choice: here it is fixed.
  const hasOwn = Object.hasOwn(request, 'query') || !('query' in request);
  if (query.length > 0 || hasOwn || request.originalUrl.includes('?')) define(request, 'query', queryObject(query));
  if (method === 'GET' && request.body === undefined) return;
  define(request, 'body', body && ('form' in body ? queryObject(body.form) : body.json));
  // Body parsers look here whether somebody was before them.
  define(request, '_body', true);
}

function redirect(request: ExpressRequest, target: string): void {
  const below = target.slice(request.baseUrl.length);
  const url = below.startsWith('/') ? below : `/${below}`;
  if (request.url !== url) request.url = url;
  if (request.originalUrl !== target) request.originalUrl = target;
}

function define(request: ExpressRequest, name: string, value: unknown): void {
  const isFixed = Object.getOwnPropertyDescriptor(request, name)?.configurable === false;
  // One that somebody fixed in its place takes a value, or throws, and then the request fails.
  if (isFixed) Object.assign(request, { [name]: value });
  else Object.defineProperty(request, name, { value, writable: true, enumerable: true, configurable: true });
}

export { createGuard } from './guard.js';
export { searchParametersOf } from './narrow-search.js';
export type { BulkDataOptions, JobStore } from './bulk-data.js';
export type {
  Admission,
  Admitted,
  Body,
  FinalAnswer,
  Guard,
  GuardOptions,
  GuardRequest,
  OpenToAll,
  ServerResponse,
  StreamedAnswer,
  StreamedResponse,
} from './guard.js';
export type { AnsweredJson } from './json.js';
export type { NarrowSearchOptions } from './narrow-search.js';
export type { Paging } from './paging.js';
export type { GuardSettings } from './asking.js';
export type {
  BulkDataRequest,
  BundleRequest,
  CompartmentTarget,
  Condition,
  FhirRequest,
  HeaderBag,
  InteractionRequest,
  Method,
  OperationRequest,
  Pairs,
  PublicRequest,
} from './request.js';

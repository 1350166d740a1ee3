import type { IncomingMessage, ServerResponse } from 'node:http';
import omit from 'lodash/omit.js';
import type { SMARTHandler } from '../handler.js';
import type { GuardSettings } from './asking.js';
import type { Admitted, GuardOptions } from './guard.js';
import { createGuard } from './guard.js';
import { holdResponse } from './hold-response.js';
import { queryObject } from './query.js';
import { readBody } from './read-body.js';
import type { SmartRequest } from './express.js';
import { streamResponse } from './stream-response.js';

/** The parts of a Fastify request that are read or replaced. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage;
  readonly server: FastifyLike;
  query: unknown;
  body?: unknown;
  smart?: SmartRequest | null;
}

/** The parts of a Fastify reply that are used. */
export interface FastifyReplyLike {
  readonly raw: ServerResponse;
  /** Sets the status. */
  code(status: number): FastifyReplyLike;
  /** Sets headers. */
  headers(values: Readonly<Record<string, unknown>>): FastifyReplyLike;
  /** Sends the body. */
  send(payload?: unknown): FastifyReplyLike;
}

/** The parts of a Fastify instance that are used. */
export interface FastifyLike {
  /** Makes a property of requests known. */
  decorateRequest(name: string, value: null): unknown;
  /** Registers a hook. */
  addHook(
    name: 'preParsing',
    hook: (request: FastifyRequestLike, reply: FastifyReplyLike, payload: unknown) => Promise<unknown>,
  ): unknown;
  /** Registers a hook. */
  addHook(name: 'preValidation', hook: (request: FastifyRequestLike) => Promise<void>): unknown;
  /** Asks the server a request without the network. */
  inject(options: {
    method: 'GET';
    url: string;
    headers: Record<string, string | string[] | undefined>;
  }): Promise<{ readonly statusCode: number; readonly headers: Readonly<Record<string, unknown>> }>;
}

/** Options of the plugin: those of a guard, and the handler. */
export interface SmartFhirFastifyOptions extends GuardOptions {
  readonly handler: SMARTHandler;
}

/**
 * A Fastify 5 plugin that guards all routes of the scope in which it is registered.
 *
 * Handlers see the request that was judged: `request.query`, `request.body`, `request.raw.url` and the headers are
 * replaced, and `request.smart` tells who asks. The body is read here, before any content type parser. What is answered
 * is held back until it has been judged, `reply.hijack()` or not. A HEAD is answered from a GET of the same URL.
 *
 * What comes encoded cannot be judged, and is refused: leave the compression of these routes to a proxy.
 *
 * The path is left as it came: it was accepted only because it can be read in one way.
 */
export async function smartFhirFastify(fastify: FastifyLike, options: SmartFhirFastifyOptions): Promise<void> {
  const { handler, ...guardOptions } = options;
  const guard = createGuard(handler, guardOptions);
  const bodies = new WeakMap<FastifyRequestLike, Admitted>();
  fastify.decorateRequest('smart', null);

  fastify.addHook('preParsing', async (request, reply, payload) => {
    const { raw } = request;
    const { method = '', url = '', headers } = raw;
    if (method === 'HEAD' && !isAboutJobs(guard.settings, url)) return answerHead(request, reply);
    const body = (): ReturnType<typeof readBody> => readBody(raw, guard.settings.maxBodyBytes);
    const admission = await guard.admit({ method, url, headers, body });
    if (admission.verdict === 'refused') {
      const { answer } = admission;
      if (!raw.complete) reply.raw.setHeader('connection', 'close');
      return reply.code(answer.status).headers(answer.headers).send(answer.body);
    }
    if (admission.verdict === 'public') {
      request.smart = { identity: undefined, request: admission.request };
      if (admission.judgeResponse) holdResponse(reply.raw, { judgeResponse: admission.judgeResponse });
      return payload;
    }
    request.smart = { identity: admission.identity, request: admission.request };
    bodies.set(request, admission);
    const { execute } = admission;
    raw.url = execute.url;
    request.query = queryObject(execute.query);
    for (const [name, value] of Object.entries(execute.headers)) {
      if (value === undefined) Reflect.deleteProperty(headers, name);
      else headers[name] = value;
    }
    // The body has been read: for the parsers there is none.
    for (const name of ['content-type', 'content-length', 'transfer-encoding']) Reflect.deleteProperty(headers, name);
    if (admission.judgeStream) streamResponse(reply.raw, admission.judgeStream);
    else holdResponse(reply.raw, { judgeResponse: admission.judgeResponse });
    return payload;
  });

  fastify.addHook('preValidation', async (request) => {
    const body = bodies.get(request)?.execute.body;
    if (body) request.body = 'form' in body ? queryObject(body.form) : body.json;
  });
}

/** Exports start with a GET, and their files are too large for one whose body is dropped: there the guard refuses. */
function isAboutJobs({ basePath, bulkData }: GuardSettings, url: string): boolean {
  if (!bulkData) return false;
  if (/\/\$export(?:\?|$)/.test(url)) return true;
  return [bulkData.statusPath, bulkData.filePath].some((path) => url.startsWith(`${basePath}/${path}/`));
}

/** Fastify's own HEAD routes drop the body before anybody could judge it. */
async function answerHead({ raw, server }: FastifyRequestLike, reply: FastifyReplyLike): Promise<unknown> {
  const { url = '', headers } = raw;
  const { statusCode, headers: answered } = await server.inject({ method: 'GET', url, headers: { ...headers } });
  return reply.code(statusCode).headers(omit(answered, OF_CONNECTION)).send();
}

/** What a connection is told, and not about the answer (RFC 9110, 7.6.1): that one is not the client's. */
const OF_CONNECTION = ['connection', 'keep-alive', 'transfer-encoding'];

/** Fastify: hooks of this plugin belong to the scope that registers it, not to one of its own. */
Object.assign(smartFhirFastify, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'smart-fhir-authz',
});

export { searchParametersOf } from './narrow-search.js';
export type { BulkDataOptions, JobStore } from './bulk-data.js';
export type { GuardOptions } from './guard.js';
export type { NarrowSearchOptions } from './narrow-search.js';
export type { Paging } from './paging.js';
export type { SmartRequest } from './express.js';
export type { FhirRequest } from './request.js';

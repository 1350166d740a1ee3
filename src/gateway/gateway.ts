import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { ConfigError } from '../errors.js';
import type { SMARTHandler } from '../handler.js';
import { closing } from '../http/final-answer.js';
import type { FinalAnswer } from '../http/guard.js';
import { createGuard } from '../http/guard.js';
import { sendAnswer } from '../http/hold-response.js';
import { failureAnswer, jsonAnswer } from './answer.js';
import { BaseUrls } from './base-urls.js';
import { atMost } from './byte-limit.js';
import { allowOrigin } from './cors.js';
import type { RequestSpan } from '../observe/request-event.js';
import type { StreamedAnswer } from './forward.js';
import { endsInOneWay, saysOneThing } from './framing.js';
import { Health } from './health.js';
import type { GatewayOptions, GatewaySettings } from './options.js';
import { gatewaySettings } from './options.js';
import { PageLinks } from './page-links.js';
import { PublicDocuments } from './public-documents.js';
import type { RequestScope } from './scope.js';
import { Sending } from './sending.js';
import type { Served, Serving } from './serve.js';
import { serve } from './serve.js';
import { boundedServer, drain } from './server.js';
import { SmartConfiguration } from './smart-configuration.js';
import { thenFollowed } from './then-followed.js';
import { Upstream, discard } from './upstream.js';
import { UpstreamError } from './upstream-error.js';

/** Where a gateway listens. */
export interface ListenAddress {
  /** Default 8080; 0 for any that is free. */
  readonly port?: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
}

/** A reverse proxy that guards a FHIR server. */
export interface Gateway {
  /** Serves one request, for a server of one's own. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Listens, with bounds against slow clients. */
  listen(address?: ListenAddress): Promise<AddressInfo>;
  /** Takes no more requests, waits for those that are being served for `drainTimeoutMs`, and closes all connections. */
  close(): Promise<void>;
}

/**
 * Puts a guard in front of a FHIR server that is known by its URL alone.
 *
 * @throws ConfigError that names the option.
 */
export function createGateway(handler: SMARTHandler, options: GatewayOptions): Gateway {
  return new GuardingProxy(handler, options);
}

class GuardingProxy implements Gateway {
  readonly #settings: GatewaySettings;
  readonly #serving: Serving;
  readonly #health: Health;
  readonly #sending: Sending;
  #server: Server | undefined;
  /** Requests that are not ended: their answers may still be on their way. */
  #active = 0;
  /** Requests that are being worked on. */
  #occupied = 0;
  #draining = false;

  constructor(handler: SMARTHandler, options: GatewayOptions) {
    const settings = gatewaySettings(options);
    const upstream = new Upstream({
      dispatcher: settings.dispatcher,
      base: settings.upstream,
      headers: settings.upstreamHeaders,
      timeoutMs: settings.upstreamTimeoutMs,
      maxResponseBytes: settings.maxResponseBytes,
    });
    const { fhirVersion, narrowSearch, ...others } = options;
    const { baseUrl } = createGuard(handler, { ...others, fhirVersion }).settings;
    const bases = new BaseUrls(baseUrl, settings.upstreamNames);
    const configuration = new SmartConfiguration(settings.smartConfiguration, settings.smartConfigurationUrl);
    const documents = new PublicDocuments({ upstream, bases, baseUrl, fhirVersion, configuration });
    const supports = (resourceType: string, parameter: string): boolean =>
      documents.followed[resourceType]?.includes(parameter) ?? false;
    const looksForParameters = narrowSearch !== undefined && narrowSearch.supports === undefined;
    const asked = looksForParameters ? thenFollowed(handler, () => documents.lookForParameters()) : handler;
    const guard = createGuard(asked, {
      ...others,
      fhirVersion,
      ...(narrowSearch && { narrowSearch: { supports, ...narrowSearch } }),
    });
    const { basePath } = guard.settings;
    const { healthPath, bindsVersion, bindsAbsence } = settings;
    const binding = { version: bindsVersion, absence: bindsAbsence };
    if (healthPath !== undefined && basePath !== '' && `${healthPath}/`.startsWith(`${basePath}/`)) {
      throw new ConfigError('healthPath', 'must not be below the base path');
    }
    this.#settings = settings;
    const lookupTimeoutMs = settings.upstreamTimeoutMs;
    const pages = new PageLinks(bases, basePath, settings.pageLinkKey);
    this.#serving = { upstream, bases, basePath, binding, pages, handler, guard, documents, lookupTimeoutMs };
    this.#sending = new Sending(settings.maxConcurrentRequests, settings.sendTimeoutMs);
    this.#health = new Health(upstream, settings.jwksEndpoint);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!endsInOneWay(request)) {
      // What comes next on this connection may be a part of this request to whoever is in front.
      request.socket.destroy();
      return;
    }
    const started = performance.now();
    const requestId = randomUUID();
    const { method = '', headers } = request;
    const span = this.#startSpan(method, headers);
    const gone = new AbortController();
    const scope: RequestScope = {
      signal: gone.signal,
      trace: { 'x-request-id': requestId, ...span?.headers },
      authorization: this.#settings.forwardAuthorization ? headers.authorization : undefined,
      judgedBy: new Map(),
      absent: new Set(),
      gone: new Set(),
      failure: undefined,
      lookupsUntil: undefined,
      upstreamMs: 0,
    };
    this.#active += 1;
    this.#occupied += 1;
    const ended = new Promise<void>((resolve) => {
      response.once('close', () => {
        this.#active -= 1;
        if (!response.writableFinished) gone.abort(new UpstreamError('ERR_CLIENT_GONE'));
        resolve();
      });
    });
    let answered: Promise<Served> | undefined;
    const answering = (): Promise<Served> => (answered ??= this.#served(request, scope));
    // A tracer that fails costs a span, not the answer.
    quietly(() => span?.run(answering));
    const served = await answering();
    await this.#respond(request, response, requestId, served.answer).catch(() => response.destroy());
    // Whoever takes an answer slowly, or not at all, keeps nobody else from being served.
    this.#occupied -= 1;
    await ended;
    const { operation, resourceType, answeredBy } = served;
    const event = {
      requestId,
      method: /^[A-Z]{1,16}$/.test(method) ? method : 'other',
      operation,
      resourceType,
      status: response.writableFinished ? response.statusCode : undefined,
      answeredBy,
      failure: scope.failure?.code,
      durationMs: performance.now() - started,
      upstreamMs: scope.upstreamMs,
    };
    quietly(() => this.#settings.onRequest?.(event));
    quietly(() => span?.end(event));
  }

  async listen({ port = 8080, host = '127.0.0.1' }: ListenAddress = {}): Promise<AddressInfo> {
    if (this.#server) throw new TypeError('the gateway is listening already');
    const server = boundedServer((request, response) => void this.handle(request, response), this.#settings);
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    return server.address() as AddressInfo;
  }

  async close(): Promise<void> {
    this.#draining = true;
    const { drainTimeoutMs, dispatcher, ownsDispatcher } = this.#settings;
    const deadline = performance.now() + drainTimeoutMs;
    if (this.#server) await drain(this.#server, drainTimeoutMs);
    // Requests that came through handle() from a server of the host's.
    while (this.#active > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    if (ownsDispatcher) await dispatcher.destroy();
  }

  #startSpan(method: string, headers: IncomingMessage['headers']): RequestSpan | undefined {
    try {
      return this.#settings.tracing?.start(method, headers);
    } catch {
      return undefined;
    }
  }

  /** What a request comes to, whatever fails on the way. */
  async #served(request: IncomingMessage, scope: RequestScope): Promise<Served> {
    const own = { operation: undefined, resourceType: undefined, answeredBy: 'gateway' } as const;
    try {
      const health = await this.#healthAnswer(request);
      if (health) return { ...own, operation: 'health', answer: health };
      if (this.#draining || this.#occupied > this.#settings.maxConcurrentRequests) {
        return { ...own, answer: failureAnswer(503) };
      }
      if (!saysOneThing(request)) return { ...own, answer: failureAnswer(400) };
      return await serve(this.#serving, scope, request);
    } catch (error) {
      if (error instanceof UpstreamError) scope.failure = error;
      return { ...own, answer: failureAnswer(error instanceof UpstreamError ? error.status : 500) };
    }
  }

  async #healthAnswer({ method, url }: IncomingMessage): Promise<FinalAnswer | undefined> {
    const { healthPath } = this.#settings;
    if (healthPath === undefined || !url?.startsWith(`${healthPath}/`)) return undefined;
    if (method !== 'GET' && method !== 'HEAD') return { ...failureAnswer(405), headers: { allow: 'GET, HEAD' } };
    switch (url.slice(healthPath.length)) {
      case '/live':
        return this.#health.live();
      case '/ready':
        return this.#health.ready(this.#draining);
      default:
        return jsonAnswer(404, { status: 'unknown' }, {}, 'application/json');
    }
  }

  async #respond(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    answer: FinalAnswer | StreamedAnswer,
  ): Promise<void> {
    const { maxBinaryBytes, corsOrigins } = this.#settings;
    const stream = 'stream' in answer ? answer.stream : undefined;
    if (response.destroyed) {
      if (stream) discard(stream);
      return;
    }
    response.setHeader('x-request-id', requestId);
    const { status, headers } = answer;
    const plain: FinalAnswer = { status, headers, body: 'stream' in answer ? undefined : answer.body };
    // Whoever sends more than is read gets the answer, and then no second request on this connection.
    const isLast = this.#draining || !request.complete;
    const told = allowOrigin(isLast ? closing(plain) : plain, request.headers, corsOrigins);
    if (!stream) {
      sendAnswer(response, told);
      this.#sending.watch(response);
      return;
    }
    response.statusCode = status;
    response.setHeaders(new Map(Object.entries(told.headers) as [string, string][]));
    if (request.method === 'HEAD') {
      discard(stream);
      response.end();
      return;
    }
    const { sendTimeoutMs, upstreamTimeoutMs } = this.#settings;
    // While upstream says nothing, there is nothing to take.
    response.setTimeout(sendTimeoutMs + upstreamTimeoutMs, () => response.destroy());
    // What breaks off now ends the connection: the client sees that the answer is not whole.
    await pipeline(stream, atMost(maxBinaryBytes), response).catch(() => response.destroy());
  }
}

function quietly(run: () => unknown): void {
  try {
    run();
  } catch {
    // A listener that fails changes no answer.
  }
}

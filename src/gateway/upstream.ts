import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { HeaderBag } from '../http/request.js';
import { UpstreamError, isBrokenConnection, upstreamErrorOf } from './upstream-error.js';

/** A request to upstream. */
export interface UpstreamRequest {
  readonly method: string;
  /** Below upstream's base: empty, or from a slash or a question mark on. */
  readonly below: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Whether it changes nothing, though it is a POST: a search. Default false. */
  readonly reads?: boolean;
  /** Whether it may do something, though it is a GET, and must not come twice: an operation. Default false. */
  readonly once?: boolean;
}

/** An answer of upstream, whole. */
export interface UpstreamAnswer {
  readonly status: number;
  /** Names in lower case; a list for a header that came more than once. */
  readonly headers: HeaderBag;
  readonly body: Buffer;
}

/** An answer of upstream that is still on its way. */
export interface UpstreamStream {
  readonly status: number;
  readonly headers: HeaderBag;
  readonly body: Readable;
}

export interface UpstreamSettings {
  readonly dispatcher: Dispatcher;
  /** Without a trailing slash. */
  readonly base: string;
  /** Headers for every request, with which upstream knows the gateway. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
}

/** The FHIR server behind the gateway. Every answer is bounded in time and size; a redirect is an answer like another. */
export class Upstream {
  readonly #settings: UpstreamSettings;
  readonly #origin: string;
  readonly #path: string;

  constructor(settings: UpstreamSettings) {
    const { origin, pathname } = new URL(settings.base);
    this.#settings = settings;
    this.#origin = origin;
    this.#path = pathname.replace(/\/$/, '');
  }

  /** The URL of a request, for Location headers that are relative to it. */
  urlOf(below: string): string {
    return `${this.#origin}${this.#path}${below}`;
  }

  /** Asks, and reads the whole answer. @param timeoutMs Milliseconds for all of it. @throws UpstreamError */
  async send(
    request: UpstreamRequest,
    signal: AbortSignal,
    timeoutMs = this.#settings.timeoutMs,
  ): Promise<UpstreamAnswer> {
    const { maxResponseBytes } = this.#settings;
    return withDeadline(signal, timeoutMs, async (bounded) => {
      const { status, headers, body } = await this.#open(request, bounded);
      return { status, headers, body: await readWhole(body, headers, maxResponseBytes) };
    });
  }

  /** Asks, and hands over the answer as soon as its headers are there. @throws UpstreamError */
  async open(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamStream> {
    return this.#open(request, signal);
  }

  async #open(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamStream> {
    const own = await this.#headers();
    try {
      return await this.#attempt(request, own, signal);
    } catch (error) {
      const reads = request.reads === true || (request.method === 'GET' && request.once !== true);
      const again = reads && !signal.aborted && isBrokenConnection(error);
      if (!again) throw abortedBy(signal) ?? upstreamErrorOf(error);
    }
    try {
      return await this.#attempt(request, own, signal);
    } catch (error) {
      throw abortedBy(signal) ?? upstreamErrorOf(error);
    }
  }

  async #headers(): Promise<Readonly<Record<string, string>>> {
    try {
      return await this.#settings.headers();
    } catch (cause) {
      throw new UpstreamError('ERR_UPSTREAM_CREDENTIALS', { cause });
    }
  }

  async #attempt(
    { method, below, headers, body }: UpstreamRequest,
    own: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<UpstreamStream> {
    const { dispatcher, timeoutMs } = this.#settings;
    const path = `${this.#path}${below}`;
    const answer = await dispatcher.request({
      origin: this.#origin,
      path: path.startsWith('/') ? path : `/${path}`,
      method,
      headers: Object.assign({}, headers, own),
      body: body ?? null,
      signal,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    // A connection may break while nobody reads yet; whoever reads learns of it all the same.
    answer.body.on('error', () => undefined);
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  }
}

/** Runs something that ends in time, or when the client has gone. */
async function withDeadline<T>(
  signal: AbortSignal,
  timeoutMs: number,
  run: (bounded: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const leave = (): void => {
    controller.abort(new UpstreamError('ERR_CLIENT_GONE'));
  };
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  const timer = setTimeout(() => {
    controller.abort(new UpstreamError('ERR_UPSTREAM_TIMEOUT'));
  }, timeoutMs);
  try {
    return await run(controller.signal);
  } catch (error) {
    throw abortedBy(controller.signal) ?? upstreamErrorOf(error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', leave);
  }
}

function abortedBy(signal: AbortSignal): UpstreamError | undefined {
  if (!signal.aborted) return undefined;
  const reason: unknown = signal.reason;
  return reason instanceof UpstreamError ? reason : new UpstreamError('ERR_CLIENT_GONE');
}

async function readWhole(body: Readable, headers: HeaderBag, maxBytes: number): Promise<Buffer> {
  if (Number(headers['content-length'] ?? 0) > maxBytes) {
    discard(body);
    throw new UpstreamError('ERR_UPSTREAM_TOO_LARGE');
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop destroys the stream, and with it the connection.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new UpstreamError('ERR_UPSTREAM_TOO_LARGE');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Leaves an answer unread, and its connection. */
export function discard(body: Readable): void {
  body.on('error', () => undefined);
  body.destroy();
}

import { bareError } from '../bare-error.js';
import { BackendServicesError } from '../errors.js';

/** The part of fetch that is used: give any implementation of it, a proxying one for example. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface RequestBounds {
  readonly fetch: Fetch;
  /** Milliseconds for the whole exchange, the last byte of the body included. */
  readonly timeoutMs: number;
  /** Bytes of the decoded body. */
  readonly maxBytes: number;
}

/**
 * One HTTP exchange that ends: in time, in a bounded body, and at the URL it was sent to. A redirect is refused, because
 * it would carry a client assertion, or the trust in a configuration, to a place that nobody chose.
 *
 * @throws BackendServicesError `ERR_TIMEOUT`, `ERR_NETWORK`, `ERR_REDIRECT`, `ERR_RESPONSE_TOO_LARGE`
 */
export async function boundedRequest(
  url: string,
  init: RequestInit,
  what: string,
  bounds: RequestBounds,
): Promise<Response> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new BackendServicesError(
        'ERR_TIMEOUT',
        `${what}: no complete answer within ${bounds.timeoutMs} ms`,
      );
      // First, so that a fetch that rejects because of the abort comes second.
      reject(error);
      controller.abort(error);
    }, bounds.timeoutMs);
  });
  try {
    // A race, because a custom fetch may ignore the signal.
    return await Promise.race([
      exchange(url, { ...init, redirect: 'manual', signal: controller.signal }, what, bounds),
      deadline,
    ]);
  } finally {
    clearTimeout(timer);
  }
}

async function exchange(url: string, init: RequestInit, what: string, bounds: RequestBounds): Promise<Response> {
  try {
    const response = await bounds.fetch(url, init);
    if (
      response.redirected ||
      (response.status >= 300 && response.status < 400) ||
      response.type === 'opaqueredirect'
    ) {
      await response.body?.cancel();
      throw new BackendServicesError('ERR_REDIRECT', `${what}: the server answered with a redirect`, {
        status: response.status,
      });
    }
    const body = await boundedBody(response, what, bounds.maxBytes);
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  } catch (cause) {
    if (cause instanceof BackendServicesError) throw cause;
    throw new BackendServicesError('ERR_NETWORK', `${what}: the server cannot be reached or broke off`, {
      // Bare, because a fetch may hang the request on its error, and the assertion with it.
      cause: bareError(cause),
    });
  }
}

/** The body, or null when it is empty (a Response of status 204 must not get one). */
async function boundedBody(
  response: Response,
  what: string,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (response.body === null) return null;
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Counted while reading: Content-Length is the sender's word, and compressed bodies grow.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > maxBytes) {
      // Leaving the loop cancels the stream.
      throw new BackendServicesError('ERR_RESPONSE_TOO_LARGE', `${what}: the answer is larger than ${maxBytes} bytes`, {
        status: response.status,
      });
    }
    chunks.push(chunk);
  }
  if (length === 0) return null;
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.byteLength;
  }
  return body;
}

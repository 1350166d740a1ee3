import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';

/** How long a client may take, in milliseconds. */
export interface HttpServerTimeouts {
  /** Seconds for the headers of a request. Default: 10. Bounds: above 0, to 300. */
  readonly headersTimeoutSeconds?: number;
  /** Seconds for a whole request. Default: 30. Bounds: above 0, to 300, not below the headers' timeout. */
  readonly requestTimeoutSeconds?: number;
  /** Seconds an idle connection is kept. Default: 5. Bounds: above 0, to 300. */
  readonly keepAliveTimeoutSeconds?: number;
}

/**
 * Node's HTTP server with bounds against clients that send slowly on purpose. Node's own defaults (60 and 300 seconds,
 * looked at every 30) let one machine hold thousands of connections open.
 *
 * For a server behind a proxy that bounds requests itself, `http.createServer` does as well.
 */
export function createHttpServer(listener: RequestListener, timeouts: HttpServerTimeouts = {}): Server {
  const headersTimeout = milliseconds('headersTimeoutSeconds', timeouts.headersTimeoutSeconds ?? 10);
  const requestTimeout = milliseconds('requestTimeoutSeconds', timeouts.requestTimeoutSeconds ?? 30);
  if (requestTimeout < headersTimeout) {
    throw new TypeError('requestTimeoutSeconds must not be below headersTimeoutSeconds');
  }
  return createServer(
    {
      headersTimeout,
      requestTimeout,
      keepAliveTimeout: milliseconds('keepAliveTimeoutSeconds', timeouts.keepAliveTimeoutSeconds ?? 5),
      connectionsCheckingInterval: Math.max(10, Math.min(1000, Math.floor(headersTimeout / 4))),
      maxHeaderSize: 16_384,
    },
    listener,
  );
}

function milliseconds(name: string, seconds: number): number {
  if (!Number.isFinite(seconds) || seconds <= 0 || seconds > 300) {
    throw new TypeError(`${name} must be a number above 0, up to 300`);
  }
  return Math.ceil(seconds * 1000);
}

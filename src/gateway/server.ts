import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import type { GatewaySettings } from './options.js';

/**
 * Node's HTTP server with bounds against clients that send slowly on purpose. Node's own (60 and 300 seconds) let one
 * machine hold thousands of connections open.
 */
export function boundedServer(listener: RequestListener, settings: GatewaySettings): Server {
  const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, upstreamTimeoutMs } = settings;
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.max(10, Math.min(1000, Math.floor(headersTimeoutMs / 4))),
      maxHeaderSize: 16_384,
      // RFC 9112, 3.2: a request without Host, or with two, is none.
      requireHostHeader: true,
      insecureHTTPParser: false,
    },
    listener,
  );
  // A client that does not take its answer. While upstream works nothing moves either, so it is longer than that.
  server.setTimeout(requestTimeoutMs + 2 * upstreamTimeoutMs);
  return server;
}

/** Takes no more connections, waits for the requests that are being served, and ends those that last too long. */
export async function drain(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    server.closeAllConnections();
  }, timeoutMs);
  await closed;
  clearTimeout(timer);
}

import { ConfigError } from '../../errors.js';
import type { DenyListOptions } from './deny-list.js';
import { checkJwks } from './publish.js';

/** What is needed of a request: Node's, Express's and Fastify's raw one have it. */
export interface JwksRequest {
  readonly method?: string | undefined;
}

/** What is needed of a response. */
export interface JwksResponse {
  /** Sets status and headers. */
  writeHead(status: number, headers: Record<string, string>): unknown;
  /** Sends the body and ends the response. */
  end(body?: string): unknown;
}

/** How a key set is served. */
export interface ServeJwksOptions extends DenyListOptions {
  /**
   * Seconds for which servers may keep the set (Cache-Control max-age), 0 to 86400. Default: 300. A key that leaves the
   * set is trusted that much longer.
   */
  readonly maxAgeSeconds?: number;
}

/**
 * A request listener for the client's JWKS URL. SMART App Launch 2.2, Client Authentication: over TLS (put it behind an
 * https server), without authentication, with Cache-Control.
 *
 * The set is checked once, here: a private key in it stops the program before anybody can fetch it.
 */
export function serveJwks(
  jwks: unknown,
  options: ServeJwksOptions = {},
): (request: JwksRequest, response: JwksResponse) => void {
  const { maxAgeSeconds = 300 } = options;
  if (!Number.isInteger(maxAgeSeconds) || maxAgeSeconds < 0 || maxAgeSeconds > 86_400) {
    throw new ConfigError('maxAgeSeconds', 'a whole number of seconds from 0 to 86400');
  }
  const body = JSON.stringify(checkJwks(jwks, options));
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': `public, max-age=${maxAgeSeconds}`,
    // Public keys are for everybody, browsers included.
    'access-control-allow-origin': '*',
  };
  return (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') {
      response.writeHead(200, headers);
      response.end(request.method === 'GET' ? body : undefined);
    } else {
      response.writeHead(405, { allow: 'GET, HEAD' });
      response.end();
    }
  };
}

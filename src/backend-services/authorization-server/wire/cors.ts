import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RegisteredClient } from '../clients/client.js';

/** SMART App Launch 2.2, Conformance: metadata is open to every origin. */
export function allowAnyOrigin(res: ServerResponse): void {
  res.setHeader('access-control-allow-origin', '*');
}

/**
 * SMART App Launch 2.2, Considerations for Cross-Origin Resource Sharing: the token endpoint is open to a client's own
 * origins, which are those of its redirect URIs.
 */
export function allowOrigin(req: IncomingMessage, res: ServerResponse, client: RegisteredClient): void {
  const { origin } = req.headers;
  // `null` stands for every page without an origin, and is what a URI with a private-use scheme has for one.
  if (origin === undefined || origin === 'null' || !client.redirect_uris.some((uri) => new URL(uri).origin === origin))
    return;
  res.setHeader('access-control-allow-origin', origin);
}

/**
 * Answers a preflight. It names no client, so it allows any origin; whether the answer to the request itself may be
 * read is decided there. No cookie is ever allowed across origins.
 */
export function answerPreflight(req: IncomingMessage, res: ServerResponse, methods: readonly string[]): void {
  res.setHeader('allow', [...methods, 'OPTIONS'].join(', '));
  if (req.headers.origin !== undefined && req.headers['access-control-request-method'] !== undefined) {
    res.setHeader('access-control-allow-origin', '*');
    res.setHeader('access-control-allow-methods', methods.join(', '));
    res.setHeader('access-control-allow-headers', 'accept, authorization, content-type');
    res.setHeader('access-control-max-age', '3600');
  }
  res.writeHead(204);
  res.end();
}

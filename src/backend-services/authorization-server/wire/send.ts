import type { ServerResponse } from 'node:http';
import type { OAuthError } from './oauth-error.js';
import { errorText } from './oauth-error.js';

/** RFC 6749 §5.1: what carries tokens or credentials is kept by nobody. The router sets it on every answer but metadata. */
export const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' } as const;

export type Headers = Readonly<Record<string, string | readonly string[]>>;

export function sendJson(res: ServerResponse, status: number, body: unknown, headers: Headers = {}): void {
  const text = JSON.stringify(body);
  setHeaders(res, headers);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  res.end(text);
}

export function sendError(res: ServerResponse, error: OAuthError): void {
  sendJson(res, error.status, { error: error.error, error_description: errorText(error.description) }, error.headers);
}

export function setHeaders(res: ServerResponse, headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}

import { readFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Settings } from '../config-file/settings.js';
import { parseStrictJson } from '../http/json.js';
import { Explorer, RequestLineError } from './answer.js';

/** How the explorer is served. */
export interface ExplorerOptions {
  /** The folder with the files of the page: `page` beside this file. */
  readonly pages: URL;
  /** Default 0: any that is free. */
  readonly port?: number;
  /** How the page calls the configuration. Default `demo`. */
  readonly name?: string;
}

/** The explorer, as it runs. */
export interface RunningExplorer {
  readonly url: string;
  close(): Promise<void>;
}

/** The files of the page, by the path at which they are served. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
  '/main.mjs': ['main.mjs', 'text/javascript; charset=utf-8'],
  '/elements.mjs': ['elements.mjs', 'text/javascript; charset=utf-8'],
  '/identity.mjs': ['identity.mjs', 'text/javascript; charset=utf-8'],
  '/link.mjs': ['link.mjs', 'text/javascript; charset=utf-8'],
  '/decision-view.mjs': ['decision-view.mjs', 'text/javascript; charset=utf-8'],
  '/json-view.mjs': ['json-view.mjs', 'text/javascript; charset=utf-8'],
  '/matrix-view.mjs': ['matrix-view.mjs', 'text/javascript; charset=utf-8'],
};

/**
 * What pastes land here may be hostile: nothing but the files above runs, nothing is loaded from elsewhere, and no text becomes
 * markup (Content Security Policy Level 3, Trusted Types).
 */
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
} as const;

/** Bytes of a question: a large Bundle. */
const MAX_BYTES = 5 * 1024 * 1024;

/** Milliseconds for a request to arrive. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Serves the explorer to this machine alone. */
export async function serveExplorer(
  settings: Settings & { readonly baseUrl: string },
  { pages, port = 0, name = 'demo' }: ExplorerOptions,
): Promise<RunningExplorer> {
  const explorer = new Explorer(settings, name);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      handle(explorer, pages, request, response).catch(() => {
        if (response.headersSent) response.destroy();
        else send(response, 500, { error: 'a fault in the explorer; please report it' });
      });
    },
  );
  await listen(server, port);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function handle(
  explorer: Explorer,
  pages: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { host = '', origin } = request.headers;
  // A name of somebody else's that resolves to this machine (DNS rebinding) is no name of ours.
  if (!isOwnHost(host, request.socket.localPort)) {
    send(response, 421, { error: 'this server answers to localhost only' });
    return;
  }
  const path = request.url ?? '';
  if (path === '/api/answer') {
    if (request.method !== 'POST') send(response, 405, { error: 'only POST is known here' }, { allow: 'POST' });
    // A form of another site can send neither this type nor our origin.
    else if (!isJson(request.headers['content-type'])) send(response, 415, { error: 'only application/json is read' });
    else if (origin !== `http://${host}`) send(response, 403, { error: 'only the page itself may ask' });
    else await answer(explorer, request, response);
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, { error: 'only GET is known here' }, { allow: 'GET, HEAD' });
    return;
  }
  if (path === '/api/config') {
    send(response, 200, { ...explorer.config(), maxBytes: MAX_BYTES });
    return;
  }
  const file = Object.hasOwn(FILES, path) ? FILES[path] : undefined;
  if (!file) {
    send(response, 404, { error: 'there is nothing here' });
    return;
  }
  const [fileName, type] = file;
  const content = await readFile(new URL(fileName, pages));
  response.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': content.length });
  response.end(request.method === 'HEAD' ? undefined : content);
}

async function answer(explorer: Explorer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const bytes = await readBody(request);
  if (bytes === undefined) {
    send(response, 413, { error: `more than ${MAX_BYTES} bytes are not read` }, { connection: 'close' });
    return;
  }
  const parsed = parseStrictJson(bytes);
  if ('flaw' in parsed) {
    send(response, 400, { error: `the question is no JSON that is read alike everywhere (${parsed.flaw})` });
    return;
  }
  try {
    send(response, 200, await explorer.answer(parsed.value));
  } catch (error) {
    if (!(error instanceof RequestLineError)) throw error;
    send(response, 400, { error: error.message });
  }
}

/** Undefined for a body that is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isOwnHost(host: string, port: number | undefined): boolean {
  return [`localhost:${port ?? 0}`, `127.0.0.1:${port ?? 0}`].includes(host.toLowerCase());
}

function isJson(type: string | undefined): boolean {
  return type !== undefined && /^application\/json(?:\s*;\s*charset=utf-8)?$/i.test(type);
}

function send(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...HEADERS,
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { StateStoreError } from '../state/store.js';
import { refusalAnswer } from './client-auth/authenticate-client.js';
import { ClientRefused } from './client-auth/refusal.js';
import { ClientRegistryError } from './clients/registry.js';
import { PATHS, basePath } from './endpoints.js';
import { failureAt } from './events.js';
import type { Endpoint, Exchange } from './exchange.js';
import type { Settings } from './settings.js';
import { introspectionRefusal } from './token/introspection-endpoint.js';
import { allowAnyOrigin, answerPreflight } from './wire/cors.js';
import { sendErrorPage } from './wire/error-page.js';
import { OAuthError } from './wire/oauth-error.js';
import { NO_STORE, sendError, sendJson, setHeaders } from './wire/send.js';

/** A path of the server: which methods it takes and what answers them. */
export interface Route {
  readonly methods: readonly string[];
  /** Whether browsers of other origins may ask at all. */
  readonly crossOrigin: boolean;
  /** Whether a person looks at the answers, and not a program. */
  readonly forPeople?: boolean;
  readonly endpoint: Endpoint;
}

export interface Routes {
  /** Below the issuer, exact. */
  readonly exact: ReadonlyMap<string, Route>;
  /** Below the issuer, by what comes before the last part. */
  readonly below: ReadonlyMap<string, Route>;
  /** Documents anybody may read, by their whole path. */
  readonly documents: ReadonlyMap<string, object>;
}

/**
 * Answers a request. Where `next` is given, as Express does, it is called for paths that are not the server's own;
 * without it they are 404.
 */
export type RequestHandler = (req: IncomingMessage, res: ServerResponse, next?: () => void) => void;

/** Seconds that metadata and keys may be kept by others. */
const DOCUMENT_MAX_AGE_SECONDS = 300;

/** Finds the endpoint of a request, and turns whatever it throws into an answer. */
export function createRouter(settings: Settings, routes: Routes): RequestHandler {
  const base = basePath(settings.issuer);

  return (req, res, next) => {
    // Express and its like shorten url where they mount a handler; originalUrl is what the client sent.
    const { originalUrl } = req as { originalUrl?: unknown };
    const [pathname, search] = split(typeof originalUrl === 'string' ? originalUrl : (req.url ?? ''));
    const document = routes.documents.get(pathname);
    if (document !== undefined) {
      serveDocument(req, res, document);
      return;
    }
    const path = pathname.startsWith(base) ? pathname.slice(base.length) : '';
    const exchange: Exchange = { req, res, path, query: new URLSearchParams(search) };
    const route = routes.exact.get(path) ?? findBelow(routes.below, path);
    if (route === undefined && typeof next === 'function') {
      next();
      return;
    }
    setHeaders(res, { ...NO_STORE, 'x-content-type-options': 'nosniff', vary: 'Origin' });
    serve(route, exchange).catch((cause: unknown) => {
      answerFailure(exchange, route?.forPeople === true, cause, settings);
    });
  };
}

async function serve(route: Route | undefined, exchange: Exchange): Promise<void> {
  const { req, res } = exchange;
  if (route === undefined) throw new OAuthError('not_found', 'there is nothing here', { status: 404 });
  const { methods } = route;
  if (req.method === 'OPTIONS' && route.crossOrigin) {
    answerPreflight(req, res, methods);
    return;
  }
  if (!methods.includes(req.method ?? '')) {
    // RFC 6749 §3.2: clients use POST. RFC 9110 §15.5.6: the answer says what is allowed.
    throw new OAuthError('invalid_request', `use ${methods.join(' or ')}`, {
      status: 405,
      headers: { allow: methods.join(', ') },
    });
  }
  await route.endpoint(exchange);
}

/** SMART App Launch 2.2, Conformance: JSON whatever Accept says, open to every origin. */
function serveDocument(req: IncomingMessage, res: ServerResponse, document: object): void {
  allowAnyOrigin(res);
  if (req.method === 'OPTIONS') {
    answerPreflight(req, res, ['GET', 'HEAD']);
  } else if (req.method === 'GET' || req.method === 'HEAD') {
    sendJson(res, 200, document, { 'cache-control': `public, max-age=${DOCUMENT_MAX_AGE_SECONDS}` });
  } else {
    sendError(res, new OAuthError('invalid_request', 'use GET', { status: 405, headers: { allow: 'GET, HEAD' } }));
  }
}

function answerFailure({ req, res, path }: Exchange, forPeople: boolean, cause: unknown, settings: Settings): void {
  const error = asAnswer(req, path, cause, settings);
  if (res.headersSent) {
    res.destroy();
  } else if (forPeople) {
    sendErrorPage(res, error.status, error.error, error.description);
  } else {
    sendError(res, error);
  }
}

function asAnswer(req: IncomingMessage, path: string, cause: unknown, settings: Settings): OAuthError {
  if (cause instanceof OAuthError) return cause;
  if (cause instanceof ClientRefused) {
    settings.emit({ type: 'client-refused', endpoint: path, reason: cause.reason, clientId: cause.clientId });
    return path === PATHS.introspection
      ? introspectionRefusal(req, settings.issuer)
      : refusalAnswer(req, settings.issuer);
  }
  settings.emit(failureAt(path, cause));
  if (cause instanceof StateStoreError || cause instanceof ClientRegistryError) {
    // What cannot be looked up is refused, and the client may try again.
    return new OAuthError('temporarily_unavailable', 'the server cannot answer right now', { status: 503 });
  }
  return new OAuthError('server_error', 'the server failed', { status: 500 });
}

function findBelow(below: ReadonlyMap<string, Route>, path: string): Route | undefined {
  for (const [prefix, route] of below) {
    if (path.startsWith(`${prefix}/`) && path.length > prefix.length + 1) return route;
  }
  return undefined;
}

function split(url: string): [string, string] {
  const question = url.indexOf('?');
  return question === -1 ? [url, ''] : [url.slice(0, question), url.slice(question + 1)];
}

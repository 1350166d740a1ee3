import { IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import { basePath } from '../endpoints.js';
import type { RequestContext } from './request-context.js';
import { requestContext } from './request-context.js';

export interface ForwardedRequest {
  readonly method: 'GET' | 'POST';
  /** Path below the issuer, with the query. */
  readonly path: string;
  /** A form body, already checked. */
  readonly form?: Readonly<Record<string, string>>;
  /** Whether it belongs to a browser, with the cookies of a pending interaction. */
  readonly fromBrowser?: boolean;
}

/** Hands a request to oidc-provider, together with what has been established about it. */
export type Forward = (
  original: IncomingMessage,
  res: ServerResponse,
  request: ForwardedRequest,
  context: RequestContext,
) => Promise<void>;

/**
 * Requests reach oidc-provider in a form that this server vouches for: with the parameters that were checked and no
 * others, for the issuer's own host and scheme whatever the Host header said, and answered in JSON whatever Accept said.
 */
export function createForward(provider: Provider): Forward {
  const answer = provider.callback();
  return (original, res, request, context) =>
    requestContext.run(context, () => answer(rebuild(provider.issuer, original, request), res));
}

function rebuild(issuerIdentifier: string, original: IncomingMessage, request: ForwardedRequest): IncomingMessage {
  const issuer = new URL(issuerIdentifier);
  const headers: IncomingHttpHeaders = {
    host: issuer.host,
    accept: 'application/json',
    'x-forwarded-proto': issuer.protocol.replace(':', ''),
  };
  const cookies = request.fromBrowser === true ? interactionCookies(original.headers.cookie ?? '') : '';
  if (cookies !== '') headers.cookie = cookies;
  const body = request.form === undefined ? undefined : Buffer.from(new URLSearchParams(request.form).toString());
  if (body !== undefined) {
    headers['content-type'] = 'application/x-www-form-urlencoded';
    headers['content-length'] = String(body.length);
  }

  // Built from the original's socket, because Koa looks at it, and complete from the start.
  const forwarded = new IncomingMessage(original.socket);
  forwarded.httpVersion = original.httpVersion;
  forwarded.httpVersionMajor = original.httpVersionMajor;
  forwarded.httpVersionMinor = original.httpVersionMinor;
  forwarded.method = request.method;
  forwarded.url = request.path;
  forwarded.headers = headers;
  forwarded.complete = true;
  // oidc-provider takes the part of originalUrl before url for the path that it is mounted at.
  Object.assign(forwarded, { originalUrl: basePath(issuerIdentifier) + request.path });
  if (body !== undefined) forwarded.push(body);
  forwarded.push(null);
  return forwarded;
}

/**
 * Of a browser's cookies those of a pending interaction, and never a session's: who is signed in is for the host's own
 * page to know, so that no launch runs for whoever used the browser before.
 */
function interactionCookies(header: string): string {
  return header
    .split(/; */)
    .filter((cookie) => cookie.startsWith(INTERACTION_COOKIE))
    .join('; ');
}

/** What the names of oidc-provider's interaction cookies begin with. */
export const INTERACTION_COOKIE = '_interaction';

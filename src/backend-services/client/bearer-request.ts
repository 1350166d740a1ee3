import * as oauth from 'oauth4webapi';
import { ConfigError } from '../../errors.js';
import type { Fetch } from './bounded-request.js';
import type { AccessToken } from './request-token.js';
import type { TokenKeeper } from './token-keeper.js';

export interface BearerRequestOptions {
  readonly fetch: Fetch;
  readonly keeper: TokenKeeper;
  readonly allowInsecureLoopback: boolean;
  readonly renewOn: 'invalid_token' | 'any-401';
}

/**
 * Sends a request with the bearer token (RFC 6750 §2.1). On 401 with error="invalid_token" it renews the token and tries
 * once more (RFC 6750 §3.1); a body that cannot be sent twice gets its 401 back.
 *
 * Never follows a redirect: the answer comes back as it is, and where to take the token next is decided anew.
 */
export async function bearerRequest(url: URL, init: RequestInit, options: BearerRequestOptions): Promise<Response> {
  const { keeper } = options;
  const token = await keeper.get();
  const { response, invalid } = await send(token, url, init, options);
  if (!invalid) return response;
  keeper.discard(token);
  if (!isRepeatable(init.body)) return response;
  await response.body?.cancel();
  return (await send(await keeper.get(), url, init, options)).response;
}

async function send(
  token: AccessToken,
  url: URL,
  init: RequestInit,
  options: BearerRequestOptions,
): Promise<{ response: Response; invalid: boolean }> {
  try {
    const response = await oauth.protectedResourceRequest(
      token.accessToken,
      init.method ?? 'GET',
      url,
      headersWithoutCredentials(init.headers, 'application/fhir+json'),
      // Whatever the caller's fetch takes as a body passes through untouched.
      init.body as oauth.ProtectedResourceRequestBody,
      {
        [oauth.customFetch]: (href, request) => options.fetch(href, merged(init, request as RequestInit)),
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- deprecated so that it stands out, as it does
        [oauth.allowInsecureRequests]: options.allowInsecureLoopback,
      },
    );
    return { response, invalid: response.status === 401 && options.renewOn === 'any-401' };
  } catch (error) {
    if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
    const { response } = error;
    const challenged = error.cause.some(
      ({ scheme, parameters }) => scheme === 'bearer' && parameters['error'] === 'invalid_token',
    );
    return { response, invalid: response.status === 401 && (challenged || options.renewOn === 'any-401') };
  }
}

/** The caller's own options (a dispatcher, a signal, duplex) stay; what makes the request safe wins. */
function merged(init: RequestInit, request: RequestInit): RequestInit {
  const { method, headers, body, redirect } = request;
  return {
    ...init,
    ...(method !== undefined && { method }),
    ...(headers && { headers }),
    body: body ?? null,
    redirect: redirect ?? 'manual',
  };
}

export function headersWithoutCredentials(input: RequestInit['headers'], accept: string): Headers {
  const headers = new Headers(input);
  if (headers.has('authorization')) {
    throw new ConfigError('init.headers', 'no Authorization: whether the token goes with a request is decided here');
  }
  if (!headers.has('accept')) headers.set('accept', accept);
  return headers;
}

function isRepeatable(body: RequestInit['body']): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof FormData
  );
}

import * as oauth from 'oauth4webapi';
import { BackendServicesError } from '../errors.js';
import type { AssertionClaims } from './assertion.js';
import { CLIENT_ASSERTION_TYPE, signAssertion } from './assertion.js';
import type { RequestBounds } from './bounded-request.js';
import { boundedRequest } from './bounded-request.js';
import type { ScopeComparison } from './compare-scopes.js';
import { compareScopes } from './compare-scopes.js';
import { sanitize, secretsOf } from './sanitize.js';
import type { SigningKey } from './signing-key.js';
import type { UrlPolicy } from './url.js';
import { endpointUrl } from './url.js';

/** An access token and what is known about it. */
export interface AccessToken extends ScopeComparison {
  readonly accessToken: string;
  readonly tokenType: 'Bearer';
  /** The scopes granted, as the server wrote them; those requested if it wrote none (RFC 6749 §5.1). */
  readonly scope: string;
  /** When it expires, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Its lifetime in seconds, as the server gave it. */
  readonly expiresIn: number;
}

export interface TokenRequest extends UrlPolicy, RequestBounds {
  /** Absolute URL. */
  readonly tokenEndpoint: string;
  /** The origin that the token endpoint has to have; without it, any. */
  readonly tokenEndpointOrigin?: string | undefined;
  readonly key: SigningKey;
  readonly claims: Omit<AssertionClaims, 'audience'>;
  readonly scope: string;
  readonly now: () => number;
}

/** For a server that leaves expires_in out, though SMART demands it: what SMART recommends as the longest lifetime. */
const ASSUMED_LIFETIME_SECONDS = 300;
/** However long a server says a token lives, it is renewed after a day. */
const MAX_LIFETIME_SECONDS = 86_400;

/**
 * The last look at where an assertion goes, at the text as it is about to be requested.
 *
 * @throws BackendServicesError `ERR_DISCOVERY_ORIGIN`, `ERR_URL_REFUSED`
 */
function checkEndpoint({ tokenEndpoint, tokenEndpointOrigin: expected, ...policy }: TokenRequest): void {
  const { origin } = endpointUrl(tokenEndpoint, 'token request: token endpoint', policy);
  if (expected !== undefined && origin !== expected) {
    throw new BackendServicesError(
      'ERR_DISCOVERY_ORIGIN',
      `token request: the token endpoint is at ${origin}, and ${expected} is expected`,
    );
  }
}

/**
 * One token request: SMART App Launch 2.2, Backend Services, "Obtain Access Token"; RFC 6749 §4.4.2. The assertion is
 * made here, for this request alone.
 *
 * @throws BackendServicesError `ERR_TOKEN_REQUEST`, `ERR_TOKEN_RESPONSE`, `ERR_TOKEN_TYPE`, `ERR_DISCOVERY_ORIGIN`,
 * `ERR_URL_REFUSED` and those of HTTP
 */
export async function requestToken(request: TokenRequest): Promise<AccessToken> {
  const { tokenEndpoint, key, claims, scope } = request;
  checkEndpoint(request);
  const assertion = await signAssertion(key, { ...claims, audience: tokenEndpoint });
  const server: oauth.AuthorizationServer = { issuer: tokenEndpoint, token_endpoint: tokenEndpoint };
  const client: oauth.Client = { client_id: claims.clientId };
  const startedAt = request.now();
  const response = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    // Backend Services names four parameters and no more: no client_id, which the assertion already says.
    (_server, _client, body) => {
      body.set('client_assertion_type', CLIENT_ASSERTION_TYPE);
      body.set('client_assertion', assertion);
    },
    { scope },
    {
      [oauth.customFetch]: (url, init) => boundedRequest(url, init, 'token request', request),
      // The URL has passed the policy already, which knows more than "http or not".
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- deprecated so that it stands out, as it does
      [oauth.allowInsecureRequests]: request.allowInsecureLoopback,
      headers: { 'user-agent': 'smart-fhir-authz' },
    },
  );
  const body = await readJson(response);
  if (response.status !== 200) throw refusal(response, body, secretsOf(assertion));
  return accessToken(await processResponse(server, client, body, secretsOf(assertion)), scope, startedAt);
}

function refusal(response: Response, body: Record<string, unknown>, secrets: readonly string[]): BackendServicesError {
  const { status } = response;
  const error = sanitize(body['error'], 64, secrets);
  const description = sanitize(body['error_description'], 300, secrets);
  const reason = [error, description].filter((part) => part !== undefined).join(': ');
  return new BackendServicesError(
    'ERR_TOKEN_REQUEST',
    `token request: refused with status ${status}${reason === '' ? '' : ` (${reason})`}`,
    { status, error, error_description: description, retryAfterSeconds: retryAfter(response) },
  );
}

/** RFC 9110 §10.2.3, in its form of seconds; a date would need the server's clock. */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get('retry-after')?.trim() ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

async function processResponse(
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  body: Record<string, unknown>,
  secrets: readonly string[],
): Promise<oauth.TokenEndpointResponse> {
  // RFC 6749 §5.1: unrecognized members MUST be ignored. Only these four are recognized in Backend Services; the rest,
  // an id_token or refresh_token among it, is not even looked at.
  const { access_token, token_type, expires_in, scope } = body;
  const recognized = Response.json({ access_token, token_type, expires_in, scope });
  try {
    const token = await oauth.processClientCredentialsResponse(server, client, recognized);
    if (token.token_type === 'bearer') return token;
  } catch (cause) {
    if (!(cause instanceof oauth.UnsupportedOperationError)) {
      const error = sanitize(body['error'], 64, secrets);
      // The cause is left out: it holds the body, and the body may hold a token.
      throw new BackendServicesError(
        'ERR_TOKEN_RESPONSE',
        'token request: the answer lacks a usable access_token, token_type, expires_in or scope (RFC 6749 §5.1)',
        { status: 200, error },
      );
    }
  }
  // RFC 6749 §7.1: a client MUST NOT use a token of a type it does not know.
  throw new BackendServicesError('ERR_TOKEN_TYPE', 'token request: the token is not a bearer token', { status: 200 });
}

function accessToken(token: oauth.TokenEndpointResponse, requested: string, startedAt: number): AccessToken {
  // RFC 6750 §2.1, b64token: anything else could not stand in the header, or would end it early.
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token.access_token)) {
    throw new BackendServicesError('ERR_TOKEN_RESPONSE', 'token request: access_token is no b64token (RFC 6750 §2.1)', {
      status: 200,
    });
  }
  const expiresIn = Math.min(token.expires_in ?? ASSUMED_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS);
  const scope = token.scope ?? requested;
  return {
    accessToken: token.access_token,
    tokenType: 'Bearer',
    scope,
    // Counted from before the request: the server's clock started somewhere in between.
    expiresAt: startedAt + expiresIn * 1000,
    expiresIn,
    ...compareScopes(requested, scope),
  };
}

async function readJson(response: Response): Promise<Record<string, unknown>> {
  try {
    const json: unknown = await response.json();
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

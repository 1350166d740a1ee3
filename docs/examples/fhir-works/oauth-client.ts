import * as oauth from 'oauth4webapi';
import { CLIENT_ASSERTION_TYPE } from '../../../src/backend-services/index.js';
import { APP } from './clients.js';

const [REDIRECT_URI] = APP.redirect_uris;

// The example runs on the loopback interface, without TLS. A real client must not set this.
// eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out
const options = { [oauth.allowInsecureRequests]: true };

/** What the app asks for whenever somebody signs in: who it is, and whose record is opened. */
export const SIGN_IN_SCOPES = 'openid fhirUser launch/patient';

export interface SignIn {
  issuer: string;
  fhirBase: string;
  /** Who signs in: 'Patient/example', 'Practitioner/example', … */
  person: string;
  /** The patient whose record is opened, if any. */
  patient?: string | undefined;
  scope: string;
}

export interface GrantedToken {
  accessToken: string;
  /** What was granted, which can be less than what was asked for. */
  scope: string;
}

/** Authorization code with PKCE, as a SMART app does it (RFC 6749 section 4.1, RFC 7636, SMART App Launch "standalone"). */
export async function signIn({ issuer, fhirBase, person, patient, scope }: SignIn): Promise<GrantedToken> {
  const server = await discover(issuer);
  const client: oauth.Client = { client_id: APP.client_id };
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();

  const url = new URL(server.authorization_endpoint ?? '');
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: APP.client_id,
    redirect_uri: REDIRECT_URI,
    scope: `${SIGN_IN_SCOPES} ${scope}`,
    aud: fhirBase,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString();
  const redirect = await browse(url, { person, patient: patient ?? '' });

  const parameters = oauth.validateAuthResponse(server, client, redirect, state);
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    REDIRECT_URI,
    verifier,
    options,
  );
  return granted(await oauth.processAuthorizationCodeResponse(server, client, response));
}

/** What a token endpoint answered: a token, or why there is none. */
export interface TokenAnswer {
  status: number;
  body: { access_token?: string; expires_in?: number; scope?: string; error?: string };
}

/** Client credentials with a signed assertion, as a SMART backend service asks (SMART Backend Services, RFC 7523). */
export async function clientCredentials(endpoint: string, assertion: string, scope: string): Promise<TokenAnswer> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { accept: 'application/json' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      scope,
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      client_assertion: assertion,
    }),
  });
  return { status: response.status, body: (await response.json()) as TokenAnswer['body'] };
}

async function discover(issuer: string): Promise<oauth.AuthorizationServer> {
  const url = new URL(issuer);
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, options));
}

function granted(response: oauth.TokenEndpointResponse): GrantedToken {
  return { accessToken: response.access_token, scope: response.scope ?? '' };
}

/** Does what a browser and a person would: follows the redirects, keeps the cookies, fills in the login form. */
async function browse(start: URL, form: Record<string, string>): Promise<URL> {
  const cookies = new Map<string, string>();
  let next: { url: URL; body?: URLSearchParams } = { url: start };
  for (let hop = 0; hop < 10; hop++) {
    const response = await fetch(next.url, {
      method: next.body ? 'POST' : 'GET',
      ...(next.body && { body: next.body }),
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      redirect: 'manual',
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (name !== undefined && value !== undefined) cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location !== null) {
      const url = new URL(location, next.url);
      if (url.href.startsWith(`${REDIRECT_URI}?`)) return url;
      next = { url };
    } else if (response.ok && !next.body) {
      next = { url: next.url, body: new URLSearchParams(form) };
    } else {
      throw new Error(`Signing in failed: ${response.status} ${await response.text()}`);
    }
  }
  throw new Error('Signing in failed: too many redirects');
}

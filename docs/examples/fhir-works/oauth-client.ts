import type { CryptoKey } from 'jose';
import * as oauth from 'oauth4webapi';
import { APP, type BackendId } from './clients.js';

// The example runs on the loopback interface, without TLS. A real client must not set this.
// eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out
const options = { [oauth.allowInsecureRequests]: true };

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
  const client: oauth.Client = { client_id: APP.id };
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();

  const url = new URL(server.authorization_endpoint ?? '');
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: APP.id,
    redirect_uri: APP.redirectUri,
    scope: `openid fhirUser launch/patient ${scope}`,
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
    APP.redirectUri,
    verifier,
    options,
  );
  return granted(await oauth.processAuthorizationCodeResponse(server, client, response));
}

/** Client credentials with a signed assertion, as a SMART backend service does it (RFC 6749 section 4.4, RFC 7523). */
export async function clientCredentials(request: {
  issuer: string;
  client: BackendId;
  key: CryptoKey;
  scope: string;
  /** The FHIR server that the token is for; the authorization server's default is the one of this example. */
  resource?: string;
}): Promise<GrantedToken> {
  const server = await discover(request.issuer);
  const client: oauth.Client = { client_id: request.client };
  const parameters = new URLSearchParams({ scope: request.scope });
  if (request.resource !== undefined) parameters.set('resource', request.resource);
  const authentication = oauth.PrivateKeyJwt({ key: request.key, kid: request.client });
  const response = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, options);
  return granted(await oauth.processClientCredentialsResponse(server, client, response));
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
      if (url.href.startsWith(`${APP.redirectUri}?`)) return url;
      next = { url };
    } else if (response.ok && !next.body) {
      next = { url: next.url, body: new URLSearchParams(form) };
    } else {
      throw new Error(`Signing in failed: ${response.status} ${await response.text()}`);
    }
  }
  throw new Error('Signing in failed: too many redirects');
}

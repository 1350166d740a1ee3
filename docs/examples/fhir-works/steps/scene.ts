import {
  createClientAssertion,
  generateSigningKey,
  type GeneratedKey,
} from '../../../../src/backend-services/index.js';
import { APP } from '../clients.js';
import { clientCredentials, SIGN_IN_SCOPES, signIn } from '../oauth-client.js';
import type { Walk } from '../walk.js';

/** What every part of the walk needs. */
export interface Scene {
  walk: Walk;
  fhirBase: string;
  issuer: string;
  /** With it the administrator registers clients. */
  adminToken: string;
}

/** Signs a person in, as a step of the walk. */
export function personToken(
  scene: Scene,
  who: { person: string; patient?: string; scope: string; expect?: string },
): Promise<string> {
  const context = who.patient === undefined ? '' : ` --patient ${who.patient}`;
  const granted = who.patient === undefined ? SIGN_IN_SCOPES.replace(' launch/patient', '') : SIGN_IN_SCOPES;
  return scene.walk.observe(
    {
      title: `Sign in as ${who.person}${who.patient === undefined ? '' : ` with ${who.patient} in context`}`,
      why: `The app ${APP.client_id} asks for "${SIGN_IN_SCOPES} ${who.scope}" (authorization code with PKCE).`,
      shell: `TOKEN=$(${portOf(scene)}npx tsx docs/examples/fhir-works/token.ts ${who.person}${context} --scope '${who.scope}')`,
      expect: who.expect ?? `${granted} ${who.scope}`,
    },
    async () => {
      const { accessToken, scope } = await signIn({ issuer: scene.issuer, fhirBase: scene.fhirBase, ...who });
      return { actual: scope, value: accessToken };
    },
  );
}

/** Another PORT than the usual one has to be told to whatever asks the example. */
function portOf({ fhirBase }: Scene): string {
  const { port } = new URL(fhirBase);
  return port === '3000' ? '' : `PORT=${port} `;
}

/** A program without a user, and its keys, of which the private half is nobody else's. */
export interface BackendClient {
  clientId: string;
  key: GeneratedKey;
}

/** Registers a client, as an administrator does (RFC 7591). */
export async function register(scene: Scene, client: object): Promise<{ status: number; body: Registration }> {
  const response = await fetch(`${scene.issuer}/register`, {
    method: 'POST',
    headers: { authorization: `Bearer ${scene.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(client),
  });
  return { status: response.status, body: (await response.json()) as Registration };
}

export interface Registration {
  client_id?: string;
  scope?: string;
  error?: string;
}

/** A client that is there already when the walk begins. */
export async function registeredClient(scene: Scene, clientId: string, scope: string): Promise<BackendClient> {
  const key = await generateSigningKey({ alg: 'ES384' });
  const { status } = await register(scene, { client_id: clientId, jwks: { keys: [key.publicJwk] }, scope });
  if (status !== 201) throw new Error(`${clientId} was not registered: ${status}`);
  return { clientId, key };
}

/** A token from one of the token endpoints, all of which are the same one to the assertion. */
export async function backendToken(scene: Scene, client: BackendClient, scope: string, path: string): Promise<string> {
  const assertion = await createClientAssertion({
    clientId: client.clientId,
    audience: `${scene.issuer}/token`,
    privateKey: client.key.privateJwk,
  });
  const { status, body } = await clientCredentials(`${scene.issuer}${path}`, assertion, scope);
  if (body.access_token === undefined)
    throw new Error(`No token for ${client.clientId}: ${status} ${body.error ?? ''}`);
  return body.access_token;
}

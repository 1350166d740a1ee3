import type { CryptoKey } from 'jose';
import { APP, type BackendId } from '../clients.js';
import { clientCredentials, signIn, type GrantedToken } from '../oauth-client.js';
import type { Walk } from '../walk.js';

/** What every part of the walk needs. */
export interface Scene {
  walk: Walk;
  fhirBase: string;
  issuer: string;
  backendKeys: ReadonlyMap<BackendId, CryptoKey>;
}

/** Signs a person in, as a step of the walk. */
export function personToken(scene: Scene, who: { person: string; patient?: string; scope: string }): Promise<string> {
  const context = who.patient === undefined ? '' : ` --patient ${who.patient}`;
  return scene.walk.getToken(
    {
      title: `Sign in as ${who.person}${who.patient === undefined ? '' : ` with ${who.patient} in context`}`,
      why: `The app ${APP.id} asks for "${who.scope}" (authorization code with PKCE).`,
      shell: `TOKEN=$(npx tsx docs/examples/fhir-works/token.ts ${who.person}${context} --scope '${who.scope}')`,
      expect: who.scope,
    },
    () => signIn({ issuer: scene.issuer, fhirBase: scene.fhirBase, ...who }),
  );
}

/** A token for a program without a user. */
export function backendToken(
  scene: Scene,
  client: BackendId,
  scope: string,
  resource = scene.fhirBase,
): Promise<GrantedToken> {
  const key = scene.backendKeys.get(client);
  if (!key) throw new Error(`No key for ${client}`);
  return clientCredentials({ issuer: scene.issuer, client, key, scope, resource });
}

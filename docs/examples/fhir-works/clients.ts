/** The app in which people sign in: a public client, so its protection is PKCE. */
export const APP = { id: 'walk-through-app', redirectUri: 'http://127.0.0.1/signed-in' };

/** Programs without a user. Each proves who it is with a key of its own, and has registered what it may ask for. */
export const BACKENDS = {
  'lab-statistics': { scope: 'system/Observation.read', tokenSeconds: 300 },
  /** Its tokens live so briefly that one can watch them expire. */
  'lab-display': { scope: 'system/Observation.read', tokenSeconds: 1 },
};
export type BackendId = keyof typeof BACKENDS;

/** Another FHIR server that trusts this authorization server: a token made for it must not open ours. */
export const OTHER_FHIR_SERVER = 'https://fhir.other-hospital.example';

export function isBackend(clientId: string): clientId is BackendId {
  return Object.hasOwn(BACKENDS, clientId);
}

import { createJsonFileClientRegistry, type ClientMetadata } from '../../../src/backend-services/oidc-provider.js';
import { existsSync } from 'node:fs';

/** The app in which people sign in: a public client, so its protection is PKCE. */
export const APP = {
  client_id: 'walk-through-app',
  redirect_uris: ['http://127.0.0.1/signed-in'],
  token_endpoint_auth_method: 'none',
  scope: 'openid fhirUser launch/patient patient/*.cruds user/*.cruds',
} as const satisfies ClientMetadata;

/** Another FHIR server that trusts this authorization server: a token made for it must not open ours. */
export const OTHER_FHIR_SERVER = 'https://fhir.other-hospital.example';

/**
 * The clients of a file that an administrator wrote: `[{ "client_id": …, "jwks" | "jwks_uri": …, "scope": … }]`. Each is
 * handed to `register`, which checks it.
 */
export async function registerClientsOf(
  file: string,
  register: (client: ClientMetadata) => Promise<unknown>,
): Promise<string[]> {
  // For a registry, no file means no clients yet; here it means a name typed wrong.
  if (!existsSync(file)) throw new Error(`SMART_CLIENTS: there is no file ${file}`);
  const clients = await createJsonFileClientRegistry(file)
    .list()
    .catch((error: unknown) => {
      throw new Error(`SMART_CLIENTS: ${messageOf(error)}`);
    });
  for (const [index, client] of clients.entries()) {
    try {
      await register(client);
    } catch (error) {
      const name = JSON.stringify(client.client_id ?? '');
      throw new Error(`SMART_CLIENTS: entry ${index} of ${file}, client ${name}: ${messageOf(error)}`);
    }
  }
  return clients.map(({ client_id: id }) => id ?? '');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

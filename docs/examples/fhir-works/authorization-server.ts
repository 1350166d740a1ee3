import { randomBytes } from 'node:crypto';
import type { RequestListener, Server } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import {
  createMemoryClientRegistry,
  createMemoryStore,
  createSmartAuthorizationServer,
  type SmartAuthorizationServer,
  type SmartAuthorizationServerOptions,
} from '../../../src/backend-services/oidc-provider.js';
import { APP, OTHER_FHIR_SERVER, registerClientsOf } from './clients.js';
import { listen } from './listen.js';
import { answerLoginPage } from './login-page.js';

export interface AuthorizationServer {
  server: Server;
  issuer: string;
  smart: SmartAuthorizationServer;
  /** As in {@link AuthorizationServerSettings}. */
  adminToken: string;
  /** The client_ids that came from the file of SMART_CLIENTS. */
  ownClients: string[];
}

export interface AuthorizationServerSettings {
  /** A JSON file with clients to register. */
  clientsFile: string | undefined;
  /** What an administrator shows to register clients over HTTP, 32 characters or more. Default: random. */
  adminToken: string | undefined;
}

/**
 * Besides the token endpoint that clients discover there are two more, for the walk alone: with the same issuer, keys and
 * clients, one gives out tokens that live for a second, the other tokens for another FHIR server.
 */
export const SIDE_DOORS = { shortLived: '/short-lived/token', otherServer: '/other-hospital/token' };

/** The package's own SMART profile of oidc-provider, with a login page where one picks who one is. */
export async function startAuthorizationServer(
  port: number,
  fhirBase: string,
  { clientsFile, adminToken = randomBytes(32).toString('base64url') }: AuthorizationServerSettings,
): Promise<AuthorizationServer> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const { server, origin: issuer } = await listen(port, 'authorization server');
  const options: SmartAuthorizationServerOptions = {
    issuer,
    fhirBaseUrl: fhirBase,
    clients: createMemoryClientRegistry([APP]),
    signingKeys: { keys: [{ ...(await exportJWK(privateKey)), kid: 'signing-1', use: 'sig', alg: 'RS256' }] },
    store: createMemoryStore(),
    registration: { bearerToken: adminToken },
    launch: { interaction: answerLoginPage, accessTokenLifetimeSeconds: 300 },
    // The example runs on the loopback interface, without TLS. A real server must not set this.
    allowInsecureLoopback: true,
  };
  const smart = createSmartAuthorizationServer(options);
  const ownClients =
    clientsFile === undefined ? [] : await registerClientsOf(clientsFile, (client) => smart.registerClient(client));

  const shortLived = createSmartAuthorizationServer({ ...options, accessTokenLifetimeSeconds: 1 });
  const otherServer = createSmartAuthorizationServer({ ...options, fhirBaseUrl: OTHER_FHIR_SERVER });
  const sideDoors = new Map([
    [SIDE_DOORS.shortLived, shortLived.callback()],
    [SIDE_DOORS.otherServer, otherServer.callback()],
  ]);
  const main = smart.callback();
  const answer: RequestListener = (request, response) => {
    const sideDoor = sideDoors.get(request.url ?? '');
    if (sideDoor !== undefined) request.url = '/token';
    (sideDoor ?? main)(request, response);
  };
  server.on('request', answer);
  return { server, issuer, smart, adminToken, ownClients };
}

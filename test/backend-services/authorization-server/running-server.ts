import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type {
  AuthorizationServerEvent,
  ClientMetadata,
  ClientRegistry,
  RequestHandler,
  SmartAuthorizationServer,
  SmartAuthorizationServerOptions,
} from '../../../src/backend-services/oidc-provider.js';
import {
  createMemoryClientRegistry,
  createSmartAuthorizationServer,
} from '../../../src/backend-services/oidc-provider.js';
import { serverKeys } from './keys.js';

export const FHIR_BASE = 'https://fhir.example/r4';

export interface RunningServer {
  readonly server: SmartAuthorizationServer;
  readonly http: Server;
  readonly origin: string;
  readonly token: string;
  readonly events: AuthorizationServerEvent[];
  readonly registry: ClientRegistry;
  /** Reasons of the clients refused so far. */
  refusals(): string[];
  close(): Promise<void>;
}

export type ServerOverrides = Partial<SmartAuthorizationServerOptions> & {
  /** Path of the issuer. */
  readonly path?: string;
  readonly httpServer?: (listener: RequestHandler) => Server;
};

/** A real authorization server on 127.0.0.1, with the clients given. */
export async function runServer(
  clients: readonly (ClientMetadata & { client_id: string })[] = [],
  overrides: ServerOverrides = {},
): Promise<RunningServer> {
  const { path = '', httpServer = createServer, ...options } = overrides;
  const events: AuthorizationServerEvent[] = [];
  const registry = options.clients ?? createMemoryClientRegistry(clients);
  let handler: RequestHandler = (_req, res) => {
    res.destroy();
  };
  const http = httpServer((req, res, next) => {
    handler(req, res, next);
  });
  const origin = await listen(http);
  let server: SmartAuthorizationServer;
  try {
    server = createSmartAuthorizationServer({
      issuer: `${origin}${path}`,
      fhirBaseUrl: FHIR_BASE,
      signingKeys: serverKeys(),
      allowInsecureLoopback: true,
      onEvent: (event) => {
        events.push(event);
      },
      ...options,
      clients: registry,
    });
  } catch (error) {
    await close(http);
    throw error;
  }
  handler = server.callback();
  return {
    server,
    http,
    origin,
    token: `${origin}${path}/token`,
    events,
    registry,
    refusals: () => events.flatMap((event) => (event.type === 'client-refused' ? [event.reason] : [])),
    close: () => close(http),
  };
}

/** Like {@link runServer}, for servers that one test needs: they are closed after it, be it that it fails. */
export function useServers(): typeof runServer {
  const opened: RunningServer[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((server) => server.close()));
  });
  return async (...args) => {
    const server = await runServer(...args);
    opened.push(server);
    return server;
  };
}

export async function listen(http: Server): Promise<string> {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  // An assertion that fails before the server is closed must not keep the run from its end.
  http.unref();
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

export async function close(http: Server): Promise<void> {
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
}

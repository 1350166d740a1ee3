import { randomBytes } from 'node:crypto';
import type { AssertionPolicy } from './client-auth/verify-assertion.js';
import { readKeySet } from './client-auth/read-key-set.js';
import { RemoteKeySets } from './client-auth/remote-key-sets.js';
import { checkClient } from './clients/check-client.js';
import type { ClientMetadata, RegisteredClient } from './clients/client.js';
import { createClientDirectory } from './clients/directory.js';
import { createRegistrationEndpoint } from './clients/registration-endpoint.js';
import type { Endpoints } from './endpoints.js';
import { INTERACTION_PATH, PATHS, basePath } from './endpoints.js';
import type { Endpoint } from './exchange.js';
import { createAuthorizationEndpoint, createResumeEndpoint } from './launch/authorization-endpoint.js';
import { createInteractionEndpoint } from './launch/interaction-endpoint.js';
import type { EhrLaunch } from './launch/options.js';
import { createLaunchRecords } from './launch/records.js';
import type { SmartConfiguration } from './metadata.js';
import { serverMetadata, smartConfiguration } from './metadata.js';
import type { SmartAuthorizationServerOptions } from './options.js';
import { createProvider } from './provider/create-provider.js';
import { createForward } from './provider/forward.js';
import type { RequestHandler, Route } from './router.js';
import { createRouter } from './router.js';
import type { Settings } from './settings.js';
import { readSettings } from './settings.js';
import { createAccessTokens } from './token/access-token.js';
import { createIntrospectionEndpoint } from './token/introspection-endpoint.js';
import { createRevocationEndpoint } from './token/revocation-endpoint.js';
import { createTokenEndpoint } from './token/token-endpoint.js';
import { fetchKeySet } from './wire/fetch-key-set.js';

/** An authorization server for SMART Backend Services and SMART app launch. */
export interface SmartAuthorizationServer {
  readonly issuer: string;
  readonly endpoints: Endpoints;

  /**
   * The request handler, for `createHttpServer`, `http.createServer`, or Express's `app.use(server.callback())` before
   * any body parser. It answers the server's own paths below the issuer; others go to Express's `next`, or are 404.
   */
  callback(): RequestHandler;

  /** The document for the FHIR server's `/.well-known/smart-configuration`; `callback` serves it as well. */
  smartConfiguration(): SmartConfiguration;

  /**
   * Registers a client and returns it with its `client_id`.
   *
   * @throws ClientMetadataError for metadata that cannot be registered
   * @throws ClientRegistryError `ERR_CLIENT_EXISTS` when the client_id is taken
   */
  registerClient(metadata: ClientMetadata): Promise<RegisteredClient>;

  /** Makes an access token of this server inactive at introspection; true when it was one. */
  revokeAccessToken(token: string): Promise<boolean>;

  /**
   * Announces a launch from within the EHR and returns the `launch` parameter for the app's launch URL. It is good for
   * one authorization request; for another launch, be it of the same app and patient, announce another.
   *
   * @throws TypeError where `launch` is not configured
   */
  createLaunch(launch: EhrLaunch): Promise<string>;
}

/**
 * Creates an authorization server on oidc-provider, with the checks that SMART asks for and oidc-provider leaves out.
 *
 * @example
 * ```ts
 * const server = createSmartAuthorizationServer({
 *   issuer: 'https://auth.hospital.example',
 *   fhirBaseUrl: 'https://fhir.hospital.example/r4',
 *   clients: createJsonFileClientRegistry('clients.json'),
 *   signingKeys: JSON.parse(process.env.SIGNING_KEYS),
 *   store: createRedisStore(new Redis(process.env.REDIS_URL)),
 *   introspection: { callers: [{ clientId: 'fhir', clientSecret: process.env.INTROSPECTION_SECRET }] },
 * });
 * createHttpServer(server.callback()).listen(8080);
 * ```
 *
 * @throws ConfigError, which names the option at fault
 */
export function createSmartAuthorizationServer(options: SmartAuthorizationServerOptions): SmartAuthorizationServer {
  const settings = readSettings(options);
  const { store, launch, registrationToken } = settings;
  const remoteKeySets = new RemoteKeySets({
    ...settings.keySetFetch,
    fetch: (uri) => fetchKeySet(uri, settings.keySetFetch),
    read: (body) => readKeySet(body, settings.clientPolicy.keys),
  });
  const directory = createClientDirectory(options.clients, settings.clientPolicy, remoteKeySets);
  const records = createLaunchRecords(store, () => randomBytes(32).toString('base64url'));
  const provider = createProvider(settings, directory, records);
  const forward = createForward(provider);
  const tokens = createAccessTokens(settings, directory, records);
  const policy: AssertionPolicy = {
    audiences: settings.assertionAudiences,
    clockToleranceSeconds: settings.clockToleranceSeconds,
    findClient: (clientId) => directory.find(clientId),
    findKeys: (client, kid) => directory.keysOf(client, kid),
    store,
  };

  async function register(metadata: unknown): Promise<RegisteredClient> {
    const checked = checkClient(metadata, settings.clientPolicy);
    const client = { ...checked, client_id_issued_at: Math.floor(Date.now() / 1000) };
    await options.clients.add(client);
    settings.emit({ type: 'client-registered', clientId: client.client_id });
    return client;
  }

  const exact = new Map<string, Route>([
    [PATHS.token, post(createTokenEndpoint(settings, policy, forward), true)],
    [PATHS.introspection, post(createIntrospectionEndpoint(settings, policy, tokens, records), false)],
    [PATHS.revocation, post(createRevocationEndpoint(settings, policy, tokens, provider), true)],
  ]);
  const below = new Map<string, Route>();
  if (registrationToken !== undefined) {
    exact.set(PATHS.registration, post(createRegistrationEndpoint(settings, registrationToken, register), false));
  }
  if (launch !== undefined) {
    const authorize = createAuthorizationEndpoint(settings, launch, directory, records, forward);
    const interact = createInteractionEndpoint(settings, launch, directory, records, provider);
    exact.set(PATHS.authorization, { methods: ['GET'], crossOrigin: false, forPeople: true, endpoint: authorize });
    below.set(PATHS.authorization, {
      methods: ['GET'],
      crossOrigin: false,
      forPeople: true,
      endpoint: createResumeEndpoint(forward),
    });
    below.set(INTERACTION_PATH, { methods: ['GET', 'POST'], crossOrigin: false, forPeople: true, endpoint: interact });
  }
  const handler = createRouter(settings, { exact, below, documents: documentsOf(settings) });

  return {
    issuer: settings.issuer,
    endpoints: settings.endpoints,
    callback: () => handler,
    smartConfiguration: () => smartConfiguration(settings),
    registerClient: register,
    async revokeAccessToken(token) {
      const claims = await tokens.issued(token);
      if (claims === undefined) return false;
      await tokens.revoke(claims);
      return true;
    },
    async createLaunch(ehrLaunch) {
      if (launch === undefined) throw new TypeError('createLaunch needs the option launch');
      return records.announce(ehrLaunch, launch.launchLifetimeSeconds);
    },
  };
}

function post(endpoint: Endpoint, crossOrigin: boolean): Route {
  return { methods: ['POST'], crossOrigin, endpoint };
}

/** Keys and metadata, by path. The FHIR base's own path is served too, for an issuer and a FHIR server in one place. */
function documentsOf(settings: Settings): ReadonlyMap<string, object> {
  const base = basePath(settings.issuer);
  const smart = smartConfiguration(settings);
  const metadata = serverMetadata(settings);
  return new Map<string, object>([
    [`${base}${PATHS.jwks}`, { keys: settings.signingKeys.map((key) => key.publicJwk) }],
    [`${base}/.well-known/smart-configuration`, smart],
    [`${basePath(settings.fhirBaseUrl)}/.well-known/smart-configuration`, smart],
    [`${base}/.well-known/oauth-authorization-server`, metadata],
    // RFC 8414 §3.1: for an issuer with a path, the well-known part comes first.
    [`/.well-known/oauth-authorization-server${base}`, metadata],
    ...(settings.launch === undefined ? [] : [[`${base}/.well-known/openid-configuration`, metadata] as const]),
  ]);
}

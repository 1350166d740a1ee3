import type { Server } from 'node:http';
import { BASE_R4_RESOURCES } from 'fhir-works-on-aws-interface';
import { exportJWK, generateKeyPair, type CryptoKey } from 'jose';
import { errors, Provider } from './oidc-provider.js';
import { APP, BACKENDS, isBackend, OTHER_FHIR_SERVER, type BackendId } from './clients.js';
import { answerLoginPage, people, type LaunchContext } from './login-page.js';
import { listen } from './listen.js';

export interface AuthorizationServer {
  server: Server;
  issuer: string;
  /** The private keys of {@link BACKENDS}; the authorization server itself uses only the public halves. */
  backendKeys: ReadonlyMap<BackendId, CryptoKey>;
}

/** oidc-provider with SMART's scopes and launch context, and a login page where one picks who one is. */
export async function startAuthorizationServer(port: number, fhirBase: string): Promise<AuthorizationServer> {
  const signing = await generateKeyPair('RS256', { extractable: true });
  const backends = await Promise.all((Object.keys(BACKENDS) as BackendId[]).map(registerBackend));
  const { server, origin: issuer } = await listen(port, 'authorization server');
  const contextOfGrant = new Map<string, LaunchContext>();

  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(signing.privateKey)), kid: 'signing-1', use: 'sig', alg: 'RS256' }] },
    clients: [
      {
        client_id: APP.id,
        application_type: 'native',
        redirect_uris: [APP.redirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
      ...backends.map(({ metadata }) => metadata),
    ],
    clientAuthMethods: ['none', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ['ES384', 'RS384'] },
    scopes: ['openid', 'fhirUser', 'launch/patient'],
    claims: { openid: ['sub'], fhirUser: ['fhirUser'] },
    findAccount: (_context, id) =>
      people.has(id) ? { accountId: id, claims: () => ({ sub: id, fhirUser: `${fhirBase}/${id}` }) } : undefined,

    // SMART names the FHIR server in `aud`; oidc-provider knows the same thing as `resource` (RFC 8707).
    extraParams: {
      aud: (_context, value) => {
        if (value !== undefined && value !== fhirBase)
          throw new errors.InvalidTarget('aud is not a FHIR server known here');
      },
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => fhirBase,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource, client) => {
          if (resource !== fhirBase && resource !== OTHER_FHIR_SERVER)
            throw new errors.InvalidTarget('unknown FHIR server');
          const { scope, tokenSeconds } = isBackend(client.clientId)
            ? BACKENDS[client.clientId]
            : { scope: appScopes, tokenSeconds: 300 };
          return {
            audience: resource,
            scope,
            accessTokenFormat: 'jwt',
            accessTokenTTL: tokenSeconds,
            jwt: { sign: { alg: 'RS256' } },
          };
        },
      },
    },

    // What the FHIR server learns about the person beside the scopes: who it is, and the patient in context.
    extraTokenClaims: (_context, token) => {
      const context = contextOfGrant.get(token.grantId ?? '');
      return context && { fhirUser: `${fhirBase}/${context.person}`, launch_response_patient: context.patient };
    },
    interactions: { url: (_context, interaction) => `/login/${interaction.uid}` },
    ttl: { Interaction: 600, Session: 600, Grant: 3600, AuthorizationCode: 60, IdToken: 300 },
  });

  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/login/')) void answerLoginPage(provider, contextOfGrant, request, response);
    else answer(request, response);
  });
  return { server, issuer, backendKeys: new Map(backends.map(({ id, key }) => [id, key])) };
}

async function registerBackend(id: BackendId) {
  const { publicKey, privateKey } = await generateKeyPair('ES384');
  const metadata = {
    client_id: id,
    redirect_uris: [],
    grant_types: ['client_credentials'],
    response_types: [],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES384',
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: id, use: 'sig', alg: 'ES384' }] },
  };
  return { id, key: privateKey, metadata };
}

const appScopes = ['patient', 'user']
  .flatMap((level) => ['*', ...BASE_R4_RESOURCES].map((type) => `${level}/${type}`))
  .flatMap((target) => ['read', 'write', '*'].map((modifier) => `${target}.${modifier}`))
  .join(' ');

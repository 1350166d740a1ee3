import { hkdfSync } from 'node:crypto';
import { Provider, errors } from 'oidc-provider';
import type { Context, Token } from 'oidc-provider';
import { intersectScopes } from '../../../scope/intersect.js';
import { StateStoreError } from '../../state/store.js';
import type { ClientDirectory } from '../clients/directory.js';
import { ClientRegistryError } from '../clients/registry.js';
import { INTERACTION_PATH, PATHS } from '../endpoints.js';
import { failureAt } from '../events.js';
import type { LaunchRecords } from '../launch/records.js';
import { contextClaims, contextParameters } from '../launch/records.js';
import type { Settings } from '../settings.js';
import { describeScopes } from '../token/describe-scopes.js';
import { PAGE_HEADERS, errorPage } from '../wire/error-page.js';
import { errorText } from '../wire/oauth-error.js';
import { createAdapterFactory } from './adapter.js';
import { INTERACTION_COOKIE } from './forward.js';
import { requestContext } from './request-context.js';

/** The OpenID Connect scopes; everything else is a scope of the FHIR server. */
export const OIDC_SCOPES = ['openid', 'fhirUser', 'profile', 'offline_access'] as const;

/** Seconds that an authorization code lives. RFC 6749 §4.1.2 recommends at most ten minutes; apps need seconds. */
const CODE_LIFETIME_SECONDS = 60;
/** oidc-provider wants a session for the one request in which it gives out a code. No browser gets to keep it. */
const SESSION_LIFETIME_SECONDS = 60;
const SESSION_COOKIE = '_session';

const UNAVAILABLE = {
  error: 'temporarily_unavailable',
  error_description: 'the server cannot answer right now',
} as const;

/** oidc-provider under SMART's profile. Everything that SMART does not use is switched off. */
export function createProvider(settings: Settings, directory: ClientDirectory, records: LaunchRecords): Provider {
  const { launch, fhirBaseUrl, signingKeys } = settings;
  const [accessTokenKey] = signingKeys;
  const grantLifetime = grantLifetimeSeconds(settings);
  const provider = new Provider(settings.issuer, {
    adapter: createAdapterFactory({
      store: settings.store,
      findClient: (clientId) => directory.find(clientId),
      grantLifetimeSeconds: grantLifetime,
      clockToleranceSeconds: settings.clockToleranceSeconds,
    }),
    jwks: { keys: signingKeys.map((key) => ({ ...key.privateJwk })) },
    enabledJWA: {
      clientAuthSigningAlgValues: ['RS384', 'ES384'],
      idTokenSigningAlgValues: [settings.idTokenKey.alg],
    },
    clientDefaults: { id_token_signed_response_alg: settings.idTokenKey.alg },
    clientAuthMethods: ['private_key_jwt', 'none'],
    clockTolerance: settings.clockToleranceSeconds,
    responseTypes: ['code'],
    scopes: launch === undefined ? ['openid'] : [...OIDC_SCOPES],
    claims: { openid: ['sub'], fhirUser: ['fhirUser'], profile: ['fhirUser'] },
    subjectTypes: ['public'],
    // SMART App Launch 2.2: all apps use PKCE; S256 is the only method that oidc-provider knows.
    pkce: { required: () => true },
    routes: { authorization: PATHS.authorization, token: PATHS.token, jwks: PATHS.jwks },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      // Introspection and revocation are served here: oidc-provider does neither for JWT access tokens.
      introspection: { enabled: false },
      revocation: { enabled: false },
      registration: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      requestObjects: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => fhirBaseUrl,
        getResourceServerInfo: (ctx: Context) => ({
          scope: grantableScopes(ctx, fhirBaseUrl).join(' '),
          audience: fhirBaseUrl,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: accessTokenKey.alg, kid: accessTokenKey.kid } },
        }),
      },
    },
    // Checked in this order, and after everything that oidc-provider itself checks of a request.
    extraParams: {
      // SMART App Launch 2.2, Obtain authorization code: `aud` names the FHIR server that the app will send its token
      // to. One that names another server may have been made up by that server.
      aud: (_ctx: Context, value: string | undefined) => {
        const problem = requestContext.getStore()?.problem;
        if (problem?.error === 'invalid_scope') throw new errors.InvalidScope(problem.description);
        if (problem !== undefined) throw new errors.InvalidRequest(problem.description);
        if (value?.replace(/\/$/, '') !== fhirBaseUrl.replace(/\/$/, '')) {
          throw new errors.InvalidRequest("aud must be this server's FHIR base URL");
        }
      },
      // The last of all checks, because it uses the launch up: whatever else is wrong leaves it for the rightful app.
      launch: async (ctx: Context) => {
        const beginVisit = requestContext.getStore()?.beginVisit;
        // Nobody is asked with prompt=none, so nothing will come of the request.
        if (beginVisit === undefined || ctx.oidc.params['prompt'] === 'none') return;
        const visit = await beginVisit();
        if (visit === undefined) throw new errors.InvalidRequest('launch is unknown, expired or used');
        ctx.oidc.params['launch'] = visit;
      },
    },
    interactions: {
      url: (_ctx: Context, interaction: { uid: string }) => interactionUrl(settings.issuer, interaction.uid),
    },
    // Each launch has a context of its own, so no earlier grant answers for a new one.
    loadExistingGrant: (ctx: Context) => {
      const grantId = ctx.oidc.result?.consent?.grantId;
      return grantId === undefined ? undefined : provider.Grant.find(grantId);
    },
    findAccount: (_ctx: Context, accountId: string, token?: Token) => ({
      accountId,
      claims: async () => {
        const record = await records.find(token?.grantId);
        return { sub: accountId, ...(record?.fhirUser === undefined ? {} : { fhirUser: record.fhirUser }) };
      },
    }),
    extraTokenClaims: async (_ctx: Context, token: Token) => {
      if (launch === undefined || token.grantId === undefined) return undefined;
      await records.nameGrantOf(token.jti, token.grantId, token.expiration);
      const record = await records.find(token.grantId);
      return record === undefined ? undefined : contextClaims(record, launch);
    },
    // A code must not fail because the user meanwhile launched the same app in another tab.
    expiresWithSession: () => false,
    rotateRefreshToken: true,
    cookies: {
      names: { interaction: INTERACTION_COOKIE, resume: `${INTERACTION_COOKIE}_resume`, session: SESSION_COOKIE },
      keys: cookieKeys(settings),
      long: { httpOnly: true, sameSite: 'lax', signed: true },
      short: { httpOnly: true, sameSite: 'lax', signed: true },
    },
    ttl: {
      AccessToken: launch?.accessTokenLifetimeSeconds ?? 60,
      ClientCredentials: settings.accessTokenLifetimeSeconds,
      AuthorizationCode: CODE_LIFETIME_SECONDS,
      Grant: grantLifetime,
      IdToken: launch?.accessTokenLifetimeSeconds ?? 300,
      Interaction: launch?.interactionLifetimeSeconds ?? 60,
      RefreshToken: launch?.refreshTokenLifetimeSeconds ?? 60,
      Session: SESSION_LIFETIME_SECONDS,
    },
    renderError: (ctx: Context, out: { readonly error: string; readonly error_description?: string }) => {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) ctx.set(name, value);
      ctx.body = errorPage(out.error, out.error_description ?? 'no details');
    },
  });

  // The scheme is the issuer's, which the forwarded request says; nothing else of a proxy is believed.
  provider.proxy = true;
  provider.silent = true;
  provider.on('error', (error) => {
    settings.emit(failureAt('provider', error));
  });
  provider.on('server_error', (ctx, error) => {
    settings.emit(failureAt('provider', error));
    if (!(error instanceof StateStoreError || error instanceof ClientRegistryError)) return;
    // What cannot be looked up is refused for now, as everywhere; for oidc-provider every failure is one for good.
    ctx.status = 503;
    if (typeof ctx.body === 'object') ctx.body = UNAVAILABLE;
  });
  provider.use(async (ctx, next) => {
    // Which origin may read the answer was decided before; oidc-provider would open it to all.
    const origin = ctx.res.getHeader('access-control-allow-origin');
    try {
      await next();
      ctx.remove('access-control-expose-headers');
      if (origin === undefined) ctx.remove('access-control-allow-origin');
      keepNoSession(ctx);
      if (ctx.path === PATHS.token) await finishTokenResponse(ctx, records, settings);
    } catch (error) {
      settings.emit(failureAt(ctx.path, error));
      ctx.status = 503;
      ctx.body = UNAVAILABLE;
    }
  });
  return provider;
}

/** Seconds that anything which comes from one authorization can live. */
export function grantLifetimeSeconds(settings: Pick<Settings, 'launch'>): number {
  const { refreshTokenLifetimeSeconds = 60, accessTokenLifetimeSeconds = 60 } = settings.launch ?? {};
  return Math.max(refreshTokenLifetimeSeconds, accessTokenLifetimeSeconds) + CODE_LIFETIME_SECONDS;
}

export function interactionUrl(issuer: string, uid: string): string {
  return `${issuer.replace(/\/$/, '')}${INTERACTION_PATH}/${uid}`;
}

/**
 * The scopes of the FHIR server that this request may carry. At the authorization endpoint and for client credentials
 * that is what was narrowed before; for a code or a refresh token it is what the user granted, as far as the client is
 * registered for it today.
 */
function grantableScopes(ctx: Context, fhirBaseUrl: string): readonly string[] {
  const context = requestContext.getStore();
  if (context?.scopes !== undefined) return context.scopes;
  const granted = ctx.oidc.entities.Grant?.getResourceScope(fhirBaseUrl) ?? '';
  const registered = context?.client?.registration.scope;
  if (registered === undefined) return granted.split(' ');
  return granted.split(' ').filter((scope) => intersectScopes(scope, registered)[0] === scope);
}

async function finishTokenResponse(ctx: Context, records: LaunchRecords, settings: Settings): Promise<void> {
  // RFC 6749 §5.1; SMART App Launch 2.2, Obtain access token.
  ctx.set('cache-control', 'no-store');
  ctx.set('pragma', 'no-cache');
  const { body } = ctx;
  if (typeof body !== 'object' || body === null) return;
  if ('error_description' in body && typeof body.error_description === 'string') {
    ctx.body = { ...body, error_description: errorText(body.error_description) };
  }
  if (!('access_token' in body)) return;
  const { Grant: grant, Client: client } = ctx.oidc.entities;
  const record = await records.find(grant?.jti);
  if (record !== undefined) ctx.body = { ...contextParameters(record), ...body };
  settings.emit({
    type: 'token-issued',
    clientId: client?.clientId ?? '',
    grantType: ctx.oidc.params['grant_type'] ?? '',
    scope: describeScopes(
      'scope' in body && typeof body.scope === 'string' ? body.scope.split(' ') : [],
      requestContext.getStore()?.client?.registration.scope ?? '',
    ).known,
  });
}

function keepNoSession(ctx: Context): void {
  const cookies = ctx.res.getHeader('set-cookie');
  if (!Array.isArray(cookies)) return;
  ctx.res.setHeader(
    'set-cookie',
    cookies.filter((cookie) => !cookie.startsWith(SESSION_COOKIE)),
  );
}

/** Derived from the server's own keys, so that several processes agree on them without another secret to configure. */
function cookieKeys(settings: Settings): string[] {
  return settings.signingKeys.map(({ privateJwk }) => {
    const bytes = hkdfSync('sha256', String(privateJwk['d']), settings.issuer, 'smart-fhir-authz cookie keys', 32);
    return Buffer.from(bytes).toString('base64url');
  });
}

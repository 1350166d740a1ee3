import { parseScope } from '../../../scope/parse.js';
import type { RegisteredClient } from '../clients/client.js';
import type { ClientDirectory } from '../clients/directory.js';
import type { Endpoint } from '../exchange.js';
import type { Forward } from '../provider/forward.js';
import type { RequestContext } from '../provider/request-context.js';
import type { LaunchSettings, Settings } from '../settings.js';
import { narrowScopes } from '../token/narrow-scopes.js';
import { OAuthError } from '../wire/oauth-error.js';
import type { LaunchRecords } from './records.js';

/**
 * The authorization endpoint: SMART App Launch 2.2, Obtain authorization code.
 *
 * The request is narrowed to what the client is registered for, then handed to oidc-provider, which checks the client,
 * its redirect URI, PKCE and the rest. What is wrong with the scopes or the launch is left for it to report, because
 * only a redirect URI that was checked may receive an error.
 */
export function createAuthorizationEndpoint(
  settings: Settings,
  launch: LaunchSettings,
  directory: ClientDirectory,
  records: LaunchRecords,
  forward: Forward,
): Endpoint {
  return async ({ req, res, path, query }) => {
    const params = new URLSearchParams(query);
    // Resource indicators are not for the app to choose: the audience is the FHIR server.
    params.delete('resource');
    const context = await prepare(params, settings, launch, directory, records);
    await forward(req, res, { method: 'GET', path: `${path}?${params.toString()}`, fromBrowser: true }, context);
  };
}

/** Goes on with an authorization after the interaction page. */
export function createResumeEndpoint(forward: Forward): Endpoint {
  return async ({ req, res, path }) => {
    await forward(req, res, { method: 'GET', path, fromBrowser: true }, {});
  };
}

async function prepare(
  params: URLSearchParams,
  settings: Settings,
  launch: LaunchSettings,
  directory: ClientDirectory,
  records: LaunchRecords,
): Promise<RequestContext> {
  const names = [...params.keys()];
  if (new Set(names).size < names.length)
    return { problem: new OAuthError('invalid_request', 'a parameter is repeated') };
  const client = await directory.find(params.get('client_id') ?? '');
  // oidc-provider tells the user.
  if (client === undefined) return {};
  try {
    const narrowed = await narrowScopes(params.get('scope') ?? undefined, client, 'authorization_code', settings);
    const { scopes, beginVisit } = await prepareLaunch(params, narrowed, client, launch, records);
    params.set('scope', scopes.join(' '));
    // There is an interaction every time, because every launch has its own context; said so, offline_access is heard.
    const prompt = params.get('prompt');
    if (prompt !== 'none')
      params.set('prompt', [...new Set([...(prompt ?? '').split(' '), 'consent'])].join(' ').trim());
    // OpenID Connect only: without openid a nonce has no place to return in.
    if (!scopes.includes('openid')) params.delete('nonce');
    return { scopes, beginVisit };
  } catch (cause) {
    if (cause instanceof OAuthError) return { problem: cause };
    throw cause;
  }
}

/**
 * SMART App Launch 2.2, EHR launch: the scope `launch` goes with a `launch` parameter. Apps that know both kinds of
 * launch ask for the scope in either; without the parameter there is nothing that it could stand for, and it is left
 * out. A parameter that names no launch, or another client's, is an error.
 *
 * The launch is used up when the rest of the request has proved good, so that a stranger who got hold of it cannot spoil
 * it for the app that it was made for.
 */
async function prepareLaunch(
  params: URLSearchParams,
  scopes: readonly string[],
  client: RegisteredClient,
  launch: LaunchSettings,
  records: LaunchRecords,
): Promise<Pick<RequestContext, 'beginVisit'> & { readonly scopes: readonly string[] }> {
  const handle = params.get('launch') ?? '';
  if (handle === '' || !scopes.some(isEhrLaunchScope)) {
    params.delete('launch');
    const standalone = scopes.filter((scope) => !isEhrLaunchScope(scope));
    if (standalone.length === 0) throw new OAuthError('invalid_scope', 'none of the requested scopes can be granted');
    return { scopes: standalone };
  }
  const announced = await records.announced(handle);
  if (announced === undefined || (announced.clientId !== undefined && announced.clientId !== client.client_id)) {
    throw new OAuthError('invalid_request', 'launch is unknown, expired or used');
  }
  // A visit has its own lifetime: a user who thinks for a while does not outlive the EHR's announcement.
  return { scopes, beginVisit: () => records.beginVisit(handle, launch.interactionLifetimeSeconds) };
}

function isEhrLaunchScope(scope: string): boolean {
  const parsed = parseScope(scope);
  return parsed.kind === 'launch' && parsed.context === undefined;
}

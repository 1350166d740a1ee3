import { eachOfIntersection, intersectScopes } from '../../../scope/intersect.js';
import { URI_PREFIX, parseScope } from '../../../scope/parse.js';
import type { RegisteredClient } from '../clients/client.js';
import type { Settings } from '../settings.js';
import { OAuthError } from '../wire/oauth-error.js';
import { describeScopes } from './describe-scopes.js';

/** More scopes than anybody asks for; each costs a comparison with each registered one. */
const MAX_SCOPES = 500;
/**
 * Characters of a request's scopes, and of what is granted. A token that names more outgrows the header that has to
 * carry it: servers end that at 8 or 16 KiB.
 */
const MAX_LENGTH = 8_192;

/** Scopes that speak of a user at a browser, whom a backend service does not have. */
const USER_SCOPES: ReadonlySet<string> = new Set(['openid', 'profile', 'fhirUser', 'offline_access', 'online_access']);

/** Granted nowhere: a session that ends with the browser's is not kept here, and saying so is better than pretending. */
const UNSUPPORTED: ReadonlySet<string> = new Set(['online_access']);

/**
 * The scopes a client is granted: what it asked for, within what it was registered for, within what the grant can carry,
 * within the host's own policy. Never more than was asked for.
 *
 * SMART Backend Services: "… SHALL be limited to the pre-authorized scopes". RFC 6749 §3.3: whatever is granted
 * differently from the request is named in the answer.
 *
 * @throws OAuthError `invalid_scope` when nothing is left
 */
export async function narrowScopes(
  scope: string | undefined,
  client: RegisteredClient,
  grantType: 'client_credentials' | 'authorization_code',
  settings: Pick<Settings, 'invalidScopes' | 'narrowScopes' | 'emit'>,
): Promise<readonly string[]> {
  // RFC 6749 §3.3 leaves a default or a refusal; a default would grant what nobody asked for.
  if (scope === undefined) throw new OAuthError('invalid_scope', 'scope is required');
  // One that is said again says nothing more.
  const tokens = [...new Set(scope.split(' ').filter((token) => token !== ''))];
  if (tokens.join(' ').length > MAX_LENGTH) throw new OAuthError('invalid_scope', 'scope is too long');
  if (tokens.length > MAX_SCOPES) throw new OAuthError('invalid_scope', `more than ${MAX_SCOPES} scopes`);
  if (!tokens.every((token) => /^[!#-[\]-~]+$/.test(token))) {
    throw new OAuthError('invalid_scope', 'scope holds characters that are not allowed');
  }
  if (settings.invalidScopes === 'reject') {
    const invalid = tokens.find((token) => parseScope(token).kind === 'invalid');
    if (invalid !== undefined) throw new OAuthError('invalid_scope', `${invalid} is no scope`);
  }

  const carried = tokens.filter((token) => !UNSUPPORTED.has(token) && fitsGrant(token, grantType));
  const registered = withinLength(eachOfIntersection(carried.join(' '), client.scope));
  const granted = await applyPolicy(registered, client, grantType, settings);
  if (granted.length === 0) throw new OAuthError('invalid_scope', 'none of the requested scopes can be granted');

  const given = granted.join(' ');
  if (given !== tokens.join(' ')) {
    const { known: requested, unknown } = describeScopes(tokens, client.scope);
    const { known } = describeScopes(granted, client.scope);
    settings.emit({ type: 'scope-narrowed', clientId: client.client_id, requested, unknown, granted: known });
  }
  return granted;
}

/** All of them, or an error: cut short it would be neither what was asked for nor what is registered. */
function withinLength(scopes: Iterable<string>): readonly string[] {
  const list: string[] = [];
  let length = 0;
  for (const scope of scopes) {
    length += scope.length + 1;
    if (length > MAX_LENGTH) {
      throw new OAuthError('invalid_scope', 'what these scopes grant is too much for one token, ask for fewer');
    }
    list.push(scope);
  }
  return list;
}

async function applyPolicy(
  scopes: readonly string[],
  client: RegisteredClient,
  grantType: 'client_credentials' | 'authorization_code',
  settings: Pick<Settings, 'narrowScopes'>,
): Promise<readonly string[]> {
  if (settings.narrowScopes === undefined || scopes.length === 0) return scopes;
  const chosen = await settings.narrowScopes({ client, scopes, grantType });
  // Intersected once more: a policy that errs can take away, never add.
  return intersectScopes(chosen.join(' '), scopes.join(' '));
}

/**
 * SMART Backend Services has no user and no patient in context: no `user/`, `patient/`, `launch` or OpenID scope. And a
 * user at a browser lends an app a user's access, never a system's.
 */
function fitsGrant(token: string, grantType: 'client_credentials' | 'authorization_code'): boolean {
  const scope = parseScope(token);
  const backend = grantType === 'client_credentials';
  switch (scope.kind) {
    case 'resource':
      return (scope.level === 'system') === backend;
    case 'launch':
      return !backend;
    case 'other':
      // Those of OpenID Connect mean nothing to anybody when they are written as URIs, and are granted to nobody so.
      if (token.startsWith(URI_PREFIX)) return !USER_SCOPES.has(token.slice(URI_PREFIX.length));
      return !backend || !USER_SCOPES.has(token);
    case 'invalid':
      return false;
  }
}

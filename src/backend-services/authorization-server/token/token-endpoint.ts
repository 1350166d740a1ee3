import type { AssertionPolicy } from '../client-auth/verify-assertion.js';
import type { AuthenticatedClient } from '../client-auth/authenticate-client.js';
import { authenticateClient } from '../client-auth/authenticate-client.js';
import type { ClientGrantType } from '../clients/client.js';
import type { Endpoint } from '../exchange.js';
import type { Forward } from '../provider/forward.js';
import type { Settings } from '../settings.js';
import { allowOrigin } from '../wire/cors.js';
import { OAuthError } from '../wire/oauth-error.js';
import type { Form } from '../wire/read-form.js';
import { readForm } from '../wire/read-form.js';
import { narrowScopes } from './narrow-scopes.js';

/** What each grant takes besides the client's authentication; nothing else reaches oidc-provider. */
const PARAMETERS: Readonly<Record<ClientGrantType, readonly string[]>> = {
  client_credentials: [],
  authorization_code: ['code', 'redirect_uri', 'code_verifier'],
  refresh_token: ['refresh_token', 'scope'],
};

/**
 * The token endpoint. RFC 6749 §3.2; SMART Backend Services, Obtain access token.
 *
 * The checks run in this order, so that an answer never depends on a later one: method and media type, repeated
 * parameters, grant_type, client authentication, what the client may do, scope. Then oidc-provider issues the token.
 */
export function createTokenEndpoint(settings: Settings, policy: AssertionPolicy, forward: Forward): Endpoint {
  const supported: readonly string[] =
    settings.launch === undefined
      ? ['client_credentials']
      : ['client_credentials', 'authorization_code', 'refresh_token'];

  return async ({ req, res, path }) => {
    const form = await readForm(req, settings.bodyLimits);
    const grantType = readGrantType(form, supported);
    const client = await authenticateClient(req, form, policy);
    allowOrigin(req, res, client.registration);
    if (!client.registration.grant_types.includes(grantType)) {
      throw new OAuthError('unauthorized_client', 'the client is not registered for this grant_type');
    }
    const scopes =
      grantType === 'client_credentials'
        ? await narrowScopes(form.get('scope'), client.registration, grantType, settings)
        : undefined;
    const providerForm = asProviderForm(form, grantType, client, scopes);
    await forward(req, res, { method: 'POST', path, form: providerForm }, { client, scopes });
  };
}

/** RFC 6749 §5.2: a missing grant_type is `invalid_request`, an unknown one `unsupported_grant_type`. */
function readGrantType(form: Form, supported: readonly string[]): ClientGrantType {
  const grantType = form.get('grant_type');
  if (grantType === undefined) throw new OAuthError('invalid_request', 'grant_type is required');
  if (!supported.includes(grantType))
    throw new OAuthError('unsupported_grant_type', 'this grant_type is not supported');
  return grantType as ClientGrantType;
}

function asProviderForm(
  form: Form,
  grantType: ClientGrantType,
  client: AuthenticatedClient,
  scopes: readonly string[] | undefined,
): Readonly<Record<string, string>> {
  const names = ['client_assertion', 'client_assertion_type', ...PARAMETERS[grantType]];
  return {
    grant_type: grantType,
    client_id: client.registration.client_id,
    ...Object.fromEntries(names.flatMap((name) => (form.has(name) ? [[name, form.get(name) ?? '']] : []))),
    ...(scopes === undefined ? {} : { scope: scopes.join(' ') }),
  };
}

import type { IncomingMessage } from 'node:http';
import { authenticateClient, requireOneMechanism } from '../client-auth/authenticate-client.js';
import type { ClientRefusalReason } from '../client-auth/refusal.js';
import { ClientRefused } from '../client-auth/refusal.js';
import type { AssertionPolicy } from '../client-auth/verify-assertion.js';
import type { Endpoint } from '../exchange.js';
import type { LaunchRecords } from '../launch/records.js';
import { contextParameters } from '../launch/records.js';
import type { Settings } from '../settings.js';
import { OAuthError } from '../wire/oauth-error.js';
import type { Form } from '../wire/read-form.js';
import { readForm } from '../wire/read-form.js';
import { sameSecret } from '../wire/same-secret.js';
import { sendJson } from '../wire/send.js';
import type { AccessTokenClaims, AccessTokens } from './access-token.js';

/**
 * The introspection endpoint: RFC 7662; SMART App Launch 2.2, Token Introspection.
 *
 * Callers prove themselves (RFC 7662 §2.1), because an open endpoint lets anybody try tokens. Three kinds may call: a
 * configured resource server by HTTP Basic; a registered client with the introspection scope, by its own access token as
 * bearer token or by assertion. Each may ask about any client's tokens.
 *
 * Only access tokens are active here. A refresh token is nothing that a resource server may take, and a resource server
 * that is told `active` takes it.
 */
export function createIntrospectionEndpoint(
  settings: Settings,
  policy: AssertionPolicy,
  tokens: AccessTokens,
  records: LaunchRecords,
): Endpoint {
  return async ({ req, res }) => {
    const form = await readForm(req, settings.bodyLimits);
    requireOneMechanism(req, form);
    await admitCaller(req, form, settings, policy, tokens, records);
    const token = form.get('token');
    if (token === undefined) throw new OAuthError('invalid_request', 'token is required');
    // token_type_hint may be passed over (RFC 7662 §2.1): there is one type here.
    const claims = await tokens.active(token);
    sendJson(res, 200, claims === undefined ? { active: false } : await describe(claims, records));
  };
}

/** SMART App Launch 2.2, Token Introspection, Required and Conditional fields. */
async function describe(claims: AccessTokenClaims, records: LaunchRecords): Promise<Record<string, unknown>> {
  const record = await records.find(await records.grantOf(claims.jti));
  return {
    ...(record === undefined ? {} : contextParameters(record)),
    ...(record?.fhirUser === undefined ? {} : { fhirUser: record.fhirUser }),
    ...claims,
    active: true,
    token_type: 'Bearer',
  };
}

async function admitCaller(
  req: IncomingMessage,
  form: Form,
  settings: Settings,
  policy: AssertionPolicy,
  tokens: AccessTokens,
  records: LaunchRecords,
): Promise<void> {
  const [scheme = '', credentials = ''] = (req.headers.authorization ?? '').split(/ +/, 2);
  switch (scheme.toLowerCase()) {
    case 'bearer': {
      const caller = await tokens.active(credentials);
      if (caller === undefined) throw refuse('caller-token');
      // The token of a user is in the hands of an app, and often in a browser's: only a client's own will do.
      if (caller.sub !== caller.client_id || (await records.grantOf(caller.jti)) !== undefined)
        throw refuse('caller-token', caller.client_id);
      const registered = (await policy.findClient(caller.client_id))?.scope ?? '';
      if (![caller.scope, registered].every((scope) => scope.split(' ').includes(settings.introspectionScope)))
        throw refuse('caller-scope', caller.client_id);
      return;
    }
    case 'basic':
      if (!isCaller(credentials, settings)) throw refuse('caller-credentials');
      return;
    case '': {
      const { registration, key } = await authenticateClient(req, form, policy);
      // A public client has proved nothing.
      if (key === 'none') throw refuse('method-not-registered', registration.client_id);
      if (!registration.scope.split(' ').includes(settings.introspectionScope)) {
        throw refuse('caller-scope', registration.client_id);
      }
      return;
    }
    default:
      throw refuse('unsupported-method');
  }
}

function refuse(reason: ClientRefusalReason, clientId?: string): ClientRefused {
  return new ClientRefused(reason, clientId);
}

/**
 * HTTP Basic with form-encoded parts, as RFC 6749 §2.3.1 has it, or plain ones, as many resource servers send them. A
 * secret proves the same either way.
 */
function isCaller(credentials: string, settings: Settings): boolean {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1) return false;
  const pairs = [
    [text.slice(0, colon), text.slice(colon + 1)],
    [formDecode(text.slice(0, colon)), formDecode(text.slice(colon + 1))],
  ] as const;
  // Every caller is compared, and in constant time, so that the time taken says nothing about a secret.
  return settings.introspectionCallers
    .map(({ clientId, clientSecret }) =>
      pairs.map(([id, secret]) => sameSecret(id, clientId) && sameSecret(secret, clientSecret)).includes(true),
    )
    .includes(true);
}

function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** RFC 7662 §2.3: whoever may not introspect is answered with 401, an insufficient token included. */
export function introspectionRefusal(req: IncomingMessage, realm: string): OAuthError {
  const bearer = /^bearer /i.test(req.headers.authorization ?? '');
  const challenges = bearer
    ? [`Bearer realm="${realm}", error="invalid_token"`]
    : [`Basic realm="${realm}"`, `Bearer realm="${realm}"`];
  return new OAuthError(bearer ? 'invalid_token' : 'invalid_client', 'the caller may not introspect tokens', {
    status: 401,
    headers: { 'www-authenticate': challenges },
  });
}

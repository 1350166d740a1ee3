import type { IncomingMessage } from 'node:http';
import type { PublicJwk } from '../../keys/jwk.js';
import { publicJwk } from '../../keys/export.js';
import type { RegisteredClient } from '../clients/client.js';
import { OAuthError } from '../wire/oauth-error.js';
import type { Form } from '../wire/read-form.js';
import { ClientRefused } from './refusal.js';
import type { AssertionPolicy } from './verify-assertion.js';
import { verifyAssertion } from './verify-assertion.js';

export interface AuthenticatedClient {
  readonly registration: RegisteredClient;
  /** The key that verified the client's assertion, or `none` for a public client. */
  readonly key: PublicJwk | 'none';
}

/** SMART Backend Services and Client Authentication: the one value of client_assertion_type. */
export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Authenticates the client of a request: by assertion, or by its bare `client_id` where it is a public one.
 *
 * @throws OAuthError for a request that uses several mechanisms
 * @throws ClientRefused
 */
export async function authenticateClient(
  req: IncomingMessage,
  form: Form,
  policy: AssertionPolicy,
): Promise<AuthenticatedClient> {
  requireOneMechanism(req, form);
  if (req.headers.authorization !== undefined || form.has('client_secret'))
    throw new ClientRefused('unsupported-method');

  const assertion = form.get('client_assertion');
  if (assertion !== undefined || form.has('client_assertion_type')) {
    if (form.get('client_assertion_type') !== ASSERTION_TYPE) throw new ClientRefused('assertion-type');
    if (assertion === undefined) throw new ClientRefused('no-authentication');
    const { client, key } = await verifyAssertion(assertion, form.get('client_id'), policy);
    return { registration: client, key: publicJwk(key, key.kid) };
  }

  const clientId = form.get('client_id');
  if (clientId === undefined) throw new ClientRefused('no-authentication');
  const client = await policy.findClient(clientId);
  if (client === undefined) throw new ClientRefused('unknown-client');
  if (client.token_endpoint_auth_method !== 'none') throw new ClientRefused('method-not-registered', clientId);
  return { registration: client, key: 'none' };
}

/** RFC 6749 §2.3: "The client MUST NOT use more than one authentication method in each request." */
export function requireOneMechanism(req: IncomingMessage, form: Form): void {
  const mechanisms = [
    req.headers.authorization !== undefined,
    form.has('client_assertion'),
    form.has('client_secret'),
  ].filter(Boolean).length;
  if (mechanisms > 1) throw new OAuthError('invalid_request', 'more than one way of client authentication');
}

/**
 * What a client that was refused is told: always the same, be it unknown, mistaken or forged.
 *
 * RFC 6749 §5.2: 401 with a challenge where the Authorization header was used. Without it a plain 400, because a 401
 * has to name a scheme (RFC 9110 §15.5.2) and there is none for assertions.
 */
export function refusalAnswer(req: IncomingMessage, realm: string): OAuthError {
  return req.headers.authorization === undefined
    ? new OAuthError('invalid_client', 'client authentication failed')
    : new OAuthError('invalid_client', 'client authentication failed', {
        status: 401,
        headers: { 'www-authenticate': `Basic realm="${realm}"` },
      });
}

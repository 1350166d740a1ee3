import type { Provider } from 'oidc-provider';
import { authenticateClient } from '../client-auth/authenticate-client.js';
import type { AssertionPolicy } from '../client-auth/verify-assertion.js';
import type { Endpoint } from '../exchange.js';
import { grantLifetimeSeconds } from '../provider/create-provider.js';
import { revokeGrant } from '../provider/adapter.js';
import type { Settings } from '../settings.js';
import { allowOrigin } from '../wire/cors.js';
import { OAuthError } from '../wire/oauth-error.js';
import { readForm } from '../wire/read-form.js';
import { setHeaders } from '../wire/send.js';
import type { AccessTokens } from './access-token.js';

/**
 * The revocation endpoint: RFC 7009. An access token becomes inactive at introspection; a resource server that asks
 * nobody keeps taking it until it expires, which is why access tokens are short-lived. Revoking a refresh token revokes
 * all that came of the same authorization.
 */
export function createRevocationEndpoint(
  settings: Settings,
  policy: AssertionPolicy,
  tokens: AccessTokens,
  provider: Provider,
): Endpoint {
  return async ({ req, res }) => {
    const form = await readForm(req, settings.bodyLimits);
    const { registration } = await authenticateClient(req, form, policy);
    allowOrigin(req, res, registration);
    const token = form.get('token');
    if (token === undefined) throw new OAuthError('invalid_request', 'token is required');
    const requireOwner = (clientId: string): void => {
      // RFC 7009 §2.1: a token of another client is refused.
      if (clientId !== registration.client_id) {
        throw new OAuthError('unauthorized_client', 'the token was issued to another client');
      }
    };

    const claims = await tokens.issued(token);
    if (claims !== undefined) {
      requireOwner(claims.client_id);
      await tokens.revoke(claims);
    } else {
      const refreshToken = settings.launch === undefined ? undefined : await provider.RefreshToken.find(token);
      if (refreshToken !== undefined) {
        requireOwner(refreshToken.clientId);
        await refreshToken.destroy();
        if (refreshToken.grantId !== undefined) {
          await revokeGrant(settings.store, refreshToken.grantId, grantLifetimeSeconds(settings));
        }
      }
    }
    // RFC 7009 §2.2: a token that is not known needs no revoking, and is answered alike.
    setHeaders(res, { 'content-length': '0' });
    res.writeHead(200);
    res.end();
  };
}

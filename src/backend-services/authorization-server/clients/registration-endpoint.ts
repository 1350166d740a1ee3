import type { Endpoint } from '../exchange.js';
import type { Settings } from '../settings.js';
import { OAuthError } from '../wire/oauth-error.js';
import { readJson } from '../wire/read-form.js';
import { sameSecret } from '../wire/same-secret.js';
import { sendJson } from '../wire/send.js';
import { ClientMetadataError } from './check-client.js';
import type { RegisteredClient } from './client.js';
import { ClientRegistryError } from './registry.js';

/** Dynamic registration for an administrator: RFC 7591 §3 with an initial access token. */
export function createRegistrationEndpoint(
  settings: Settings,
  bearerToken: string,
  register: (metadata: unknown) => Promise<RegisteredClient>,
): Endpoint {
  return async ({ req, res }) => {
    const [scheme = '', token = ''] = (req.headers.authorization ?? '').split(/ +/, 2);
    // Before the body: a stranger's is not worth reading.
    if (scheme.toLowerCase() !== 'bearer' || !sameSecret(token, bearerToken)) {
      throw new OAuthError('invalid_token', "registration needs the administrator's token", {
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="${settings.issuer}"`, connection: 'close' },
      });
    }
    const metadata = await readJson(req, settings.bodyLimits);
    try {
      sendJson(res, 201, await register(metadata));
    } catch (cause) {
      if (cause instanceof ClientMetadataError) throw new OAuthError(cause.error, cause.message);
      if (cause instanceof ClientRegistryError && cause.code === 'ERR_CLIENT_EXISTS') {
        throw new OAuthError('invalid_client_metadata', cause.message);
      }
      throw cause;
    }
  };
}

import { AsyncLocalStorage } from 'node:async_hooks';
import type { PublicJwk } from '../../keys/jwk.js';
import type { RegisteredClient } from '../clients/client.js';
import type { OAuthError } from '../wire/oauth-error.js';

/** What this server has established about a request before oidc-provider sees it. */
export interface RequestContext {
  /** The client that authenticated, and how: the key that verified its assertion, or `none` for a public client. */
  readonly client?: { readonly registration: RegisteredClient; readonly key: PublicJwk | 'none' };
  /** The scopes that may be granted; undefined where none can be. */
  readonly scopes?: readonly string[] | undefined;
  /** Uses up the EHR's launch that the request names, and gives the handle of the visit; undefined where it is used. */
  readonly beginVisit?: (() => Promise<string | undefined>) | undefined;
  /** What is wrong with an authorization request, to be told to the app once its redirect URI is known to be good. */
  readonly problem?: OAuthError | undefined;
}

/** Carries a request's context through oidc-provider, whose callbacks have no place for it. */
export const requestContext = new AsyncLocalStorage<RequestContext>();

import { ConfigError } from '../../errors.js';
import type { BareError } from '../bare-error.js';
import { bareError } from '../bare-error.js';
import { StateStoreError } from '../state/store.js';
import type { ClientRefusalReason } from './client-auth/refusal.js';
import { ClientRegistryError } from './clients/registry.js';

/**
 * What a server reports to its operator. No event carries a token, an assertion, a key, a secret or a patient.
 *
 * Scopes are a stranger's text: those that the client is registered with are named as they are, others by their level,
 * type and permissions, with `?...` for the query of a granular one.
 */
export type AuthorizationServerEvent =
  | {
      readonly type: 'client-refused';
      readonly endpoint: string;
      readonly reason: ClientRefusalReason;
      /** Only a registered client's id: any other is a stranger's text. */
      readonly clientId: string | undefined;
    }
  | {
      readonly type: 'scope-narrowed';
      readonly clientId: string;
      readonly requested: string;
      /** How many requested scopes are not named in `requested`, as they are of no known form. */
      readonly unknown: number;
      readonly granted: string;
    }
  | { readonly type: 'token-issued'; readonly clientId: string; readonly grantType: string; readonly scope: string }
  | { readonly type: 'client-registered'; readonly clientId: string }
  | {
      readonly type: 'failure';
      readonly endpoint: string;
      /**
       * Name, code and the places in the code; a message only of errors that this package words: `StateStoreError`,
       * `ClientRegistryError` and `ConfigError`. What others say may quote what they were given.
       */
      readonly error: BareError;
    };

/** An event of a failure, with nothing of the request in it. */
export function failureAt(path: string, error: unknown): AuthorizationServerEvent {
  // Below `/authorize` and `/interaction` comes what names one sign-in.
  const endpoint = /^\/?[^/]*/.exec(path)?.[0] ?? '';
  const own = [StateStoreError, ClientRegistryError, ConfigError].some((kind) => error instanceof kind);
  return { type: 'failure', endpoint, error: bareError(error, own ? (error as Error).message : undefined) };
}

/** Receives what happens at the authorization server. What it throws is ignored. */
export type EventListener = (event: AuthorizationServerEvent) => void;

/** Calls a listener so that its failure changes nothing for the request. */
export function guardListener(listener: EventListener | undefined): EventListener {
  return (event) => {
    try {
      listener?.(event);
    } catch {
      // A log that fails must neither let anybody in nor keep anybody out.
    }
  };
}

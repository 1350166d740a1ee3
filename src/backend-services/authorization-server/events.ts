import type { ClientRefusalReason } from './client-auth/refusal.js';

/** What a server reports to its operator. No event carries a token, an assertion, a key, a secret or a patient. */
export type AuthorizationServerEvent =
  | {
      readonly type: 'client-refused';
      readonly endpoint: string;
      readonly reason: ClientRefusalReason;
      /** Only a registered client's id: any other is a stranger's text. */
      readonly clientId: string | undefined;
    }
  | { readonly type: 'scope-narrowed'; readonly clientId: string; readonly requested: string; readonly granted: string }
  | { readonly type: 'token-issued'; readonly clientId: string; readonly grantType: string; readonly scope: string }
  | { readonly type: 'client-registered'; readonly clientId: string }
  | { readonly type: 'failure'; readonly endpoint: string; readonly error: unknown };

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

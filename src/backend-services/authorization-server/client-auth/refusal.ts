/**
 * Why a client was not authenticated. For the log and for whoever helps a client's developer; the answer to the client
 * is the same `invalid_client` for all of them, so that it cannot be used to find out which clients there are.
 */
export type ClientRefusalReason =
  // what was sent
  | 'no-authentication'
  | 'unsupported-method'
  | 'assertion-type'
  | 'malformed-assertion'
  // header (RFC 7515 §4.1, RFC 8725 §3)
  | 'header-typ'
  | 'header-alg'
  | 'header-kid'
  | 'header-crit'
  | 'header-key'
  | 'header-jku'
  // who it is from (RFC 7523 §3)
  | 'iss-sub'
  | 'client-id-mismatch'
  | 'unknown-client'
  | 'registration-invalid'
  | 'method-not-registered'
  // the key (SMART App Launch 2.2, Client Authentication)
  | 'key-set-unavailable'
  | 'key-not-found'
  | 'key-ambiguous'
  | 'key-alg'
  | 'signature'
  // the claims (RFC 7523 §3)
  | 'aud'
  | 'exp-missing'
  | 'exp-past'
  | 'exp-too-far'
  | 'nbf'
  | 'iat'
  | 'jti-missing'
  | 'replay'
  // callers of the introspection endpoint
  | 'caller-credentials'
  | 'caller-token'
  | 'caller-scope';

/** Authentication that failed. Carries no assertion, key or secret. */
export class ClientRefused extends Error {
  readonly reason: ClientRefusalReason;
  /** The registered client that the request named; undefined where it named none that is known. */
  readonly clientId: string | undefined;

  constructor(reason: ClientRefusalReason, clientId?: string) {
    super(`client authentication failed: ${reason}`);
    this.name = 'ClientRefused';
    this.reason = reason;
    this.clientId = clientId;
  }
}

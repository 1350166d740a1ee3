import type { Jwk } from '../keys/jwk.js';

/** What the reader of a token knows about it: only what is given is compared. */
export interface Expected {
  /** The client's id: `iss` of its assertions, `client_id` of its access tokens. */
  readonly clientId?: string | undefined;
  /** Of an assertion: the token endpoint. Of an access token: the FHIR base. One of several is enough. */
  readonly audience?: string | readonly string[] | undefined;
  /** The issuer of access tokens. Compared to the letter, a slash at the end included. */
  readonly issuer?: string | readonly string[] | undefined;
  /** The registered JWKS URL of the client. */
  readonly jku?: string | undefined;
  /** The scopes that were requested. */
  readonly scope?: string | undefined;
  /** Public keys: the client's for an assertion, the authorization server's for an access token. */
  readonly keys?: readonly Jwk[] | undefined;
}

export function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

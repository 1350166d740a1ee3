import type { Jwk, PublicJwks } from '../../keys/jwk.js';

/** What a client may do at the token endpoint. */
export type ClientGrantType = 'client_credentials' | 'authorization_code' | 'refresh_token';

/** How a client proves itself: a signed assertion, or not at all (a browser or native app, with PKCE). */
export type ClientAuthMethod = 'private_key_jwt' | 'none';

/** What an administrator hands in to register a client. Member names as in RFC 7591 §2. */
export interface ClientMetadata {
  /** Printable ASCII, up to 255 characters. Default: a random UUID. */
  readonly client_id?: string;
  readonly client_name?: string;
  /** The client's public keys, here in the registration; not together with `jwks_uri`. */
  readonly jwks?: { readonly keys: readonly Jwk[] };
  /** Where the client publishes its keys (TLS); not together with `jwks`. */
  readonly jwks_uri?: string;
  /** The scopes the client is pre-authorized for, separated by spaces: the upper bound of every grant. */
  readonly scope: string;
  /** Default: `["client_credentials"]`, or `["authorization_code"]` where `redirect_uris` are given. */
  readonly grant_types?: readonly ClientGrantType[];
  /** Default: `private_key_jwt`. */
  readonly token_endpoint_auth_method?: ClientAuthMethod;
  /** Where an app wants its users back; exact match. */
  readonly redirect_uris?: readonly string[];
  /**
   * When the client was registered, in seconds since 1970; whoever registers it says so, not the client. What was issued
   * before, to an earlier client of that id, is good no more. Default: anything of that id is this client's.
   */
  readonly client_id_issued_at?: number;
}

/** A registered client: checked metadata, every default filled in. */
export interface RegisteredClient {
  readonly client_id: string;
  readonly client_name?: string;
  readonly jwks?: PublicJwks;
  readonly jwks_uri?: string;
  readonly scope: string;
  readonly grant_types: readonly ClientGrantType[];
  readonly token_endpoint_auth_method: ClientAuthMethod;
  readonly redirect_uris: readonly string[];
  readonly client_id_issued_at?: number;
}

/**
 * Whether something was issued to this very client, and not to an earlier one of the same id.
 *
 * @param iat - Seconds since 1970.
 * @param toleranceSeconds - How far the clock of the machine may be off at which the client was registered.
 */
export function isIssuedTo(client: RegisteredClient, iat: number | undefined, toleranceSeconds: number): boolean {
  const { client_id_issued_at: since } = client;
  return iat === undefined || since === undefined || iat >= since - toleranceSeconds;
}

import type { IdentityClaims } from '../../identity/identity.js';
import { audienceTest } from '../../token/claims.js';
import type { Jwk } from '../keys/jwk.js';
import { quote } from './defect.js';

/** What the reader of a token knows about it: only what is given is compared. */
export interface Expected {
  /** The client's id: `iss` of its assertions, `client_id` of its access tokens. */
  readonly clientId?: string | undefined;
  /**
   * Of an assertion: the token endpoint. Of an access token: the FHIR base. One of several is enough. Anchor an expression at
   * both ends.
   */
  readonly audience?: string | readonly string[] | RegExp | undefined;
  /** The issuer of access tokens. Compared to the letter, a slash at the end included. */
  readonly issuer?: string | readonly string[] | undefined;
  /** The registered JWKS URL of the client. */
  readonly jku?: string | undefined;
  /** The scopes that were requested. */
  readonly scope?: string | undefined;
  /** Where the server looks for who asks: of an access token with `patient/` or `user/` scopes. */
  readonly identity?: IdentityClaims | undefined;
  /** Public keys: the client's for an assertion, the authorization server's for an access token. */
  readonly keys?: readonly Jwk[] | undefined;
}

export function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** Whether one of a token's audiences is expected, by the test of the verifier itself; true where none is expected. */
export function isExpectedAudience(found: readonly unknown[], { audience }: Expected): boolean {
  if (audience === undefined || (Array.isArray(audience) && audience.length === 0)) return true;
  const isAudience = audienceTest(audience);
  return found.some((value) => typeof value === 'string' && isAudience(value));
}

export function quoteAudience({ audience }: Expected): string {
  return audience instanceof RegExp ? `a match of ${String(audience)}` : quote(audience);
}

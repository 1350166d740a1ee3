import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { ConfigError } from '../../errors.js';
import type { SigningKey, SigningKeyOptions } from './signing-key.js';
import { signingKey } from './signing-key.js';

/** RFC 7521 §4.2 and RFC 7523 §2.2. */
export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** SMART App Launch 2.2, Client Authentication: `exp` no more than five minutes in the future. */
export const MAX_ASSERTION_SECONDS = 300;

/** What goes into an assertion beside the key. */
export interface AssertionClaims {
  /** Becomes `iss` and `sub`. */
  readonly clientId: string;
  /** The URL of the token endpoint; becomes `aud`, as a string. */
  readonly audience: string;
  /** The registered JWKS URL of the client, if the server is to find the key by it. Default: no `jku`. */
  readonly jku?: string | undefined;
  /**
   * Seconds from now to `exp`, 1 to 300. Default: 240, which leaves a minute for a clock that runs ahead of the
   * server's, whose limit is 300.
   */
  readonly lifetimeSeconds?: number | undefined;
  /** The current time in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** What a client assertion says, and the key that signs it. SMART App Launch 2.2, Backend Services. */
export type ClientAssertionOptions = AssertionClaims & SigningKeyOptions;

/**
 * Makes one client assertion (RFC 7523 §2.2, SMART App Launch 2.2, Client Authentication). An assertion is for one
 * request: make another for the next, also when the first attempt failed.
 */
export async function createClientAssertion(options: ClientAssertionOptions): Promise<string> {
  return signAssertion(signingKey(options), options);
}

export async function signAssertion(key: SigningKey, claims: AssertionClaims): Promise<string> {
  const { clientId, audience, jku, lifetimeSeconds = 240, now = Date.now } = claims;
  checkClientId(clientId);
  if (typeof audience !== 'string' || audience === '')
    throw new ConfigError('audience', 'the URL of the token endpoint');
  checkLifetime(lifetimeSeconds);
  const iat = Math.floor(now() / 1000);
  return new SignJWT({
    iss: clientId,
    sub: clientId,
    aud: audience,
    iat,
    exp: iat + lifetimeSeconds,
    jti: randomUUID(),
  })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...(jku !== undefined && { jku }) })
    .sign(key.key);
}

/** RFC 6749, Appendix A.1: visible ASCII and the space. */
export function checkClientId(clientId: unknown): void {
  if (typeof clientId !== 'string' || !/^[\x20-\x7e]{1,1024}$/.test(clientId)) {
    throw new ConfigError('clientId', 'the id that the authorization server gave this client, in visible ASCII');
  }
}

export function checkLifetime(seconds: number): void {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_ASSERTION_SECONDS) {
    throw new ConfigError('lifetimeSeconds', `a whole number of seconds from 1 to ${MAX_ASSERTION_SECONDS}`);
  }
}

import { createHash } from 'node:crypto';
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose';
import type { JWTPayload, ProtectedHeaderParameters } from 'jose';
import type { SmartAlgorithm } from '../../keys/jwk.js';
import type { StateStore } from '../../state/store.js';
import type { RegisteredClient } from '../clients/client.js';
import type { NamedKey } from './read-key-set.js';
import type { ClientRefusalReason } from './refusal.js';
import { ClientRefused } from './refusal.js';

export interface AssertionPolicy {
  /** What `aud` may be: the token endpoint's URL, and the issuer where the configuration accepts it. */
  readonly audiences: ReadonlySet<string>;
  /** Seconds that the client's clock may differ from this one. */
  readonly clockToleranceSeconds: number;
  /** The client of that id; undefined for one that is not registered. */
  readonly findClient: (clientId: string) => Promise<RegisteredClient | undefined>;
  /** The keys of a client, fetched anew where `kid` is not among the known ones. */
  readonly findKeys: (client: RegisteredClient, kid: string) => Promise<readonly NamedKey[]>;
  /** Where used assertions are remembered. */
  readonly store: StateStore;
}

export interface VerifiedAssertion {
  readonly client: RegisteredClient;
  /** The one key that verified it. */
  readonly key: NamedKey;
}

/** SMART App Launch 2.2, Client Authentication: "exp … no more than five minutes in the future". */
const MAX_LIFETIME_SECONDS = 300;
/** An assertion of a hundred-odd claims; a longer one is no assertion. */
const MAX_ASSERTION_LENGTH = 16_384;
/** The two algorithms that SMART requires, and the key type of each: with one algorithm a key type, no key serves two. */
const KEY_TYPE: Readonly<Record<SmartAlgorithm, 'RSA' | 'EC'>> = { RS384: 'RSA', ES384: 'EC' };

/**
 * Verifies a client assertion: SMART App Launch 2.2, Client Authentication: Asymmetric; RFC 7523 §3; RFC 8725 §3.
 *
 * The order is part of it: nothing is fetched before the header and the registration agree, no claim counts before the
 * signature does, and the jti is used up last, so that a forged assertion cannot burn one.
 *
 * @param clientIdParameter - `client_id` of the request, if it was sent.
 * @throws ClientRefused
 */
export async function verifyAssertion(
  assertion: string,
  clientIdParameter: string | undefined,
  policy: AssertionPolicy,
): Promise<VerifiedAssertion> {
  const { header, claims } = decode(assertion);
  const { alg, kid } = checkHeader(header);
  const client = await findClient(claims, clientIdParameter, policy);
  const refuse = (reason: ClientRefusalReason): never => {
    throw new ClientRefused(reason, client.client_id);
  };

  // SMART: "jku … SHALL match the JWKS URL value that the client supplied … at client registration time". Compared with
  // the registration and never fetched for itself.
  if (header.jku !== undefined && header.jku !== client.jwks_uri) refuse('header-jku');

  const key = await findKey(client, kid, alg, policy);
  try {
    await compactVerify(assertion, key.keyObject, { algorithms: [alg] });
  } catch {
    refuse('signature');
  }

  const problem = checkClaims(claims, policy);
  if (problem !== undefined) refuse(problem);
  if (!(await useUp(claims, client, policy))) refuse('replay');
  return { client, key };
}

function decode(assertion: string): { header: ProtectedHeaderParameters; claims: JWTPayload } {
  if (assertion.length <= MAX_ASSERTION_LENGTH) {
    try {
      return { header: decodeProtectedHeader(assertion), claims: decodeJwt(assertion) };
    } catch {
      // Refused below.
    }
  }
  throw new ClientRefused('malformed-assertion');
}

function checkHeader(header: ProtectedHeaderParameters): { alg: SmartAlgorithm; kid: string } {
  const { alg, kid, typ } = header as Record<string, unknown>;
  // RFC 8725 §3.11: a token of another kind is no assertion. RFC 7515 §4.1.9: compared without regard to case.
  if (typ !== undefined && (typeof typ !== 'string' || typ.toUpperCase() !== 'JWT'))
    throw new ClientRefused('header-typ');
  // RFC 8725 §3.1: an allow-list, which keeps `none` and HMAC under a public key out.
  if (alg !== 'RS384' && alg !== 'ES384') throw new ClientRefused('header-alg');
  // RFC 7515 §4.1.11: extensions that are not understood must not be passed over, and none is understood here.
  if ('crit' in header) throw new ClientRefused('header-crit');
  // A key that comes with the signature proves nothing.
  if ('jwk' in header || 'x5c' in header || 'x5u' in header) throw new ClientRefused('header-key');
  // SMART: kid is required.
  if (typeof kid !== 'string' || kid === '') throw new ClientRefused('header-kid');
  return { alg, kid };
}

async function findClient(
  claims: JWTPayload,
  clientIdParameter: string | undefined,
  policy: AssertionPolicy,
): Promise<RegisteredClient> {
  const { iss, sub } = claims as Record<string, unknown>;
  if (typeof iss !== 'string' || iss === '' || iss !== sub) throw new ClientRefused('iss-sub');
  // RFC 7521 §4.2: client_id is optional, and where it is sent it must identify the same client.
  if (clientIdParameter !== undefined && clientIdParameter !== iss) throw new ClientRefused('client-id-mismatch');
  const client = await policy.findClient(iss);
  if (client === undefined) throw new ClientRefused('unknown-client');
  if (client.token_endpoint_auth_method !== 'private_key_jwt') throw new ClientRefused('method-not-registered', iss);
  return client;
}

/** SMART: exactly one key of the client's set has the header's kid and fits its algorithm. */
async function findKey(
  client: RegisteredClient,
  kid: string,
  alg: SmartAlgorithm,
  policy: AssertionPolicy,
): Promise<NamedKey> {
  const named = (await policy.findKeys(client, kid)).filter((key) => key.kid === kid);
  const fitting = named.filter((key) => KEY_TYPE[key.alg] === KEY_TYPE[alg]);
  const [key] = fitting;
  if (key === undefined) throw new ClientRefused(named.length > 0 ? 'key-alg' : 'key-not-found', client.client_id);
  if (fitting.length > 1) throw new ClientRefused('key-ambiguous', client.client_id);
  // RFC 8725 §3.1: each key is used with one algorithm only.
  if (key.alg !== alg) throw new ClientRefused('key-alg', client.client_id);
  return key;
}

/** RFC 7523 §3, items 3 to 7, with SMART's five minutes. */
function checkClaims(claims: JWTPayload, policy: AssertionPolicy): ClientRefusalReason | undefined {
  const { aud, exp, nbf, iat, jti } = claims as Record<string, unknown>;
  const now = Date.now() / 1000;
  const { clockToleranceSeconds: tolerance } = policy;

  // A list of one names this server alone, as the string does. A longer one would be good elsewhere as well, which is
  // what audience injection lives on (CVE-2025-27370).
  const audience: unknown = Array.isArray(aud) && aud.length === 1 ? (aud as unknown[])[0] : aud;
  if (typeof audience !== 'string' || !policy.audiences.has(audience)) return 'aud';

  if (!isNumericDate(exp)) return 'exp-missing';
  if (exp <= now - tolerance) return 'exp-past';
  if (exp > now + MAX_LIFETIME_SECONDS + tolerance) return 'exp-too-far';
  if (nbf !== undefined && (!isNumericDate(nbf) || nbf > now + tolerance)) return 'nbf';
  if (iat !== undefined && !isNumericDate(iat)) return 'iat';
  if (typeof jti !== 'string' || jti === '') return 'jti-missing';
  return undefined;
}

/**
 * Marks the assertion as used; false when it was used before.
 *
 * RFC 7523 §3 item 7, SMART: unique for the issuer. One atomic call, so that of parallel copies exactly one passes, and
 * kept for as long as the assertion could be presented.
 */
function useUp(
  { jti, exp = 0 }: JWTPayload,
  { client_id: clientId }: RegisteredClient,
  policy: AssertionPolicy,
): Promise<boolean> {
  const remaining = exp + policy.clockToleranceSeconds - Date.now() / 1000;
  // A namespace for each client: whoever fills a store in memory, which then refuses, is refused alone.
  const key = `jti-${hashOf(clientId)}:${hashOf(jti ?? '')}`;
  // A second more than the arithmetic asks for: clocks of this process and of the store differ by less.
  return policy.store.setIfAbsent(key, '1', Math.max(remaining, 0) + 1);
}

/** Any text, however long, as a short one that fits a key, and tells nothing of it. */
function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

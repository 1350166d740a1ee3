import { BackendServicesError } from '../../errors.js';
import type { DenyListOptions } from '../../keys/deny-list.js';
import { whereKeyIsPublished } from '../../keys/deny-list.js';
import type { Jwk } from '../../keys/jwk.js';
import { hasPrivateMember } from '../../keys/jwk.js';
import type { SmartKey } from '../../keys/key.js';
import { keyFromJwk } from '../../keys/key.js';

/** A public key with the name that assertions call it by. */
export interface NamedKey extends SmartKey {
  readonly kid: string;
}

const MAX_KEYS = 100;

/**
 * The keys of a fetched set that can verify an assertion.
 *
 * RFC 7517 §5: members that are not understood are passed over, so that a set may hold keys for other purposes. A key
 * whose private half the world knows is passed over as well, be it that the set itself publishes it.
 *
 * Returns undefined for what is no key set at all.
 */
export function readKeySet(body: unknown, denyList: DenyListOptions): readonly NamedKey[] | undefined {
  if (typeof body !== 'object' || body === null || !('keys' in body) || !Array.isArray(body.keys)) return undefined;
  if (body.keys.length > MAX_KEYS) return undefined;
  return body.keys.map((member: unknown) => readKey(member, denyList)).filter((key) => key !== undefined);
}

function readKey(member: unknown, denyList: DenyListOptions): NamedKey | undefined {
  if (!isJwk(member) || hasPrivateMember(member)) return undefined;
  try {
    const key = keyFromJwk(member);
    // SMART App Launch 2.2, Client Authentication: each key of the set has a kid.
    if (key.kid === undefined || whereKeyIsPublished(key, denyList) !== undefined) return undefined;
    return { ...key, kid: key.kid };
  } catch (cause) {
    if (cause instanceof BackendServicesError) return undefined;
    throw cause;
  }
}

function isJwk(member: unknown): member is Jwk {
  return typeof member === 'object' && member !== null && !Array.isArray(member);
}

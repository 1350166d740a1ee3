import { BackendServicesError } from '../errors.js';
import type { DenyListOptions } from './deny-list.js';
import { refusePublishedKey } from './deny-list.js';
import { publicJwk } from './export.js';
import type { Jwk, PublicJwk, PublicJwks } from './jwk.js';
import { hasPrivateMember } from './jwk.js';
import type { SmartKey } from './key.js';
import { keyFromJwk } from './key.js';
import type { KidRule } from './kid.js';
import { kidOf, thumbprint } from './kid.js';
import { jwksOf } from './read.js';

export interface PublishOptions extends DenyListOptions {
  /** For keys that bring no `kid` of their own. Default: 'rfc7638'. */
  readonly kidRule?: KidRule | undefined;
  /** Replace the `kid` that a key brings by the rule's. Default: false. */
  readonly renameKeys?: boolean | undefined;
  /**
   * Take the public half of a private key. Default: false, because a private key among the files to publish usually
   * means that the wrong file was picked.
   */
  readonly fromPrivate?: boolean | undefined;
}

/**
 * Makes the key set that a client publishes at its JWKS URL or hands to the administrator.
 *
 * Holds only public members. Refuses private keys (unless `fromPrivate`), keys too weak for RS384 and ES384, a key
 * given twice, two keys under one `kid`, and keys whose private half the world knows.
 */
export function createJwks(keys: readonly SmartKey[], options: PublishOptions = {}): PublicJwks {
  const published: PublicJwk[] = [];
  const kids = new Set<string>();
  const thumbprints = new Set<string>();
  for (const key of keys) {
    if (key.type === 'private' && options.fromPrivate !== true) {
      throw new BackendServicesError('ERR_KEY_PRIVATE', 'key: a private key does not belong in a published set');
    }
    refusePublishedKey(key, options);
    const kid = options.renameKeys === true || key.kid === undefined ? kidOf(key, options.kidRule) : key.kid;
    if (kids.has(kid)) {
      throw new BackendServicesError(
        'ERR_KEY_DUPLICATE',
        `key: the set holds two keys with the kid ${JSON.stringify(kid)}`,
      );
    }
    const print = thumbprint(key);
    if (thumbprints.has(print)) {
      throw new BackendServicesError('ERR_KEY_DUPLICATE', 'key: the set holds one key under two names');
    }
    kids.add(kid);
    thumbprints.add(print);
    published.push(publicJwk(key, kid));
  }
  return { keys: published };
}

/**
 * Checks a parsed key set that somebody else wants to publish or register, and returns what of it may stand: the
 * public members of every key.
 *
 * Stricter than reading a set that is already registered, where RFC 7517 §5 has unknown keys skipped: here the person
 * who can mend the set is still at hand.
 *
 * @throws BackendServicesError `ERR_KEY_*`
 */
export function checkJwks(jwks: unknown, options: DenyListOptions = {}): PublicJwks {
  if (typeof jwks !== 'object' || jwks === null || !('keys' in jwks)) {
    throw new BackendServicesError(
      'ERR_KEY_UNREADABLE',
      'key: a JSON Web Key Set is an object with "keys" (RFC 7517 §5)',
    );
  }
  const members = jwksOf(jwks);
  if (members.length === 0) throw new BackendServicesError('ERR_KEY_UNREADABLE', 'key: the set is empty');
  return createJwks(members.map(registrableKey), options);
}

function registrableKey(jwk: Jwk): SmartKey {
  // Before anything is read: an incomplete private key is still a leaked one.
  if (hasPrivateMember(jwk)) {
    throw new BackendServicesError('ERR_KEY_PRIVATE', 'key: a private key does not belong in a published set');
  }
  const key = keyFromJwk(jwk);
  // SMART App Launch 2.2, Client Authentication: every key of the set carries a kid, unique in the set.
  if (key.kid === undefined) throw new BackendServicesError('ERR_KEY_UNREADABLE', 'key: a key of the set has no "kid"');
  return key;
}

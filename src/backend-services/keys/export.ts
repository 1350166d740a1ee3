import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { BackendServicesError } from '../errors.js';
import type { EcPublicJwk, Jwk, PublicJwk, RsaPublicJwk } from './jwk.js';
import type { SmartKey } from './key.js';

/** The members that make up the public half: freshly encoded by Node, so that one key has one spelling. */
export function publicMembers(
  key: SmartKey,
): Pick<RsaPublicJwk, 'kty' | 'n' | 'e'> | Pick<EcPublicJwk, 'kty' | 'crv' | 'x' | 'y'> {
  const { n = '', e = '', x = '', y = '' } = publicHalf(key).export({ format: 'jwk' });
  return key.alg === 'RS384' ? { kty: 'RSA', n, e } : { kty: 'EC', crv: 'P-384', x, y };
}

/**
 * The public half as a JSON Web Key. Built up from the public members, never cut down from the private ones: a member
 * that nobody thought of cannot slip through.
 */
export function publicJwk(key: SmartKey, kid: string): PublicJwk {
  const members = publicMembers(key);
  return members.kty === 'RSA'
    ? { kty: 'RSA', kid, use: 'sig', key_ops: ['verify'], alg: 'RS384', n: members.n, e: members.e }
    : { kty: 'EC', kid, use: 'sig', key_ops: ['verify'], alg: 'ES384', crv: members.crv, x: members.x, y: members.y };
}

/** The private key as a JSON Web Key, for the client's own safe keeping. */
export function privateJwk(key: SmartKey, kid: string): Jwk {
  const exported = privateHalf(key).export({ format: 'jwk' });
  return { kty: exported.kty ?? '', kid, use: 'sig', key_ops: ['sign'], alg: key.alg, ...exported };
}

/** The public half as SPKI PEM: 64 columns, LF, final LF. RFC 7468 §13. */
export function publicPem(key: SmartKey): string {
  return publicHalf(key).export({ format: 'pem', type: 'spki' }).toString();
}

/** The private key as unencrypted PKCS#8 PEM. RFC 7468 §10. */
export function privatePem(key: SmartKey): string {
  return privateHalf(key).export({ format: 'pem', type: 'pkcs8' }).toString();
}

function publicHalf(key: SmartKey): KeyObject {
  return key.type === 'public' ? key.keyObject : createPublicKey(key.keyObject);
}

function privateHalf(key: SmartKey): KeyObject {
  if (key.type === 'private') return key.keyObject;
  throw new BackendServicesError('ERR_KEY_UNREADABLE', 'key: a private key is needed, and this is a public one');
}

import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Jwk, SmartAlgorithm } from '../../../src/backend-services/keys/jwk.js';

export interface TestKey {
  readonly alg: SmartAlgorithm;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The public JWK, as a client registers it. */
  readonly jwk: Jwk;
  readonly privateJwk: Jwk;
}

const made = new Map<string, TestKey>();

/** A key of that name, made once for the whole run: RSA keys take their time. */
export function key(kid: string, alg: SmartAlgorithm = 'ES384'): TestKey {
  const known = made.get(kid);
  if (known !== undefined) return known;
  const { privateKey, publicKey } =
    alg === 'RS384'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const members = { kid, alg, use: 'sig' };
  const fresh: TestKey = {
    alg,
    kid,
    privateKey,
    publicKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), ...members },
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...members },
  };
  made.set(kid, fresh);
  return fresh;
}

/** The server's own keys: one for access tokens, one for id_tokens. */
export function serverKeys(): { keys: Jwk[] } {
  const rsa = key('server-rsa', 'RS384').privateJwk;
  return { keys: [key('server-ec').privateJwk, { ...rsa, alg: 'RS256' }] };
}

import { generateKeyPairSync } from 'node:crypto';
import { generateSigningKey } from '../../src/backend-services/keys/generate.js';
import type { GeneratedKey } from '../../src/backend-services/keys/generate.js';

// Made once a run: an RSA key takes a good part of a second.
let rsa: Promise<GeneratedKey> | undefined;
let ec: Promise<GeneratedKey> | undefined;
let unfit: UnfitKey[] | undefined;

export function rsaKey(): Promise<GeneratedKey> {
  rsa ??= generateSigningKey({ alg: 'RS384', modulusLength: 2048 });
  return rsa;
}

export function ecKey(): Promise<GeneratedKey> {
  ec ??= generateSigningKey({ alg: 'ES384' });
  return ec;
}

interface UnfitKey {
  readonly name: string;
  readonly code: string;
  readonly privatePem: string;
  readonly publicPem: string;
}

/** Keys that SMART has no use for, each as private and public PEM. */
export function unfitKeys(): readonly UnfitKey[] {
  unfit ??= makeUnfitKeys();
  return unfit;
}

function makeUnfitKeys(): UnfitKey[] {
  const pairs = [
    ['RSA of 1024 bits', 'ERR_KEY_TOO_WEAK', generateKeyPairSync('rsa', { modulusLength: 1024 })],
    [
      'RSA with the exponent 3',
      'ERR_KEY_TOO_WEAK',
      generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }),
    ],
    ['EC P-256', 'ERR_KEY_UNSUPPORTED', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['EC secp256k1', 'ERR_KEY_UNSUPPORTED', generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
    ['Ed25519', 'ERR_KEY_UNSUPPORTED', generateKeyPairSync('ed25519')],
    ['RSA-PSS', 'ERR_KEY_UNSUPPORTED', generateKeyPairSync('rsa-pss', { modulusLength: 2048 })],
  ] as const;
  return pairs.map(([name, code, { privateKey, publicKey }]) => ({
    name,
    code,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  }));
}

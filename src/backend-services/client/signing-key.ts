import type { webcrypto } from 'node:crypto';
import { KeyObject } from 'node:crypto';
import { types } from 'node:util';
import { ConfigError } from '../../errors.js';
import { BackendServicesError } from '../errors.js';
import { refusePublishedKey } from '../keys/deny-list.js';
import type { DenyListOptions } from '../keys/deny-list.js';
import type { Jwk, SmartAlgorithm } from '../keys/jwk.js';
import type { SmartKey } from '../keys/key.js';
import { keyFromJwk, smartKey } from '../keys/key.js';
import type { KidRule } from '../keys/kid.js';
import { kidOf } from '../keys/kid.js';
import { readKey } from '../keys/read.js';

/**
 * The client's private key: a JSON Web Key, the text of a PEM or JWK file, a KeyObject, or a CryptoKey (RSASSA-PKCS1-v1_5
 * with SHA-384, or ECDSA on P-384; it may be non-extractable).
 */
export type PrivateKeyInput = Jwk | string | webcrypto.CryptoKey | KeyObject;

/** The key with which a client signs, and the id under which it is registered. */
export interface SigningKeyOptions extends DenyListOptions {
  readonly privateKey: PrivateKeyInput;
  /** The id under which the public key is registered. Default: the key's own `kid`, else made by `kidRule`. */
  readonly kid?: string | undefined;
  /** Default: 'rfc7638'. */
  readonly kidRule?: KidRule | undefined;
  /** The algorithm expected of the key. Default: the one that it serves. */
  readonly alg?: SmartAlgorithm | undefined;
  /** For an encrypted PKCS#8 PEM. */
  readonly passphrase?: string | undefined;
}

/** A private key that is ready to sign. */
export interface SigningKey {
  readonly alg: SmartAlgorithm;
  readonly kid: string;
  readonly key: SmartKey['keyObject'] | webcrypto.CryptoKey;
}

/** Reads and checks the private key and settles its `kid` and algorithm. */
export function signingKey(options: SigningKeyOptions): SigningKey {
  const found = isCryptoKey(options.privateKey) ? fromCryptoKey(options.privateKey, options) : fromMaterial(options);
  if (options.alg !== undefined && options.alg !== found.alg) {
    throw new ConfigError(
      'alg',
      `${JSON.stringify(options.alg)} does not fit the private key, which serves ${found.alg}`,
    );
  }
  if (typeof found.kid !== 'string' || found.kid === '') throw new ConfigError('kid', 'a non-empty string');
  return found;
}

function fromMaterial(options: SigningKeyOptions): SigningKey {
  const key = read(options);
  if (key.type !== 'private') {
    throw new BackendServicesError(
      'ERR_KEY_UNREADABLE',
      'key: a private key is needed to sign, and this is a public one',
    );
  }
  refusePublishedKey(key, options);
  return { alg: key.alg, key: key.keyObject, kid: options.kid ?? key.kid ?? kidOf(key, options.kidRule) };
}

function read({ privateKey, passphrase }: SigningKeyOptions): SmartKey {
  if (typeof privateKey === 'string') return readKey(privateKey, { passphrase, type: 'private' });
  if (privateKey instanceof KeyObject) return smartKey(privateKey);
  // It comes from configuration as often as from typed code.
  if (typeof privateKey !== 'object' || (privateKey as unknown) === null) {
    throw new ConfigError('privateKey', 'a JSON Web Key, the text of a PEM or JWK file, a KeyObject or a CryptoKey');
  }
  return keyFromJwk(privateKey as Jwk);
}

function fromCryptoKey(key: webcrypto.CryptoKey, { kid }: SigningKeyOptions): SigningKey {
  if (key.type !== 'private' || !key.usages.includes('sign')) {
    throw new ConfigError('privateKey', "a CryptoKey of type 'private' with the usage 'sign'");
  }
  // A CryptoKey may live outside this process's memory: its id cannot always be computed, so it is always asked for.
  if (kid === undefined) throw new ConfigError('kid', 'needed with a CryptoKey');
  const { name, hash, modulusLength, namedCurve } = key.algorithm as {
    name: string;
    hash?: { name: string };
    modulusLength?: number;
    namedCurve?: string;
  };
  if (name === 'RSASSA-PKCS1-v1_5' && hash?.name === 'SHA-384') {
    if ((modulusLength ?? 0) < 2048) {
      throw new BackendServicesError(
        'ERR_KEY_TOO_WEAK',
        'key: RS384 needs an RSA key of at least 2048 bits (RFC 7518 §3.3)',
      );
    }
    return { alg: 'RS384', key, kid };
  }
  if (name === 'ECDSA' && namedCurve === 'P-384') return { alg: 'ES384', key, kid };
  throw new BackendServicesError(
    'ERR_KEY_UNSUPPORTED',
    'key: a CryptoKey for RSASSA-PKCS1-v1_5 with SHA-384 (RS384) or ECDSA on P-384 (ES384) is needed',
  );
}

function isCryptoKey(value: PrivateKeyInput): value is webcrypto.CryptoKey {
  return types.isCryptoKey(value);
}

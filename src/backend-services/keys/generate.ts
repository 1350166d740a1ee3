import { generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { ConfigError } from '../../errors.js';
import { privateJwk, privatePem, publicJwk, publicPem } from './export.js';
import type { Jwk, PublicJwk, SmartAlgorithm } from './jwk.js';
import { smartKey } from './key.js';
import type { KidRule } from './kid.js';
import { kidOf } from './kid.js';

const generate = promisify(generateKeyPair);

/** Which key pair to make. */
export interface GenerateKeyOptions {
  /** Default: 'RS384', which more of today's servers take; 'ES384' makes smaller keys and signatures. */
  readonly alg?: SmartAlgorithm;
  /**
   * Size of an RSA key in bits, 2048 to 8192. Default: 3072. A registered key serves for years, and NIST SP 800-57 lets
   * 2048 bits (strength 112) serve until 2030.
   */
  readonly modulusLength?: number;
  /** The key's id; default: made by `kidRule`. */
  readonly kid?: string;
  /** Default: 'rfc7638'. */
  readonly kidRule?: KidRule;
}

/** A new key pair. */
export interface GeneratedKey {
  readonly kid: string;
  readonly alg: SmartAlgorithm;
  readonly publicJwk: PublicJwk;
  /** SPKI. */
  readonly publicPem: string;
  readonly privateJwk: Jwk;
  /** PKCS#8, not encrypted: keep it where only the client can read it. */
  readonly privatePem: string;
}

/** Makes a key pair for SMART asymmetric client authentication. */
export async function generateSigningKey(options: GenerateKeyOptions = {}): Promise<GeneratedKey> {
  const { alg = 'RS384', modulusLength = 3072 } = options;
  let privateKey: KeyObject;
  switch (alg) {
    case 'RS384':
      // RFC 7518 §3.3: 2048 bits or larger.
      if (!Number.isInteger(modulusLength) || modulusLength < 2048 || modulusLength > 8192) {
        throw new ConfigError('modulusLength', 'a whole number of bits from 2048 to 8192');
      }
      ({ privateKey } = await generate('rsa', { modulusLength, publicExponent: 65_537 }));
      break;
    case 'ES384':
      ({ privateKey } = await generate('ec', { namedCurve: 'P-384' }));
      break;
    default:
      // Only untyped callers come here.
      throw new ConfigError('alg', `'RS384' or 'ES384', not ${JSON.stringify(alg)}`);
  }
  const key = smartKey(privateKey);
  const kid = options.kid ?? kidOf(key, options.kidRule);
  if (kid === '') throw new ConfigError('kid', 'a non-empty string');
  return {
    kid,
    alg,
    publicJwk: publicJwk(key, kid),
    publicPem: publicPem(key),
    privateJwk: privateJwk(key, kid),
    privatePem: privatePem(key),
  };
}

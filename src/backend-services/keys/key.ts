import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { BackendServicesError } from '../errors.js';
import type { Jwk, SmartAlgorithm } from './jwk.js';
import { hasPrivateMember, isSymmetric } from './jwk.js';
import { unreadable } from './pem.js';

/** A key that serves RS384 or ES384, checked. */
export interface SmartKey {
  readonly type: 'private' | 'public';
  readonly alg: SmartAlgorithm;
  /** The `kid` that its JWK named; a PEM names none. */
  readonly kid: string | undefined;
  /** Node's handle. It prints and serialises as nothing, whatever it holds. */
  readonly keyObject: KeyObject;
}

/** RFC 7518 §3.3: a key of size 2048 bits or larger MUST be used with RS384. */
const MIN_RSA_BITS = 2048;
/** Beyond this, verifying costs a server more than a signature is worth, and no guidance asks for it. */
const MAX_RSA_BITS = 8192;
/** FIPS 186-5, A.1.1: 2^16 < e < 2^256. */
const MIN_RSA_EXPONENT = 65_537n;
const MAX_RSA_EXPONENT = 1n << 256n;

/** Checks a key against what SMART's two algorithms ask of it. */
export function smartKey(keyObject: KeyObject, kid?: string): SmartKey {
  const type = keyObject.type === 'private' ? 'private' : 'public';
  const details = keyObject.asymmetricKeyDetails ?? {};
  const algorithm = keyObject.asymmetricKeyType;
  if (algorithm === 'rsa') {
    const bits = details.modulusLength ?? 0;
    if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
      throw new BackendServicesError(
        'ERR_KEY_TOO_WEAK',
        `key: an RSA key of ${bits} bits; ${MIN_RSA_BITS} to ${MAX_RSA_BITS} are needed (RFC 7518 §3.3)`,
      );
    }
    const exponent = details.publicExponent ?? 0n;
    if (exponent < MIN_RSA_EXPONENT || exponent >= MAX_RSA_EXPONENT || exponent % 2n === 0n) {
      throw new BackendServicesError(
        'ERR_KEY_TOO_WEAK',
        'key: an RSA key with an unsafe public exponent; 65537 is usual',
      );
    }
    return checkPair({ type, alg: 'RS384', kid, keyObject });
  }
  if (algorithm === 'ec') {
    if (details.namedCurve !== 'secp384r1') {
      throw new BackendServicesError('ERR_KEY_UNSUPPORTED', 'key: ES384 needs the curve P-384 (RFC 7518 §3.4)');
    }
    return checkPair({ type, alg: 'ES384', kid, keyObject });
  }
  throw new BackendServicesError(
    'ERR_KEY_UNSUPPORTED',
    `key: type ${algorithm ?? 'secret'}; SMART asks for RSA (RS384) or EC P-384 (ES384)`,
  );
}

/** Reads a JSON Web Key, public or private. Its `alg`, `use` and `key_ops` have to fit (RFC 7517 §4.2–4.4). */
export function keyFromJwk(jwk: Jwk): SmartKey {
  if (isSymmetric(jwk)) {
    throw new BackendServicesError('ERR_KEY_SYMMETRIC', 'key: a symmetric key; SMART asks for an asymmetric one');
  }
  if (jwk.kid !== undefined && (typeof jwk.kid !== 'string' || jwk.kid === '')) {
    throw unreadable('its "kid" is not a non-empty string');
  }
  const isPrivate = hasPrivateMember(jwk);
  const key = smartKey(importJwk(jwk, isPrivate), jwk.kid);
  const operation = isPrivate ? 'sign' : 'verify';
  const fits =
    (jwk['alg'] === undefined || jwk['alg'] === key.alg) &&
    (jwk['use'] === undefined || jwk['use'] === 'sig') &&
    (jwk['key_ops'] === undefined || (Array.isArray(jwk['key_ops']) && jwk['key_ops'].includes(operation)));
  if (!fits) {
    throw new BackendServicesError(
      'ERR_KEY_UNSUPPORTED',
      `key: its "alg", "use" or "key_ops" does not fit; ${key.alg}, "sig" and "${operation}" do`,
    );
  }
  return key;
}

function importJwk(jwk: Jwk, isPrivate: boolean): KeyObject {
  try {
    const input = { key: { ...jwk }, format: 'jwk' } as const;
    return isPrivate ? createPrivateKey(input) : createPublicKey(input);
  } catch {
    // Node's own message could quote a member.
    throw unreadable('the JSON Web Key is incomplete or damaged');
  }
}

/**
 * A private key whose halves do not belong together signs what nobody can verify, or leaks through the difference: try
 * it once, here, instead of at some server.
 */
function checkPair(key: SmartKey): SmartKey {
  if (key.type === 'public') return key;
  const probe = Buffer.from('smart-fhir-authz key check');
  let matches: boolean;
  try {
    matches = verify('sha384', probe, createPublicKey(key.keyObject), sign('sha384', probe, key.keyObject));
  } catch {
    matches = false;
  }
  if (!matches) {
    throw new BackendServicesError('ERR_KEY_MISMATCH', 'key: its private half does not belong to its public half');
  }
  return key;
}

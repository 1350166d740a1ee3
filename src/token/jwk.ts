import { X509Certificate } from 'node:crypto';
// Not all of jose, which would be half of the time that this package takes to load.
import { importJWK } from 'jose/key/import';
import { KEY_SHAPES, sameAlgorithm } from './algorithm.js';
import type { JsonObject } from '../json-object.js';
import { isJsonObject } from '../json-object.js';
import { isBase64url } from './parse-object.js';
import { signatureCheck, type SignatureCheck } from './signature.js';

/** Why a member of a key set is not used. RFC 7517 §5 asks to skip such members, not to refuse the set. */
export type KeyFault =
  | 'not-an-object'
  | 'no-kid'
  | 'unsupported-type'
  | 'malformed'
  | 'private-key'
  | 'not-for-signatures'
  | 'unsupported-algorithm'
  | 'weak';

/** RFC 7518 §3.3 and §3.5: "A key of size 2048 bits or larger MUST be used". */
const MIN_RSA_BITS = 2048;
/** Bits. OpenSSL refuses larger ones too; verification time grows with the square. */
const MAX_RSA_BITS = 16_384;

/** A public key of the issuer, with the uses that its JWK allows. */
export interface VerificationKey {
  readonly kid: string;
  /** Equal for two keys that are the same in every member that matters here. */
  readonly identity: string;
  /** Whether a signature of this algorithm may be proved with this key: `kty`, `crv` and `alg` (RFC 7517 §4.4, RFC 8725 §3.1). */
  fits(alg: string): boolean;
  /**
   * Proves signatures of one algorithm with this key, which is imported once. `undefined` if it cannot be imported: a point off the
   * curve, for example.
   */
  checkFor(alg: string): SignatureCheck | undefined | Promise<SignatureCheck | undefined>;
}

export type JwkResult =
  { readonly ok: true; readonly key: VerificationKey } | { readonly ok: false; readonly fault: KeyFault };

/** Reads one member of a JWK Set. */
export function readJwk(value: unknown): JwkResult {
  if (!isJsonObject(value)) {
    return { ok: false, fault: 'not-an-object' };
  }
  const { kid, alg } = value;
  // A key without a name could only be tried blindly, against tokens without a name.
  if (typeof kid !== 'string' || kid === '') {
    return { ok: false, fault: 'no-kid' };
  }
  // RFC 7517 §9.2 and §9.3: private and symmetric keys are not for publication. Whoever reads the set can sign with them.
  if (Object.hasOwn(value, 'd') || Object.hasOwn(value, 'k')) {
    return { ok: false, fault: 'private-key' };
  }
  if (!isForSignatures(value)) {
    return { ok: false, fault: 'not-for-signatures' };
  }
  if (alg !== undefined && (typeof alg !== 'string' || !KEY_SHAPES.has(alg))) {
    return { ok: false, fault: 'unsupported-algorithm' };
  }
  const material = readMaterial(value);
  if (typeof material === 'string') {
    return { ok: false, fault: material };
  }
  return { ok: true, key: new PublicKey(kid, alg, material) };
}

/** RFC 7517 §4.2 and §4.3: `use` and `key_ops`, where present, must allow the verification of signatures. */
function isForSignatures({ use, key_ops: operations }: JsonObject): boolean {
  if (use !== undefined && use !== 'sig') {
    return false;
  }
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'));
}

/** The members that make the public key, and no other: what a JWK says about itself has been judged before. */
type KeyMaterial =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: string; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: string; readonly x: string };

function readMaterial(jwk: JsonObject): KeyMaterial | KeyFault {
  const { kty, crv, n, e, x, y, x5c } = jwk;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') {
    return 'unsupported-type';
  }
  // Some providers publish the certificate only. RFC 7517 §4.7: the first one holds the key. Its chain and dates are not
  // judged: the set is trusted because it came from the configured endpoint.
  if (n === undefined && x === undefined && Array.isArray(x5c)) {
    const embedded = readCertificate(x5c[0]);
    return embedded?.kty === kty ? readMaterial(embedded) : 'malformed';
  }
  if (kty === 'RSA') {
    return isEncoded(n) && isEncoded(e) ? (checkRsa(n, e) ?? { kty, n, e }) : 'malformed';
  }
  if (typeof crv !== 'string' || ![...KEY_SHAPES.values()].some((shape) => shape.kty === kty && shape.crv === crv)) {
    return 'unsupported-type';
  }
  if (kty === 'EC') {
    return isEncoded(x) && isEncoded(y) ? { kty, crv, x, y } : 'malformed';
  }
  return isEncoded(x) ? { kty, crv, x } : 'malformed';
}

function readCertificate(first: unknown): JsonObject | undefined {
  if (typeof first !== 'string') {
    return undefined;
  }
  try {
    return { ...new X509Certificate(Buffer.from(first, 'base64')).publicKey.export({ format: 'jwk' }) };
  } catch {
    return undefined;
  }
}

function isEncoded(value: unknown): value is string {
  return typeof value === 'string' && isBase64url(value);
}

function checkRsa(n: string, e: string): KeyFault | undefined {
  const bits = bitLength(Buffer.from(n, 'base64url'));
  if (bits < MIN_RSA_BITS) {
    return 'weak';
  }
  const exponent = Buffer.from(e, 'base64url');
  // With e = 1 every message is its own signature; an even e is no RSA key. OpenSSL bounds the length for large moduli.
  const isOdd = ((exponent.at(-1) ?? 0) & 1) === 1;
  const exponentBits = bitLength(exponent);
  return bits <= MAX_RSA_BITS && isOdd && exponentBits >= 2 && exponentBits <= 64 ? undefined : 'malformed';
}

function bitLength(integer: Uint8Array): number {
  const start = integer.findIndex((byte) => byte !== 0);
  return start === -1 ? 0 : (integer.length - start) * 8 - (Math.clz32(integer[start] ?? 0) - 24);
}

class PublicKey implements VerificationKey {
  readonly kid: string;
  readonly identity: string;
  readonly #alg: string | undefined;
  readonly #material: KeyMaterial;
  /** A check is for one algorithm, so an RSA key without `alg` is imported once for each that is asked for. */
  readonly #checks = new Map<string, ReturnType<VerificationKey['checkFor']>>();

  constructor(kid: string, alg: string | undefined, material: KeyMaterial) {
    this.kid = kid;
    this.#alg = alg;
    this.#material = material;
    this.identity = JSON.stringify([kid, alg ?? null, ...Object.entries(material).flat()]);
  }

  fits(alg: string): boolean {
    const shape = KEY_SHAPES.get(alg);
    if (shape?.kty !== this.#material.kty || (this.#alg !== undefined && !sameAlgorithm(this.#alg, alg))) {
      return false;
    }
    return this.#material.kty === 'RSA' || shape.crv === this.#material.crv;
  }

  checkFor(alg: string): ReturnType<VerificationKey['checkFor']> {
    if (!this.#checks.has(alg)) {
      const importing = importFor(this.#material, alg).then((check) => {
        this.#checks.set(alg, check);
        return check;
      });
      this.#checks.set(alg, importing);
    }
    return this.#checks.get(alg);
  }
}

/** jose's import: it checks the members, and binds the key to the algorithm. */
async function importFor(material: KeyMaterial, alg: string): Promise<SignatureCheck | undefined> {
  try {
    const key = await importJWK(material, alg);
    return key instanceof Uint8Array ? undefined : signatureCheck(alg, key);
  } catch {
    return undefined;
  }
}

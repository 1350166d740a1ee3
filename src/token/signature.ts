import { KeyObject, constants, verify, type webcrypto } from 'node:crypto';

/**
 * Whether a signature is the key's, over a signing input (RFC 7515 §5.2, step 8). Never throws and never rejects: what OpenSSL makes
 * no sense of is no signature. A promise where the mathematics take longer than a way to another thread and back.
 */
export type SignatureCheck = (input: Uint8Array, signature: Uint8Array) => boolean | Promise<boolean>;

/*
 * Why `crypto.verify` may stand in for the last step of jose's `compactVerify`: both end in the same call of OpenSSL. WebCrypto sends
 * it to another thread, which for RS256 takes longer than the call itself. Keys still come through jose's import, for one algorithm
 * each. What jose checks around the call is checked here too:
 *
 * | jose                                             | here                                                                   |
 * |--------------------------------------------------|------------------------------------------------------------------------|
 * | type, curve, hash and usage of the key fit `alg` | `isImportedFor`, of the CryptoKey that jose made                       |
 * | RSA keys have 2048 bits (RFC 7518 §3.3, §3.5)    | jwk.ts as the set is read, `isImportedFor` as the key was imported     |
 * | `alg` is allowed                                 | header.ts, before a key is looked for                                  |
 * | `crit` is understood; `b64` (RFC 7797)           | header.ts refuses every `crit`, and without one `b64` has no effect    |
 * | three parts, in base64url                        | bearer.ts                                                              |
 *
 * What such a shortcut has gone wrong by elsewhere:
 *
 * - Algorithm confusion (RFC 8725 §2.1). A check is bound to one key and one algorithm. The token's `alg` picks a check, or none,
 *   and reaches OpenSSL in no form. `none` and HMAC have no entry below, and no key here can serve as a secret.
 * - PSS with a salt of any length. RFC 7518 §3.5 sets it to the digest's; Node would otherwise take whatever the signature says.
 * - ECDSA signatures in DER, a second way to write each of them. RFC 7518 §3.4 has R || S, of a fixed length.
 * - Lengths. A signature has exactly the length that its key makes, compared before OpenSSL sees it.
 * - Forgeries by lax padding (CVE-2006-4339), by R = S = 0 (CVE-2022-21449), by an S beyond the order (RFC 8032 §8.4) are OpenSSL's to
 *   refuse, on either way.
 *
 * The tests compare both ways on thousands of mutated tokens of every algorithm.
 */

/** Makes the check; `undefined` if the key was not imported for the algorithm. */
export function signatureCheck(alg: string, cryptoKey: webcrypto.CryptoKey): SignatureCheck | undefined {
  const parameters = PARAMETERS.get(alg);
  if (parameters === undefined || !isImportedFor(parameters, cryptoKey)) {
    return undefined;
  }
  const { digest, encoding } = parameters;
  const key = KeyObject.from(cryptoKey);
  const options = { key, ...encoding };
  const length = parameters.signatureLength ?? Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  const check = isQuick(key) ? checkHere : checkInThread;
  return (input, signature) => signature.length === length && check(digest, input, options, signature);
}

interface Parameters {
  /** What WebCrypto calls it, with the hash or the curve that a key is imported for. */
  readonly webCrypto: { readonly name: string; readonly hash?: string; readonly namedCurve?: string };
  /** `null` where the algorithm has its own. */
  readonly digest: string | null;
  readonly encoding: {
    readonly padding?: number;
    readonly saltLength?: number;
    readonly dsaEncoding?: 'ieee-p1363';
  };
  /** Bytes; `undefined` where it is the modulus that tells. */
  readonly signatureLength?: number;
}

/** RFC 7518 §3.3: PKCS#1 v1.5. */
const rs = (bits: number): Parameters => ({
  webCrypto: { name: 'RSASSA-PKCS1-v1_5', hash: `SHA-${bits}` },
  digest: `sha${bits}`,
  encoding: { padding: constants.RSA_PKCS1_PADDING },
});

/** RFC 7518 §3.5: the mask is made with the same hash, which is OpenSSL's default, and the salt is as long as the digest. */
const ps = (bits: number): Parameters => ({
  webCrypto: { name: 'RSA-PSS', hash: `SHA-${bits}` },
  digest: `sha${bits}`,
  encoding: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: bits / 8 },
});

/** RFC 7518 §3.4: R and S, each as long as the order of the curve. */
const es = (bits: number, namedCurve: string, signatureLength: number): Parameters => ({
  webCrypto: { name: 'ECDSA', namedCurve },
  digest: `sha${bits}`,
  encoding: { dsaEncoding: 'ieee-p1363' },
  signatureLength,
});

/** RFC 8037 §3.1, RFC 8032 §5.1.6. */
const ED25519: Parameters = { webCrypto: { name: 'Ed25519' }, digest: null, encoding: {}, signatureLength: 64 };

const PARAMETERS: ReadonlyMap<string, Parameters> = new Map([
  ['RS256', rs(256)],
  ['RS384', rs(384)],
  ['RS512', rs(512)],
  ['PS256', ps(256)],
  ['PS384', ps(384)],
  ['PS512', ps(512)],
  ['ES256', es(256, 'P-256', 64)],
  ['ES384', es(384, 'P-384', 96)],
  ['ES512', es(512, 'P-521', 132)],
  ['EdDSA', ED25519],
  ['Ed25519', ED25519],
]);

const MIN_RSA_BITS = 2048;

function isImportedFor({ webCrypto }: Parameters, { type, usages, algorithm }: webcrypto.CryptoKey): boolean {
  const { name, hash, namedCurve, modulusLength } = algorithm as Partial<
    webcrypto.RsaHashedKeyAlgorithm & webcrypto.EcKeyAlgorithm
  >;
  return (
    type === 'public' &&
    usages.includes('verify') &&
    name === webCrypto.name &&
    hash?.name === webCrypto.hash &&
    namedCurve === webCrypto.namedCurve &&
    (webCrypto.hash === undefined || (modulusLength !== undefined && modulusLength >= MIN_RSA_BITS))
  );
}

/**
 * Whether a check takes less than about 0.2 ms, the time of the RS256 check with 4096 bits. A longer one, on P-384 and P-521 above
 * all, would keep every other request waiting.
 */
function isQuick({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, namedCurve } = asymmetricKeyDetails ?? {};
  return asymmetricKeyType === 'rsa'
    ? modulusLength <= 4096
    : asymmetricKeyType === 'ed25519' || namedCurve === 'prime256v1';
}

type VerifyOptions = { readonly key: KeyObject } & Parameters['encoding'];

function checkHere(digest: string | null, input: Uint8Array, options: VerifyOptions, signature: Uint8Array): boolean {
  try {
    return verify(digest, input, options, signature);
  } catch {
    return false;
  }
}

function checkInThread(
  digest: string | null,
  input: Uint8Array,
  options: VerifyOptions,
  signature: Uint8Array,
): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      verify(digest, input, options, signature, (error, verified) => {
        resolve(error === null && verified);
      });
    } catch {
      resolve(false);
    }
  });
}

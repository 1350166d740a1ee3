/** What a key must be for a signature algorithm. */
export interface KeyShape {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly crv?: string;
}

/**
 * The signature algorithms that can be allowed: RFC 7518 §3.1, RFC 8037 §3.1 and RFC 9864 §2.2.
 *
 * All are asymmetric. An HMAC algorithm here would let a token be signed with the issuer's public key as its secret (RFC 8725
 * §2.1), and `none` would let it go unsigned.
 */
export const KEY_SHAPES: ReadonlyMap<string, KeyShape> = new Map<string, KeyShape>([
  ['RS256', { kty: 'RSA' }],
  ['RS384', { kty: 'RSA' }],
  ['RS512', { kty: 'RSA' }],
  ['PS256', { kty: 'RSA' }],
  ['PS384', { kty: 'RSA' }],
  ['PS512', { kty: 'RSA' }],
  ['ES256', { kty: 'EC', crv: 'P-256' }],
  ['ES384', { kty: 'EC', crv: 'P-384' }],
  ['ES512', { kty: 'EC', crv: 'P-521' }],
  ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
  ['Ed25519', { kty: 'OKP', crv: 'Ed25519' }],
]);

/** `EdDSA` with this library's only curve and `Ed25519` are two names of one algorithm (RFC 9864 §2.2). */
export function sameAlgorithm(a: string, b: string): boolean {
  return a === b || (KEY_SHAPES.get(a)?.kty === 'OKP' && KEY_SHAPES.get(b)?.kty === 'OKP');
}

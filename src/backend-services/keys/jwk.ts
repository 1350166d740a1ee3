/** The two signature algorithms of SMART asymmetric client authentication. SMART App Launch 2.2, Client Authentication. */
export type SmartAlgorithm = 'RS384' | 'ES384';

/** A JSON Web Key as it arrives from somewhere: nothing about it is checked yet. */
export interface Jwk {
  readonly kty?: string;
  readonly kid?: string;
  readonly [member: string]: unknown;
}

/** The public half of a key, with the members that SMART asks for and no others. */
export type PublicJwk = RsaPublicJwk | EcPublicJwk;

// Types, not interfaces: so that they are assignable to Jwk, with its index signature.

/** A public RSA key, for RS384. */
export type RsaPublicJwk = {
  readonly kty: 'RSA';
  readonly kid: string;
  readonly use: 'sig';
  readonly key_ops: readonly ['verify'];
  readonly alg: 'RS384';
  readonly n: string;
  readonly e: string;
};

/** A public key on P-384, for ES384. */
export type EcPublicJwk = {
  readonly kty: 'EC';
  readonly kid: string;
  readonly use: 'sig';
  readonly key_ops: readonly ['verify'];
  readonly alg: 'ES384';
  readonly crv: 'P-384';
  readonly x: string;
  readonly y: string;
};

/** A set of public keys, as a client publishes or registers it. RFC 7517 §5. */
export interface PublicJwks {
  readonly keys: readonly PublicJwk[];
}

/** Members that only a private key has. RFC 7518 §6.2.2 and §6.3.2. */
export const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'] as const;

export function hasPrivateMember(jwk: object): boolean {
  return PRIVATE_MEMBERS.some((member) => member in jwk);
}

/** RFC 7518 §6.4: the value of a symmetric key is its `k`. */
export function isSymmetric(jwk: Jwk): boolean {
  return jwk.kty === 'oct' || 'k' in jwk;
}

import { compactVerify, errors, importJWK } from 'jose';
import { whereKeyIsPublished } from '../keys/deny-list.js';
import type { Jwk } from '../keys/jwk.js';
import { hasPrivateMember } from '../keys/jwk.js';
import { keyFromJwk } from '../keys/key.js';
import type { TokenDefect } from './defect.js';
import { must, quote } from './defect.js';

export interface SignatureReport {
  readonly signature: 'valid' | 'invalid' | 'not-checked';
  readonly defects: readonly TokenDefect[];
}

/** Verifies a signature with those of the given public keys that the header could mean. Never with a symmetric key. */
export async function checkSignature(
  compact: string,
  { alg, kid }: Readonly<Record<string, unknown>>,
  keys: readonly Jwk[] | undefined,
): Promise<SignatureReport> {
  const kty = typeof alg === 'string' ? keyTypeOf(alg) : undefined;
  if (keys === undefined || typeof alg !== 'string' || kty === undefined)
    return { signature: 'not-checked', defects: [] };
  const candidates = keys.filter(
    (key) => key.kty === kty && (kid === undefined || key.kid === undefined || key.kid === kid),
  );
  if (candidates.length === 0) {
    const which = kid === undefined ? `of type ${kty}` : `with the kid ${quote(kid)}`;
    return {
      signature: 'not-checked',
      defects: [must('key-unknown', 'RFC 7515 §4.1.4', `none of the given keys is one ${which}`)],
    };
  }
  for (const key of candidates) {
    if (await verifies(compact, alg, key)) return { signature: 'valid', defects: publishedDefects(key) };
  }
  return {
    signature: 'invalid',
    defects: [must('signature-invalid', 'RFC 7515 §5.2', 'the signature does not verify with the given keys')],
  };
}

async function verifies(compact: string, alg: string, jwk: Jwk): Promise<boolean> {
  try {
    // Only the key itself: its own `alg`, `use` and `key_ops` are another question than whether it made the signature.
    const { kty, n, e, crv, x, y } = jwk as Record<string, string>;
    const members = kty === 'RSA' ? { kty, n, e } : { kty, crv, x, y };
    await compactVerify(compact, await importJWK(members as Parameters<typeof importJWK>[0], alg), {
      algorithms: [alg],
    });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException) return false;
    throw error;
  }
}

function publishedDefects(jwk: Jwk): TokenDefect[] {
  let where: string | undefined;
  try {
    where = whereKeyIsPublished(keyFromJwk(hasPrivateMember(jwk) ? publicPart(jwk) : { ...jwk, alg: undefined }));
  } catch {
    // A key of another kind than SMART's two is on no list.
  }
  if (where === undefined) return [];
  return [must('key-published', 'RFC 7515 §10.3', `signed with ${where}: anybody could have signed it`)];
}

function publicPart({ kty, n, e, crv, x, y }: Jwk): Jwk {
  return kty === 'RSA' ? { kty, n, e } : { kty: kty ?? '', crv, x, y };
}

function keyTypeOf(alg: string): 'RSA' | 'EC' | 'OKP' | undefined {
  if (/^[RP]S(?:256|384|512)$/.test(alg)) return 'RSA';
  if (/^ES(?:256|384|512)$/.test(alg)) return 'EC';
  return alg === 'EdDSA' || alg === 'Ed25519' ? 'OKP' : undefined;
}

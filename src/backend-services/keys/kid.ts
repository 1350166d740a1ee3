import { createHash } from 'node:crypto';
import { ConfigError } from '../../errors.js';
import { publicMembers, publicPem } from './export.js';
import type { SmartKey } from './key.js';

/**
 * How a `kid` is made from a key.
 *
 * - `rfc7638`: the SHA-256 JWK thumbprint (RFC 7638), 256 bits, the same whatever file the key came from. The default.
 * - `pem-sha256`: the first 16 characters of the base64url SHA-256 of the key's SPKI PEM text, as some guides compute
 *   it. It keeps only 96 bits, and a text hash depends on line ends; so it is taken here over the canonical text (64
 *   columns, LF, final LF), whatever the file looked like. For interoperation with servers that expect it.
 */
export type KidRule = 'rfc7638' | 'pem-sha256';

/** The key id of a key by one of the rules. Same key, same id, whether it is the private or the public one. */
export function kidOf(key: SmartKey, rule: KidRule = 'rfc7638'): string {
  switch (rule) {
    case 'rfc7638':
      return thumbprint(key);
    case 'pem-sha256':
      return createHash('sha256').update(publicPem(key)).digest('base64url').slice(0, 16);
    default:
      // Only untyped callers come here.
      throw new ConfigError('kid rule', `'rfc7638' or 'pem-sha256', not ${JSON.stringify(rule)}`);
  }
}

/** RFC 7638 §3: SHA-256 over the required members in lexicographic order, base64url. */
export function thumbprint(key: SmartKey): string {
  const members = publicMembers(key);
  const ordered =
    members.kty === 'RSA'
      ? { e: members.e, kty: members.kty, n: members.n }
      : { crv: members.crv, kty: members.kty, x: members.x, y: members.y };
  return createHash('sha256').update(JSON.stringify(ordered)).digest('base64url');
}

// What can be wrong with an access token that an authorization server has signed, one thing at a time.
import { createHmac, type KeyObject } from 'node:crypto';
import { signWith } from '../authorization-server/assertion.js';
import type { TestKey } from '../authorization-server/keys.js';

export type Members = Record<string, unknown>;

export interface TokenParts {
  readonly header: Members;
  readonly claims: Members;
}

/** Takes a token apart. */
export function partsOf(token: string): TokenParts {
  const [header = '', claims = ''] = token.split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Members;
  return { header: read(header), claims: read(claims) };
}

/** Signs with ES384, whatever the header says. */
export function signed({ header, claims }: TokenParts, key: TestKey): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signWith(key)(input).toString('base64url')}`;
}

/** Signs with HMAC, the text of a public key being the secret: what a library does that takes alg from the token. */
export function signedByPublicKey({ header, claims }: TokenParts, publicKey: KeyObject): string {
  const input = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`;
  const secret = publicKey.export({ type: 'spki', format: 'pem' });
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

export interface BrokenToken {
  readonly name: string;
  readonly code: string;
  readonly header?: Members;
  /** Merged over the good claims; undefined removes a member. */
  readonly claims?: Members;
}

const now = Math.floor(Date.now() / 1000);

/** Signed with the right key: only what is said here is wrong. */
export const BROKEN_TOKENS: readonly BrokenToken[] = [
  { name: 'iss of another', claims: { iss: 'https://as.other.example' }, code: 'ERR_TOKEN_ISSUER' },
  { name: 'iss as a list', claims: { iss: [] }, code: 'ERR_TOKEN_ISSUER' },
  { name: 'no iss', claims: { iss: undefined }, code: 'ERR_TOKEN_ISSUER' },
  { name: 'aud of another', claims: { aud: 'https://fhir.other.example' }, code: 'ERR_TOKEN_AUDIENCE' },
  { name: 'no aud', claims: { aud: undefined }, code: 'ERR_TOKEN_AUDIENCE' },
  { name: 'expired', claims: { exp: now - 1 }, code: 'ERR_TOKEN_EXPIRED' },
  { name: 'no exp', claims: { exp: undefined }, code: 'ERR_TOKEN_EXPIRED' },
  { name: 'not yet valid', claims: { nbf: now + 3600 }, code: 'ERR_TOKEN_NOT_YET_VALID' },
  { name: 'typ of another kind of token', header: { typ: 'logout+jwt' }, code: 'ERR_TOKEN_TYPE' },
  { name: 'alg that the key is not for', header: { alg: 'ES256' }, code: 'ERR_TOKEN_KEY' },
  { name: 'kid of no key', header: { kid: 'unknown' }, code: 'ERR_TOKEN_KEY' },
  { name: 'critical header that nobody knows', header: { crit: ['x'], x: 1 }, code: 'ERR_TOKEN_CRITICAL' },
];

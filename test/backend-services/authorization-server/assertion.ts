import { randomUUID, sign } from 'node:crypto';
import type { TestKey } from './keys.js';

export type Members = Record<string, unknown>;

export interface AssertionParts {
  readonly key: TestKey;
  readonly clientId: string;
  readonly aud: unknown;
  /** Merged over the good header; undefined removes a member. */
  readonly header?: Members;
  /** Merged over the good claims; undefined removes a member. */
  readonly claims?: Members;
  /** Signs in place of the key. */
  readonly signer?: (input: string) => Buffer;
}

/** A client assertion made by hand, so that every defect can be built in. */
export function assertion({ key, clientId, aud, header = {}, claims = {}, signer }: AssertionParts): string {
  const now = Math.floor(Date.now() / 1000);
  const fullHeader = { alg: key.alg, kid: key.kid, typ: 'JWT', ...header };
  const fullClaims = { iss: clientId, sub: clientId, aud, exp: now + 240, jti: randomUUID(), ...claims };
  const input = `${encode(fullHeader)}.${encode(fullClaims)}`;
  return `${input}.${(signer ?? signWith(key))(input).toString('base64url')}`;
}

export function signWith(key: TestKey): (input: string) => Buffer {
  return (input) => sign('sha384', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

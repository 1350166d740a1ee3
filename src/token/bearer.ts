import { hash } from 'node:crypto';
import { TokenError } from './error.js';
import type { HeaderReader } from './header.js';
import type { JsonObject } from '../json-object.js';
import { isBase64url, parseEncodedObject } from './parse-object.js';

/** Takes what a host passes on as access token: a string within the limit. */
export function readBearer(token: unknown, maxLength: number): string {
  if (token === undefined || token === null || token === '') {
    throw new TokenError('ERR_TOKEN_MISSING');
  }
  if (typeof token !== 'string' || token.length > maxLength) {
    throw new TokenError('ERR_TOKEN_MALFORMED');
  }
  return token;
}

/** RFC 6750 §2.1, `b64token`: no space, no control character, nothing outside ASCII reaches another server. */
export function isBearerSyntax(token: string): boolean {
  return /^[A-Za-z0-9._~+/-]+=*$/.test(token);
}

/** The name of a token in a cache: one-way, so that no cache holds anything that could be presented. */
export function fingerprint(token: string): string {
  return hash('sha256', token, 'binary');
}

/** A JWS in compact serialization (RFC 7515 §7.1) with its header, which is not proved yet. */
export interface CompactJwt {
  readonly header: JsonObject;
  readonly encodedPayload: string;
  /** Header and payload as they were signed (RFC 7515 §5.1, step 8): ASCII. */
  readonly signingInput: string;
  /** Encoded; empty in an unsecured JWS (RFC 7515, A.5). */
  readonly signature: string;
}

/**
 * Splits a token that has the form of a signed JWT. `undefined` for any other: an opaque token, an encrypted one (5 parts).
 *
 * What has a JSON header in front is a JWT, and must be a whole one: broken, it is not taken for an opaque token instead.
 */
export function splitJwt(token: string, headers?: HeaderReader): CompactJwt | undefined {
  const [encodedHeader, encodedPayload, signature, ...more] = token.split('.', 4);
  if (encodedHeader === undefined || encodedPayload === undefined || signature === undefined || more.length > 0) {
    return undefined;
  }
  const header = headers ? headers.read(encodedHeader) : parseEncodedObject(encodedHeader);
  if (header === undefined) {
    return undefined;
  }
  if (!isBase64url(encodedPayload) || (signature !== '' && !isBase64url(signature))) {
    throw new TokenError('ERR_TOKEN_MALFORMED');
  }
  const signingInput = token.slice(0, encodedHeader.length + 1 + encodedPayload.length);
  return { header, encodedPayload, signingInput, signature };
}

import { isUtf8 } from 'node:buffer';
import type { JsonObject } from '../json-object.js';
import { isJsonObject } from '../json-object.js';

/** Levels of objects and arrays inside a claim set. Real claims have 3 or 4; walkers further down need not fear the stack. */
export const MAX_DEPTH = 32;

/**
 * Parses base64url-encoded UTF-8 JSON (RFC 7515 §2, no padding); `undefined` if it is anything but an object: that is what
 * RFC 7515 asks of a header, RFC 7519 of claims, RFC 7662 of an answer.
 */
export function parseEncodedObject(encoded: string): JsonObject | undefined {
  return isBase64url(encoded) ? parseObject(Buffer.from(encoded, 'base64url')) : undefined;
}

/** Parses UTF-8 JSON. A byte order mark is refused, as RFC 8259 §8.1 allows. */
export function parseObject(bytes: Uint8Array): JsonObject | undefined {
  if (!isUtf8(bytes)) {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isBase64url(text: string): boolean {
  return text.length % 4 !== 1 && /^[A-Za-z0-9_-]+$/.test(text);
}

/**
 * Freezes parsed JSON all the way down, so that one claim set can be handed to every caller.
 *
 * Answers false, and leaves the value half frozen, if it is deeper than {@link MAX_DEPTH} or has a member named `__proto__`:
 * harmless where it lies, it would become a prototype in the first `Object.assign` that copies it.
 */
export function freezeJson(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) {
    return true;
  }
  if (depth === MAX_DEPTH || Object.hasOwn(value, '__proto__')) {
    return false;
  }
  for (const member of Object.values(value)) {
    if (!freezeJson(member, depth + 1)) {
      return false;
    }
  }
  Object.freeze(value);
  return true;
}

import type { NumberPlace } from './exact-numbers.js';
import { isNumber, isUnusualNumber } from './exact-numbers.js';

/** Levels of objects and arrays. The deepest of the official R4 examples has 20. */
export const MAX_JSON_DEPTH = 64;

/** Why a text is not taken, whatever it says. */
export type ScanFlaw = 'too-deep' | 'escaped-name' | 'too-many-numbers' | 'syntax';

/** What a JSON text holds. */
export interface ScannedJson {
  /** Members of all its objects, as often as they are written. */
  readonly members: number;
  /** Its numbers that JavaScript would write in another way, if they are looked for. */
  readonly unusual: readonly NumberPlace[];
}

/**
 * Looks over a JSON text in UTF-8, in one pass over its bytes: all that it looks for is ASCII, which is part of no other
 * character there. Whether it is JSON at all is found by JSON.parse afterwards: what is said of a text that is none means nothing.
 *
 * @param isExact Whether unusual numbers are looked for.
 * @param maxUnusual How many of them there may be. Default any number.
 */
export function scanJson(bytes: Uint8Array, isExact: boolean, maxUnusual = Infinity): ScannedJson | ScanFlaw {
  const unusual: NumberPlace[] = [];
  let members = 0;
  let depth = 0;
  /** Whether a string, and nothing but space after it, came just before; and whether there is an escape in it. */
  let afterString = false;
  let isEscaped = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? END;
    if (byte === QUOTE) {
      afterString = true;
      isEscaped = false;
      for (at += 1; bytes[at] !== QUOTE; at += 1) {
        if (at >= bytes.length) return 'syntax';
        if (bytes[at] !== BACKSLASH) continue;
        isEscaped = true;
        at += 1;
      }
    } else if (byte === COLON) {
      // JSON.parse would refuse a number here, and has to: marked, it would be a name like any other.
      if (!afterString) return 'syntax';
      if (isEscaped) return 'escaped-name';
      members += 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth === MAX_JSON_DEPTH) return 'too-deep';
      depth += 1;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
    } else if (isExact && (byte === MINUS || (byte >= ZERO && byte <= NINE))) {
      afterString = false;
      const end = endOfNumber(bytes, at);
      if (!isPlainNumber(bytes, at, end)) {
        const token = ascii(bytes, at, end);
        if (!isNumber(token)) return 'syntax';
        if (isUnusualNumber(token) && unusual.push([at, end]) > maxUnusual) return 'too-many-numbers';
      }
      at = end - 1;
    }
  }
  return { members, unusual };
}

/** No byte of any text. */
const END = -1;
const QUOTE = 0x22;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BIG_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const SMALL_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Where what looks like a number ends. */
function endOfNumber(bytes: Uint8Array, start: number): number {
  let end = start + 1;
  for (; end < bytes.length; end += 1) {
    const byte = bytes[end] ?? END;
    if (byte >= ZERO && byte <= NINE) continue;
    if (byte !== POINT && byte !== SMALL_E && byte !== BIG_E && byte !== MINUS && byte !== PLUS) break;
  }
  return end;
}

/**
 * The numbers that come most often, and that JavaScript writes as they are: up to 15 digits, which a double holds, without a
 * zero too many or an exponent, and not so small that one would be written.
 */
function isPlainNumber(bytes: Uint8Array, from: number, end: number): boolean {
  const isNegative = bytes[from] === MINUS;
  const start = isNegative ? from + 1 : from;
  let point = -1;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? END;
    if (byte === POINT && point === -1) point = at;
    else if (byte < ZERO || byte > NINE) return false;
  }
  const length = end - start;
  const startsWithZero = bytes[start] === ZERO;
  // Minus zero is written without its sign.
  if (point === -1) return length <= MAX_PLAIN_DIGITS && (startsWithZero ? length === 1 && !isNegative : length > 0);
  if (point === start || length > MAX_PLAIN_DIGITS + 1 || bytes[end - 1] === ZERO || point === end - 1) return false;
  if (!startsWithZero) return true;
  if (point !== start + 1) return false;
  for (let at = point + 1; at <= point + MAX_PLAIN_ZEROS; at += 1) if (at < end && bytes[at] !== ZERO) return true;
  return false;
}

/** Digits behind the point of which one must not be zero: what is smaller than 0.000001 is written with an exponent. */
const MAX_PLAIN_ZEROS = 6;

const MAX_PLAIN_DIGITS = 15;

function ascii(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/** Members of all objects in a value that JSON.parse made, which keeps one of each name; NaN with a member `__proto__`. */
export function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const member of value as readonly unknown[]) members += countMembers(member);
    return members;
  }
  // Without a list of its names or its members: this is done for every resource that comes or goes.
  for (const name in value) {
    if (name === '__proto__') return NaN;
    members += 1 + countMembers((value as Readonly<Record<string, unknown>>)[name]);
  }
  return members;
}

import { isUtf8 } from 'node:buffer';
import type { NumberPlace } from './exact-numbers.js';
import { isUnusualNumber, parseExactly, printExactly } from './exact-numbers.js';

/** Why a text is no JSON that every parser reads alike. */
export type JsonFlaw = 'encoding' | 'syntax' | 'repeated-name' | 'escaped-name' | 'too-deep';

export type JsonVerdict = { readonly value: unknown } | { readonly flaw: JsonFlaw };

/** Levels of objects and arrays. The deepest of the official R4 examples has 20. */
export const MAX_JSON_DEPTH = 64;

/**
 * Parses JSON that every parser reads alike: UTF-8 without a byte order mark, no name twice in an object (RFC 8259, 4:
 * receivers differ in which one they take), no `__proto__`, no name with an escape, no more levels than {@link MAX_JSON_DEPTH}.
 *
 * No element of FHIR needs an escape in its name, and V8 may misread one that has (nodejs/node issue 63785: Node 24 and 26 take
 * `"\u0073ubject"` for another name, after a text with a name that begins with a backslash). What is behind would read it rightly.
 *
 * @param numbers `exact` keeps how they are written, for printExactly. Default `plain`.
 */
export function parseStrictJson(bytes: Uint8Array, numbers: 'plain' | 'exact' = 'plain'): JsonVerdict {
  const text = textOf(bytes);
  return text === undefined ? { flaw: 'encoding' } : parseStrictText(text, numbers);
}

function parseStrictText(text: string, numbers: 'plain' | 'exact'): JsonVerdict {
  // Before JSON.parse: a text of a million brackets costs nothing here.
  const unusual: NumberPlace[] = [];
  const flaw = flawOf(text, numbers === 'exact' ? unusual : undefined);
  if (flaw) return { flaw };
  try {
    return { value: parseExactly(text, unusual) };
  } catch {
    return { flaw: 'syntax' };
  }
}

/** JSON that a server answered with. */
export interface AnsweredJson {
  /** What JSON.parse makes of it. */
  readonly value: unknown;
  /** The text that it came in, if JSON.stringify makes the very same of the value. */
  readonly text?: string;
}

/**
 * Parses what a server answered, as strictly as {@link parseStrictJson}, and keeps every digit of its numbers.
 *
 * Most servers print without spaces, and what they print is what JSON.stringify would. That alone proves that no name comes
 * twice and that every number is what it looks like, in a fraction of the time of looking for it; and the text can be handed
 * on as it is if nothing has to be taken out.
 */
export function parseAnswer(body: Uint8Array | string): AnsweredJson | { readonly flaw: JsonFlaw } {
  const text = typeof body === 'string' ? body : textOf(body);
  if (text === undefined) return { flaw: 'encoding' };
  const value = printedValue(text);
  if (value !== undefined) return { value, text };
  // A text may hold what cannot be written in UTF-8, or begin with a byte order mark.
  return typeof body === 'string' ? parseStrictJson(Buffer.from(body), 'exact') : parseStrictText(text, 'exact');
}

/** Tells it from the bytes or the text of an answer. */
export function isAnsweredJson(body: Uint8Array | string | AnsweredJson | undefined): body is AnsweredJson {
  return typeof body === 'object' && !(body instanceof Uint8Array);
}

/** As it came, where that is what it would be printed as. */
export function printAnswer({ value, text }: AnsweredJson): string {
  return text ?? printExactly(value);
}

/** What shows early that JSON.stringify would print another text: spaces for people to read, a decimal with its last zero. */
const OTHERWISE_PRINTED = /^\s*[[{]\s|\.\d*0[,}\]]/;

/** The value of a text that JSON.stringify prints; undefined for any other. */
function printedValue(text: string): unknown {
  if (OTHERWISE_PRINTED.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isBoundedJson(value) && JSON.stringify(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes) || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/**
 * Walks over strings and brackets, in one pass. What is no JSON at all is found by JSON.parse afterwards.
 *
 * @param unusual Takes the places of numbers that JavaScript would write in another way.
 */
function flawOf(text: string, unusual: NumberPlace[] | undefined): JsonFlaw | undefined {
  /** For each level: the names of an object so far, or undefined for an array. */
  const levels: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (unusual && (code === MINUS || (code >= ZERO && code <= NINE))) {
      // JSON.parse would refuse it, and has to: marked, it would be a name like any other.
      if (expectsName) return 'syntax';
      const end = endOfNumber(text, at);
      if (isUnusualNumber(text.slice(at, end))) unusual.push([at, end]);
      at = end - 1;
      continue;
    }
    // The cheapest way past what is neither string nor bracket nor comma.
    if (code > COMMA && code < OPEN_BRACKET) continue;
    switch (code) {
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (levels.length === MAX_JSON_DEPTH) return 'too-deep';
        expectsName = code === OPEN_BRACE;
        levels.push(expectsName ? new Set() : undefined);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        levels.pop();
        expectsName = false;
        break;
      case COMMA:
        expectsName = levels.at(-1) !== undefined;
        break;
      case QUOTE: {
        const end = endOfString(text, at);
        if (end === -1) return 'syntax';
        const names = expectsName ? levels.at(-1) : undefined;
        if (names) {
          const name = text.slice(at + 1, end);
          if (name.includes('\\')) return 'escaped-name';
          if (name === '__proto__' || names.has(name)) return 'repeated-name';
          names.add(name);
        }
        expectsName = false;
        at = end;
      }
    }
  }
  return undefined;
}

const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NOT_IN_NUMBERS = /[^\d.eE+-]/g;

/** Where what looks like a number ends. */
function endOfNumber(text: string, start: number): number {
  NOT_IN_NUMBERS.lastIndex = start;
  return NOT_IN_NUMBERS.exec(text)?.index ?? text.length;
}

/** Where the string that starts at a quotation mark ends; -1 if it does not. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

/** Whether a value that a framework parsed is within the same bounds. Its repeated names are gone, for everybody. */
export function isBoundedJson(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === MAX_JSON_DEPTH) return false;
  if (Array.isArray(value)) return value.every((member) => isBoundedJson(member, depth + 1));
  // Without a list of its names or its members: this is done for every resource that is answered.
  for (const name in value) {
    if (name === '__proto__' || !isBoundedJson((value as Readonly<Record<string, unknown>>)[name], depth + 1))
      return false;
  }
  return true;
}

/**
 * Whether a value is what its JSON says, so that judging the one is judging the other: nothing that JSON.stringify would
 * leave out, turn into something else or ask for its JSON, and within the bounds of {@link isBoundedJson}.
 */
export function isPlainJson(value: unknown, depth = 0): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true;
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || depth === MAX_JSON_DEPTH || 'toJSON' in value) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) {
    if (prototype !== Array.prototype) return false;
    // Not every(), which passes over holes.
    for (const member of value as readonly unknown[]) if (!isPlainJson(member, depth + 1)) return false;
    return true;
  }
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const name in value) {
    if (name === '__proto__' || !isPlainJson((value as Readonly<Record<string, unknown>>)[name], depth + 1))
      return false;
  }
  return true;
}

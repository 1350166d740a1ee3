import { isUtf8 } from 'node:buffer';
import { parseExactly, printExactly } from './exact-numbers.js';
import type { ScanFlaw } from './scan-json.js';
import { MAX_JSON_DEPTH, countMembers, scanJson } from './scan-json.js';

export { MAX_JSON_DEPTH } from './scan-json.js';

/** Why a text is no JSON that every parser reads alike. */
export type JsonFlaw = ScanFlaw | 'encoding' | 'repeated-name';

export type JsonVerdict = { readonly value: unknown } | { readonly flaw: JsonFlaw };

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
  const read = readStrictJson(bytes, numbers);
  return 'flaw' in read ? read : { value: read.value };
}

/** A value, and the text that it came in. */
export type ReadJson = Required<Pick<AnsweredJson, 'value' | 'text'>>;

type AnsweredText = ReadJson & Pick<AnsweredJson, 'bytes'>;

/**
 * {@link parseStrictJson}, with the text.
 *
 * @param maxUnusual How many numbers there may be of which has to be kept how they are written. Default any number.
 */
export function readStrictJson(
  bytes: Uint8Array,
  numbers: 'plain' | 'exact',
  maxUnusual?: number,
): ReadJson | { readonly flaw: JsonFlaw } {
  if (!isUtf8(bytes) || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)) return { flaw: 'encoding' };
  // Before JSON.parse: a text of a million brackets costs nothing here.
  const scanned = scanJson(bytes, numbers === 'exact', maxUnusual);
  if (typeof scanned === 'string') return { flaw: scanned };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  try {
    const { members, unusual } = scanned;
    const value: unknown = unusual.length > 0 ? parseExactly(buffer, unusual) : JSON.parse(text);
    // Of a name that is written twice, JSON.parse keeps one.
    return countMembers(value) === members ? { value, text } : { flaw: 'repeated-name' };
  } catch {
    return { flaw: 'syntax' };
  }
}

/** JSON that a server answered with. */
export interface AnsweredJson {
  /** What JSON.parse makes of it. */
  readonly value: unknown;
  /** The text that it came in, or is sent in; absent for a value that has to be printed. */
  readonly text?: string;
  /** The same text in UTF-8, if nobody can write to it. */
  readonly bytes?: Uint8Array;
}

/**
 * Parses what a server answered, as strictly as {@link parseStrictJson}, and keeps every digit of its numbers. The text comes
 * with it: it has one meaning, and can be handed on as it is if nothing has to be taken out.
 *
 * @param isOurs Whether nobody else may write to these bytes, so that they can be handed on in place of the text. Default false.
 */
export function parseAnswer(body: Uint8Array | string, isOurs = false): AnsweredText | { readonly flaw: JsonFlaw } {
  // A text may hold what cannot be written in UTF-8: what counts is what would be sent.
  const isText = typeof body === 'string';
  const bytes = isText ? Buffer.from(body) : body;
  const read = readStrictJson(bytes, 'exact');
  return 'flaw' in read || !(isText || isOurs) ? read : { value: read.value, text: read.text, bytes };
}

/** Tells it from the bytes or the text of an answer. */
export function isAnsweredJson(body: Uint8Array | string | AnsweredJson | undefined): body is AnsweredJson {
  return typeof body === 'object' && !(body instanceof Uint8Array);
}

/** As it came, where it came as a text. */
export function printAnswer({ value, text }: AnsweredJson): string {
  return text ?? printExactly(value);
}

/** In characters. A shorter text goes out together with the headers, in one piece; a longer one Node would go over twice. */
const LONG_TEXT = 16 * 1024;

/** The bytes of a long text, or a short one itself, as Node sends it best. @param bytes Those of the text, where they are there. */
export function sendable(text: string, bytes?: Uint8Array): string | Uint8Array {
  return text.length > LONG_TEXT ? (bytes ?? Buffer.from(text)) : text;
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
 * Whether a value is what its JSON says, so that judging the one is judging the other: nothing that JSON.stringify would leave
 * out, turn into something else or ask for its JSON, and within the bounds of {@link isBoundedJson}.
 */
export function isPlainJson(value: unknown): boolean {
  // A loop over members would come by what somebody has added to all objects, and JSON would not show it.
  return Object.keys(Object.prototype).length === 0 && isPlain(value, 0);
}

/** What the JSON of a plain value says, for where that is judged later: the host may go on changing its own meanwhile. */
export function copiedJson({ value, text = JSON.stringify(value) }: AnsweredJson): ReadJson {
  return { value: JSON.parse(text), text };
}

function isPlain(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return isPlainLeaf(value);
  if (depth === MAX_JSON_DEPTH) return false;
  return Array.isArray(value) ? isPlainList(value as readonly unknown[], depth) : isPlainObject(value, depth);
}

/** Asked of lists and of others in two places: the engine is quick where it sees few kinds of objects. */
interface MayPrint {
  readonly toJSON?: unknown;
}

function isPlainList(list: readonly unknown[] & MayPrint, depth: number): boolean {
  if (list.toJSON !== undefined || Object.getPrototypeOf(list) !== Array.prototype) return false;
  // By the index: JSON.stringify asks no iterator, and knows of holes.
  for (let index = 0; index < list.length; index += 1) {
    const member = list[index];
    if (typeof member !== 'string' && !isPlain(member, depth + 1)) return false;
  }
  return true;
}

function isPlainObject(holder: MayPrint, depth: number): boolean {
  if (holder.toJSON !== undefined) return false;
  const prototype: unknown = Object.getPrototypeOf(holder);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const name in holder) {
    if (name === '__proto__') return false;
    const member = (holder as Readonly<Record<string, unknown>>)[name];
    // Texts first: of these there are the most, and this looks at all that is answered.
    if (typeof member !== 'string' && !isPlain(member, depth + 1)) return false;
  }
  return true;
}

function isPlainLeaf(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

import { isUtf8 } from 'node:buffer';

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
 * @param parse What makes a value of the text then. Default JSON.parse.
 */
export function parseStrictJson(
  bytes: Uint8Array,
  parse: (text: string) => unknown = (text) => JSON.parse(text) as unknown,
): JsonVerdict {
  if (!isUtf8(bytes) || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)) return { flaw: 'encoding' };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  // Before JSON.parse: a text of a million brackets costs nothing here.
  const flaw = flawOf(text);
  if (flaw) return { flaw };
  try {
    return { value: parse(text) };
  } catch {
    return { flaw: 'syntax' };
  }
}

/** Walks over strings and brackets, in one pass. What is no JSON at all is found by JSON.parse afterwards. */
function flawOf(text: string): JsonFlaw | undefined {
  /** For each level: the names of an object so far, or undefined for an array. */
  const levels: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
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

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

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
  if (depth === MAX_JSON_DEPTH || Object.hasOwn(value, '__proto__')) return false;
  return Object.values(value).every((member) => isBoundedJson(member, depth + 1));
}

import { randomBytes } from 'node:crypto';

/*
 * FHIR R4, 2.24.0.1: the precision of a decimal is significant, 0.010 is another value than 0.01. A number that JavaScript would
 * write in another way than it came (`1.00`, `1e3`, an integer beyond 2^53) keeps its text here, until the value is written again.
 * The value itself has ordinary numbers: nothing here decides by a number of a resource, and nobody else has to know.
 */

/** Stands for a number in a text, between quotation marks. Nobody outside of this process knows it. */
const MARK = `number ${randomBytes(16).toString('hex')} `;

/** Where a number may be that is written in an unusual way. Within a string, this finds too much, which costs time alone. */
const UNUSUAL = /[:,[\s]-?(?:\d+\.\d*0[\s,\]}]|\d+(?:\.\d+)?[eE]|[\d.]{16}|0\.0{6}|0[\s,\]}])/;

/** A string, to pass over it, or a number (RFC 8259, 6 and 7). */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

const MARKED = new RegExp(`"${MARK}(-?\\d[\\d.eE+-]*)"`, 'g');

/** Parses a JSON text so that {@link printExactly} writes its numbers as they came. @throws SyntaxError */
export function parseExactly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!UNUSUAL.test(text)) return value;
  const marked = text.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') || String(Number(token)) === token ? token : `"${MARK}${token}"`,
  );
  if (marked.length !== text.length) remember(value, JSON.parse(marked));
  return value;
}

/** Writes a value as JSON: numbers that came by {@link parseExactly}, and are where they were, with every digit. */
export function printExactly(value: unknown): string {
  const text = JSON.stringify(value);
  return text.includes(MARK) ? text.replace(MARKED, '$1') : text;
}

/** Lets objects and arrays that hold unusual numbers be written with their marked texts. */
function remember(value: unknown, marked: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const texts = new Map<string, string>();
  for (const [name, twin] of Object.entries(marked as object) as [string, unknown][]) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof member === 'number' && typeof twin === 'string') texts.set(name, twin);
    else remember(member, twin);
  }
  if (texts.size === 0 || Object.hasOwn(value, 'toJSON')) return;
  // Not enumerable: whoever copies the object or looks at its members does not meet it.
  Object.defineProperty(value, 'toJSON', {
    value: () =>
      Object.assign(Array.isArray(value) ? [...(value as unknown[])] : { ...value }, Object.fromEntries(texts)),
  });
}

import { randomBytes } from 'node:crypto';

/*
 * FHIR R4, 2.24.0.1: the precision of a decimal is significant, 0.010 is another value than 0.01. A number that JavaScript would
 * write in another way than it came (`1.00`, `1e3`, an integer beyond 2^53) keeps its text here, until the value is written again.
 * The value itself has ordinary numbers: nothing here decides by a number of a resource, and nobody else has to know.
 */

/** The texts of unusual numbers, by the object or array that holds them. */
const remembered = new WeakMap<object, ReadonlyMap<string, string>>();

/** Whether there ever was one. A FHIR server in JavaScript writes none, and costs nothing more for those that do. */
let isNeeded = false;

/** Where a number may be that is written in an unusual way. Within a string, this finds too much, which costs time alone. */
const UNUSUAL = /[:,[\s]-?(?:\d+\.\d*0[\s,\]}]|\d+(?:\.\d+)?[eE]|[\d.]{16}|0\.0{6}|0[\s,\]}])/;

/** A string, to pass over it, or a number (RFC 8259, 6 and 7). */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/** Parses a JSON text so that {@link printExactly} writes its numbers as they came. @throws SyntaxError */
export function parseExactly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!UNUSUAL.test(text)) return value;
  const mark = newMark();
  const marked = text.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') || String(Number(token)) === token ? token : `"${mark}${token}"`,
  );
  if (marked.length !== text.length) remember(value, JSON.parse(marked), mark);
  return value;
}

/** Writes a value as JSON: numbers that came by {@link parseExactly}, and are where they were, with every digit. */
export function printExactly(value: unknown): string {
  if (!isNeeded) return JSON.stringify(value);
  const mark = newMark();
  const marked = withTexts(value, mark);
  const text = JSON.stringify(marked);
  return marked === value ? text : text.replace(new RegExp(`"${mark}(-?\\d[\\d.eE+-]*)"`, 'g'), '$1');
}

/** A copy of an object keeps the texts of the numbers that it keeps. Returns the copy. */
export function carryNumbers<T>(from: unknown, copy: T): T {
  const texts = typeof from === 'object' && from !== null ? remembered.get(from) : undefined;
  if (texts && typeof copy === 'object' && copy !== null) remembered.set(copy, texts);
  return copy;
}

/** Stands for a number in a text, between quotation marks, and in that one text alone: nobody can know it beforehand. */
function newMark(): string {
  return `${randomBytes(16).toString('hex')} `;
}

function remember(value: unknown, marked: unknown, mark: string): void {
  if (typeof value !== 'object' || value === null) return;
  const texts = new Map<string, string>();
  for (const [name, twin] of Object.entries(marked as object) as [string, unknown][]) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof member === 'number' && typeof twin === 'string') texts.set(name, twin.slice(mark.length));
    else remember(member, twin, mark);
  }
  if (texts.size === 0) return;
  isNeeded = true;
  remembered.set(value, texts);
}

/** The very value where it holds no unusual number; else a copy with their texts, marked. */
function withTexts(value: unknown, mark: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const texts = remembered.get(value);
  let changed: Record<string, unknown> | undefined;
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    const text = typeof member === 'number' ? texts?.get(name) : undefined;
    const written = text !== undefined && Object.is(Number(text), member) ? `${mark}${text}` : withTexts(member, mark);
    if (written === member) continue;
    changed ??= (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
    changed[name] = written;
  }
  return changed ?? value;
}

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

/** Where a number stands in a JSON text, by bytes: from, and up to. */
export type NumberPlace = readonly [start: number, end: number];

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Whether a text is a number (RFC 8259, 6). */
export function isNumber(token: string): boolean {
  return NUMBER.test(token);
}

/** Whether JavaScript would write a number in another way. */
export function isUnusualNumber(token: string): boolean {
  return String(Number(token)) !== token;
}

/**
 * Parses a JSON text in UTF-8 so that {@link printExactly} writes its numbers as they came.
 *
 * @param places Of its unusual numbers, in their order, each where JSON has a value.
 * @throws SyntaxError
 */
export function parseExactly(json: Buffer, places: readonly NumberPlace[]): unknown {
  const text = (start: number, end?: number): string => json.toString('utf8', start, end);
  const mark = newMark();
  const pieces: string[] = [];
  let from = 0;
  for (const [start, end] of places) {
    pieces.push(text(from, start), `"${mark}${text(start, end)}"`);
    from = end;
  }
  const marked: unknown = JSON.parse(pieces.join('') + text(from));
  isNeeded = true;
  return unmarked({ '': marked }, mark)[''];
}

type Members = Record<string, unknown>;

/** Puts numbers where they were marked, and remembers their texts. In place: nobody else has the value yet. */
function unmarked<T extends Members>(holder: T, mark: string): T {
  let texts: Map<string, string> | undefined;
  for (const name in holder) {
    const member = holder[name];
    if (typeof member === 'string' && member.startsWith(mark)) {
      const text = member.slice(mark.length);
      (texts ??= new Map<string, string>()).set(name, text);
      (holder as Members)[name] = Number(text);
    } else if (typeof member === 'object' && member !== null) unmarked(member as Members, mark);
  }
  if (texts) remembered.set(holder, texts);
  return holder;
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

/** The very value where it holds no unusual number; else a copy with their texts, marked. */
function withTexts(value: unknown, mark: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const texts = remembered.get(value);
  // Without lists of names and members: most of what is printed holds no such number.
  return Array.isArray(value)
    ? listWithTexts(value, texts, mark)
    : membersWithTexts(value as Readonly<Record<string, unknown>>, texts, mark);
}

type Texts = ReadonlyMap<string, string> | undefined;

function listWithTexts(list: readonly unknown[], texts: Texts, mark: string): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < list.length; index += 1) {
    const written = markedMember(list[index], texts, index, mark);
    if (written !== list[index]) (copy ??= [...list])[index] = written;
  }
  return copy ?? list;
}

function membersWithTexts(holder: Readonly<Record<string, unknown>>, texts: Texts, mark: string): unknown {
  let copy: Record<string, unknown> | undefined;
  for (const name in holder) {
    const written = markedMember(holder[name], texts, name, mark);
    if (written !== holder[name]) (copy ??= { ...holder })[name] = written;
  }
  return copy ?? holder;
}

function markedMember(member: unknown, texts: Texts, name: string | number, mark: string): unknown {
  if (typeof member === 'object') return withTexts(member, mark);
  if (texts === undefined || typeof member !== 'number') return member;
  const text = texts.get(String(name));
  return text !== undefined && Object.is(Number(text), member) ? `${mark}${text}` : member;
}

import type { FoundValue } from './oracle.js';

/** A value to ask for, made from one that a resource has. */
export interface Question {
  /** How it was made: `whole`, `code of another case`, `ge`. */
  readonly form: string;
  readonly prefix: string;
  readonly value: string;
}

/** Values that would have to be escaped are left out: the two sides want them escaped differently. */
function question(form: string, value: string, prefix = 'eq'): Question[] {
  return value === '' || /[,|$\\]/.test(value.replace('|', '')) ? [] : [{ form, prefix, value }];
}

function swapCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase();
}

function aboutToken(system: unknown, code: unknown): Question[] {
  const text = typeof code === 'boolean' ? String(code) : code;
  if (typeof text !== 'string' || text.includes('|')) return [];
  return [
    ...question('code', text),
    ...question('code of another case', swapCase(text)),
    ...question('beginning of a code', text.slice(0, -1)),
    ...(typeof system === 'string' ? question('system and code', `${system}|${text}`) : []),
    ...(typeof system === 'string' ? question('system', `${system}|`) : []),
    ...question('code without a system', `|${text}`),
  ];
}

function aboutText(value: unknown): Question[] {
  if (typeof value !== 'string' || value.includes('|')) return [];
  const text = value.slice(0, 60);
  return [
    ...question('whole', text),
    ...question('another case', swapCase(text)),
    ...question('beginning', text.slice(0, Math.ceil(text.length / 2))),
    ...question('middle', text.slice(1)),
  ];
}

const PREFIXES = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb'];

/** A year, a month, a day and the whole, as far as the value has them. */
const PRECISIONS = [4, 7, 10, 40];

function aboutDate(text: unknown): Question[] {
  if (typeof text !== 'string') return [];
  const values = new Set(PRECISIONS.map((length) => text.slice(0, length)));
  return [...values].flatMap((value) => PREFIXES.flatMap((prefix) => question(prefix, value, prefix)));
}

function aboutUri(value: unknown): Question[] {
  if (typeof value !== 'string') return [];
  return [...question('whole', value), ...question('beginning', value.slice(0, -1))];
}

type Members = Readonly<Record<string, unknown>>;

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function aboutOne(type: string, value: unknown): Question[] {
  const of = (typeof value === 'object' && value !== null ? value : {}) as Members;
  switch (type) {
    case 'token':
      if (!('coding' in of)) return aboutToken(of['system'], of['code'] ?? of['value'] ?? value);
      return (listOf(of['coding']) as readonly Members[]).flatMap(({ system, code }) => aboutToken(system, code));
    case 'string':
      return [value, of['family'], ...listOf(of['given']), of['city'], of['text']].flatMap(aboutText);
    case 'reference': {
      const text = of['reference'] ?? value;
      return typeof text === 'string' ? question('whole', text) : [];
    }
    case 'date':
      return [value, of['start'], of['end']].flatMap(aboutDate);
    default:
      return aboutUri(value);
  }
}

/** Questions about what a resource has, for a type of search parameter. */
export function questionsAbout(type: string, found: readonly FoundValue[]): readonly Question[] {
  return found.slice(0, 4).flatMap(({ value }) => aboutOne(type, value));
}

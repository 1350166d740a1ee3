import type { ValueMatcher, ValueRule } from './constraint.js';
import { someMember } from './constraint.js';
import { unescape } from './unescape.js';
import { isJsonObject } from '../../json-object.js';

/** The elements of a datatype that a string is looked for in (FHIR R4, 3.1.1.4.8 string: HumanName and Address). */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  HumanName: ['family', 'given', 'prefix', 'suffix', 'text'],
  Address: ['line', 'city', 'district', 'state', 'postalCode', 'country', 'text'],
};

const PLAIN = new Set(['string', 'markdown']);

/**
 * Marks that combine with the letter before them, in the blocks that hold nothing else. The marks of scripts that write
 * vowels with them stay: without its vowels a word is another word.
 */
const ACCENTS = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/g;

/** The text by which strings are compared: without accents, in lower case. */
function fold(text: string): string {
  return text.normalize('NFD').replace(ACCENTS, '').toLowerCase();
}

/** Strings (FHIR R4, 3.1.1.4.8): what begins with the value, whatever the case and the accents. */
export const STRING: ValueRule<string> = {
  read(text) {
    const value = unescape(text);
    const folded = value === undefined ? '' : fold(value);
    // Everything begins with nothing: an accent alone would open all.
    return folded.trim() === '' ? undefined : folded;
  },

  fits(_value, { datatype }) {
    return PLAIN.has(datatype) || Object.hasOwn(PARTS, datatype);
  },

  matcher(values, { datatype }) {
    const beginsWithAny: ValueMatcher = (value) => {
      if (typeof value !== 'string') return false;
      for (const prefix of values) if (beginsWith(value, prefix)) return true;
      return false;
    };
    const parts = Object.hasOwn(PARTS, datatype) ? PARTS[datatype] : undefined;
    if (parts === undefined) return beginsWithAny;
    return (value) => isJsonObject(value) && parts.some((part) => someMember(value[part], beginsWithAny));
  },
};

/** @param prefix Folded, not empty. */
function beginsWith(text: string, prefix: string): boolean {
  for (let at = 0; at < prefix.length; at += 1) {
    const code = text.charCodeAt(at);
    // Beyond ASCII a letter may fold to several, and a mark to none: from here on the long way.
    if (code > 0x7f) return foldedBeginsWith(text, prefix);
    const lower = code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
    // At the end of the text the code is NaN.
    if (lower !== prefix.charCodeAt(at)) return false;
  }
  return true;
}

/** Folds no more than can matter, so that a long text costs no more than a short one. */
function foldedBeginsWith(text: string, prefix: string): boolean {
  return fold(text.slice(0, 4 * prefix.length + 16)).startsWith(prefix);
}

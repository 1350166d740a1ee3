import type { ValueMatcher, ValueRule } from './constraint.js';
import { unescape } from './unescape.js';

const EXACT = new Set(['uri', 'url', 'oid', 'uuid']);

/** Canonicals of any version of one artifact, or of one version. */
export function canonicalMatcher(values: readonly string[]): ValueMatcher {
  const exact = new Set(values);
  return (value) => {
    if (typeof value !== 'string') return false;
    if (exact.has(value)) return true;
    const bar = value.indexOf('|');
    return bar !== -1 && exact.has(value.slice(0, bar));
  };
}

/** Whether a canonical that a scope names is whole: `url` or `url|version`. */
export function isCanonical(value: string): boolean {
  const bar = value.indexOf('|');
  return bar === -1 || (bar > 0 && bar < value.length - 1 && value.indexOf('|', bar + 1) === -1);
}

/**
 * URIs (FHIR R4, 3.1.1.4.13): the whole text, letter by letter. A canonical is an address and a version: one that is
 * asked for without its version is met by every version of it, as FHIR R5, 3.2.1.5.7 (references) says.
 */
export const URI: ValueRule<string> = {
  read: unescape,

  fits(value, { datatype }) {
    return datatype === 'canonical' ? isCanonical(value) : EXACT.has(datatype);
  },

  matcher(values, { datatype }) {
    if (datatype === 'canonical') return canonicalMatcher(values);
    const exact = new Set<unknown>(values);
    return (value) => exact.has(value);
  },
};

import type { Pairs } from './request.js';

/** RFC 3986, 3.4 query, without the semicolon, at which some servers split; with the bar, which FHIR clients send raw. */
const RAW = /^[A-Za-z0-9\-._~!$'()*+,:@/?|&=%]*$/;

/** Search parameters with modifiers and chains, result parameters, parameters of operations. */
const NAME = /^[A-Za-z0-9_.:$-]{1,512}$/;

/** No parameter of FHIR: they ask frameworks for something else than a search. */
const FOREIGN_NAMES = new Set(['_method', '__proto__', 'constructor', 'prototype']);

/** More parameters than anybody needs; servers cut at some number, each at another. */
const MAX_PARAMETERS = 256;

const CONTROL = /[\u0000-\u001f\u007f]/;

/** Half of a pair: no text in UTF-8. */
const SURROGATE = /\p{Surrogate}/u;

/**
 * Splits and decodes a query or the body of a form, once. Undefined for whatever two servers could read in two ways:
 * empty parameters, parameters without a value, percent-encoding that is not UTF-8, control characters, semicolons.
 */
export function parseQuery(text: string): Pairs | undefined {
  if (text === '') return [];
  if (!RAW.test(text)) return undefined;
  const parts = text.split('&');
  if (parts.length > MAX_PARAMETERS) return undefined;
  const pairs: (readonly [string, string])[] = [];
  for (const part of parts) {
    const at = part.indexOf('=');
    const name = at < 1 ? undefined : decodeOnce(part.slice(0, at));
    const value = decodeOnce(part.slice(at + 1));
    if (name === undefined || value === undefined || !isParameter(name, value)) return undefined;
    pairs.push([name, value]);
  }
  return pairs;
}

/** Whether a decoded parameter is one that every server reads alike. */
export function isParameter(name: string, value: string): boolean {
  return NAME.test(name) && !FOREIGN_NAMES.has(name) && !CONTROL.test(value) && !SURROGATE.test(value);
}

/** The name of a parameter without its modifier. */
export function baseOf(name: string): string {
  return name.split(':', 1)[0] ?? '';
}

/** Prints parameters so that only one reading is left: everything but the plainest characters is encoded. */
export function printQuery(pairs: Pairs): string {
  return pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
}

/** The parameters as frameworks hand them on: a text, or a list for one that is repeated. */
export function queryObject(pairs: Pairs): Record<string, string | string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of pairs) values.set(name, [...(values.get(name) ?? []), value]);
  return Object.fromEntries(
    [...values].map(([name, [first = '', ...rest]]) => [name, rest.length ? [first, ...rest] : first]),
  );
}

function decodeOnce(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
}

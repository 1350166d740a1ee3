import type { ParsedScope } from './scope.js';
import type { ParseScopeOptions } from './parse.js';
import { parseScope } from './parse.js';

/**
 * The scopes of a token, as the claim carries them: a space-delimited string (RFC 6749 §3.3, RFC 9068 §2.2.3) or an
 * array of strings, as several identity providers write it. Anything else holds no scope.
 *
 * Empty members are kept: the list mirrors the claim, and an empty scope grants nothing.
 */
export function scopeList(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ');
  if (Array.isArray(claim)) return claim.filter((member): member is string => typeof member === 'string');
  return [];
}

/**
 * Remembers parsed scopes by their text: a server sees the same few hundred again and again. Bounded, because the text
 * comes from tokens; when full it starts anew, which costs one parse a scope.
 */
export class ScopeParser {
  readonly #options: ParseScopeOptions;
  readonly #parsed = new Map<string, ParsedScope>();

  constructor(options: ParseScopeOptions = {}) {
    this.#options = options;
  }

  parse(text: string): ParsedScope {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    const parsed = parseScope(text, this.#options);
    if (this.#parsed.size >= 10_000) this.#parsed.clear();
    this.#parsed.set(text, parsed);
    return parsed;
  }
}

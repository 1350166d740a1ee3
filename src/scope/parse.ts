import type { ParsedScope, PermissionLetter, ResourceScope, ScopeClause, ScopeProblem } from './scope.js';

/** How scopes are read. */
export interface ParseScopeOptions {
  /**
   * Read `patient%2fObservation.rs` as `patient/Observation.rs`, for identity providers that cannot carry a slash in a
   * scope name. Default: false.
   */
  readonly decodeSlash?: boolean;
}

/** SMART App Launch 2.2, Scopes: where scopes must be URIs they carry this prefix. */
export const URI_PREFIX = 'http://smarthealthit.org/fhir/scopes/';

/** A text longer than this is no scope that anybody would issue; it is refused before any pattern runs over it. */
const MAX_SCOPE_LENGTH = 4096;

const LETTERS: readonly PermissionLetter[] = ['c', 'r', 'u', 'd', 's'];

/**
 * Reads one scope token. Never throws: a text that is no scope comes back as `invalid`, with its problem.
 *
 * Grammar: SMART App Launch 2.2, Scopes and Launch Context; v1 permissions as in SMART App Launch 1.0, with the
 * `system/` level of Bulk Data.
 */
export function parseScope(text: string, options: ParseScopeOptions = {}): ParsedScope {
  if (text === '' || text.length > MAX_SCOPE_LENGTH) return { kind: 'invalid', text, problem: 'empty' };
  let body = text.startsWith(URI_PREFIX) ? text.slice(URI_PREFIX.length) : text;
  if (options.decodeSlash) body = body.replace(/^([a-z]+)%2[fF]/, '$1/');

  const launch = /^launch(?:\/([a-z]+)(?:\?role=\S+)?)?$/.exec(body);
  if (launch) return { kind: 'launch', text, context: launch[1] };

  const slash = body.indexOf('/');
  const level = body.slice(0, slash);
  if (level !== 'patient' && level !== 'user' && level !== 'system') return parseOther(text, body, level);

  const question = body.indexOf('?', slash);
  const head = question === -1 ? body.slice(slash + 1) : body.slice(slash + 1, question);
  const dot = head.indexOf('.');
  const type = dot === -1 ? head : head.slice(0, dot);
  if (type !== '*' && !/^[A-Z][A-Za-z]+$/.test(type)) return { kind: 'invalid', text, problem: 'type' };

  const permission = parsePermission(dot === -1 ? '' : head.slice(dot + 1));
  if (typeof permission === 'string') return { kind: 'invalid', text, problem: permission };
  if (question === -1) return { kind: 'resource', text, level, type, permission, clauses: [] };

  // The granular part is v2 syntax only: SMART 1.0 knows no query in a scope, so nobody can mean one there.
  if (permission.syntax === 'v1') return { kind: 'invalid', text, problem: 'permission' };
  const clauses = parseClauses(body.slice(question + 1));
  if (typeof clauses === 'string') return { kind: 'invalid', text, problem: clauses };
  return { kind: 'resource', text, level, type, permission, clauses };
}

function parseOther(text: string, body: string, level: string): ParsedScope {
  // `Patient/Observation.read`, `users/*.rs`, `system\*.read`: near misses that somebody will ask about.
  const nearMiss = level !== '' && /^[^/]+\/[^/]+\.(?:read|write|\*|[cruds]+)(?:\?.*)?$/.test(body);
  return nearMiss ? { kind: 'invalid', text, problem: 'level' } : { kind: 'other', text };
}

function parsePermission(text: string): ResourceScope['permission'] | ScopeProblem {
  // The words come before the letters: `read` is no run of letters, and must never be tried as one.
  if (text === 'read' || text === 'write' || text === '*') return { syntax: 'v1', word: text };
  if (text === '') return 'permission';
  if (/^c?r?u?d?s?$/.test(text))
    return { syntax: 'v2', letters: new Set(LETTERS.filter((letter) => text.includes(letter))) };
  return /^[cruds]+$/.test(text) ? 'permission-order' : 'permission';
}

function parseClauses(query: string): readonly ScopeClause[] | ScopeProblem {
  // RFC 6749 §3.3: whatever else a value needs has to arrive percent-encoded.
  if (!/^[!#-[\]-~]*$/.test(query)) return 'query-syntax';
  const clauses: ScopeClause[] = [];
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const parameter = percentDecode(part.slice(0, Math.max(equals, 0)));
    const value = percentDecode(part.slice(equals + 1));
    if (equals < 1 || parameter === undefined || value === undefined) return 'query-syntax';
    // Modifiers and chains are experimental in SMART 2.2 and supported by nobody here: a scope that carries one must
    // grant nothing, because ignoring it would widen the scope.
    if (parameter.includes(':')) return 'query-modifier';
    if (parameter.includes('.')) return 'query-chain';
    if (!/^[A-Za-z0-9_-]+$/.test(parameter)) return 'query-syntax';
    const values = splitAlternatives(value);
    if (values.includes('')) return 'query-syntax';
    clauses.push({ parameter, values });
  }
  return clauses;
}

/** Splits at the commas that FHIR search does not escape (FHIR R4, 3.1.1.4.4.1 Escaping Search Parameters). */
function splitAlternatives(value: string): string[] {
  const values: string[] = [];
  let start = 0;
  for (let at = 0; at < value.length; at += 1) {
    if (value[at] === '\\') at += 1;
    else if (value[at] === ',') {
      values.push(value.slice(start, at));
      start = at + 1;
    }
  }
  values.push(value.slice(start));
  return values;
}

/** Decodes once; a `+` stays a `+`, because a scope is no form field. */
function percentDecode(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

import type { ValueMatcher, ValueRule } from './constraint.js';
import { someMember } from './constraint.js';
import { splitUnescaped } from './unescape.js';
import { isJsonObject } from '../../json-object.js';

/** `system|code` with its variants: a system left out (`code`), said to be absent (`|code`), or alone (`system|`). */
export type TokenValue =
  | { readonly kind: 'code'; readonly code: string }
  | { readonly kind: 'no-system'; readonly code: string }
  | { readonly kind: 'system'; readonly system: string }
  | { readonly kind: 'pair'; readonly system: string; readonly code: string };

/** Datatypes in which a system stands beside the code. */
const WITH_SYSTEM = new Set(['Coding', 'CodeableConcept', 'Identifier']);

/** Datatypes that are their own code. The system of a `code` is implied by its binding, which is not known here. */
const PRIMITIVE = new Set(['code', 'string', 'id', 'uri']);

interface TokenTable {
  /** The systems that each code may have; `undefined` among them for one without. */
  readonly systemsOf: ReadonlyMap<unknown, readonly unknown[] | typeof ANY>;
  /** The systems of which any code will do. */
  readonly systems: readonly unknown[];
}

const ANY = 'any system';

/**
 * Tokens (FHIR R4, 3.1.1.4.10). Compared letter by letter: the specification leaves it to the code system whether case
 * counts and advises searches to ignore it where that is unknown, because a search that finds too much does less harm.
 * A scope that opens too much does more.
 */
export const TOKEN: ValueRule<TokenValue> = {
  read(text) {
    const [first = '', second, ...rest] = splitUnescaped(text, '|') ?? [];
    if (rest.length > 0) return undefined;
    if (second === undefined) return first === '' ? undefined : { kind: 'code', code: first };
    if (first === '') return second === '' ? undefined : { kind: 'no-system', code: second };
    return second === '' ? { kind: 'system', system: first } : { kind: 'pair', system: first, code: second };
  },

  fits(value, { datatype }) {
    if (WITH_SYSTEM.has(datatype)) return true;
    if (value.kind !== 'code') return false;
    if (datatype === 'boolean') return value.code === 'true' || value.code === 'false';
    return datatype === 'ContactPoint' || PRIMITIVE.has(datatype);
  },

  matcher(values, { datatype }) {
    const table = tabulate(values);
    switch (datatype) {
      case 'CodeableConcept':
        return conceptMatcher(table);
      case 'Coding':
        return (value) => isJsonObject(value) && has(table, value['system'], value['code']);
      case 'Identifier':
        return (value) => isJsonObject(value) && has(table, value['system'], value['value']);
      case 'ContactPoint':
        return (value) => isJsonObject(value) && hasCode(table, value['value']);
      case 'boolean':
        return (value) => typeof value === 'boolean' && hasCode(table, value ? 'true' : 'false');
      default:
        return (value) => hasCode(table, value);
    }
  },
};

function conceptMatcher(table: TokenTable): ValueMatcher {
  const matchesCoding: ValueMatcher = (coding) => isJsonObject(coding) && has(table, coding['system'], coding['code']);
  return (value) => isJsonObject(value) && someMember(value['coding'], matchesCoding);
}

/**
 * Whatever is no string is in none of the tables, and no value is empty. The code is looked at first: it is short, and
 * mostly it decides.
 */
function has({ systemsOf, systems }: TokenTable, system: unknown, code: unknown): boolean {
  const allowed = systemsOf.get(code);
  if (allowed !== undefined && (allowed === ANY || allowed.includes(system))) return true;
  return systems.length > 0 && systems.includes(system);
}

function hasCode({ systemsOf }: TokenTable, code: unknown): boolean {
  return systemsOf.get(code) === ANY;
}

function tabulate(values: readonly TokenValue[]): TokenTable {
  const systemsOf = new Map<unknown, unknown[] | typeof ANY>();
  const systems: unknown[] = [];
  for (const value of values) {
    if (value.kind === 'system') {
      systems.push(value.system);
    } else if (value.kind === 'code') {
      systemsOf.set(value.code, ANY);
    } else {
      const known = systemsOf.get(value.code);
      const system = value.kind === 'pair' ? value.system : undefined;
      if (known === undefined) systemsOf.set(value.code, [system]);
      else if (known !== ANY) known.push(system);
    }
  }
  return { systemsOf, systems };
}

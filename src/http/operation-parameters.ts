import { isJsonObject } from '../json-object.js';
import { carryNumbers } from './exact-numbers.js';

/**
 * The body of an operation without the parameters that take elements away: `_summary` and `_elements`, with whatever
 * modifier. What an operation returns is judged by the elements that are there, and some of the rules judge by what is
 * not there (a label, an encounter, a patient). A server may ignore these parameters (FHIR R4, 3.1.0.1.7), so nobody can
 * rely on them.
 *
 * Read as the most lenient server might: names in any case, one parameter without its list, a body without a type. A
 * parameter whose name is no text is left out, since nobody can tell what it asks.
 *
 * @returns The very value where it asks nothing of the kind; it is never changed.
 */
export function withoutPartialParameters(value: unknown): unknown {
  if (!isJsonObject(value)) return value;
  const { resourceType } = value;
  const isOther = typeof resourceType === 'string' && resourceType.toLowerCase() !== 'parameters';
  return isOther ? value : withoutPartial(value, 'parameter');
}

type Holder = Readonly<Record<string, unknown>>;

/** A Parameters or one of its parameters, without what takes elements away. */
function withoutPartial(holder: Holder, list: 'parameter' | 'part'): Holder {
  const given = holder[list];
  if (given === undefined) return holder;
  const all: readonly unknown[] = Array.isArray(given) ? given : [given];
  const kept = all.filter(isWhole).map((each) => withoutPartial(each, 'part'));
  const isSame = kept.length === all.length && kept.every((each, index) => each === all[index]);
  return isSame ? holder : carryNumbers(holder, { ...holder, [list]: kept });
}

function isWhole(parameter: unknown): parameter is Holder {
  if (!isJsonObject(parameter) || typeof parameter['name'] !== 'string') return false;
  return !isPartialParameter(parameter['name'].trim());
}

/** Whether a parameter takes elements away, as the most lenient server might read its name. */
export function isPartialParameter(name: string): boolean {
  return /^_(?:summary|elements)(?::|$)/i.test(name);
}

/** The names of the parameters in the body of an operation; undefined for what is no Parameters, or has no plain names. */
export function parameterNames(value: unknown): readonly string[] | undefined {
  if (!isJsonObject(value) || value['resourceType'] !== 'Parameters') return undefined;
  const { parameter = [] } = value;
  if (!Array.isArray(parameter)) return undefined;
  const names = (parameter as readonly unknown[]).map((each) => (isJsonObject(each) ? each['name'] : undefined));
  return names.every((name) => typeof name === 'string') ? names : undefined;
}

import type { SearchFilter } from 'fhir-works-on-aws-interface';
import type { SearchParameter } from './search-parameters.js';
import type { StoredResource } from './store.js';

/** Whether the resource passes the filters that SMARTHandler derived from the caller's identity. */
export function passesFilters(resource: StoredResource, filters: SearchFilter[], baseUrl: string): boolean {
  const all = filters.filter(({ logicalOperator }) => logicalOperator === 'AND');
  const any = filters.filter(({ logicalOperator }) => logicalOperator === 'OR');
  const passes = (filter: SearchFilter) => passesFilter(resource, filter, baseUrl);
  return all.every(passes) && (any.length === 0 || any.some(passes));
}

function passesFilter(
  resource: StoredResource,
  { key, value, comparisonOperator }: SearchFilter,
  baseUrl: string,
): boolean {
  const present =
    key === '_references'
      ? referencesIn(resource, baseUrl)
      : valuesAt(resource, key.split('.')).map((found) => String(found));
  const holds = (test: (found: string, wanted: string) => boolean) =>
    present.some((found) => value.some((wanted) => test(found, wanted)));
  switch (comparisonOperator) {
    case '==':
      return holds((found, wanted) => found === wanted);
    case '!=':
      return !holds((found, wanted) => found === wanted);
    case '<':
      return holds((found, wanted) => found < wanted);
    case '<=':
      return holds((found, wanted) => found <= wanted);
    case '>':
      return holds((found, wanted) => found > wanted);
    case '>=':
      return holds((found, wanted) => found >= wanted);
  }
}

/** Every reference in the resource, as it is written and as plain Type/id of this server. */
export function referencesIn(value: unknown, baseUrl: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => referencesIn(item, baseUrl));
  if (typeof value !== 'object' || value === null) return [];
  const own = 'reference' in value && typeof value.reference === 'string' ? [value.reference] : [];
  const nested = Object.values(value).flatMap((item) => referencesIn(item, baseUrl));
  return [...own.flatMap((written) => [written, localReference(written, baseUrl)]), ...nested];
}

/** `https://this.server/Patient/1/_history/2` → `Patient/1`; references to elsewhere stay as they are. */
export function localReference(reference: string, baseUrl: string): string {
  const relative = reference.startsWith(`${baseUrl}/`) ? reference.slice(baseUrl.length + 1) : reference;
  return relative.replace(/\/_history\/[^/]+$/, '');
}

/** Whether one of the comma-separated values of the search parameter is found in the resource. */
export function matchesParameter(
  resource: StoredResource,
  parameter: SearchParameter,
  wanted: string,
  baseUrl: string,
): boolean {
  const found = valuesAt(resource, parameter.path);
  return wanted.split(',').some((value) => {
    switch (parameter.type) {
      case 'reference':
        return targetsOf(resource, parameter, baseUrl).some((target) =>
          isSameReference(target, localReference(value, baseUrl)),
        );
      case 'string':
        return found.some((text) => typeof text === 'string' && text.toLowerCase().startsWith(value.toLowerCase()));
      case 'token':
        return found.flatMap(tokensOf).some((token) => isSameToken(token, value));
    }
  });
}

/** Where the references of a parameter lead: `['Patient/1']`. */
export function targetsOf(resource: StoredResource, { path, target }: SearchParameter, baseUrl: string): string[] {
  return valuesAt(resource, [...path, 'reference'])
    .filter((reference) => typeof reference === 'string')
    .map((reference) => localReference(reference, baseUrl))
    .filter((reference) => target === undefined || reference.startsWith(`${target}/`));
}

/** `subject=Patient/1` names type and id, `subject=1` an id of any type. */
function isSameReference(target: string, wanted: string): boolean {
  return wanted.includes('/') ? target === wanted : target.endsWith(`/${wanted}`);
}

/** `code=1` any system, `code=system|1` that system, `code=|1` no system, `code=system|` any code of the system. */
function isSameToken(token: { system: string; code: string }, wanted: string): boolean {
  const bar = wanted.indexOf('|');
  if (bar === -1) return token.code === wanted;
  const code = wanted.slice(bar + 1);
  return token.system === wanted.slice(0, bar) && (code === '' || token.code === code);
}

/** A code, boolean, Coding, CodeableConcept or Identifier as pairs of system and code. */
function tokensOf(value: unknown): { system: string; code: string }[] {
  if (typeof value === 'string' || typeof value === 'boolean') return [{ system: '', code: String(value) }];
  if (typeof value !== 'object' || value === null) return [];
  const { coding, system, code, value: identifier } = value as Record<string, unknown>;
  if (Array.isArray(coding)) return coding.flatMap(tokensOf);
  return [{ system: typeof system === 'string' ? system : '', code: String(code ?? identifier) }];
}

function valuesAt(value: unknown, path: string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path));
  const [element, ...rest] = path;
  if (element === undefined) return value === undefined ? [] : [value];
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, element)) return [];
  return valuesAt((value as Record<string, unknown>)[element], rest);
}

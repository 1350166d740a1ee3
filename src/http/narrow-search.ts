import isPlainObject from 'lodash/isPlainObject.js';
import { ConfigError } from '../errors.js';
import type { GatedSearch } from '../requests.js';
import type { InteractionRequest, Pairs } from './request.js';

/** How searches are narrowed before the server runs them. What comes back is judged all the same. */
export interface NarrowSearchOptions {
  /**
   * `exact` (default) narrows only where nothing that the caller may see gets lost: where one parameter looks at every
   * element by which a resource of the type can be the caller's. That is the case for few types under the membership
   * `reference`, and for most under `compartment`.
   *
   * `compartment` narrows every search of a type that has a parameter for the compartment, `patient` before others. What
   * belongs to the caller by another element (an Observation of which the patient is only the performer) is then no
   * longer found by searching; it may still be read.
   */
  readonly mode?: 'exact' | 'compartment';
  /**
   * Which search parameters the server follows, by resource type, or a function that tells: one that a server ignored
   * would narrow nothing. {@link searchParametersOf} reads them from a CapabilityStatement.
   */
  readonly supports:
    Readonly<Record<string, readonly string[]>> | ((resourceType: string, parameter: string) => boolean);
}

/** @throws ConfigError that names the option. */
export function checkNarrowSearch(options: NarrowSearchOptions): NarrowSearchOptions {
  const { mode = 'exact', supports }: Partial<NarrowSearchOptions> = isPlainObject(options) ? options : {};
  if (!['exact', 'compartment'].includes(mode)) {
    throw new ConfigError('narrowSearch.mode', 'must be exact or compartment');
  }
  const lists = isPlainObject(supports) && Object.values(supports as object).every((list) => Array.isArray(list));
  if (typeof supports !== 'function' && !lists) {
    throw new ConfigError('narrowSearch.supports', 'must hold lists of search parameters by type, or be a function');
  }
  return options;
}

/** The search parameters that a CapabilityStatement lists, by resource type: for {@link NarrowSearchOptions.supports}. */
export function searchParametersOf(capabilityStatement: unknown): Readonly<Record<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const rest of listIn(capabilityStatement, 'rest')) {
    if (memberOf(rest, 'mode') === 'client') continue;
    for (const resource of listIn(rest, 'resource')) {
      const type = memberOf(resource, 'type');
      const names = listIn(resource, 'searchParam').map((each) => memberOf(each, 'name'));
      if (typeof type === 'string')
        found.set(
          type,
          names.filter((name) => typeof name === 'string'),
        );
    }
  }
  return Object.fromEntries(found);
}

/**
 * The parameter to add to a search, if there is one. A search that has the parameter already is left as it is: servers
 * differ in what they make of a second one.
 */
export function narrowingOf(
  options: NarrowSearchOptions | undefined,
  { interaction, resourceType, parameters }: InteractionRequest,
  { narrowings }: GatedSearch,
): Pairs {
  if (!options || interaction !== 'search-type' || resourceType === undefined) return [];
  const { mode = 'exact', supports } = options;
  const follows = (parameter: string): boolean =>
    typeof supports === 'function'
      ? supports(resourceType, parameter)
      : Object.hasOwn(supports, resourceType) && (supports[resourceType]?.includes(parameter) ?? false);
  const chosen = narrowings.find(({ parameter, exact }) => (exact || mode === 'compartment') && follows(parameter));
  if (!chosen) return [];
  const asked = parameters.some(([name]) => /^[^:.]*/.exec(name)?.[0] === chosen.parameter);
  return asked ? [] : [[chosen.parameter, chosen.value]];
}

function listIn(value: unknown, name: string): readonly unknown[] {
  const member = memberOf(value, name);
  return Array.isArray(member) ? member : [];
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

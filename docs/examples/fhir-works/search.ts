import {
  InvalidSearchParameterError,
  type Search,
  type SearchCapabilityStatement,
  type SearchEntry,
  type SearchResult,
} from 'fhir-works-on-aws-interface';
import { matchesParameter, passesFilters, targetsOf } from './search-matching.js';
import { searchParameters, type SearchParameter } from './search-parameters.js';
import type { ResourceStore, StoredResource } from './store.js';

const RESULT_PARAMETERS = ['_count', '_offset', '_sort', '_include', '_revinclude', '_type', '_format'];
const DEFAULT_PAGE = 100;

/** What FHIR Works calls for searches, with the filters that SMARTHandler gave it for the caller. */
export function searchOf(store: ResourceStore): Search {
  // Both are async so that an unsupported parameter becomes a rejection: the router awaits what it gets.
  return {
    typeSearch: async ({ resourceType, queryParams, searchFilters = [], allowedResourceTypes, baseUrl }) => {
      const query = readQuery(queryParams);
      const found = matching(store, query, baseUrl, resourceType).filter((resource) =>
        passesFilters(resource, searchFilters, baseUrl),
      );
      const page = pageOf(found, query, `${baseUrl}/${resourceType}`);
      // Filters narrow the matches. What is included beside them is judged by SMARTHandler, entry by entry, afterwards.
      const included = related(store, page.resources, query, baseUrl).filter((resource) =>
        allowedResourceTypes.includes(resource.resourceType),
      );
      return {
        result: {
          ...page.result,
          entries: [...entries(page.resources, 'match', baseUrl), ...entries(included, 'include', baseUrl)],
        },
      };
    },
    globalSearch: async ({ queryParams, searchFilters = [], baseUrl }) => {
      const query = readQuery(queryParams);
      const types = query.filter(([name]) => name === '_type').flatMap(([, value]) => value.split(','));
      const found = matching(store, query, baseUrl)
        .filter((resource) => types.length === 0 || types.includes(resource.resourceType))
        .filter((resource) => passesFilters(resource, searchFilters, baseUrl));
      const page = pageOf(found, query, baseUrl);
      return { result: { ...page.result, entries: entries(page.resources, 'match', baseUrl) } };
    },
    getCapabilities: () => Promise.resolve(capabilities()),
    validateSubscriptionSearchCriteria: () => {
      throw new InvalidSearchParameterError('Subscriptions are not offered');
    },
  };
}

type Query = [name: string, value: string][];

/** The query as pairs: the router hands over strings, lists of strings, and for `a[b]=c` objects, which no parameter has. */
function readQuery(parameters: unknown): Query {
  return Object.entries((parameters ?? {}) as Record<string, unknown>).flatMap(([name, given]) =>
    (Array.isArray(given) ? given : [given]).map((value): [string, string] => {
      if (typeof value !== 'string') throw new InvalidSearchParameterError(`${name} is not a plain value`);
      return [name, value];
    }),
  );
}

function matching(store: ResourceStore, query: Query, baseUrl: string, resourceType?: string): StoredResource[] {
  const criteria = query
    .filter(([name]) => !RESULT_PARAMETERS.includes(name))
    .map(([name, value]) => ({ parameter: parameterOf(resourceType, name), value }));
  return store
    .current(resourceType)
    .filter((resource) =>
      criteria.every(({ parameter, value }) => matchesParameter(resource, parameter, value, baseUrl)),
    );
}

function parameterOf(resourceType: string | undefined, name: string): SearchParameter {
  if (name === '_id') return { type: 'token', path: ['id'] };
  const known = searchParameters[resourceType ?? ''];
  const parameter = known && Object.hasOwn(known, name) ? known[name] : undefined;
  // An unknown parameter that is passed over in silence would widen the search.
  if (!parameter) throw new InvalidSearchParameterError(`Search parameter ${name} is not supported here`);
  return parameter;
}

function pageOf(
  found: StoredResource[],
  query: Query,
  url: string,
): { resources: StoredResource[]; result: Omit<SearchResult, 'entries'> } {
  const count = wholeNumber(query, '_count', DEFAULT_PAGE);
  const offset = wholeNumber(query, '_offset', 0);
  const linkTo = (start: number) =>
    `${url}?${new URLSearchParams([...query.filter(([name]) => name !== '_offset'), ['_offset', String(start)]]).toString()}`;
  return {
    resources: sorted(found, query).slice(offset, offset + count),
    result: {
      numberOfResults: found.length,
      message: '',
      ...(offset > 0 && { previousResultUrl: linkTo(Math.max(0, offset - count)) }),
      ...(offset + count < found.length && count > 0 && { nextResultUrl: linkTo(offset + count) }),
    },
  };
}

/** `_sort=_lastUpdated`, or `-_lastUpdated` for the newest first; what is equal stays as stored. */
function sorted(found: StoredResource[], query: Query): StoredResource[] {
  const order = query.find(([name]) => name === '_sort')?.[1];
  if (order === undefined) return found;
  if (!/^-?_lastUpdated$/.test(order)) throw new InvalidSearchParameterError(`_sort=${order} is not supported here`);
  const direction = order.startsWith('-') ? -1 : 1;
  const time = ({ meta }: StoredResource) => Date.parse(meta.lastUpdated);
  return [...found].sort((one, other) => direction * (time(one) - time(other)));
}

function wholeNumber(query: Query, name: string, otherwise: number): number {
  const value = query.find(([given]) => given === name)?.[1];
  if (value === undefined) return otherwise;
  if (!/^\d{1,6}$/.test(value)) throw new InvalidSearchParameterError(`${name} must be a whole number`);
  return Number(value);
}

/** `_include=Observation:subject` adds what the matches refer to, `_revinclude=Observation:subject` what refers to them. */
function related(store: ResourceStore, matches: StoredResource[], query: Query, baseUrl: string): StoredResource[] {
  const matched = new Set(matches.map(referenceTo));
  const found = query.flatMap(([name, value]) => {
    if (name !== '_include' && name !== '_revinclude') return [];
    const [source = '', parameterName = ''] = value.split(':');
    const parameter = parameterOf(source, parameterName);
    if (parameter.type !== 'reference') throw new InvalidSearchParameterError(`${value} is not a reference`);
    if (name === '_revinclude') {
      return store
        .current(source)
        .filter((resource) => targetsOf(resource, parameter, baseUrl).some((target) => matched.has(target)));
    }
    const targets = new Set(
      matches
        .filter((resource) => resource.resourceType === source)
        .flatMap((resource) => targetsOf(resource, parameter, baseUrl)),
    );
    return store.current().filter((resource) => targets.has(referenceTo(resource)));
  });
  const unique = new Map(found.map((resource) => [referenceTo(resource), resource]));
  return [...unique.values()].filter((resource) => !matched.has(referenceTo(resource)));
}

function referenceTo({ resourceType, id }: StoredResource): string {
  return `${resourceType}/${id}`;
}

function entries(resources: StoredResource[], mode: 'match' | 'include', baseUrl: string): SearchEntry[] {
  return resources.map((resource) => ({ fullUrl: `${baseUrl}/${referenceTo(resource)}`, resource, search: { mode } }));
}

function capabilities(): SearchCapabilityStatement {
  const reversed = Object.entries(searchParameters).flatMap(([type, parameters]) =>
    Object.entries(parameters)
      .filter(([, { type: kind }]) => kind === 'reference')
      .map(([name]) => `${type}:${name}`),
  );
  return Object.fromEntries(
    Object.entries(searchParameters).map(([type, parameters]) => [
      type,
      {
        searchParam: [
          { name: '_id', type: 'token' },
          ...Object.entries(parameters).map(([name, parameter]) => ({ name, type: parameter.type })),
        ],
        searchInclude: reversed.filter((include) => include.startsWith(`${type}:`)),
        searchRevInclude: reversed,
      },
    ]),
  );
}

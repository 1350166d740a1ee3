import type { Asked } from './asked.js';
import { singleType } from './asked.js';
import { lacks } from './touched.js';
import type { Outcome, Parameter } from './verdict.js';
import { keep, refuse, remove } from './verdict.js';

type Judge = (asked: Asked, parameter: Parameter) => Outcome;

const harmless: Judge = (_asked, parameter) => keep(parameter);

/** Allowed only to those who may see everything. */
const boundless: Judge = (asked, parameter) =>
  asked.opensEverything() ? keep(parameter) : refuse({ name: parameter[0], code: 'query-parameter' });

/** Counts what is found, seen or not: only for types that are open as a whole. */
const counted: Judge = (asked, parameter) => onlyIf(opensSearched(asked), asked, parameter);

/**
 * Leaves out of the results what they are judged by, or what would speak against showing them if it were there: only
 * where nothing is left to judge. What is included comes of other types, and is cut like the matches.
 */
const partial: Judge = (asked, parameter) =>
  onlyIf(asked.includes ? asked.opensEverything() : opensSearched(asked), asked, parameter);

function opensSearched(asked: Asked): boolean {
  return asked.types.every((type) => asked.opens(type));
}

function onlyIf(isOpen: boolean, asked: Asked, parameter: Parameter): Outcome {
  return isOpen ? keep(parameter) : remove({ name: parameter[0], code: 'query-type', ...singleType(asked) });
}

const total: Judge = (asked, parameter) => (parameter[1] === 'none' ? keep(parameter) : counted(asked, parameter));

const summary: Judge = (asked, parameter) => {
  if (parameter[1] === 'false') return keep(parameter);
  // It counts the matches, and gives nothing that was included.
  return parameter[1] === 'count' ? counted(asked, parameter) : partial(asked, parameter);
};

/** FHIR R4, 3.1.1.5.3 Page Count: a page of nothing is a count of everything. */
const pageSize: Judge = (asked, parameter) => {
  if (!/^\d{1,9}$/.test(parameter[1])) return refuse({ name: parameter[0], code: 'query-parameter' });
  return Number(parameter[1]) === 0 ? counted(asked, parameter) : keep(parameter);
};

/** More keys than anybody sorts by; each is looked up in the definitions of every type that is searched. */
const MAX_SORT_KEYS = 16;

const sorting: Judge = (asked, [name, value]) => {
  const items = value.split(',', MAX_SORT_KEYS + 1);
  if (items.length > MAX_SORT_KEYS) return refuse({ name, code: 'query-parameter' });
  const findings = items.flatMap((item) => {
    const path = item.startsWith('-') ? item.slice(1) : item;
    return path === '_score' ? [] : lacks(asked, name, path, '');
  });
  return findings.length === 0 ? keep([name, value]) : refuse(...findings);
};

/**
 * Parameters that say how the results are given, and the common ones that are more than elements (FHIR R4, 3.1.1.5;
 * FHIR R5, 3.2.1.7). A Map, since its keys come from requests.
 */
export const RESULT_PARAMETERS: ReadonlyMap<string, Judge> = new Map<string, Judge>([
  ['_format', harmless],
  ['_pretty', harmless],
  ['_score', harmless],
  ['_maxresults', harmless],
  // Of the history interactions.
  ['_since', harmless],
  ['_at', harmless],
  // Of paging links, as servers write them. Those that resume a search by its name are not among them: it may be the
  // search of somebody else.
  ['_offset', harmless],
  ['_page', harmless],
  ['_getpagesoffset', harmless],
  ['_count', pageSize],
  ['_total', total],
  ['_summary', summary],
  ['_elements', partial],
  ['_sort', sorting],
  // STU2 wrote the direction so, and servers still take it.
  ['_sort:asc', sorting],
  ['_sort:desc', sorting],
  // Results that are no entries of their own, in resources of any type.
  ['_contained', (asked, parameter) => (parameter[1] === 'false' ? keep(parameter) : boundless(asked, parameter))],
  ['_containedType', boundless],
  // Languages and named queries of their own; a graph brings what its definition says.
  ['_filter', boundless],
  ['_query', boundless],
  [
    '_graph',
    (asked, parameter) =>
      asked.opensEverything() ? keep(parameter) : remove({ name: parameter[0], code: 'query-parameter' }),
  ],
]);

import type { ValueMatcher, ValueRule } from './constraint.js';
import type { DateRange } from './date-range.js';
import { dateRange } from './date-range.js';
import { isJsonObject } from '../../json-object.js';

/** Relations between a resource's time and the value's (FHIR R4, 3.1.1.4.5 Prefixes). */
type Relation = (resource: DateRange, value: DateRange) => boolean;

export interface DateValue {
  readonly relation: Relation;
  readonly range: DateRange;
}

const within: Relation = (resource, value) => resource.start >= value.start && resource.end <= value.end;
const reachesAbove: Relation = (resource, value) => resource.end > value.end;
const reachesBelow: Relation = (resource, value) => resource.start < value.start;

/** `ap` is missing: how near is near enough depends on the present moment, and there is no clock here. */
const RELATIONS: ReadonlyMap<string, Relation> = new Map<string, Relation>([
  ['eq', within],
  ['ne', (resource, value) => !within(resource, value)],
  ['gt', reachesAbove],
  ['lt', reachesBelow],
  ['ge', (resource, value) => reachesAbove(resource, value) || within(resource, value)],
  ['le', (resource, value) => reachesBelow(resource, value) || within(resource, value)],
  ['sa', (resource, value) => resource.start >= value.end],
  ['eb', (resource, value) => resource.end <= value.start],
]);

const TEXTUAL = new Set(['date', 'dateTime', 'instant']);

/** Dates (FHIR R4, 3.1.1.4.7), compared as the times that they cover, with the open ends of a Period infinite. */
export const DATE: ValueRule<DateValue> = {
  read(text) {
    const prefix = /^[a-z]{2}/.test(text) ? text.slice(0, 2) : '';
    const relation = RELATIONS.get(prefix === '' ? 'eq' : prefix);
    const range = dateRange(text.slice(prefix.length));
    return relation === undefined || range === undefined ? undefined : { relation, range };
  },

  fits(_value, { datatype }) {
    return TEXTUAL.has(datatype) || datatype === 'Period' || datatype === 'Timing';
  },

  matcher(values, { datatype }) {
    const rangeOf = datatype === 'Period' ? periodRange : datatype === 'Timing' ? timingRange : textRange;
    const [only] = values;
    if (values.length === 1 && only !== undefined) return rangeMatcher(rangeOf, only);
    const matchers = values.map((value) => rangeMatcher(rangeOf, value));
    return (value) => matchers.some((matches) => matches(value));
  },
};

function rangeMatcher(
  rangeOf: (value: unknown) => DateRange | undefined,
  { relation, range }: DateValue,
): ValueMatcher {
  return (value) => {
    const found = rangeOf(value);
    return found !== undefined && relation(found, range);
  };
}

function textRange(value: unknown): DateRange | undefined {
  return typeof value === 'string' ? dateRange(value) : undefined;
}

/** A side that is there but is no date spoils the Period: it must not count as open. */
function periodRange(value: unknown): DateRange | undefined {
  if (!isJsonObject(value)) return undefined;
  const { start, end } = value;
  if (start === undefined && end === undefined) return undefined;
  const first = start === undefined ? OPEN : textRange(start);
  const last = end === undefined ? OPEN : textRange(end);
  if (first === undefined || last === undefined || first.start >= last.end) return undefined;
  return { start: first.start, end: last.end };
}

const OPEN: DateRange = { start: -Infinity, end: Infinity };

/**
 * The outer limits of a Timing (FHIR R4, 3.1.1.4.7: the details of the schedule are ignored). They are known where it
 * lists its events, or where its repetition is bounded by a Period; what else repeats has no limits that could be told.
 */
function timingRange(value: unknown): DateRange | undefined {
  if (!isJsonObject(value)) return undefined;
  const { event, repeat } = value;
  const bounds = isJsonObject(repeat) ? periodRange(repeat['boundsPeriod']) : undefined;
  const events: readonly unknown[] = Array.isArray(event) ? event : event === undefined ? [] : [event];
  const parts = [...(repeat === undefined ? [] : [bounds]), ...events.map(textRange)];
  let whole: DateRange | undefined;
  for (const part of parts) {
    if (part === undefined) return undefined;
    whole = whole === undefined ? part : join(whole, part);
  }
  return whole;
}

function join(a: DateRange, b: DateRange): DateRange {
  return { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}

/**
 * The time that a date or a dateTime covers, in milliseconds since 1970 UTC; the end is the first millisecond after it.
 * Either side is infinite where nothing bounds it.
 */
export interface DateRange {
  readonly start: number;
  readonly end: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/**
 * Reads a date, dateTime or instant (FHIR R4, 2.24.0.1) as the time that it covers: a year all of that year, a second
 * all of that second. Fractions count to the millisecond. A text without an offset is taken as UTC, in scopes and in
 * resources alike: FHIR leaves it to the server's time zone, which a pure function does not have, and dates without a
 * time come out the same. Undefined for what is no date.
 *
 * Read character by character, since this runs for every resource that is judged.
 */
export function dateRange(text: string): DateRange | undefined {
  const length = text.length;
  // The longest: 2020-01-01T00:00:00.123456789+01:00
  if (length > 40) return undefined;
  const year = digits(text, 0, 4);
  if (year < 1) return undefined;
  if (length === 4) return { start: DAY * daysTo(year, 1, 1), end: DAY * daysTo(year + 1, 1, 1) };

  const month = text.charAt(4) === '-' ? digits(text, 5, 2) : -1;
  if (month < 1 || month > 12) return undefined;
  if (length === 7) {
    const end = month === 12 ? daysTo(year + 1, 1, 1) : daysTo(year, month + 1, 1);
    return { start: DAY * daysTo(year, month, 1), end: DAY * end };
  }

  const day = text.charAt(7) === '-' ? digits(text, 8, 2) : -1;
  if (day < 1 || day > daysIn(year, month)) return undefined;
  const midnight = DAY * daysTo(year, month, day);
  if (length === 10) return { start: midnight, end: midnight + DAY };
  return text.charAt(10) === 'T' ? timeRange(text, midnight) : undefined;
}

function timeRange(text: string, midnight: number): DateRange | undefined {
  const hour = digits(text, 11, 2);
  const minute = text.charAt(13) === ':' ? digits(text, 14, 2) : -1;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return undefined;
  let start = midnight + hour * HOUR + minute * MINUTE;
  let width = MINUTE;
  let at = 16;
  if (text.charAt(at) === ':') {
    const second = digits(text, 17, 2);
    // 60 is a leap second.
    if (second < 0 || second > 60) return undefined;
    start += second * SECOND;
    width = SECOND;
    at = 19;
    if (text.charAt(at) === '.') {
      const fraction = at + 1;
      for (at = fraction; isDigit(text.charCodeAt(at)); at += 1) {
        if (width === 1) continue;
        width /= 10;
        start += width * (text.charCodeAt(at) - 0x30);
      }
      if (at === fraction) return undefined;
    }
  }
  const offset = offsetAt(text, at);
  return offset === undefined ? undefined : { start: start - offset, end: start - offset + width };
}

/** `Z`, `+hh:mm`, `-hh:mm` or nothing, and then the end. */
function offsetAt(text: string, at: number): number | undefined {
  const rest = text.length - at;
  const sign = text.charAt(at);
  if (rest === 0 || (rest === 1 && sign === 'Z')) return 0;
  if (rest !== 6 || (sign !== '+' && sign !== '-') || text.charAt(at + 3) !== ':') return undefined;
  const hour = digits(text, at + 1, 2);
  const minute = digits(text, at + 4, 2);
  if (hour < 0 || minute < 0 || minute > 59 || hour * 60 + minute > 14 * 60) return undefined;
  return (sign === '-' ? -1 : 1) * (hour * HOUR + minute * MINUTE);
}

/** The number that so many digits make, or -1. */
function digits(text: string, at: number, count: number): number {
  let number = 0;
  for (let each = at; each < at + count; each += 1) {
    const code = text.charCodeAt(each);
    if (!isDigit(code)) return -1;
    number = number * 10 + (code - 0x30);
  }
  return number;
}

/** Past the end the code is NaN, and no digit. */
function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days from 1970-01-01 to a day of the Gregorian calendar. */
function daysTo(year: number, month: number, day: number): number {
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const ofYear = (DAYS_BEFORE_MONTH[month - 1] ?? 0) + (month > 2 && isLeap(year) ? 1 : 0) + day - 1;
  return before * 365 + leapDays + ofYear - DAYS_TO_1970;
}

/** From 0001-01-01 to 1970-01-01. */
const DAYS_TO_1970 = 719_162;

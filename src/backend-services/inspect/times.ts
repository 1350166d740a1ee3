import { readDate } from '../../token/claims.js';
import type { JsonObject } from './decode.js';
import type { TokenDefect } from './defect.js';
import { must, quote } from './defect.js';

const JWT = 'RFC 7519 §4.1';

/** Seconds that two clocks may differ. */
const SKEW_SECONDS = 5;

/** A date beyond the year 5000 in seconds is a date of today in milliseconds. */
const LATEST_PLAUSIBLE = 95_617_584_000;

/** What is wrong with exp, iat and nbf. Times in seconds since 1970. */
export function* timeDefects(payload: JsonObject, now: number): Iterable<TokenDefect> {
  const { exp, iat, nbf } = payload;
  if (exp === undefined) yield must('exp-missing', `${JWT}.4`, 'there is no "exp": the token would be valid for ever');
  else if (!isTime(exp))
    yield must('exp-not-number', `${JWT}.4`, `exp is ${quote(exp)}; it has to be a number of seconds`);
  else if (exp > LATEST_PLAUSIBLE) {
    yield must('exp-in-milliseconds', `${JWT}.4`, `exp is ${exp}, which is in milliseconds; it has to be in seconds`);
  } else if (exp <= now) {
    yield must('expired', `${JWT}.4`, `expired at ${instant(exp)}, ${duration(now - exp)} ago`);
  }
  if (iat !== undefined && !isTime(iat)) {
    yield must('iat-not-number', `${JWT}.6`, `iat is ${quote(iat)}; it has to be a number of seconds`);
  } else if (isTime(iat) && iat > now + SKEW_SECONDS) {
    yield must('iat-in-future', `${JWT}.6`, `issued ${duration(iat - now)} in the future: a clock is wrong`);
  }
  if (nbf !== undefined && readDate(nbf) === undefined) {
    yield must('nbf-not-number', `${JWT}.5`, `nbf is ${quote(nbf)}; it has to be a number of seconds`);
  } else if (isTime(nbf) && nbf > now + SKEW_SECONDS) {
    yield must('nbf-in-future', `${JWT}.5`, `not valid before ${instant(nbf)}, in ${duration(nbf - now)}`);
  }
}

/** How long a token is good for, in seconds. */
export interface Lifetime {
  /** From now: what a server goes by. */
  readonly remaining: number;
  /** From iat where it says so, else from now: what it was made for. */
  readonly whole: number;
}

/** Undefined if exp says nothing sensible. */
export function lifetimeOf({ exp, iat }: JsonObject, now: number): Lifetime | undefined {
  if (!isTime(exp) || exp > LATEST_PLAUSIBLE) return undefined;
  return { remaining: exp - now, whole: exp - (isTime(iat) ? Math.min(iat, now) : now) };
}

/** `36000 s (10 hours)` */
export function duration(seconds: number): string {
  const units = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ] as const;
  const unit = units.find(([, size]) => seconds >= size);
  if (unit === undefined) return `${Math.round(seconds)} s`;
  const [name, size] = unit;
  const count = Math.round((seconds / size) * 10) / 10;
  return `${Math.round(seconds)} s (${count} ${name}${count === 1 ? '' : 's'})`;
}

function instant(seconds: number): string {
  // Within the range of Date: exp is at most LATEST_PLAUSIBLE, and a past one could be anything.
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

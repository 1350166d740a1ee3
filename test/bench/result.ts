import type { Comparison } from './rounds.js';

/** What a ratio has to keep to. */
export interface Bound {
  readonly must?: number;
  readonly aim?: number;
  /** `most` by default: the ratio may not rise above. */
  readonly side?: 'most' | 'least';
}

/** One line of the table. */
export interface Result {
  readonly id: string;
  readonly work: string;
  readonly yardstick: string;
  readonly ratio: number;
  readonly quartiles: readonly [number, number];
  readonly rounds: number;
  /** One operation of the work and of the yardstick, in the unit. */
  readonly measured: readonly [number, number];
  readonly unit: string;
  readonly bound: Bound;
  readonly note?: string;
}

/** A line whose times are microseconds. */
export function timed(
  id: string,
  work: string,
  yardstick: string,
  { ratio, quartiles, rounds, times }: Comparison,
  bound: Bound = {},
  note?: string,
): Result {
  const measured = [times[0] ?? NaN, times[1] ?? NaN] as const;
  return { id, work, yardstick, ratio, quartiles, rounds, measured, unit: 'µs', bound, ...(note && { note }) };
}

/** Whether a ratio keeps to a limit; undefined where there is none. */
export function keeps(
  { ratio, bound }: Pick<Result, 'ratio' | 'bound'>,
  limit: number | undefined,
): boolean | undefined {
  if (limit === undefined) return undefined;
  return bound.side === 'least' ? ratio >= limit : ratio <= limit;
}

/** Whether the rounds differ so much among each other that the limit lies between their quartiles. */
export function isNoisy({ quartiles: [low, high], bound: { must } }: Result): boolean {
  return must !== undefined && low <= must && high >= must;
}

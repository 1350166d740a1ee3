// Alternating rounds: both sides in one process, one after the other, so that whatever slows the machine slows both.
import { performance } from 'node:perf_hooks';

/** Times one batch of a side: microseconds, and how many operations that were. */
export type Side = () => Promise<{ readonly time: number; readonly operations: number }>;

/**
 * Microseconds of processor time that this process has used, on all its threads. What else runs on the machine does not
 * lengthen it. For work on one thread; where threads share the work, only the time on the wall tells who is done first.
 */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Microseconds on the wall. */
export function wallTime(): number {
  return performance.now() * 1000;
}

/** What two sides of a comparison took. */
export interface Comparison {
  /** Median of the rounds' ratios, the first side's time divided by the second's. */
  readonly ratio: number;
  /** The middle half of the rounds' ratios. */
  readonly quartiles: readonly [number, number];
  readonly rounds: number;
  /** Medians, microseconds for one operation. */
  readonly times: readonly number[];
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = (sorted.length - 1) * at;
  const [low, high] = [sorted[Math.floor(index)] ?? NaN, sorted[Math.ceil(index)] ?? NaN];
  return low + (high - low) * (index - Math.floor(index));
}

/** How thoroughly to measure. */
export interface Effort {
  readonly rounds: number;
  /** Entries of Bundles that a round parses and judges, at least. */
  readonly entries: number;
  /** Entries of the Bundles that are filtered. */
  readonly sizes: readonly number[];
}

/** A side that does one operation after the other, on arguments that are made before the clock starts. */
export function sequence<T>(
  prepare: (index: number) => T,
  operate: (argument: T) => unknown,
  operations: number,
): Side {
  let index = 0;
  return async () => {
    const prepared = Array.from({ length: operations }, () => prepare(index++));
    const start = cpuTime();
    for (const argument of prepared) {
      const result = operate(argument);
      // Only what is asynchronous is waited for: an await of a value would be work that nobody asked for.
      if (result instanceof Promise) await result;
    }
    return { time: cpuTime() - start, operations };
  };
}

/** A side that keeps so many operations under way, a new one as soon as one ends. */
export function inFlight<T>(
  prepare: (index: number) => T,
  operate: (argument: T) => unknown,
  operations: number,
  width: number,
): Side {
  let index = 0;
  return async () => {
    const prepared = Array.from({ length: operations }, () => prepare(index++));
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < operations) await operate(prepared[next++]!);
    };
    const start = wallTime();
    await Promise.all(Array.from({ length: width }, lane));
    return { time: wallTime() - start, operations };
  };
}

/** Runs the sides in alternating rounds. Who goes first changes from round to round. */
export async function compare(sides: readonly Side[], rounds: number, warmups = 12): Promise<Comparison> {
  const times: number[][] = sides.map(() => []);
  for (let round = -warmups; round < rounds; round += 1) {
    const order = [...sides.keys()];
    if (round % 2 !== 0) order.reverse();
    for (const index of order) {
      const { time, operations } = await sides[index]!();
      if (round >= 0) times[index]!.push(time / operations);
    }
  }
  return comparisonOf(times);
}

/** Takes rounds that were measured otherwise together: one list of microseconds a side, of which the first two are compared. */
export function comparisonOf(times: readonly (readonly number[])[]): Comparison {
  const [first = [], second = []] = times;
  const ratios = first.map((time, round) => time / second[round]!);
  return {
    ratio: median(ratios),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    rounds: ratios.length,
    times: times.map(median),
  };
}

/** Milliseconds that a store has for one call where nothing else is said. */
export const DEFAULT_TIMEOUT = 2_000;
export const MIN_TIMEOUT = 50;
export const MAX_TIMEOUT = 60_000;

/** @throws TypeError */
export function readTimeout(milliseconds: number | undefined): number {
  const chosen = milliseconds ?? DEFAULT_TIMEOUT;
  if (!Number.isFinite(chosen) || chosen < MIN_TIMEOUT || chosen > MAX_TIMEOUT) {
    throw new TypeError(`timeoutMilliseconds must be a number from ${MIN_TIMEOUT} to ${MAX_TIMEOUT}`);
  }
  return chosen;
}

/**
 * What a call answers, or a rejection once its time is over: a store that takes connections and says nothing would hold
 * every request otherwise, for ever. The call itself cannot be called back; what it comes to later goes nowhere.
 */
export async function within<T>(milliseconds: number, call: () => Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(late());
    }, milliseconds);
  });
  try {
    // Inside a function, so that what a store throws in place of a promise comes out as a rejection, too.
    return await Promise.race([(async () => call())(), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a value is yet to come. By what it can do: an application may have a Promise of its own in the place of the engine's. */
export function isPending<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';
}

/** Goes on with a value: on the spot where it is there, so that nobody waits for a promise that none needs. */
export function once<T, U>(value: T | Promise<T>, goOn: (value: T) => U | Promise<U>): U | Promise<U> {
  return isPending(value) ? value.then(goOn) : goOn(value);
}

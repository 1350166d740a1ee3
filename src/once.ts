/** What async functions give, whatever an application has put in the place of the global one. */
const Native = (async () => undefined)().constructor as PromiseConstructor;

/** Whether a value of this library's own is yet to come. */
export function isPending<T>(value: T | Promise<T>): value is Promise<T> {
  // Not by its `then`: to look for a member that is not there costs more than many an answer.
  return value instanceof Native;
}

/** Goes on with a value: on the spot where it is there, so that nobody waits for a promise that none needs. */
export function once<T, U>(value: T | Promise<T>, goOn: (value: T) => U | Promise<U>): U | Promise<U> {
  return isPending(value) ? value.then(goOn) : goOn(value);
}

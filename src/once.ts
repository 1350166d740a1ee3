/** Goes on with a value: on the spot where it is there, so that nobody waits for a promise that none needs. */
export function once<T, U>(value: T | Promise<T>, goOn: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}

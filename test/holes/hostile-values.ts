// Values that a careless function dies of.
import fc from 'fast-check';

function thrower(): never {
  throw new TypeError('hostile');
}

const TRAPS: ProxyHandler<object> = Object.fromEntries(
  [
    'get',
    'has',
    'ownKeys',
    'getOwnPropertyDescriptor',
    'getPrototypeOf',
    'set',
    'deleteProperty',
    'defineProperty',
    'isExtensible',
  ].map((trap) => [trap, thrower]),
);

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function nested(depth: number, wrap: (inner: unknown) => unknown, innermost: unknown): unknown {
  let value = innermost;
  for (let level = 0; level < depth; level += 1) value = wrap(value);
  return value;
}

function cyclic(): unknown {
  const value: Record<string, unknown> = { resourceType: 'Observation' };
  value['subject'] = value;
  value['entry'] = [value];
  value['resource'] = value;
  return value;
}

/** Made once: it takes long, and only a defect would change it. */
function once(make: () => unknown): () => unknown {
  let made: { readonly value: unknown } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** By name, so that a failure says which. */
export const HOSTILE: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  zero: () => 0,
  'minus one': () => -1,
  NaN: () => NaN,
  Infinity: () => Infinity,
  bigint: () => 10n ** 30n,
  'empty string': () => '',
  'long string': once(() => 'x'.repeat(1_000_000)),
  'many slashes': once(() => '/'.repeat(100_000)),
  'lone surrogate': () => '\ud800',
  'nul character': () => '\u0000',
  'name of a prototype member': () => '__proto__',
  symbol: () => Symbol('hostile'),
  function: () => thrower,
  date: () => new Date(NaN),
  'regular expression': () => /(a+)+$/,
  map: () => new Map([['scopes', ['system/*.*']]]),
  set: () => new Set(['system/*.*']),
  'boxed string': () => new String('system/*.*'),
  'empty object': () => ({}),
  'without a prototype': () => Object.create(null) as unknown,
  'own __proto__': () =>
    JSON.parse('{"__proto__":{"scopes":["system/*.*"],"resourceType":"Patient","id":"alice"}}') as unknown,
  'inherited members': () =>
    Object.create({ scopes: ['system/*.*'], usableScopes: ['system/*.*'], entry: [{}] }) as unknown,
  'throwing toString': () => ({ toString: thrower, valueOf: thrower, [Symbol.toPrimitive]: thrower }),
  'toString that is no function': () => ({ toString: 'x', valueOf: 1 }),
  'throwing toJSON': () => ({ toJSON: thrower }),
  'throwing getters': () =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        [
          'scopes',
          'resourceType',
          'id',
          'entry',
          'resource',
          'operation',
          'length',
          'reference',
          'hostname',
          'sub',
        ].map((name) => [name, { get: thrower, enumerable: true }]),
      ),
    ),
  'throwing proxy': () => new Proxy({}, TRAPS),
  'throwing proxy of an array': () => new Proxy([], TRAPS),
  'throwing proxy of a function': () => new Proxy(thrower, TRAPS),
  'revoked proxy': () => revoked({}),
  'revoked proxy of an array': () => revoked([]),
  cyclic,
  'cyclic array': () => {
    const value: unknown[] = [];
    value.push(value);
    return value;
  },
  'empty array': () => [],
  'sparse array': () => Object.assign([], { length: 1_000 }),
  'array of null': () => [null, undefined, 0, '', [], {}],
  'array of hostile objects': () => [new Proxy({}, TRAPS), { toString: 'x' }, Symbol('x'), thrower],
  'huge array': once(() => Array.from({ length: 100_000 }, () => null)),
  'huge array of objects': once(() => Array.from({ length: 50_000 }, () => ({ resourceType: 'Observation' }))),
  'array that lies about its length': () => new Proxy([], { get: (_, name) => (name === 'length' ? 1e9 : undefined) }),
  'deep arrays': once(() => nested(100_000, (inner) => [inner], 'x')),
  'deep objects': once(() => nested(100_000, (inner) => ({ item: inner, resource: inner }), {})),
  'many members': once(() => Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`m${index}`, index]))),
  'array-like': () => ({ length: 3, 0: 'system/*.*', 1: 'user/*.*' }),
  iterator: () => ({ [Symbol.iterator]: thrower }),
};

/**
 * Anything at all, with a taste for what JSON cannot say and for names that mean something here. It comes in a function,
 * because fast-check looks into the values that it hands out.
 */
export const anyValue: fc.Arbitrary<() => unknown> = fc.oneof(
  fc
    .anything({
      withNullPrototype: true,
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withBoxedValues: true,
      withObjectString: true,
    })
    .map((value) => () => value),
  fc.jsonValue({ maxDepth: 4 }).map((value) => () => value),
  fc.constantFrom(...Object.values(HOSTILE)),
);

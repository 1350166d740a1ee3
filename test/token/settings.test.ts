import { expect } from 'chai';
import { ConfigError } from '../../src/errors.js';
import { KEY_SHAPES, sameAlgorithm } from '../../src/token/algorithm.js';
import { readOptions, type TokenVerifierOptions } from '../../src/token/options.js';
import { readSettings, type TokenSettings } from '../../src/token/settings.js';

/** The message that a setting is refused with; undefined where it is taken. */
function refused(settings: unknown, at?: string): string | undefined {
  try {
    readSettings(settings as TokenSettings, at);
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(ConfigError);
    return (error as ConfigError).message;
  }
}

describe('token/settings', () => {
  it('has the defaults that the documentation names', () => {
    const { now, fetch, algorithms, acceptedTypes, ...rest } = readSettings({});
    expect(rest).to.deep.equal({
      toleranceMs: 0,
      maxTokenLength: 16_384,
      jwks: {
        timeoutMs: 5_000,
        maxAgeMs: 600_000,
        maxStaleMs: 21_600_000,
        cooldownMs: 30_000,
        burst: 3,
        maxBytes: 262_144,
        maxKeys: 100,
      },
      cache: { maxEntries: 5_000, maxChars: 8_388_608 },
      introspection: { maxBytes: 65_536, cacheMaxAgeMs: 0, cacheSize: 5_000, cache: undefined, cacheTimeoutMs: 250 },
      onEvent: undefined,
    });
    expect([...acceptedTypes]).to.deep.equal(['at+jwt', 'jwt', null]);
    expect([...algorithms]).to.deep.equal([...KEY_SHAPES.keys()]);
    expect(now).to.equal(Date.now);
    expect(fetch).to.be.a('function');
  });

  it('takes seconds of tolerance, and counts milliseconds', () => {
    expect(readSettings({ clockToleranceSeconds: 300 }).toleranceMs).to.equal(300_000);
  });

  it('keeps the clock, the listener and the fetch that it is given', () => {
    const given = { now: () => 5, onEvent: () => undefined, fetch: () => Promise.reject(new Error('offline')) };
    expect(readSettings(given)).to.include(given);
  });

  it('asks the global fetch, as it is when it is asked', async () => {
    const { fetch } = readSettings({});
    const before = globalThis.fetch;
    const asked: unknown[] = [];
    globalThis.fetch = (...request) => {
      asked.push(request);
      return Promise.resolve(new Response('replaced'));
    };
    try {
      expect(await (await fetch('https://idp.example', { method: 'POST' })).text()).to.equal('replaced');
      expect(asked).to.deep.equal([['https://idp.example', { method: 'POST' }]]);
    } finally {
      globalThis.fetch = before;
    }
  });

  const store = { get: () => Promise.resolve(undefined), set: () => Promise.resolve() };
  const cases: readonly [settings: unknown, message: string | undefined][] = [
    [{ introspection: { cache: store, cacheTimeoutMs: 60_000, cacheSize: 0 } }, undefined],
    [{ introspection: { cache: { get: store.get } } }, 'introspection.cache: must be a store with get and set'],
    [{ introspection: { cache: { set: store.set } } }, 'introspection.cache: must be a store with get and set'],
    [{ introspection: { cache: {} } }, 'introspection.cache: must be a store with get and set'],
    [{ introspection: { cache: null } }, 'introspection.cache: must be a store with get and set'],
    [{ introspection: { cache: 'redis' } }, 'introspection.cache: must be a store with get and set'],
    [{ introspection: { cacheTimeoutMs: 0 } }, 'introspection.cacheTimeoutMs: must be an integer from 1 to 60000'],
    [{ introspection: { cacheTimeoutMs: 60_001 } }, 'introspection.cacheTimeoutMs: must be an integer from 1 to 60000'],
    [{ introspection: { cacheSize: 1_000_001 } }, 'introspection.cacheSize: must be an integer from 0 to 1000000'],
    [
      { introspection: { cacheMaxAgeMs: 3_600_001 } },
      'introspection.cacheMaxAgeMs: must be an integer from 0 to 3600000',
    ],
    [{ jwks: { maxStaleMs: 604_800_001 } }, 'jwks.maxStaleMs: must be an integer from 0 to 604800000'],
    [{ jwks: { maxStaleMs: 604_800_000 } }, undefined],
    [{ clockToleranceSeconds: 301 }, 'clockToleranceSeconds: must be an integer from 0 to 300'],
    [
      { algorithms: ['RS256', 'HS256'] },
      "algorithms: 'HS256' is not supported: use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519",
    ],
    [{ acceptedTypes: [] }, 'acceptedTypes: must be a list of strings, or null for tokens without typ'],
    [{ acceptedTypes: 'JWT' }, 'acceptedTypes: must be a list of strings, or null for tokens without typ'],
    [{ acceptedTypes: [null] }, undefined],
  ];
  for (const [settings, message] of cases) {
    it(`${JSON.stringify(settings)}: ${message ?? 'taken'}`, () => {
      expect(refused(settings)).to.equal(message);
      expect(refused(settings, 'options.token.')).to.equal(message && `options.token.${message}`);
    });
  }
});

describe('token/options: who proves tokens', () => {
  const introspection = { introspectUrl: 'https://idp.example/introspect', clientId: 'a', clientSecret: 'b' };
  const base: TokenVerifierOptions = { issuer: 'https://idp.example', audience: 'https://fhir.example' };

  it('is said, or there is nobody', () => {
    const read = (): unknown => readOptions(base);
    expect(read).to.throw(ConfigError, 'jwksEndpoint: is missing, and so is introspection');
  });

  it('an introspection server vouches for the audience only where the options say so', () => {
    const vouches = (vouchesForAudience?: unknown): unknown =>
      readOptions({ ...base, introspection: { ...introspection, vouchesForAudience } as typeof introspection })
        .introspection?.vouchesForAudience;
    expect(vouches()).to.equal(false);
    expect(vouches(true)).to.equal(true);
    expect(() => vouches('true')).to.throw(ConfigError, 'introspection.vouchesForAudience: must be a boolean');
  });
});

describe('token/algorithm: sameAlgorithm', () => {
  const cases: readonly [a: string, b: string, same: boolean][] = [
    ['RS256', 'RS256', true],
    ['RS256', 'RS384', false],
    ['RS256', 'PS256', false],
    ['EdDSA', 'Ed25519', true],
    ['Ed25519', 'EdDSA', true],
    ['EdDSA', 'RS256', false],
    ['RS256', 'EdDSA', false],
    ['EdDSA', 'Ed448', false],
    ['none', 'EdDSA', false],
  ];
  for (const [a, b, same] of cases) {
    it(`${a} and ${b} are ${same ? 'one' : 'two'}`, () => {
      expect(sameAlgorithm(a, b)).to.equal(same);
    });
  }
});

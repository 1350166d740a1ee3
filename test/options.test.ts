import { expect } from 'chai';
import { createMemoryStore } from '../src/backend-services/state/memory-store.js';
import { ConfigError } from '../src/errors.js';
import type { SMARTConfig, SMARTHandlerOptions, TokenEvent, TokenSettings } from '../src/index.js';
import { TokenError } from '../src/index.js';
import { CONFIG, handlerWith } from './access/world.js';
import { AUDIENCE, ISSUER, Issuer, edA, mint, rsaA, seconds } from './token/issuer.js';

describe('options.token: how a handler verifies tokens', () => {
  let issuer: Issuer;
  beforeEach(async () => {
    issuer = await Issuer.start();
  });
  afterEach(() => issuer.close());

  const introspecting = (): Partial<SMARTConfig> => ({
    tokenIntrospection: { introspectUrl: issuer.introspectUrl, clientId: 'fhir', clientSecret: 'a secret' },
  });
  const good = (claims: object = {}, header: Record<string, unknown> = {}, key = rsaA): string =>
    mint({ header, key, claims: { scope: 'system/Patient.rs', ...claims } });

  /** `accepted`, or the code of the refusal, of each token with the same handler. */
  async function outcomes(token: TokenSettings, tokens: readonly string[], config?: Partial<SMARTConfig>) {
    const handler = handlerWith(
      { token },
      { expectedIssValue: ISSUER, expectedAudValue: AUDIENCE, ...(config ?? { jwksEndpoint: issuer.jwksUrl }) },
    );
    const codes: string[] = [];
    for (const accessToken of tokens) {
      try {
        await handler.authenticate({ accessToken });
        codes.push('accepted');
      } catch (error) {
        if (!(error instanceof TokenError)) throw error;
        codes.push(error.code);
      }
    }
    return codes;
  }

  it('bounds algorithms, types and length, and tolerates clocks', async () => {
    issuer.publish(rsaA.jwk({ kid: 'a' }), edA.jwk({ kid: 'b' }));
    const ed = good({}, { kid: 'b' }, edA);
    expect(await outcomes({}, [good(), ed])).to.deep.equal(['accepted', 'accepted']);
    expect(await outcomes({ algorithms: ['EdDSA'] }, [good(), ed])).to.deep.equal(['ERR_TOKEN_ALGORITHM', 'accepted']);
    const typed = [good(), good({}, { typ: 'at+jwt' })];
    expect(await outcomes({ acceptedTypes: ['at+jwt'] }, typed)).to.deep.equal(['ERR_TOKEN_TYPE', 'accepted']);
    const late = [good({ exp: seconds() - 20 })];
    expect(await outcomes({}, late)).to.deep.equal(['ERR_TOKEN_EXPIRED']);
    expect(await outcomes({ clockToleranceSeconds: 60 }, late)).to.deep.equal(['accepted']);
    const long = good({ filler: 'x'.repeat(20_000) });
    expect(await outcomes({}, [long])).to.deep.equal(['ERR_TOKEN_MALFORMED']);
    expect(await outcomes({ maxTokenLength: 50_000 }, [long])).to.deep.equal(['accepted']);
  });

  it('uses the clock, the network and the listener of the host', async () => {
    const events: TokenEvent[] = [];
    const asked: unknown[] = [];
    const settings: TokenSettings = {
      now: () => Date.now() + 3_600_000,
      fetch: (input, init) => {
        asked.push(input);
        return fetch(input, init);
      },
      onEvent: (event) => events.push(event),
    };
    expect(await outcomes(settings, [good(), good({ exp: seconds() + 7200 })])).to.deep.equal([
      'ERR_TOKEN_EXPIRED',
      'accepted',
    ]);
    expect(asked).to.deep.equal([issuer.jwksUrl]);
    expect(events).to.deep.equal([{ type: 'jwks.refreshed', keys: 1, ignored: [] }]);
  });

  it('bounds the key set and the answers of introspection', async () => {
    expect(await outcomes({ jwks: { maxBytes: 256 } }, [good()])).to.deep.equal(['ERR_JWKS_UNAVAILABLE']);
    issuer.introspection = { body: { active: true, filler: 'x'.repeat(1000) } };
    expect(await outcomes({ introspection: { maxBytes: 256 } }, [good()], introspecting())).to.deep.equal([
      'ERR_INTROSPECTION_UNAVAILABLE',
    ]);
    expect(await outcomes({}, [good()], introspecting())).to.deep.equal(['accepted']);
  });

  it('uses answers of introspection again for as long as it says; by default for no time', async () => {
    for (const [introspection, requests] of [
      [undefined, 3],
      [{ cacheMaxAgeMs: 60_000 }, 1],
      [{ cacheMaxAgeMs: 60_000, cacheSize: 0 }, 3],
    ] as const) {
      issuer.requests.length = 0;
      const token = good();
      await outcomes({ introspection }, [token, token, token], introspecting());
      expect(issuer.count('/introspect'), JSON.stringify(introspection)).to.equal(requests);
    }
  });

  it('shares answers between handlers by a store', async () => {
    const introspection = { cacheMaxAgeMs: 60_000, cache: createMemoryStore() };
    const token = good();
    for (const handlers of [1, 2, 3]) {
      expect(await outcomes({ introspection }, [token], introspecting()), String(handlers)).to.deep.equal(['accepted']);
    }
    expect(issuer.count('/introspect')).to.equal(1);
  });

  it('holds for the tenants as well', async () => {
    const late = good({ exp: seconds() - 20 });
    const apiUrl = 'https://tenant.example/r4';
    const config = { ...CONFIG, jwksEndpoint: issuer.jwksUrl, expectedIssValue: ISSUER, expectedAudValue: AUDIENCE };
    const tenantOf: SMARTHandlerOptions['tenantOf'] = () => ({ config, apiUrl });
    for (const [clockToleranceSeconds, code] of [
      [0, 'ERR_TOKEN_EXPIRED'],
      [60, 'accepted'],
    ] as const) {
      const handler = handlerWith({ tenantOf, token: { clockToleranceSeconds } });
      const outcome: unknown = await handler.authenticate({ accessToken: late, fhirServiceBaseUrl: apiUrl }).then(
        () => 'accepted',
        (error: unknown) => (error as TokenError).code,
      );
      expect(outcome).to.equal(code);
    }
  });

  it('is checked when the handler is made: every setting, and every name', () => {
    const store = { get: () => Promise.resolve(undefined), set: () => Promise.resolve() };
    const cases: [string | undefined, unknown][] = [
      [undefined, undefined],
      [undefined, {}],
      [undefined, { introspection: { cache: store, cacheMaxAgeMs: 1000, cacheTimeoutMs: 1 }, cache: {}, jwks: {} }],
      ['options.token', 'x'],
      ['options.token', []],
      ['options.token.algorithms', { algorithms: ['none'] }],
      ['options.token.acceptedTypes', { acceptedTypes: [] }],
      ['options.token.clockToleranceSeconds', { clockToleranceSeconds: 301 }],
      ['options.token.clockTolerance', { clockTolerance: 5 }],
      ['options.token.issuer', { issuer: 'https://other.example' }],
      ['options.token.maxTokenLength', { maxTokenLength: 1 }],
      ['options.token.jwks', { jwks: 5 }],
      ['options.token.jwks.maxAge', { jwks: { maxAge: 5 } }],
      ['options.token.jwks.maxAgeMs', { jwks: { maxAgeMs: 5 } }],
      ['options.token.cache.maxEntries', { cache: { maxEntries: -1 } }],
      ['options.token.introspection.cacheMaxAgeMs', { introspection: { cacheMaxAgeMs: 3_600_001 } }],
      ['options.token.introspection.cacheTimeoutMs', { introspection: { cacheTimeoutMs: 0 } }],
      ['options.token.introspection.cacheSize', { introspection: { cacheSize: 0.5 } }],
      ['options.token.introspection.maxBytes', { introspection: { maxBytes: 1 } }],
      ['options.token.introspection.clientSecret', { introspection: { clientSecret: 'x' } }],
      ['options.token.introspection.cache', { introspection: { cache: {} } }],
      ['options.token.introspection.cache', { introspection: { cache: null } }],
      ['options.token.introspection.cache', { introspection: { cache: { get: store.get } } }],
      ['options.token.now', { now: 1 }],
      ['options.token.fetch', { fetch: 'x' }],
      ['options.token.onEvent', { onEvent: {} }],
    ];
    const found = cases.map(([, token]) => {
      try {
        handlerWith({ token } as SMARTHandlerOptions);
        return undefined;
      } catch (error) {
        expect(error).to.be.instanceOf(ConfigError);
        return (error as ConfigError).key;
      }
    });
    expect(found).to.deep.equal(cases.map(([key]) => key));
  });
});

import { expect } from 'chai';
import { ConfigError } from '../../src/errors.js';
import { createTokenVerifier, type TokenVerifierOptions } from '../../src/token/verifier.js';
import { AUDIENCE, ISSUER } from './issuer.js';

const GOOD = { jwksEndpoint: 'https://idp.example/jwks', issuer: ISSUER, audience: AUDIENCE };
const INTROSPECTION = { introspectUrl: 'https://idp.example/introspect', clientId: 'a', clientSecret: 'secret-value' };

function keyOf(options: unknown): string | undefined {
  try {
    createTokenVerifier(options as TokenVerifierOptions);
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(ConfigError);
    expect(String(error)).not.to.include('secret-value');
    return (error as ConfigError).key;
  }
}

describe('token/options', () => {
  it('takes what the types allow, and fetches nothing at construction', () => {
    const fetch = (): Promise<never> => {
      throw new Error('fetched');
    };
    for (const options of [
      GOOD,
      { ...GOOD, jwksEndpoint: undefined, introspection: INTROSPECTION },
      { ...GOOD, introspection: INTROSPECTION, audience: /^x$/, issuer: ['a', 'b'], jwksHeaders: { 'x-a': 'b' } },
      { ...GOOD, algorithms: ['ES256'], acceptedTypes: [null], clockToleranceSeconds: 300, maxTokenLength: 256 },
      { ...GOOD, jwks: { maxStaleMs: 0, burst: 1 }, cache: { maxEntries: 0 }, scopeClaim: 'scp' },
      { ...GOOD, jwks: undefined, cache: undefined, introspection: undefined, now: undefined, fetch: undefined },
    ]) {
      expect(keyOf({ fetch, ...options })).to.equal(undefined);
    }
  });

  it('names the key of every other value', () => {
    const cases: [string, unknown][] = [
      ['jwksEndpoint', { ...GOOD, jwksEndpoint: undefined }],
      ...['', 'jwks', 'ftp://idp.example', 'file:///etc/passwd', 7, {}, 'https://u:secret-value@idp.example/'].map(
        (jwksEndpoint): [string, unknown] => ['jwksEndpoint', { ...GOOD, jwksEndpoint }],
      ),
      ['jwksHeaders', { ...GOOD, jwksHeaders: 'x' }],
      ['jwksHeaders', { ...GOOD, jwksHeaders: ['x'] }],
      ['jwksHeaders.x-a', { ...GOOD, jwksHeaders: { 'x-a': 7 } }],
      ['jwksHeaders.x-a', { ...GOOD, jwksHeaders: { 'x-a': 'secret-value\r\nx-b: c' } }],
      ['jwksHeaders.a b', { ...GOOD, jwksHeaders: { 'a b': 'c' } }],
      ...[undefined, '', 7, [], [''], [7], null].map((issuer): [string, unknown] => ['issuer', { ...GOOD, issuer }]),
      ...[undefined, '', 7, [], [''], [/x/], null].map((audience): [string, unknown] => [
        'audience',
        { ...GOOD, audience },
      ]),
      ...[[], ['HS256'], ['none'], ['RS1'], [7], [''], ['constructor']].map((algorithms): [string, unknown] => [
        'algorithms',
        { ...GOOD, algorithms },
      ]),
      ...['JWT', [], [7], [''], [undefined]].map((acceptedTypes): [string, unknown] => [
        'acceptedTypes',
        { ...GOOD, acceptedTypes },
      ]),
      ...[-1, 301, 0.5, NaN, Infinity, '5'].map((clockToleranceSeconds): [string, unknown] => [
        'clockToleranceSeconds',
        { ...GOOD, clockToleranceSeconds },
      ]),
      ['maxTokenLength', { ...GOOD, maxTokenLength: 255 }],
      ['scopeClaim', { ...GOOD, scopeClaim: '' }],
      ['now', { ...GOOD, now: 5 }],
      ['fetch', { ...GOOD, fetch: {} }],
      ['onEvent', { ...GOOD, onEvent: 'log' }],
      ['jwks.timeoutMs', { ...GOOD, jwks: { timeoutMs: 0 } }],
      ['jwks.maxAgeMs', { ...GOOD, jwks: { maxAgeMs: 999 } }],
      ['jwks.maxStaleMs', { ...GOOD, jwks: { maxStaleMs: -1 } }],
      ['jwks.cooldownMs', { ...GOOD, jwks: { cooldownMs: 0 } }],
      ['jwks.burst', { ...GOOD, jwks: { burst: 0 } }],
      ['jwks.maxBytes', { ...GOOD, jwks: { maxBytes: 1 } }],
      ['jwks.maxKeys', { ...GOOD, jwks: { maxKeys: 0 } }],
      ['cache.maxEntries', { ...GOOD, cache: { maxEntries: -1 } }],
      ['cache.maxChars', { ...GOOD, cache: { maxChars: 0 } }],
      ...Object.entries({
        introspectUrl: 'x',
        clientId: '',
        clientSecret: 7,
        timeoutMs: 60_001,
        maxBytes: 0,
        vouchesForAudience: 'false',
        cacheMaxAgeMs: -1,
        cacheSize: 1.5,
      }).map(([key, value]): [string, unknown] => [
        `introspection.${key}`,
        { ...GOOD, introspection: { ...INTROSPECTION, [key]: value } },
      ]),
    ];
    expect(cases.map(([, options]) => keyOf(options))).to.deep.equal(cases.map(([key]) => key));
  });
});

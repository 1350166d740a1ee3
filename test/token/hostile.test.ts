import fc from 'fast-check';
import { expect } from 'chai';
import { TokenError, type TokenVerifier } from '../../src/token/verifier.js';
import { AUDIENCE, ISSUER, Issuer, edA, encode, goodClaims, signature } from './issuer.js';

const alg = fc.oneof(fc.constant('EdDSA'), fc.constantFrom('none', 'RS256', 'HS256', 'ES256', ''), fc.jsonValue());
const kid = fc.oneof(fc.constant('a'), fc.constantFrom('__proto__', 'toString', ''), fc.jsonValue());
const header = fc.record(
  {
    alg,
    kid,
    typ: fc.oneof(fc.constantFrom('JWT', 'at+jwt', 'x'), fc.jsonValue()),
    crit: fc.jsonValue(),
    b64: fc.jsonValue(),
  },
  { requiredKeys: ['alg', 'kid'] },
);
/** Claims of a good token, some of them replaced or removed, others added. */
const claims = fc
  .tuple(
    fc.dictionary(fc.constantFrom('iss', 'aud', 'exp', 'nbf', 'iat', 'nonce', 'typ', 'scope'), fc.jsonValue(), {
      maxKeys: 2,
    }),
    fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), fc.jsonValue({ maxDepth: 5 }), { maxKeys: 3 }),
  )
  .map(([replaced, added]) => ({ ...added, ...goodClaims(), ...replaced }));
const payload = fc.oneof(
  { weight: 4, arbitrary: claims.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
);
const headerText = fc.oneof(
  { weight: 6, arbitrary: fc.constant(JSON.stringify({ alg: 'EdDSA', kid: 'a' })) },
  { weight: 4, arbitrary: header.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
);
const signed = fc
  .tuple(headerText, payload)
  .map(([head, body]) => `${encode(head)}.${encode(body)}`)
  .map((input) => `${input}.${signature('EdDSA', input, edA.privateKey)}`);
const broken = fc.tuple(signed, fc.nat(), fc.string({ unit: 'binary', maxLength: 3 })).map(([token, at, text]) => {
  const index = at % (token.length + 1);
  return token.slice(0, index) + text + token.slice(index + text.length);
});
const anything = fc.oneof(signed, broken, fc.string(), fc.anything({ withNullPrototype: true, withBigInt: true }));

describe('token/verifier: hostile tokens', () => {
  let issuer: Issuer;
  const unhandled: unknown[] = [];
  const note = (reason: unknown): number => unhandled.push(reason);

  before(async () => {
    issuer = await Issuer.start(edA.jwk({ kid: 'a' }));
    // fc.string() can be an opaque token.
    issuer.introspection = { body: { active: true } };
    process.on('unhandledRejection', note);
  });
  after(async () => {
    process.off('unhandledRejection', note);
    await issuer.close();
  });

  /** Verifies; whatever is accepted must be what a good token is. Any error but a TokenError fails. */
  async function judge(verifier: TokenVerifier, token: unknown): Promise<boolean> {
    try {
      const { claims: accepted } = await verifier.verify(token);
      expect(accepted.iss ?? ISSUER).to.equal(ISSUER);
      expect([accepted.aud].flat()).to.include(AUDIENCE);
      expect(accepted.exp)
        .to.be.a('number')
        .above(Date.now() / 1000);
      return true;
    } catch (error) {
      if (!(error instanceof TokenError)) {
        throw error;
      }
      expect(error).to.include({ name: 'UnauthorizedError', isUnauthorizedError: true });
      expect(error.code).not.to.equal('ERR_TOKEN_INTERNAL');
      return false;
    }
  }

  for (const [name, options] of [
    ['by the keys', {}],
    ['by the keys, remembering nothing', { cache: { maxEntries: 0 } }],
    ['by introspection', { introspection: true, jwksEndpoint: undefined }],
    ['by both', { introspection: true }],
  ] as const) {
    it(`hole-21a: proved ${name}: every token is proved or refused as unauthorized, and nothing else ever happens`, async () => {
      const verifier = issuer.verifier({
        ...options,
        introspection:
          'introspection' in options
            ? { introspectUrl: issuer.introspectUrl, clientId: 'a', clientSecret: 'b', cacheMaxAgeMs: 1_000 }
            : undefined,
      });
      let accepted = 0;
      await fc.assert(
        fc.asyncProperty(anything, async (token) => {
          accepted += (await judge(verifier, token)) ? 1 : 0;
        }),
        { numRuns: 1000 },
      );
      expect(accepted, 'the generator reaches good tokens too').to.be.above(0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).to.deep.equal([]);
    });
  }
});

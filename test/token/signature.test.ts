// Two ways to prove a signature: the library's, through crypto.verify, and jose's, through WebCrypto. They have to agree.
import { constants, createHmac, generateKeyPairSync, randomBytes, sign, webcrypto, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { compactVerify, decodeProtectedHeader, errors, importJWK } from 'jose';
import { KEY_SHAPES } from '../../src/token/algorithm.js';
import { signatureCheck } from '../../src/token/signature.js';
import type { TokenVerifier } from '../../src/token/verifier.js';
import { RUNS } from '../runs.js';
import { Issuer, codeOf, encode, goodClaims, newEc, newEd, newRsa, signature } from './issuer.js';
import type { KeyPair } from './issuer.js';

const ALGORITHMS = [...KEY_SHAPES.keys()];
/** A check on P-384 or P-521 takes longer than ten of the others. */
const runsOf = (alg: string): number =>
  alg === 'ES384' || alg === 'ES512' ? Math.ceil(Math.min(RUNS, 2_000) / 10) : Math.ceil(Math.min(RUNS, 2_000) / 3);

/** One key for all RSA algorithms, published without `alg`: what a token says about itself is then all that chooses. */
const rsa = newRsa(2048, 'RS256');
const keys: Record<string, KeyPair> = {
  RSA: rsa,
  'P-256': newEc('P-256', 'ES256'),
  'P-384': newEc('P-384', 'ES384'),
  'P-521': newEc('P-521', 'ES512'),
  Ed25519: newEd('EdDSA'),
};
const nameOf = (alg: string): string => {
  const shape = KEY_SHAPES.get(alg);
  return shape?.crv ?? shape?.kty ?? '';
};
const keyFor = (alg: string): KeyPair => keys[nameOf(alg)]!;
const jwkOf = (name: string): Record<string, unknown> => keys[name]!.jwk({ kid: name, alg: undefined });

/** Orders of the groups: what S may be reduced by without changing what it proves. */
const ORDERS: Readonly<Record<string, bigint>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512: 2n ** 521n - 657877501894328237357444332315020117536923257219387276263472201219398408051703n,
  EdDSA: 2n ** 252n + 27742317777372353535851937790883648493n,
  Ed25519: 2n ** 252n + 27742317777372353535851937790883648493n,
};

const toBig = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const fromBig = (value: bigint, length: number): Buffer =>
  Buffer.from(
    value
      .toString(16)
      .padStart(length * 2, '0')
      .slice(-length * 2),
    'hex',
  );

type Forgery = () => Buffer;

/** Signs with everything right but one thing. */
function oddSignatures(alg: string, input: string): readonly Forgery[] {
  const { privateKey: key } = keyFor(alg);
  const bytes = Buffer.from(input);
  const own = `sha${alg.slice(2)}`;
  const others = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'].filter((hash) => hash !== own);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const digest = Number(alg.slice(2)) / 8;
  const salts = [0, 1, 20, digest - 1, digest + 1, constants.RSA_PSS_SALTLEN_MAX_SIGN];
  switch (alg.slice(0, 2)) {
    case 'RS':
    case 'PS':
      return [
        ...others.map((hash) => () => sign(hash, bytes, key)),
        ...others.map((hash) => () => sign(hash, bytes, { key, padding, saltLength: digest })),
        ...salts.map((saltLength) => () => sign(own, bytes, { key, padding, saltLength })),
        // The other padding of the two.
        () => sign(own, bytes, alg.startsWith('RS') ? { key, padding, saltLength: digest } : key),
      ];
    case 'ES':
      return [
        () => sign(own, bytes, key),
        ...others.map((hash) => () => sign(hash, bytes, { key, dsaEncoding: 'ieee-p1363' })),
      ];
    default:
      return [];
  }
}

/** Other bytes in place of a good signature. Those that pass all the same come first. */
function forgeries(alg: string, input: string, good: Buffer): readonly Forgery[] {
  return [
    () => good,
    ...algebraicForgeries(alg, good),
    ...plainForgeries(alg, input, good),
    ...oddSignatures(alg, input),
  ];
}

function plainForgeries(alg: string, input: string, good: Buffer): readonly Forgery[] {
  const half = good.length / 2;
  const pem = keyFor(alg).publicKey.export({ type: 'spki', format: 'pem' });
  return [
    () => Buffer.alloc(good.length),
    () => Buffer.alloc(good.length, 0xff),
    () => Buffer.concat([good.subarray(half), good.subarray(0, half)]),
    () => Buffer.concat([Buffer.alloc(1), good]),
    () => Buffer.concat([good, Buffer.alloc(1)]),
    () => good.subarray(0, -1),
    () => good.subarray(1),
    () => Buffer.concat([good, good]),
    () => Buffer.from([...good].reverse()),
    () => randomBytes(good.length),
    () => createHmac('sha256', pem).update(input).digest(),
  ];
}

function algebraicForgeries(alg: string, good: Buffer): readonly Forgery[] {
  const half = good.length / 2;
  const order = ORDERS[alg];
  if (order === undefined) {
    const modulus = toBig(Buffer.from(String(rsa.jwk()['n']), 'base64url'));
    return [modulus - toBig(good), toBig(good) + modulus, 1n].map((value) => () => fromBig(value, good.length));
  }
  const [r, s] = [good.subarray(0, half), good.subarray(half)];
  if (!alg.startsWith('ES')) {
    // RFC 8032 §8.4: S + L proves the same, unless S is bounded.
    return [() => Buffer.concat([r, fromBig(toBig(Buffer.from(s).reverse()) + order, half).reverse()])];
  }
  const [zero, one, n] = [0n, 1n, order].map((value) => fromBig(value, half)) as [Buffer, Buffer, Buffer];
  return [
    // ECDSA takes S and its negative alike: the two ways both accept both.
    () => Buffer.concat([r, fromBig(order - toBig(s), half)]),
    ...[
      [r, n],
      [r, zero],
      [zero, s],
      [n, s],
      [n, n],
      [one, one],
      [r.subarray(1), s.subarray(1)],
    ].map((parts) => () => Buffer.concat(parts)),
    () => Buffer.concat([zero.subarray(0, 1), r, zero.subarray(0, 1), s]),
  ];
}

/** A good token's signing input, with an odd header now and then. */
const signedInput = (alg: string): fc.Arbitrary<string> =>
  fc
    .record({
      claimed: fc.oneof(
        { weight: 6, arbitrary: fc.constant(alg) },
        fc.constantFrom(...ALGORITHMS, 'HS256', 'none', ''),
      ),
      extra: fc.oneof(
        { weight: 8, arbitrary: fc.constant({}) },
        fc.constantFrom({ b64: true }, { b64: false }, { crit: ['b64'], b64: true }, { crit: ['b64'], b64: false }),
        fc.constantFrom({ crit: [] }, { crit: ['exp'] }, { jwk: rsa.jwk() }, { jku: 'https://evil.example' }),
      ),
      jti: fc.string({ maxLength: 8 }),
    })
    .map(({ claimed, extra, jti }) => {
      const header = { alg: claimed, kid: nameOf(alg), ...extra };
      return `${encode(header)}.${encode({ ...goodClaims(), jti })}`;
    });

/** What is done to the text of the token at last. */
const change = fc.oneof(
  { weight: 5, arbitrary: fc.constant((token: string) => token) },
  fc.tuple(fc.nat(), fc.string({ unit: 'binary-ascii', maxLength: 2 })).map(([at, text]) => (token: string): string => {
    const index = at % token.length;
    return token.slice(0, index) + text + token.slice(index + text.length);
  }),
  fc.constantFrom(
    (token: string) => `${token}=`,
    (token: string) => `${token}.`,
    (token: string) => ` ${token}`,
    (token: string) => token.replaceAll('-', '+').replaceAll('_', '/'),
    (token: string) => token.slice(0, token.lastIndexOf('.') + 1),
    (token: string) => token.slice(0, -1),
    // Bits that the last character has too many: both decoders pass over them.
    (token: string) => token.slice(0, -1) + String.fromCharCode(token.charCodeAt(token.length - 1) + 1),
  ),
);

const mutated = (alg: string): fc.Arbitrary<string> =>
  fc
    .tuple(signedInput(alg), fc.oneof(fc.constant('none'), fc.constant('bit'), fc.nat()), fc.nat(), change)
    .map(([input, forgery, bit, apply]) => {
      const bytes = Buffer.from(signature(alg, input, keyFor(alg).privateKey), 'base64url');
      const list = forgeries(alg, input, bytes);
      if (forgery === 'bit') flip(bytes, bit % (bytes.length * 8));
      const sent = typeof forgery === 'number' ? list[forgery % list.length]!() : bytes;
      return apply(`${input}.${sent.toString('base64url')}`);
    });

function flip(bytes: Buffer, bit: number): void {
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}

describe('token/signature', () => {
  let issuer: Issuer;
  let verifier: TokenVerifier;

  before(async () => {
    issuer = await Issuer.start(...Object.keys(keys).map(jwkOf));
    verifier = issuer.verifier({ cache: { maxEntries: 0 } });
  });
  after(() => issuer.close());

  /** jose's verdict, by the key that the token names, imported for the algorithm that it names. */
  async function joseAccepts(token: string): Promise<boolean> {
    try {
      const { alg = '', kid = '', crit } = decodeProtectedHeader(token);
      // This library understands no extension at all; jose knows one.
      if (crit !== undefined || !ALGORITHMS.includes(alg) || nameOf(alg) !== kid) return false;
      // jose passes over white space in Base64url, which has none (RFC 7515 §2).
      if (/\s/.test(token)) return false;
      await compactVerify(token, await importJWK(jwkOf(kid), alg), { algorithms: ALGORITHMS });
      // RFC 8017 §8.1.2, step 1: OpenSSL 3.5 takes a PSS signature that lacks its leading zero, for which one in 256 is enough.
      return kid !== 'RSA' || Buffer.from(token.split('.')[2] ?? '', 'base64url').length === 256;
    } catch (error) {
      expect(error instanceof errors.JOSEError || error instanceof TypeError, String(error)).to.equal(true);
      return false;
    }
  }

  for (const alg of ALGORITHMS) {
    it(`${alg}: jose and the library agree about mutated tokens`, async () => {
      const verdicts = { accepted: 0, refused: 0 };
      await fc.assert(
        fc.asyncProperty(mutated(alg), async (token) => {
          const expected = await joseAccepts(token);
          verdicts[expected ? 'accepted' : 'refused'] += 1;
          expect((await codeOf(verifier.verify(token))) === undefined).to.equal(expected);
        }),
        { numRuns: runsOf(alg) },
      );
      expect(verdicts.accepted, 'good tokens among them').to.be.above(10);
      expect(verdicts.refused, 'bad tokens among them').to.be.above(10);
    });

    it(`${alg}: of the listed forgeries only the negative of an ECDSA signature's S passes, as it must`, async () => {
      const input = `${encode({ alg, kid: nameOf(alg) })}.${encode(goodClaims())}`;
      const good = Buffer.from(signature(alg, input, keyFor(alg).privateKey), 'base64url');
      const codes = [];
      for (const forge of forgeries(alg, input, good)) {
        codes.push(await codeOf(verifier.verify(`${input}.${forge().toString('base64url')}`)));
      }
      const passing = alg.startsWith('ES') ? 2 : 1;
      expect(codes).to.have.length.above(12);
      expect(codes.slice(0, passing)).to.deep.equal(Array(passing).fill(undefined));
      expect(new Set(codes.slice(passing))).to.deep.equal(new Set(['ERR_TOKEN_SIGNATURE']));
    });
  }

  it('a signature is exactly as long as its key makes it, even where OpenSSL would fill it up', async () => {
    for (const alg of ['PS256', 'RS256']) {
      const check = signatureCheck(alg, await imported(alg, rsa.publicKey))!;
      const { text, good } = startsWithZero(alg);
      const input = Buffer.from(text);
      expect(await check(input, good), alg).to.equal(true);
      expect(await check(input, good.subarray(1)), alg).to.equal(false);
      expect(await check(input, Buffer.concat([Buffer.alloc(1), good])), alg).to.equal(false);
    }
  });

  it('no check can be made for HMAC, `none` or a name that is no algorithm', async () => {
    const key = await imported('RS256', rsa.publicKey);
    for (const alg of ['HS256', 'HS512', 'none', 'None', '', 'rs256', 'RS', 'toString', '__proto__']) {
      expect(signatureCheck(alg, key), alg).to.equal(undefined);
    }
  });

  it('no check can be made with a key that was imported for another algorithm, or not to verify', async () => {
    for (const alg of ALGORITHMS) {
      const key = await imported(alg, keyFor(alg).publicKey);
      const fitting = ALGORITHMS.filter((other) => signatureCheck(other, key) !== undefined);
      expect(fitting, alg).to.deep.equal(nameOf(alg) === 'Ed25519' ? ['EdDSA', 'Ed25519'] : [alg]);
    }
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const pkcs8 = rsa.privateKey.export({ type: 'pkcs8', format: 'der' });
    const signing = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']);
    expect(signatureCheck('RS256', signing)).to.equal(undefined);
    const spki = rsa.publicKey.export({ type: 'spki', format: 'der' });
    expect(signatureCheck('RS256', await webcrypto.subtle.importKey('spki', spki, algorithm, true, []))).to.equal(
      undefined,
    );
  });

  it('hole-21b: no check can be made with an RSA key of fewer than 2048 bits', async () => {
    for (const [bits, made] of [
      [1024, false],
      [2040, false],
      [2048, true],
    ] as const) {
      const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
      const spki = publicKey.export({ type: 'spki', format: 'der' });
      const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
      const key = await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']);
      expect(signatureCheck('RS256', key) !== undefined, String(bits)).to.equal(made);
    }
  });

  it('a check that takes long is done in a thread, any other at once; both answer what they are asked', async () => {
    for (const [alg, pair, isAtOnce] of [
      ['RS256', rsa, true],
      ['PS512', rsa, true],
      ['ES256', keyFor('ES256'), true],
      ['ES384', keyFor('ES384'), false],
      ['ES512', keyFor('ES512'), false],
      ['EdDSA', keyFor('EdDSA'), true],
    ] as const) {
      const check = signatureCheck(alg, await imported(alg, pair.publicKey))!;
      const good = Buffer.from(signature(alg, 'a.b', pair.privateKey), 'base64url');
      const verdict = check(Buffer.from('a.b'), good);
      expect(typeof verdict, alg).to.equal(isAtOnce ? 'boolean' : 'object');
      expect(await verdict, alg).to.equal(true);
      expect(await check(Buffer.from('a.c'), good), alg).to.equal(false);
      expect(await check(Buffer.from('a.b'), new Uint8Array(good.length)), alg).to.equal(false);
      expect(await check(Buffer.from('a.b'), new Uint8Array()), alg).to.equal(false);
    }
    // As large as a key of 4,104 bits, which would take seconds to make; no signature is its own.
    const n = Buffer.alloc(513, 0xff).toString('base64url');
    const check = signatureCheck('RS256', await importedJwk('RS256', { kty: 'RSA', n, e: 'AQAB' }))!;
    const verdict = check(Buffer.from('a.b'), Buffer.alloc(513, 1));
    expect(verdict).to.be.instanceOf(Promise);
    expect(await verdict).to.equal(false);
  });
});

/** One signature in 256 does. */
function startsWithZero(alg: string): { readonly text: string; readonly good: Buffer } {
  for (let attempt = 0; ; attempt += 1) {
    const text = `a.${attempt}`;
    const good = Buffer.from(signature(alg, text, rsa.privateKey), 'base64url');
    if (good[0] === 0) return { text, good };
  }
}

const imported = (alg: string, publicKey: KeyObject): Promise<webcrypto.CryptoKey> =>
  importedJwk(alg, publicKey.export({ format: 'jwk' }));

async function importedJwk(alg: string, jwk: object): Promise<webcrypto.CryptoKey> {
  const key = await importJWK(jwk as Parameters<typeof importJWK>[0], alg);
  if (key instanceof Uint8Array) throw new TypeError('a secret');
  return key;
}

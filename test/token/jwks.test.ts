import { readFileSync } from 'node:fs';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import type { TokenEvent, TokenVerifier, TokenVerifierOptions } from '../../src/token/verifier.js';
import {
  Issuer,
  codeOf,
  codesOf,
  edA,
  mint,
  newEc,
  newEd,
  rsaA,
  rsaB,
  seconds,
  signature,
  until,
  without,
  type KeyPair,
} from './issuer.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('token/jwks: the keys of the issuer', () => {
  let issuer: Issuer;
  let now: number;
  let events: TokenEvent[];
  const make = (jwks: TokenVerifierOptions['jwks'] = {}, more: Partial<TokenVerifierOptions> = {}): TokenVerifier =>
    issuer.verifier({ now: () => now, onEvent: (event) => events.push(event), jwks, ...more });
  // Tokens that outlive every clock these tests set.
  const token = (kid: string, key: KeyPair, jti = ''): string =>
    mint({ key, header: { kid }, claims: { jti, exp: seconds(now) + 365 * 86_400 } });

  beforeEach(async () => {
    issuer = await Issuer.start(edA.jwk({ kid: 'a' }));
    now = Date.now();
    events = [];
  });
  afterEach(() => issuer.close());

  it('fetches once for many tokens, concurrent ones included', async () => {
    const verifier = make();
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => codeOf(verifier.verify(token('a', edA, `${i}`)))),
    );
    expect(new Set(codes)).to.deep.equal(new Set([undefined]));
    await verifier.verify(token('a', edA, 'later'));
    expect(issuer.count('/jwks')).to.equal(1);
  });

  it('asks for JSON, sends the configured headers, and takes the answer whatever its content type', async () => {
    issuer.jwks = { ...issuer.jwks, type: 'text/plain' };
    await make({}, { jwksHeaders: { 'X-Jwks-Auth': 'letmein' } }).verify(token('a', edA));
    expect(issuer.requests[0]).to.deep.include({ method: 'GET', path: '/jwks' });
    expect(issuer.requests[0]!.headers).to.include({ 'x-jwks-auth': 'letmein' });
    expect(issuer.requests[0]!.headers.accept).to.match(/^application\/json/);
  });

  describe('hole-22: a flood of unknown kids', () => {
    it('hole-22: on a cold cache, it causes few fetches and never locks out a known key', async () => {
      const verifier = make();
      const flood = Array.from({ length: 300 }, (_, i) => token(`random-${i}`, edA));
      const codes = await Promise.all([
        ...flood.map((one) => codeOf(verifier.verify(one))),
        codeOf(verifier.verify(token('a', edA))),
      ]);
      expect(codes.pop(), 'the good token among them').to.equal(undefined);
      expect(new Set(codes)).to.deep.equal(new Set(['ERR_TOKEN_KEY']));
      for (const one of flood) {
        await codeOf(verifier.verify(one));
      }
      expect(issuer.count('/jwks')).to.be.at.most(4);
      expect(await codeOf(verifier.verify(token('a', edA, '2')))).to.equal(undefined);
    });

    it('hole-22: a known kid does not wait for the fetch that an unknown one caused', async () => {
      const verifier = make();
      await verifier.verify(token('a', edA));
      issuer.jwks = { fault: 'silence' };
      const unknown = codeOf(verifier.verify(token('x', edA)));
      expect(await codeOf(verifier.verify(token('a', edA, '2')))).to.equal(undefined);
      await until(() => issuer.count('/jwks') === 2);
      await issuer.close();
      expect(await unknown).to.equal('ERR_JWKS_UNAVAILABLE');
    });

    it('hole-22: one fetch is earned back each cooldown, up to the burst', async () => {
      const verifier = make({ burst: 2, cooldownMs: 10_000, maxAgeMs: HOUR });
      await verifier.verify(token('a', edA));
      const fetchesOf = async (tries: number): Promise<number> => {
        const before = issuer.count('/jwks');
        for (let i = 0; i < tries; i += 1) {
          expect(await codeOf(verifier.verify(token(`x${i}`, edA)))).to.equal('ERR_TOKEN_KEY');
        }
        return issuer.count('/jwks') - before;
      };
      expect(await fetchesOf(5), 'the burst').to.equal(2);
      now += 9_999;
      expect(await fetchesOf(5)).to.equal(0);
      now += 1;
      expect(await fetchesOf(5)).to.equal(1);
      now += 15_000;
      expect(await fetchesOf(5)).to.equal(1);
      now += 5_000;
      expect(await fetchesOf(5), 'half a cooldown was left over').to.equal(1);
      now += 10 * MINUTE;
      expect(await fetchesOf(5), 'never more than the burst').to.equal(2);
    });

    it('hole-22: during a flood, a rotated key is found with the next fetch that the cooldown allows', async () => {
      const edB = newEd();
      const verifier = make({ cooldownMs: 10_000 });
      const flood = async (): Promise<void> => {
        for (let i = 0; i < 20; i += 1) {
          await codeOf(verifier.verify(token(`x${i}`, edA)));
        }
      };
      await flood();
      issuer.publish(edA.jwk({ kid: 'a' }), edB.jwk({ kid: 'b' }));
      expect(await codeOf(verifier.verify(token('b', edB)))).to.equal('ERR_TOKEN_KEY');
      now += 10_000;
      await flood();
      expect(await codeOf(verifier.verify(token('b', edB)))).to.equal(undefined);
    });
  });

  describe('rotation', () => {
    it('hole-22: a new key is found at once, twice in a row, without waiting for maxAge', async () => {
      const [edB, edC] = [newEd(), newEd()];
      const verifier = make();
      await verifier.verify(token('a', edA));
      issuer.publish(edA.jwk({ kid: 'a' }), edB.jwk({ kid: 'b' }));
      expect(await codeOf(verifier.verify(token('b', edB)))).to.equal(undefined);
      issuer.publish(edB.jwk({ kid: 'b' }), edC.jwk({ kid: 'c' }));
      expect(await codeOf(verifier.verify(token('c', edC)))).to.equal(undefined);
      expect(issuer.count('/jwks')).to.equal(3);
    });

    it('hole-22: a withdrawn key verifies nothing once the set was fetched again, remembered proofs included', async () => {
      const edB = newEd();
      const verifier = make({ maxAgeMs: 10 * MINUTE });
      const remembered = token('a', edA);
      await verifier.verify(remembered);
      issuer.publish(edB.jwk({ kid: 'b' }));
      expect(await codeOf(verifier.verify(remembered)), 'not known yet').to.equal(undefined);
      now += 10 * MINUTE;
      expect(await codesOf(verifier, { remembered, fresh: token('a', edA, '2') })).to.deep.equal({
        remembered: 'ERR_TOKEN_KEY',
        fresh: 'ERR_TOKEN_KEY',
      });
    });

    it('hole-22: a kid that changes hands takes its new key, and the old one is gone', async () => {
      const edB = newEd();
      const verifier = make();
      const old = token('a', edA);
      await verifier.verify(old);
      issuer.publish(edB.jwk({ kid: 'a' }));
      now += 10 * MINUTE;
      expect(await codesOf(verifier, { old, new: token('a', edB) })).to.deep.equal({
        old: 'ERR_TOKEN_SIGNATURE',
        new: 'accepted',
      });
    });

    it('a set in use is renewed in the background before it is too old', async () => {
      const verifier = make({ maxAgeMs: 10 * MINUTE });
      await verifier.verify(token('a', edA));
      now += 9 * MINUTE;
      issuer.jwks = { ...issuer.jwks, delayMs: 50 };
      const before = events.length;
      await verifier.verify(token('a', edA, '2'));
      expect(events.length, 'it did not wait').to.equal(before);
      await until(() => events.length > before);
      now += 5 * MINUTE;
      await verifier.verify(token('a', edA, '3'));
      expect(issuer.count('/jwks')).to.equal(2);
    });

    it('a clock that is set back makes the set due, and loses no key', async () => {
      const verifier = make();
      await verifier.verify(token('a', edA));
      now -= HOUR;
      issuer.jwks = { status: 500 };
      expect(await codeOf(verifier.verify(token('a', edA, '2')))).to.equal(undefined);
      expect(issuer.count('/jwks')).to.equal(2);
    });
  });

  describe('an issuer that does not answer', () => {
    it('hole-22: failed fetches are not remembered: the next token tries again', async () => {
      const verifier = make();
      issuer.jwks = { status: 500, body: {} };
      expect(await codeOf(verifier.verify(token('a', edA)))).to.equal('ERR_JWKS_UNAVAILABLE');
      issuer.jwks = { body: '<html/>', type: 'text/html' };
      expect(await codeOf(verifier.verify(token('a', edA)))).to.equal('ERR_JWKS_UNAVAILABLE');
      issuer.publish(edA.jwk({ kid: 'a' }));
      expect(await codeOf(verifier.verify(token('a', edA)))).to.equal(undefined);
      expect(issuer.count('/jwks')).to.equal(3);
    });

    it('hole-22: the last good keys survive an outage, for maxStaleMs after maxAgeMs and no longer', async () => {
      const verifier = make({ maxAgeMs: 10 * MINUTE, maxStaleMs: HOUR });
      const remembered = token('a', edA);
      await verifier.verify(remembered);
      issuer.jwks = { status: 503 };
      for (let minute = 10; minute < 70; minute += 10) {
        now += 10 * MINUTE;
        expect(await codeOf(verifier.verify(token('a', edA, `${minute}`))), `minute ${minute}`).to.equal(undefined);
        expect(await codeOf(verifier.verify(remembered)), `minute ${minute}`).to.equal(undefined);
      }
      now += 10 * MINUTE;
      expect(await codesOf(verifier, { remembered, fresh: token('a', edA, 'x') })).to.deep.equal({
        remembered: 'ERR_JWKS_UNAVAILABLE',
        fresh: 'ERR_JWKS_UNAVAILABLE',
      });
      issuer.publish(edA.jwk({ kid: 'a' }));
      expect(await codeOf(verifier.verify(remembered))).to.equal(undefined);
    });

    it('hole-22: during an outage it is asked once a cooldown, and nobody waits for it a second time', async () => {
      const verifier = make({ maxAgeMs: 10 * MINUTE, cooldownMs: 30_000, timeoutMs: 100 });
      await verifier.verify(token('a', edA));
      issuer.jwks = { fault: 'silence' };
      now += 10 * MINUTE;
      // The first token past maxAge waits, for the issuer may have withdrawn its key.
      expect(await codeOf(verifier.verify(token('a', edA, '1')))).to.equal(undefined);
      expect(issuer.count('/jwks')).to.equal(2);
      for (let i = 0; i < 10; i += 1) {
        expect(await codeOf(verifier.verify(token('a', edA, `c${i}`)))).to.equal(undefined);
      }
      expect(issuer.count('/jwks')).to.equal(2);
      now += 30_000;
      const failures = (): number => events.filter((event) => event.type === 'jwks.failed').length;
      const before = failures();
      expect(await codeOf(verifier.verify(token('a', edA, '2')))).to.equal(undefined);
      expect(failures(), 'it did not wait for the timeout').to.equal(before);
      await until(() => failures() > before);
      expect(issuer.count('/jwks')).to.equal(3);
      expect(events.at(-1)).to.deep.equal({ type: 'jwks.failed', reason: 'timeout', servingLastGood: true });
    });

    it('hole-22: an unknown kid during an outage may be a new key: unavailable, not refused', async () => {
      const verifier = make();
      await verifier.verify(token('a', edA));
      issuer.jwks = { status: 503 };
      const error: unknown = await verifier.verify(token('b', newEd())).catch((reason: unknown) => reason);
      expect(error).to.include({ code: 'ERR_JWKS_UNAVAILABLE', unavailable: true });
    });

    it('with maxStaleMs 0, keys end with maxAgeMs', async () => {
      const verifier = make({ maxAgeMs: MINUTE, maxStaleMs: 0 });
      await verifier.verify(token('a', edA));
      issuer.jwks = { status: 503 };
      now += MINUTE - 1;
      expect(await codeOf(verifier.verify(token('a', edA, '1')))).to.equal(undefined);
      now += 1;
      expect(await codeOf(verifier.verify(token('a', edA, '2')))).to.equal('ERR_JWKS_UNAVAILABLE');
    });
  });

  describe('answers that are no key set', () => {
    const huge = { keys: [{ kty: 'RSA', filler: 'x'.repeat(300_000) }] };
    for (const [name, reply, reason] of [
      ['status 404', { status: 404, body: {} }, 'status'],
      ['status 201', { status: 201, body: { keys: [edA.jwk({ kid: 'a' })] } }, 'status'],
      ['a redirect', { status: 302, headers: { location: '/elsewhere' } }, 'status'],
      ['a permanent redirect', { status: 308, headers: { location: '/elsewhere' } }, 'status'],
      ['HTML', { body: '<html/>' }, 'not-json'],
      ['an empty body', { body: '' }, 'not-json'],
      [
        'invalid UTF-8',
        { body: Buffer.concat([Buffer.from('{"keys":[],"x":"'), Buffer.from([0xff]), Buffer.from('"}')]) },
        'not-json',
      ],
      ['null', { body: 'null' }, 'not-a-key-set'],
      ['a list', { body: [edA.jwk({ kid: 'a' })] }, 'not-a-key-set'],
      ['no keys', { body: {} }, 'not-a-key-set'],
      ['keys that are no list', { body: { keys: { a: edA.jwk() } } }, 'not-a-key-set'],
      ['more than maxBytes', { body: huge }, 'too-large'],
      ['more than maxKeys', { body: { keys: Array(101).fill(edA.jwk({ kid: 'a' })) } }, 'too-many-keys'],
      ['a connection that is cut', { fault: 'hangup' }, 'network'],
      ['silence', { fault: 'silence' }, 'timeout'],
      ['bytes without end', { fault: 'drip' }, 'timeout'],
    ] as const) {
      it(`${name}: unavailable, and the event says ${reason}`, async () => {
        issuer.jwks = reply;
        const verifier = make({ timeoutMs: reason === 'timeout' ? 100 : 5_000 });
        expect(await codeOf(verifier.verify(token('a', edA)))).to.equal('ERR_JWKS_UNAVAILABLE');
        expect(events).to.have.length(1);
        const status = reason === 'status' ? { status: reply.status } : {};
        expect(events[0]).to.include({ type: 'jwks.failed', reason, servingLastGood: false, ...status });
        expect(issuer.count('/elsewhere')).to.equal(0);
      });
    }

    it('as many keys as maxKeys are not too many', async () => {
      issuer.publish(...Array.from({ length: 99 }, () => ({})), edA.jwk({ kid: 'a' }));
      expect(await codeOf(make().verify(token('a', edA)))).to.equal(undefined);
    });

    it('a body without end is cut off at maxBytes, long before the timeout', async () => {
      issuer.jwks = { fault: 'drip' };
      expect(await codeOf(make({ maxBytes: 256, timeoutMs: 60_000 }).verify(token('a', edA)))).to.equal(
        'ERR_JWKS_UNAVAILABLE',
      );
      expect(events[0]).to.include({ reason: 'too-large' });
    }).timeout(10_000);

    it('a closed port, a fetch that throws and one that hangs in spite of its signal: unavailable', async () => {
      const verifiers = [
        make(),
        make({}, { fetch: () => Promise.reject(new Error('no network')) }),
        make({}, { fetch: (() => 'no promise') as unknown as typeof fetch }),
        make({ timeoutMs: 20 }, { fetch: () => new Promise(() => undefined) }),
      ];
      await issuer.close();
      for (const verifier of verifiers) {
        expect(await codeOf(verifier.verify(token('a', edA)))).to.equal('ERR_JWKS_UNAVAILABLE');
      }
      issuer = await Issuer.start();
    });
  });

  describe('what a set may hold', () => {
    it('skips members that are of no use, says why, and uses the others (RFC 7517 §5)', async () => {
      issuer.publish(
        null,
        'a',
        [],
        { kty: 'RSA' },
        { kty: 'XYZ', kid: 'a' },
        { kty: 'oct', kid: 'a', k: 'c2VjcmV0' },
        rsaA.jwk({ kid: 'a', n: 'AA' }),
        rsaA.jwk({ kid: 'a', n: 'not base64url!' }),
        rsaA.jwk({ kid: 'a', e: 'AQ' }),
        rsaA.jwk({ kid: 'a', e: 'Ag' }),
        without(rsaA.jwk({ kid: 'a' }), 'e'),
        rsaA.jwk({ kid: 7 }),
        rsaA.jwk({ kid: 'a', use: 'enc' }),
        rsaA.jwk({ kid: 'a', alg: 'HS256' }),
        { kty: 'EC', kid: 'a', crv: 'secp256k1', x: 'AA', y: 'AA' },
        { kty: 'OKP', kid: 'a', crv: 'X25519', x: 'AA' },
        edA.jwk({ kid: 'a', x: 7 }),
        without(newEc().jwk({ kid: 'a' }), 'y'),
        edA.jwk({ kid: 'a' }),
      );
      expect(await codeOf(make().verify(token('a', edA)))).to.equal(undefined);
      const [event] = events;
      expect(event).to.include({ type: 'jwks.refreshed', keys: 1 });
      expect(event?.type === 'jwks.refreshed' && event.ignored.map(({ fault }) => fault)).to.deep.equal([
        'not-an-object',
        'not-an-object',
        'not-an-object',
        'no-kid',
        'unsupported-type',
        'private-key',
        'weak',
        'malformed',
        'malformed',
        'malformed',
        'malformed',
        'no-kid',
        'not-for-signatures',
        'unsupported-algorithm',
        'unsupported-type',
        'unsupported-type',
        'malformed',
        'malformed',
      ]);
    });

    it('hole-21b: RSA sizes are counted in significant bits', async () => {
      const modulus = (bits: number): Buffer => {
        const n = Buffer.alloc(Math.ceil(bits / 8), 0xff);
        n[0] = 0xff >> ((8 - (bits % 8)) % 8);
        return n;
      };
      const key = (n: Buffer, e = 'AQAB'): unknown => ({ kty: 'RSA', kid: 'a', n: n.toString('base64url'), e });
      issuer.publish(
        key(modulus(2048)),
        key(modulus(2047)),
        key(Buffer.concat([Buffer.alloc(200), modulus(1024)])),
        key(Buffer.alloc(256)),
        key(modulus(16_384)),
        key(modulus(16_385)),
        key(modulus(3072), 'Aw'),
        key(modulus(3072), Buffer.alloc(8, 0xff).toString('base64url')),
        key(modulus(3072), Buffer.alloc(9, 0xff).toString('base64url')),
      );
      await codeOf(make().verify(token('a', edA)));
      const [event] = events;
      expect(event).to.deep.equal({
        type: 'jwks.refreshed',
        keys: 4,
        ignored: [
          { index: 1, fault: 'weak' },
          { index: 2, fault: 'weak' },
          { index: 3, fault: 'weak' },
          { index: 5, fault: 'malformed' },
          { index: 8, fault: 'malformed' },
        ],
      });
    });

    it('a certificate beside the key itself is not looked at', async () => {
      issuer.publish(rsaA.jwk({ kid: 'rsa', x5c: ['AAAA'] }), edA.jwk({ kid: 'a', x5c: ['AAAA'] }));
      expect(await codesOf(make(), { RSA: token('rsa', rsaA), Ed25519: token('a', edA) })).to.deep.equal({
        RSA: 'accepted',
        Ed25519: 'accepted',
      });
    });

    it('hole-21b: a key that is published with its private part verifies nothing: anybody could sign with it', async () => {
      issuer.publish({ ...edA.privateKey.export({ format: 'jwk' }), kid: 'a', alg: 'EdDSA', use: 'sig' });
      expect(await codeOf(make().verify(token('a', edA)))).to.equal('ERR_TOKEN_KEY');
    });

    it('a key that cannot be imported is no key: a point that is not on the curve', async () => {
      const ec = newEc();
      issuer.publish(ec.jwk({ kid: 'a', y: ec.jwk().x }));
      expect(await codeOf(make().verify(token('a', ec)))).to.equal('ERR_TOKEN_KEY');
    });

    it('hole-21b: a key without kid serves no token, not even one without kid', async () => {
      issuer.publish(without(edA.jwk(), 'kid'));
      const verifier = make();
      expect(
        await codesOf(verifier, {
          named: token('a', edA),
          nameless: mint({ key: edA, header: { kid: undefined } }),
          undefined: token('undefined', edA),
        }),
      ).to.deep.equal({ named: 'ERR_TOKEN_KEY', nameless: 'ERR_TOKEN_KEY', undefined: 'ERR_TOKEN_KEY' });
    });

    it('several keys of one kid: each that fits is tried', async () => {
      issuer.publish(
        newEc().jwk({ kid: 'a' }),
        rsaB.jwk({ kid: 'a' }),
        rsaA.jwk({ kid: 'a' }),
        rsaA.jwk({ kid: 'a' }),
        newEd().jwk({ kid: 'a' }),
        edA.jwk({ kid: 'a' }),
      );
      const stranger = newEd();
      expect(
        await codesOf(make(), {
          first: token('a', rsaB),
          second: token('a', rsaA),
          last: token('a', edA),
          stranger: token('a', stranger),
        }),
      ).to.deep.equal({ first: 'accepted', second: 'accepted', last: 'accepted', stranger: 'ERR_TOKEN_SIGNATURE' });
      expect(events[0]).to.include({ keys: 5 });
    });

    it('an empty set withdraws every key', async () => {
      const verifier = make();
      await verifier.verify(token('a', edA));
      issuer.publish();
      now += 10 * MINUTE;
      expect(await codeOf(verifier.verify(token('a', edA)))).to.equal('ERR_TOKEN_KEY');
    });

    it('a key that is given by its certificate alone (RFC 7517 §4.7)', async () => {
      const { x5c, privateKey } = JSON.parse(readFileSync(new URL('certificate.json', import.meta.url), 'utf8')) as {
        x5c: string[];
        privateKey: { x: string; y: string };
      };
      const certified: KeyPair = {
        ...newEc(),
        privateKey: createPrivateKey({ key: privateKey, format: 'jwk' }),
        publicKey: createPublicKey({ key: privateKey, format: 'jwk' }),
      };
      issuer.publish(
        { kty: 'EC', kid: 'good', use: 'sig', alg: 'ES256', x5c },
        { kty: 'RSA', kid: 'kty of another', x5c },
        { kty: 'EC', kid: 'no certificate', x5c: ['AAAA'] },
        { kty: 'EC', kid: 'no string', x5c: [7] },
        { kty: 'EC', kid: 'empty', x5c: [] },
      );
      expect(
        await codesOf(make(), {
          good: token('good', certified),
          'another key': token('good', newEc()),
          'kty of another': token('kty of another', certified),
          'no certificate': token('no certificate', certified),
          'no string': token('no string', certified),
          empty: token('empty', certified),
        }),
      ).to.deep.equal({
        good: 'accepted',
        'another key': 'ERR_TOKEN_SIGNATURE',
        'kty of another': 'ERR_TOKEN_KEY',
        'no certificate': 'ERR_TOKEN_KEY',
        'no string': 'ERR_TOKEN_KEY',
        empty: 'ERR_TOKEN_KEY',
      });
    });

    it('EdDSA and Ed25519 are one algorithm under two names (RFC 9864)', async () => {
      issuer.publish(edA.jwk({ kid: 'old', alg: 'EdDSA' }), edA.jwk({ kid: 'new', alg: 'Ed25519' }));
      const forms = ['EdDSA', 'Ed25519'].flatMap((alg) => ['old', 'new'].map((kid) => ({ alg, kid })));
      const tokens = Object.fromEntries(
        forms.map((header) => [`${header.alg} ${header.kid}`, mint({ key: edA, header })]),
      );
      expect(new Set(Object.values(await codesOf(make(), tokens)))).to.deep.equal(new Set(['accepted']));
      expect(signature('EdDSA', 'x', edA.privateKey)).to.equal(signature('Ed25519', 'x', edA.privateKey));
    });
  });
});

import { createPrivateKey, createPublicKey, createSecretKey, webcrypto } from 'node:crypto';
import { expect } from 'chai';
import { compactVerify, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { createClientAssertion, signAssertion } from '../../../src/backend-services/client/assertion.js';
import type { ClientAssertionOptions } from '../../../src/backend-services/client/assertion.js';
import { signingKey } from '../../../src/backend-services/client/signing-key.js';
import { keyFromJwk } from '../../../src/backend-services/keys/key.js';
import { readKey } from '../../../src/backend-services/keys/read.js';
import { facadeGuide, smartGuide } from '../data/published-samples.js';
import { ecKey, rsaKey, unfitKeys } from '../test-keys.js';
import { thrown } from '../thrown.js';

describe('backend-services/client/assertion', () => {
  const NOW = 1_709_157_663;
  const AUD = 'https://as.example/token';
  const basic = async (): Promise<ClientAssertionOptions> => ({
    clientId: 'a6ac14a8',
    audience: AUD,
    privateKey: (await ecKey()).privatePem,
    now: () => NOW * 1000 + 999,
  });

  it('C1: signs with RS384 and ES384, and jose verifies', async () => {
    for (const key of [await rsaKey(), await ecKey()]) {
      const kinds = [key.privatePem, key.privateJwk, JSON.stringify(key.privateJwk), createPrivateKey(key.privatePem)];
      for (const privateKey of kinds) {
        const jwt = await createClientAssertion({ ...(await basic()), privateKey });
        const { protectedHeader } = await jwtVerify(jwt, createPublicKey(key.publicPem), {
          audience: AUD,
          issuer: 'a6ac14a8',
          subject: 'a6ac14a8',
          typ: 'JWT',
          currentDate: new Date(NOW * 1000),
          requiredClaims: ['exp', 'jti', 'iat'],
        });
        expect(protectedHeader).to.deep.equal({ alg: key.alg, kid: key.kid, typ: 'JWT' });
      }
    }
  });

  it('C1: refuses keys that do not fit, among them RSA of 1024 bits', async () => {
    for (const { name, code, privatePem } of unfitKeys()) {
      expect(
        (await thrown(async () => createClientAssertion({ ...(await basic()), privateKey: privatePem }))).code,
        name,
      ).to.equal(code);
    }
  });

  it('C6: the header has alg, kid and typ, and jku only where it is given', async () => {
    const plain = decodeProtectedHeader(await createClientAssertion(await basic()));
    expect(plain).to.have.all.keys('alg', 'kid', 'typ');
    const jku = 'https://client.example/jwks.json';
    const named = decodeProtectedHeader(await createClientAssertion({ ...(await basic()), jku }));
    expect(named).to.include({ jku, typ: 'JWT' });
    expect(named).to.have.all.keys('alg', 'kid', 'typ', 'jku');
  });

  it('C6: takes the kid that is given, else the key’s own, else the rule’s', async () => {
    const { privateJwk, privatePem, kid: thumbprint } = await ecKey();
    const kidOf = async (options: Partial<ClientAssertionOptions>): Promise<unknown> =>
      decodeProtectedHeader(await createClientAssertion({ ...(await basic()), ...options })).kid;
    expect(await kidOf({ privateKey: { ...privateJwk, kid: 'own' }, kid: 'given' })).to.equal('given');
    expect(await kidOf({ privateKey: { ...privateJwk, kid: 'own' } })).to.equal('own');
    expect(await kidOf({ privateKey: privatePem })).to.equal(thumbprint);
    expect(await kidOf({ privateKey: privatePem, kidRule: 'pem-sha256' })).to.match(/^[\w-]{16}$/);
  });

  it('C7: iss = sub = client_id, aud a string, exp at most 300 s ahead', async () => {
    const claims = decodeJwt(await createClientAssertion(await basic()));
    expect(claims).to.have.all.keys('iss', 'sub', 'aud', 'iat', 'exp', 'jti');
    expect(claims).to.include({ iss: 'a6ac14a8', sub: 'a6ac14a8', aud: AUD, iat: NOW, exp: NOW + 240 });
    const longest = decodeJwt(await createClientAssertion({ ...(await basic()), lifetimeSeconds: 300 }));
    expect(longest.exp).to.equal(NOW + 300);
    for (const lifetimeSeconds of [0, -1, 301, 36_000, 1.5, Number.NaN, Infinity]) {
      const error = await thrown(async () => createClientAssertion({ ...(await basic()), lifetimeSeconds }));
      expect(error.key, String(lifetimeSeconds)).to.equal('lifetimeSeconds');
    }
  });

  it('C7: 1000 assertions have 1000 jtis', async function () {
    // Three seconds on an idle machine.
    this.timeout(60_000);
    const { privateKey, ...claims } = await basic();
    const key = signingKey({ privateKey });
    const jwts = await Promise.all(Array.from({ length: 1000 }, () => signAssertion(key, claims)));
    const jtis = new Set(jwts.map((jwt) => decodeJwt(jwt).jti));
    expect(jtis.size).to.equal(1000);
    expect([...jtis].every((jti) => typeof jti === 'string' && jti.length >= 22)).to.equal(true);
  });

  it('signs with a CryptoKey, a non-extractable one too', async () => {
    const pairs = {
      RS384: await webcrypto.subtle.generateKey(
        { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
        false,
        ['sign', 'verify'],
      ),
      ES384: await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign', 'verify']),
    };
    for (const [alg, { privateKey, publicKey }] of Object.entries(pairs)) {
      const jwt = await createClientAssertion({ ...(await basic()), privateKey, kid: 'k' });
      expect((await compactVerify(jwt, publicKey)).protectedHeader).to.deep.equal({ alg, kid: 'k', typ: 'JWT' });
      expect((await thrown(async () => createClientAssertion({ ...(await basic()), privateKey }))).key).to.equal('kid');
      expect(
        (await thrown(async () => createClientAssertion({ ...(await basic()), privateKey: publicKey, kid: 'k' }))).key,
      ).to.equal('privateKey');
    }
    const unfit = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    const error = await thrown(async () =>
      createClientAssertion({ ...(await basic()), privateKey: unfit.privateKey, kid: 'k' }),
    );
    expect(error.code).to.equal('ERR_KEY_UNSUPPORTED');
  });

  it('refuses mistakes of the caller by the option’s name', async () => {
    const options = await basic();
    const mistakes: [Record<string, unknown>, string][] = [
      [{ clientId: '' }, 'clientId'],
      [{ clientId: undefined }, 'clientId'],
      [{ clientId: 'a\nb' }, 'clientId'],
      [{ audience: '' }, 'audience'],
      [{ audience: [AUD] }, 'audience'],
      [{ kid: '' }, 'kid'],
      [{ alg: 'RS384' }, 'alg'],
      [{ privateKey: undefined }, 'privateKey'],
      [{ privateKey: null }, 'privateKey'],
      [{ privateKey: 5 }, 'privateKey'],
    ];
    for (const [mistake, key] of mistakes) {
      const wrong = { ...options, ...mistake } as ClientAssertionOptions;
      expect(await thrown(() => createClientAssertion(wrong)), JSON.stringify(mistake)).to.include({
        code: 'ERR_CONFIG',
        key,
      });
    }
    const { publicPem, publicJwk } = await ecKey();
    for (const privateKey of [publicPem, publicJwk, createPublicKey(publicPem)]) {
      expect((await thrown(() => createClientAssertion({ ...options, privateKey }))).code).to.equal(
        'ERR_KEY_UNREADABLE',
      );
    }
  });

  it('refuses a secret key', async () => {
    const privateKey = createSecretKey(Buffer.alloc(48));
    const error = await thrown(async () => createClientAssertion({ ...(await basic()), privateKey }));
    expect(error.code).to.equal('ERR_KEY_UNSUPPORTED');
  });

  it('refuses to sign with a key that is on the deny-list', async () => {
    const { kid } = await ecKey();
    const error = await thrown(async () => createClientAssertion({ ...(await basic()), denyThumbprints: [kid] }));
    expect(error.code).to.equal('ERR_KEY_PUBLISHED');
  });

  it('sample: the published assertion of the facade guide verifies under its PEM', async () => {
    const { payload } = await jwtVerify(facadeGuide.assertion, readKey(facadeGuide.publicPem).keyObject, {
      currentDate: new Date(facadeGuide.issuedAt * 1000),
    });
    expect(payload).to.deep.equal({
      iss: 'a6ac14a8-e87a-4b0c-8b2d-407fedab9c62',
      sub: 'a6ac14a8-e87a-4b0c-8b2d-407fedab9c62',
      aud: 'http://192.168.40.133:8081/openid-connect-server-webapp/token',
      iat: 1709157663,
      exp: 1709193663,
    });
  });

  it('sample: the RS384 and ES384 assertions of the SMART guide verify under keys read here', async () => {
    for (const { jwk, assertion } of [smartGuide.rs384, smartGuide.es384]) {
      const { payload, protectedHeader } = await jwtVerify(assertion, keyFromJwk(jwk).keyObject, {
        currentDate: new Date((smartGuide.exp - 1) * 1000),
      });
      expect(protectedHeader).to.deep.equal({ alg: jwk.alg, kid: jwk.kid, typ: 'JWT' });
      expect(payload).to.include({ exp: smartGuide.exp, aud: 'https://authorize.smarthealthit.org/token' });
    }
  });
});

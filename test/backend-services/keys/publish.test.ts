import { expect } from 'chai';
import { keyFromJwk } from '../../../src/backend-services/keys/key.js';
import { checkJwks, createJwks } from '../../../src/backend-services/keys/publish.js';
import { readKey, readKeys } from '../../../src/backend-services/keys/read.js';
import { refusePublishedKey, whereKeyIsPublished } from '../../../src/backend-services/keys/deny-list.js';
import { facadeGuide, rfc7638, smartGuide } from '../data/published-samples.js';
import { ecKey, rsaKey } from '../test-keys.js';
import { thrown } from '../thrown.js';

describe('backend-services/keys/publish', () => {
  const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

  it('C2: a published set has kty, kid and the public members only', async () => {
    const rsa = await rsaKey();
    const ec = await ecKey();
    const set = createJwks(readKeys(`${rsa.publicPem}${ec.publicPem}`));
    expect(set.keys.map(({ kid, alg }) => ({ kid, alg }))).to.deep.equal([
      { kid: rsa.kid, alg: 'RS384' },
      { kid: ec.kid, alg: 'ES384' },
    ]);
    for (const key of set.keys) for (const member of PRIVATE) expect(key).not.to.have.property(member);
  });

  it('C2: refuses private keys, and with fromPrivate takes nothing but their public half', async () => {
    for (const { privatePem, privateJwk, publicJwk } of [await rsaKey(), await ecKey()]) {
      expect((await thrown(() => createJwks([readKey(privatePem)]))).code).to.equal('ERR_KEY_PRIVATE');
      expect((await thrown(() => checkJwks({ keys: [privateJwk] }))).code).to.equal('ERR_KEY_PRIVATE');
      const set = createJwks([keyFromJwk(privateJwk)], { fromPrivate: true });
      expect(set).to.deep.equal({ keys: [publicJwk] });
    }
  });

  it('C2: refuses a set in which any key has any private member, even a useless one', async () => {
    const { publicJwk } = await rsaKey();
    const { publicJwk: other } = await ecKey();
    for (const member of PRIVATE.filter((name) => name !== 'k')) {
      const jwks = { keys: [other, { ...publicJwk, [member]: 'AQAB' }] };
      expect((await thrown(() => checkJwks(jwks))).code, member).to.equal('ERR_KEY_PRIVATE');
    }
    for (const jwk of [
      { ...publicJwk, k: 'AQAB' },
      { kty: 'oct', kid: 'a', k: 'AQAB' },
    ]) {
      expect((await thrown(() => checkJwks({ keys: [jwk] }))).code).to.equal('ERR_KEY_SYMMETRIC');
    }
  });

  it('C2: refuses two keys under one kid, and one key under two', async () => {
    const { publicJwk: rsa } = await rsaKey();
    const { publicJwk: ec } = await ecKey();
    const oneKid = {
      keys: [
        { ...rsa, kid: 'k1' },
        { ...ec, kid: 'k1' },
      ],
    };
    const oneKey = {
      keys: [
        { ...rsa, kid: 'k1' },
        { ...rsa, kid: 'k2' },
      ],
    };
    for (const jwks of [oneKid, oneKey])
      expect((await thrown(() => checkJwks(jwks))).code).to.equal('ERR_KEY_DUPLICATE');
    expect(
      checkJwks({
        keys: [
          { ...rsa, kid: 'k1' },
          { ...ec, kid: 'k2' },
        ],
      }).keys,
    ).to.have.length(2);
  });

  it('C2: refuses a key without kid, an empty set and what is no set', async () => {
    const { publicJwk } = await ecKey();
    const nameless = { ...publicJwk, kid: undefined };
    for (const jwks of [
      { keys: [nameless] },
      { keys: [] },
      {},
      [],
      null,
      'x',
      publicJwk,
      { keys: [null] },
      { keys: {} },
    ]) {
      expect((await thrown(() => checkJwks(jwks))).code, JSON.stringify(jwks)).to.equal('ERR_KEY_UNREADABLE');
    }
  });

  it('drops members that are neither needed nor known', async () => {
    const { publicJwk } = await ecKey();
    const set = checkJwks({ keys: [{ ...publicJwk, ext: true, note: 'x', x5c: ['x'] }], more: 1 });
    expect(set).to.deep.equal({ keys: [publicJwk] });
  });

  it('names keys by rule only where they have no name, unless asked to rename', async () => {
    const rule = { kidRule: 'pem-sha256' } as const;
    const named = keyFromJwk((await ecKey()).publicJwk);
    expect(createJwks([named], rule).keys[0]?.kid).to.equal(named.kid);
    expect(createJwks([named], { ...rule, renameKeys: true }).keys[0]?.kid).to.match(/^[\w-]{16}$/);
  });

  describe('the deny-list', () => {
    const published = [facadeGuide.jwk, smartGuide.rs384.jwk, smartGuide.es384.jwk, { ...rfc7638.jwk, alg: 'RS384' }];

    it('refuses to publish or register keys whose private half the world knows', async () => {
      for (const jwk of published) {
        expect((await thrown(() => checkJwks({ keys: [jwk] }))).code, jwk.kid).to.equal('ERR_KEY_PUBLISHED');
        expect((await thrown(() => createJwks([keyFromJwk(jwk)]))).code, jwk.kid).to.equal('ERR_KEY_PUBLISHED');
      }
      expect(whereKeyIsPublished(readKey((await rsaKey()).publicPem))).to.equal(undefined);
    });

    it('sees through another name and another spelling', async () => {
      const n = Buffer.concat([Buffer.alloc(1), Buffer.from(facadeGuide.jwk.n, 'base64url')]).toString('base64url');
      const disguised = { kty: 'RSA', kid: 'innocent', n, e: 'AAEAAQ' };
      expect((await thrown(() => checkJwks({ keys: [disguised] }))).code).to.equal('ERR_KEY_PUBLISHED');
    });

    it('lets a conformance test allow one, and a deployment refuse others', async () => {
      const allowPublishedKeys = [facadeGuide.thumbprint];
      expect(checkJwks({ keys: [facadeGuide.jwk] }, { allowPublishedKeys }).keys[0]?.kid).to.equal(facadeGuide.jwk.kid);
      expect((await thrown(() => checkJwks({ keys: [smartGuide.rs384.jwk] }, { allowPublishedKeys }))).code).to.equal(
        'ERR_KEY_PUBLISHED',
      );
      const { kid, publicPem } = await rsaKey();
      const lost = { denyThumbprints: [kid] };
      expect(
        (
          await thrown(() => {
            refusePublishedKey(readKey(publicPem), lost);
          })
        ).code,
      ).to.equal('ERR_KEY_PUBLISHED');
      // A refusal of the deployment's own is stronger than an exception.
      expect(whereKeyIsPublished(readKey(publicPem), { ...lost, allowPublishedKeys: [kid] })).to.be.a('string');
    });
  });
});

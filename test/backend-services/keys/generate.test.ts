import { format, inspect } from 'node:util';
import { expect } from 'chai';
import { compactVerify, CompactSign, importJWK } from 'jose';
import { generateSigningKey } from '../../../src/backend-services/keys/generate.js';
import { readKey } from '../../../src/backend-services/keys/read.js';
import { ecKey, rsaKey } from '../test-keys.js';
import { thrown } from '../thrown.js';

describe('backend-services/keys/generate', () => {
  it('C1: makes RS384 and ES384 keys that sign what jose verifies, and the other way round', async () => {
    for (const key of [await rsaKey(), await ecKey()]) {
      const secret = await importJWK(key.privateJwk as Parameters<typeof importJWK>[0], key.alg);
      const open = await importJWK({ ...key.publicJwk, key_ops: ['verify'] }, key.alg);
      const jws = await new CompactSign(Buffer.from('x')).setProtectedHeader({ alg: key.alg }).sign(secret);
      expect((await compactVerify(jws, open)).protectedHeader.alg).to.equal(key.alg);
      const fromPem = readKey(key.privatePem).keyObject;
      const again = await new CompactSign(Buffer.from('x')).setProtectedHeader({ alg: key.alg }).sign(fromPem);
      expect((await compactVerify(again, readKey(key.publicPem).keyObject)).protectedHeader.alg).to.equal(key.alg);
    }
  });

  it('makes RSA keys of 3072 bits unless told otherwise', async () => {
    const { publicPem, alg } = await generateSigningKey();
    expect(alg).to.equal('RS384');
    expect(readKey(publicPem).keyObject.asymmetricKeyDetails).to.deep.equal({
      modulusLength: 3072,
      publicExponent: 65_537n,
    });
  });

  it('C1: refuses to make an RSA key below 2048 bits', async () => {
    for (const modulusLength of [1024, 2047, 0, -1, 2048.5, Number.NaN, 16_384]) {
      const error = await thrown(() => generateSigningKey({ alg: 'RS384', modulusLength }));
      expect(error).to.include({ code: 'ERR_CONFIG', key: 'modulusLength' });
    }
    expect(await thrown(() => generateSigningKey({ alg: 'HS256' as 'RS384' }))).to.include({ key: 'alg' });
    expect(await thrown(() => generateSigningKey({ alg: 'ES384', kid: '' }))).to.include({ key: 'kid' });
  });

  it('C2: the public JWK has kty, kid, use, alg and the public members, and no other', async () => {
    expect((await rsaKey()).publicJwk).to.have.all.keys('kty', 'kid', 'use', 'key_ops', 'alg', 'n', 'e');
    expect((await ecKey()).publicJwk).to.have.all.keys('kty', 'kid', 'use', 'key_ops', 'alg', 'crv', 'x', 'y');
  });

  it('names keys by the rule, or as told', async () => {
    expect((await generateSigningKey({ alg: 'ES384', kidRule: 'pem-sha256' })).kid).to.match(/^[\w-]{16}$/);
    const { kid, publicJwk, privateJwk } = await generateSigningKey({ alg: 'ES384', kid: 'mine' });
    expect([kid, publicJwk.kid, privateJwk.kid]).to.deep.equal(['mine', 'mine', 'mine']);
  });

  it('a key that was read prints and serialises without its private half', async () => {
    const { privatePem, privateJwk } = await rsaKey();
    const key = readKey(privatePem);
    const shown = `${inspect(key, { depth: 9, showHidden: true })}${JSON.stringify(key)}${format('%s %o', key, key)}`;
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(shown).not.to.include(privateJwk[member]);
    expect(shown).not.to.include(privatePem.split('\n')[2]!);
  });
});

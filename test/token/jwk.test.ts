import { expect } from 'chai';
import { readJwk, type KeyFault, type VerificationKey } from '../../src/token/jwk.js';
import { edA, newEc, rsaA, without } from './issuer.js';

function keyOf(jwk: unknown): VerificationKey {
  const result = readJwk(jwk);
  if (!result.ok) throw new Error(result.fault);
  return result.key;
}

const ec = newEc();
const P256 = ec.jwk({ kid: 'e' });
const RSA = rsaA.jwk({ kid: 'r' });
const ED = edA.jwk({ kid: 'd' });

describe('token/jwk: members of a key set', () => {
  const cases: readonly [name: string, jwk: unknown, fault: KeyFault][] = [
    ['null', null, 'not-an-object'],
    ['a list', [RSA], 'not-an-object'],
    ['no kid', without(RSA, 'kid'), 'no-kid'],
    ['an empty kid', { ...RSA, kid: '' }, 'no-kid'],
    ['a kid that is no text', { ...RSA, kid: 5 }, 'no-kid'],
    ['a private key', { ...RSA, d: 'AA' }, 'private-key'],
    ['a secret', { kty: 'oct', kid: 's', k: 'AA' }, 'private-key'],
    ['a key to encrypt with', { ...RSA, use: 'enc' }, 'not-for-signatures'],
    ['a key to sign with', { ...RSA, key_ops: ['sign'] }, 'not-for-signatures'],
    ['key_ops that are no list', { ...RSA, key_ops: 'verify' }, 'not-for-signatures'],
    ['another algorithm', { ...RSA, alg: 'RS1' }, 'unsupported-algorithm'],
    ['an algorithm that is no text', { ...RSA, alg: ['RS256'] }, 'unsupported-algorithm'],
    ['another type', { ...RSA, kty: 'AKP' }, 'unsupported-type'],
    ['another type, with a certificate', { kid: 'x', kty: 'AKP', x5c: ['AAAA'] }, 'unsupported-type'],
    ['another curve', { ...P256, crv: 'secp256k1' }, 'unsupported-type'],
    ['no curve', without(P256, 'crv'), 'unsupported-type'],
    ['a curve of another type', { ...ED, crv: 'P-256' }, 'unsupported-type'],
    ['no modulus', without(RSA, 'n'), 'malformed'],
    ['a modulus that is no base64url', { ...RSA, n: `${String(RSA.n)}=` }, 'malformed'],
    ['a certificate that is none', { kid: 'x', kty: 'RSA', x5c: ['AAAA'] }, 'malformed'],
    ['a certificate that is no text', { kid: 'x', kty: 'RSA', x5c: [5] }, 'malformed'],
    ['no certificate', { kid: 'x', kty: 'RSA', x5c: [] }, 'malformed'],
    ['half a point', without(P256, 'y'), 'malformed'],
    ['an even exponent', { ...RSA, e: 'Ag' }, 'malformed'],
    ['an exponent of 1', { ...RSA, e: 'AQ' }, 'malformed'],
    ['no exponent', { ...RSA, e: 'AA' }, 'malformed'],
    ['a short modulus', { ...RSA, n: Buffer.alloc(255, 0xff).toString('base64url') }, 'weak'],
  ];
  for (const [name, jwk, fault] of cases) {
    it(`${name}: ${fault}`, () => {
      expect(readJwk(jwk)).to.deep.equal({ ok: false, fault });
    });
  }

  it('fit the algorithms of their type and curve, or the one that they name', () => {
    const all = ['RS256', 'PS512', 'ES256', 'ES384', 'EdDSA', 'Ed25519', 'HS256', 'none', ''];
    const fitting = (jwk: Record<string, unknown>): string[] => all.filter((alg) => keyOf(jwk).fits(alg));
    expect(fitting(without(RSA, 'alg'))).to.deep.equal(['RS256', 'PS512']);
    expect(fitting(RSA)).to.deep.equal(['RS256']);
    expect(fitting(without(P256, 'alg'))).to.deep.equal(['ES256']);
    expect(fitting(P256)).to.deep.equal(['ES256']);
    expect(fitting({ ...P256, alg: 'ES384' })).to.deep.equal([]);
    expect(fitting(without(ED, 'alg'))).to.deep.equal(['EdDSA', 'Ed25519']);
    expect(fitting(ED)).to.deep.equal(['EdDSA', 'Ed25519']);
  });

  it('are imported once for each algorithm, and not at all where that cannot be', async () => {
    const key = keyOf(without(RSA, 'alg'));
    const first = key.checkFor('RS256');
    expect(key.checkFor('RS256'), 'while it is imported').to.equal(first);
    const check = await first;
    expect(check).to.be.a('function');
    expect(key.checkFor('RS256'), 'and afterwards').to.equal(check);
    expect(await key.checkFor('PS256'))
      .to.be.a('function')
      .and.not.equal(check);
    const off = keyOf({ ...P256, y: P256.x });
    expect(await off.checkFor('ES256')).to.equal(undefined);
    expect(off.checkFor('ES256'), 'nor tried again').to.equal(undefined);
  });

  it('are the same in every member that matters, or are another key', () => {
    expect(keyOf({ ...RSA, x5t: 'z' }).identity).to.equal(keyOf(RSA).identity);
    for (const other of [without(RSA, 'alg'), { ...RSA, alg: 'PS256' }, { ...RSA, kid: 'x' }, { ...RSA, e: 'Aw' }]) {
      expect(keyOf(other).identity).not.to.equal(keyOf(RSA).identity);
    }
  });
});

import { expect } from 'chai';
import { fingerprint, isBearerSyntax, splitJwt } from '../../src/token/bearer.js';
import { TokenError } from '../../src/token/error.js';
import { encode } from './issuer.js';

describe('token/bearer', () => {
  const [header, payload, signature] = [encode({ alg: 'RS256' }), encode({ sub: 'x' }), 'AAAA'];

  it('splits a JWT, and no other token', () => {
    expect(splitJwt(`${header}.${payload}.${signature}`)).to.deep.equal({
      header: { alg: 'RS256' },
      encodedPayload: payload,
      signingInput: `${header}.${payload}`,
      signature,
    });
    expect(splitJwt(`${header}.${payload}.`)).to.have.property('signature', '');
    for (const other of ['opaque', header, `${header}.${payload}`, `${header}.a.b.c.d`, 'a.b.c', '..', '']) {
      expect(splitJwt(other), other).to.equal(undefined);
    }
  });

  it('takes a broken JWT for nothing else', () => {
    for (const broken of [`${header}..AA`, `${header}.A.AA`, `${header}.${payload}.A`, `${header}.${payload}.AA=`]) {
      const split = (): unknown => splitJwt(broken);
      expect(split, broken).to.throw(TokenError).with.property('code', 'ERR_TOKEN_MALFORMED');
    }
  });

  it('knows what may stand in a header, and names a token by what tells nothing of it', () => {
    for (const good of ['a', 'a.b.c', 'a-._~+/9==']) expect(isBearerSyntax(good), good).to.equal(true);
    for (const bad of ['', '=', 'a b', 'a\n', 'a=b', 'ä', '\u0000']) expect(isBearerSyntax(bad), bad).to.equal(false);
    expect(fingerprint('a')).to.have.length(32).and.not.equal(fingerprint('b'));
    expect(fingerprint('a')).to.equal(fingerprint('a'));
  });
});

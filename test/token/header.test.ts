import { expect } from 'chai';
import { TokenError, type TokenErrorCode } from '../../src/token/error.js';
import { HeaderReader, checkHeader, normalizeType } from '../../src/token/header.js';
import { encode } from './issuer.js';

function codeOf(work: () => unknown): TokenErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(TokenError);
    return (error as TokenError).code;
  }
}

describe('token/header', () => {
  const types = new Set(['jwt', null]);
  const known = { algorithms: new Set(['RS256']), types };
  const vouched = { algorithms: undefined, types };
  const cases: readonly [
    name: string,
    header: Record<string, unknown>,
    policy: typeof known | typeof vouched,
    code?: TokenErrorCode,
  ][] = [
    ['an allowed algorithm', { alg: 'RS256' }, known],
    ['another', { alg: 'ES256' }, known, 'ERR_TOKEN_ALGORITHM'],
    ['another, which a server vouches for', { alg: 'HS256' }, vouched],
    ['none, whatever a server says', { alg: 'None' }, vouched, 'ERR_TOKEN_ALGORITHM'],
    ['an empty one, whatever a server says', { alg: '' }, vouched, 'ERR_TOKEN_ALGORITHM'],
    ['a list of one', { alg: ['RS256'] }, vouched, 'ERR_TOKEN_ALGORITHM'],
    ['no algorithm', {}, vouched, 'ERR_TOKEN_ALGORITHM'],
    ['an extension', { alg: 'RS256', crit: [] }, known, 'ERR_TOKEN_CRITICAL'],
    ['a type', { alg: 'RS256', typ: 'application/JWT' }, known],
    ['another type', { alg: 'RS256', typ: 'at+jwt' }, known, 'ERR_TOKEN_TYPE'],
    ['a type that is no text', { alg: 'RS256', typ: null }, known, 'ERR_TOKEN_TYPE'],
    ['no type where one is asked for', { alg: 'RS256' }, { ...known, types: new Set(['jwt']) }, 'ERR_TOKEN_TYPE'],
  ];
  for (const [name, header, policy, code] of cases) {
    it(`${name}: ${code ?? 'taken'}`, () => {
      expect(codeOf(() => checkHeader(header, policy))).to.equal(code);
    });
  }

  it('compares media types without case, and without application/ where no other slash follows', () => {
    const same: readonly [typ: string, normal: string][] = [
      ['JWT', 'jwt'],
      ['application/at+JWT', 'at+jwt'],
      ['APPLICATION/jwt', 'jwt'],
      ['application/a/b', 'application/a/b'],
      ['x-application/jwt', 'x-application/jwt'],
      ['text/jwt', 'text/jwt'],
    ];
    for (const [typ, normal] of same) expect(normalizeType(typ), typ).to.equal(normal);
  });

  it('reads each header as what it is, whichever was read before', () => {
    const headers = new HeaderReader();
    const good = encode({ alg: 'RS256', kid: 'a' });
    const others: readonly [encoded: string, header: unknown][] = [
      [encode({ alg: 'none' }), { alg: 'none' }],
      [encode({ alg: 'RS256', kid: 'b' }), { alg: 'RS256', kid: 'b' }],
      [good.slice(0, -1), undefined],
      [`${good}=`, undefined],
      [encode([good]), undefined],
      ['', undefined],
    ];
    for (const [encoded, header] of others) {
      const first = headers.read(good);
      expect(first).to.deep.equal({ alg: 'RS256', kid: 'a' });
      expect(headers.read(good), 'kept').to.equal(first);
      expect(headers.read(encoded), encoded).to.deep.equal(header);
      expect(headers.read(encoded), encoded).to.deep.equal(header);
    }
    expect(headers.read(good)).to.be.frozen;
  });

  it('keeps no header with a member that could become a prototype', () => {
    const headers = new HeaderReader();
    const hostile = Buffer.from('{"alg":"RS256","__proto__":{"kid":"a"}}').toString('base64url');
    const [first, second] = [headers.read(hostile), headers.read(hostile)];
    expect(first).to.have.property('alg', 'RS256').and.not.equal(second);
    expect(first?.['kid']).to.equal(undefined);
  });
});

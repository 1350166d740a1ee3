import { expect } from 'chai';
import { isOtherKind } from '../../src/token/kind.js';

describe('token/kind', () => {
  const cases: readonly [
    name: string,
    claims: Record<string, unknown>,
    other: boolean,
    header?: Record<string, unknown>,
  ][] = [
    ['nothing told', { sub: 'x' }, false],
    ['token_use access', { token_use: 'access' }, false],
    ['token_use access_token', { token_use: 'access_token' }, false],
    ['token_use id', { token_use: 'id' }, true],
    ['token_use that is no text', { token_use: ['access'] }, true],
    ['typ Bearer', { typ: 'Bearer' }, false],
    ['typ Refresh', { typ: 'Refresh' }, true],
    ['typ that is no text', { typ: ['Refresh'] }, false],
    ['token_type Bearer', { token_type: 'Bearer' }, false],
    ['token_type of RFC 8693', { token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }, true],
    ['token_type that is no text', { token_type: ['refresh_token'] }, false],
    ['a refresh token that says at+jwt', { typ: 'Refresh' }, true, { typ: 'at+jwt' }],
    ['events', { events: {} }, true],
    ['events, in what says JWT', { events: {} }, true, { typ: 'JWT' }],
    ['events, in what says at+jwt', { events: {} }, false, { typ: 'application/at+jwt' }],
    ['at_hash', { at_hash: 'x' }, true],
    ['a nonce', { nonce: 'x' }, true],
    ['a nonce, in what says JWT', { nonce: 'x' }, true, { typ: 'JWT' }],
    ['a nonce of Keycloak', { nonce: 'x', typ: 'Bearer' }, false],
  ];
  for (const [name, claims, other, header] of cases) {
    it(`${name}: ${other ? 'another kind' : 'an access token'}`, () => {
      expect(isOtherKind(claims, header)).to.equal(other);
    });
  }
});

import { expect } from 'chai';
import { ScopeParser, scopeList } from '../../src/scope/list.js';

describe('scope/list', () => {
  it('splits a string at each space and keeps the empty members', () => {
    expect(scopeList('openid user/*.read')).to.deep.equal(['openid', 'user/*.read']);
    expect(scopeList('openid  user/*.read ')).to.deep.equal(['openid', '', 'user/*.read', '']);
  });

  it('takes an array of strings, and of other members nothing', () => {
    expect(scopeList(['openid', 'user/*.read'])).to.deep.equal(['openid', 'user/*.read']);
    expect(scopeList(['openid', 5, null, ['system/*.*'], { toString: () => 'system/*.*' }])).to.deep.equal(['openid']);
  });

  it('finds no scope in anything else', () => {
    for (const claim of [undefined, null, 5, true, {}, { 0: 'system/*.*', length: 1 }])
      expect(scopeList(claim)).to.deep.equal([]);
  });

  it('parses each text once', () => {
    const parser = new ScopeParser();
    expect(parser.parse('user/*.read')).to.equal(parser.parse('user/*.read'));
    expect(new ScopeParser({ decodeSlash: true }).parse('user%2f*.read').kind).to.equal('resource');
  });

  it('stays bounded when tokens bring ever new texts', () => {
    const parser = new ScopeParser();
    const first = parser.parse('user/*.read');
    for (let index = 0; index < 10_000; index += 1) parser.parse(`x${index}`);
    expect(parser.parse('user/*.read')).to.not.equal(first);
    expect(parser.parse('user/*.read')).to.deep.equal(first);
  });
});

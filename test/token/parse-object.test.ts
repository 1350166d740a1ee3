import { expect } from 'chai';
import { MAX_DEPTH, freezeJson, isBase64url, parseEncodedObject } from '../../src/token/parse-object.js';
import { encode } from './issuer.js';

describe('token/parse-object', () => {
  it('knows base64url, without padding, from everything else', () => {
    for (const good of ['AA', 'AAA', 'AAAA', 'AAAAAA', 'Az0_-A']) expect(isBase64url(good), good).to.equal(true);
    for (const bad of ['', 'A', 'AAAAA', 'AA==', ' AAA', 'AAA ', 'AA\n', '=AAA', 'AA+A', 'AA/A', 'ÄAAA']) {
      expect(isBase64url(bad), JSON.stringify(bad)).to.equal(false);
    }
  });

  it('parses objects alone', () => {
    expect(parseEncodedObject(encode({ a: 1 }))).to.deep.equal({ a: 1 });
    for (const bad of ['[]', 'null', '"a"', '5', '{', '', '\ufeff{}']) {
      expect(parseEncodedObject(encode(bad)), bad).to.equal(undefined);
    }
    expect(parseEncodedObject(Buffer.from([0x22, 0xff, 0x22]).toString('base64url'))).to.equal(undefined);
  });

  it('freezes to a bounded depth, and nothing that would become a prototype', () => {
    let deep: unknown = {};
    for (let level = 1; level < MAX_DEPTH; level += 1) deep = { deep };
    expect(freezeJson(deep)).to.equal(true);
    expect(freezeJson({ deep })).to.equal(false);
    expect(freezeJson(JSON.parse('{"a":[{"__proto__":1}]}'))).to.equal(false);
    const held = { list: [{ a: null }], text: 'x' };
    expect(freezeJson(held)).to.equal(true);
    expect([held, held.list, held.list[0]].every((each) => Object.isFrozen(each))).to.equal(true);
  });
});

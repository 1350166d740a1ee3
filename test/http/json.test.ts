import { expect } from 'chai';
import fc from 'fast-check';
import { MAX_JSON_DEPTH, isBoundedJson, parseStrictJson } from '../../src/http/json.js';

const parse = (text: string): unknown => parseStrictJson(Buffer.from(text));

const hasEscapedName = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ((!Array.isArray(value) && Object.keys(value).some((name) => JSON.stringify(name).includes('\\'))) ||
    Object.values(value).some(hasEscapedName));

describe('JSON that every parser reads alike', () => {
  it('is what JSON.parse makes of what JSON.stringify prints', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        const verdict = hasEscapedName(value) ? { flaw: 'escaped-name' } : { value: JSON.parse(text) as unknown };
        expect(parse(text)).to.deep.equal(verdict);
      }),
    );
  });

  it('never throws, and accepts nothing that JSON.parse refuses', () => {
    const piece = fc.constantFrom(...'{}[],:"\\ a1'.split(/(?:)/u), '"a"', '"a":', '\\u0061', 'null', '\\"');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = pieces.join('');
        const verdict = parseStrictJson(Buffer.from(text));
        if ('value' in verdict) expect(verdict.value).to.deep.equal(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  const refused: Readonly<Record<string, string>> = {
    '{"a":1,"a":2}': 'repeated-name',
    '{"a":1,"\\u0061":2}': 'escaped-name',
    '{"\\\\":0}': 'escaped-name',
    '{"a":[{"subjec\\u0074":{}}]}': 'escaped-name',
    '{"x":[{"b":{},"b":1}]}': 'repeated-name',
    '{"__proto__":{}}': 'repeated-name',
    '{"\\u005f_proto__":{}}': 'escaped-name',
    '\ufeff{}': 'encoding',
    '{"a":1}}': 'syntax',
    '{"a': 'syntax',
    '{"a":1} // x': 'syntax',
    '': 'syntax',
    ['['.repeat(MAX_JSON_DEPTH + 1)]: 'too-deep',
  };
  for (const [text, flaw] of Object.entries(refused)) {
    it(`${JSON.stringify(text.slice(0, 40))} is refused: ${flaw}`, () => {
      expect(parse(text)).to.deep.equal({ flaw });
    });
  }

  it('bytes that are no UTF-8 are refused', () => {
    expect(parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22))).to.deep.equal({ flaw: 'encoding' });
  });

  it('the same name in two objects, or as a value, is none twice', () => {
    const text = '{"a":{"a":"a"},"b":["a","a",{"a":"b,\\"a\\":"}]}';
    expect(parse(text)).to.deep.equal({ value: JSON.parse(text) as unknown });
  });

  it('a megabyte of escaped quotation marks takes no more than a moment', function () {
    this.timeout(5000);
    expect(parse(`"${'\\"'.repeat(500_000)}`)).to.deep.equal({ flaw: 'syntax' });
  });

  it('bounds what a framework parsed, too', () => {
    let deep: unknown = 1;
    for (let level = 0; level <= MAX_JSON_DEPTH; level += 1) deep = [deep];
    expect(isBoundedJson(deep)).to.equal(false);
    expect(isBoundedJson({ a: [{ b: null }] })).to.equal(true);
    expect(isBoundedJson(JSON.parse('{"__proto__":1}'))).to.equal(false);
  });
});

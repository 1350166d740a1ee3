import { expect } from 'chai';
import fc from 'fast-check';
import { carryNumbers, printExactly } from '../../src/http/exact-numbers.js';
import { parseStrictJson, readStrictJson } from '../../src/http/json.js';
import { RUNS } from '../runs.js';

const parseExactly = (text: string): unknown => {
  const verdict = parseStrictJson(Buffer.from(text), 'exact');
  if ('flaw' in verdict) throw new Error(verdict.flaw);
  return verdict.value;
};
const same = (text: string): void => {
  expect(printExactly(parseExactly(text))).to.equal(text);
};

describe('numbers of resources', () => {
  for (const number of [
    '1.00',
    '0.010',
    '100.0',
    '-0',
    '-0.0',
    '1e3',
    '1E+3',
    '1.5e-7',
    '9007199254740993',
    '1E400',
    '0.0000001',
  ]) {
    it(`${number} stays ${number}`, () => {
      same(`{"value":${number}}`);
      same(`{"a":[${number},1,"${number}"],"b":{"c":${number}}}`);
      same(`[[${number}]]`);
    });
  }

  it('leaves ordinary numbers, and strings that look like numbers, alone', () => {
    same('{"a":1,"b":[0.5,-3,12345678],"c":"1.00","d":"x: 1.00 ","e":"\\"1.00, 2.0\\\\"}');
  });

  it('are ordinary numbers to whoever reads the value', () => {
    const value = parseExactly('{"valueQuantity":{"value":70.0,"unit":"kg"}}') as { valueQuantity: { value: number } };
    expect(value.valueQuantity.value).to.equal(70);
    expect(Object.keys(value.valueQuantity)).to.deep.equal(['value', 'unit']);
    expect({ ...value.valueQuantity }).to.deep.equal({ value: 70, unit: 'kg' });
    // A host's own rule, a log or a recorder writes what JavaScript knows.
    expect(JSON.stringify(value)).to.equal('{"valueQuantity":{"value":70,"unit":"kg"}}');
  });

  it('stay with an object that moves elsewhere, and go with one that is copied', () => {
    const { entry } = parseExactly('{"entry":[{"value":1.0},{"value":2.00}]}') as { entry: object[] };
    expect(printExactly({ total: 1, entry: entry.slice(1) })).to.equal('{"total":1,"entry":[{"value":2.00}]}');
    expect(printExactly({ ...entry[0] })).to.equal('{"value":1}');
    expect(printExactly(carryNumbers(entry[0], { ...entry[0], id: 'a' }))).to.equal('{"value":1.0,"id":"a"}');
    expect(printExactly(carryNumbers(entry[0], { value: 3 }))).to.equal('{"value":3}');
    expect(carryNumbers(null, 1)).to.equal(1);
  });

  it('does not turn a text into a number for whoever writes like the mark', () => {
    same('{"a":"number 00000000000000000000000000000000 1.0","b":1.0}');
  });

  for (const text of [
    '{1.0:2}',
    '{"a":1,1.0:2}',
    '[01.0]',
    '[1.0.0]',
    '[1.]',
    '[1.0e]',
    '[+1.0]',
    '[.50]',
    '[-]',
    '[1.0"a"]',
    '[1.0 2.0]',
    '{"a" 1.0}',
    '[x1.0]',
    '[1.0x]',
    '[1.0-]',
    '1.0 1.0',
  ]) {
    it(`${text} is no JSON`, () => {
      expect(() => {
        JSON.parse(text);
      }).to.throw(SyntaxError);
      expect(() => parseExactly(text)).to.throw('syntax');
    });
  }

  it('what is no JSON stays none, whatever numbers are in it', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '1.0',
      '-',
      '+',
      '.',
      '1e3',
      '00',
      'e',
      ' ',
      'null',
      '0',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const text = pieces.join('');
        const verdict = parseStrictJson(Buffer.from(text), 'exact');
        const plain = parseStrictJson(Buffer.from(text));
        // Of two flaws either may be the first that is seen.
        expect('flaw' in verdict ? 'none' : verdict).to.deep.equal('flaw' in plain ? 'none' : plain);
        if ('value' in verdict && typeof verdict.value === 'object')
          expect(printExactly(verdict.value)).to.equal(text.replaceAll(' ', ''));
      }),
      { numRuns: RUNS },
    );
  });

  it('any JSON is written as it came', () => {
    const decimal = fc
      .tuple(
        fc.boolean(),
        fc.nat(),
        fc.option(fc.stringMatching(/^\d{1,20}$/)),
        fc.option(fc.integer({ min: -400, max: 400 })),
      )
      .map(([minus, whole, fraction, exponent]) =>
        [
          minus ? '-' : '',
          String(whole),
          fraction === null ? '' : `.${fraction}`,
          exponent === null ? '' : `e${exponent}`,
        ].join(''),
      );
    const text = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        decimal,
        fc.string({ unit: 'binary' }).map((each) => JSON.stringify(each)),
        fc.constantFrom('true', 'false', 'null', '"1.00"'),
        fc.array(tie('value')).map((members) => `[${members.join(',')}]`),
        // Names that are no indices, which JavaScript puts first, and need no escapes, which Node 24 misreads.
        fc
          .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z_: .]{1,6}$/), tie('value')), { selector: ([name]) => name })
          .map((members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`),
      ),
    })).value;
    fc.assert(
      fc.property(text, (each) => {
        same(`[${each}]`);
      }),
      { numRuns: RUNS },
    );
  });

  it('in a text of five megabytes, strings included', () => {
    const long = `{"data":"${'5e3\\"'.repeat(1_000_000)}","value":1.0}`;
    same(long);
  });

  it('no more of them than the reader wants', () => {
    const text = (count: number): Buffer => Buffer.from(`[${'1.0,-3,0.01,'.repeat(count - 1)}2.0]`);
    expect(readStrictJson(text(100), 'exact', 100)).to.have.property('value');
    expect(readStrictJson(text(101), 'exact', 100)).to.deep.equal({ flaw: 'too-many-numbers' });
    expect(parseStrictJson(text(101))).to.have.property('value');
  });
});

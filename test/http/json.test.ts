import { expect } from 'chai';
import fc from 'fast-check';
import {
  MAX_JSON_DEPTH,
  copiedJson,
  isBoundedJson,
  isPlainJson,
  parseAnswer,
  parseStrictJson,
} from '../../src/http/json.js';
import { RUNS } from '../runs.js';

const parse = (text: string): unknown => parseStrictJson(Buffer.from(text));

/** JSON as somebody may write it, and what is in it that is refused. */
interface Written {
  readonly text: string;
  readonly repeats: boolean;
  readonly escapes: boolean;
}

const space = fc.constantFrom('', '', ' ', '\n\t');
const joined = (parts: readonly Written[], open: string, close: string): Written => ({
  text: `${open}${parts.map(({ text }) => text).join(',')}${close}`,
  repeats: parts.some(({ repeats }) => repeats),
  escapes: parts.some(({ escapes }) => escapes),
});
const written = fc.letrec<{ value: Written; member: Written & { readonly name: string } }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    fc
      .constantFrom(
        '1',
        '-0',
        '1.50',
        '1e3',
        'null',
        '"a"',
        '"\\"a\\":"',
        '":"',
        '"{\\\\"',
        '"\\u0022,"',
        '"\u00e9\u2028:"',
      )
      .map((text) => ({ text, repeats: false, escapes: false })),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 3 }), space)
      .map(([parts, gap]) => joined(parts, `[${gap}`, `${gap}]`)),
    fc.tuple(fc.array(tie('member'), { maxLength: 4 }), space).map(([parts, gap]) => ({
      ...joined(parts, `{${gap}`, `${gap}}`),
      repeats: parts.some(({ repeats }) => repeats) || new Set(parts.map(({ name }) => name)).size < parts.length,
    })),
  ),
  member: fc
    .tuple(
      fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', ':', '1', '\u00e9', '', '\\n', '\\"'),
      space,
      tie('value'),
      space,
    )
    .map(([name, before, value, after]) => ({
      ...value,
      name,
      text: `"${name}"${before}:${after}${value.text}${before}`,
      escapes: value.escapes || name.startsWith('\\'),
    })),
})).value;

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
        fc.pre(!text.includes('__proto__'));
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

  it('is refused for what is in it, wherever and however often', () => {
    fc.assert(
      fc.property(written, ({ text, repeats, escapes }) => {
        const verdict = parseStrictJson(Buffer.from(text), 'exact');
        const flaw = escapes ? 'escaped-name' : repeats ? 'repeated-name' : undefined;
        expect(verdict).to.deep.equal(flaw ? { flaw } : { value: JSON.parse(text) as unknown });
      }),
      { numRuns: RUNS },
    );
  });

  it('bytes that are no UTF-8 are refused', () => {
    expect(parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22))).to.deep.equal({ flaw: 'encoding' });
  });

  it('is as deep as its deepest place, not as often as it opens', () => {
    const nested = (open: string, close: string, levels: number): string =>
      `${open.repeat(levels)}0${close.repeat(levels)}`;
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      expect(parse(nested(open, close, MAX_JSON_DEPTH))).to.have.property('value');
      expect(parse(nested(open, close, MAX_JSON_DEPTH + 1))).to.deep.equal({ flaw: 'too-deep' });
      expect(parse(`[${`${open}0${close},`.repeat(10 * MAX_JSON_DEPTH)}0]`), open).to.have.property('value');
    }
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

  describe('as a server answers it', () => {
    const printed = { resourceType: 'Patient', id: 'a', name: [{ family: 'O\u2028"\\' }], multipleBirthInteger: 2 };

    const texts: Readonly<Record<string, string>> = {
      'as JSON.stringify prints it': JSON.stringify(printed),
      'with spaces': '{"a": 1}',
      'printed for people': '{\n  "a": 1\n}',
      'a number with a digit that JavaScript would drop': '{"a":1.0}',
      'another escape': '{"a":"\\u0041"}',
      'names that are indices': '{"b":1,"1":2}',
    };
    for (const [name, text] of Object.entries(texts)) {
      it(`comes with its text: ${name}`, () => {
        const read = { value: JSON.parse(text) as unknown, text };
        const bytes = Buffer.from(text);
        expect(parseAnswer(text)).to.deep.equal({ ...read, bytes });
        expect(parseAnswer(bytes, true)).to.deep.equal({ ...read, bytes });
        // Whose bytes they are may write to them.
        expect(parseAnswer(bytes)).to.deep.equal(read);
      });
    }

    for (const [text, flaw] of Object.entries(refused)) {
      it(`${JSON.stringify(text.slice(0, 40))} is refused: ${flaw}`, () => {
        expect(parseAnswer(text)).to.deep.equal({ flaw });
        expect(parseAnswer(Buffer.from(text))).to.deep.equal({ flaw });
      });
    }

    it('bytes that are no UTF-8, and texts that cannot be written in it, are not taken as they are', () => {
      expect(parseAnswer(Uint8Array.of(0x22, 0xff, 0x22))).to.deep.equal({ flaw: 'encoding' });
      // A half of a surrogate pair: what is sent is U+FFFD.
      const sent = '{"a":"\ufffd"}';
      expect(parseAnswer('{"a":"\ud800"}')).to.deep.equal({
        value: { a: '\ufffd' },
        text: sent,
        bytes: Buffer.from(sent),
      });
    });

    it('is read as strictly as a request, whatever comes', () => {
      const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '"b"', '"__proto__"', '1', '1.0', 'null', ' ');
      const text = fc.oneof(
        fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join('')),
        fc.jsonValue().map((value) => JSON.stringify(value)),
      );
      fc.assert(
        fc.property(text, (each) => {
          const verdict = parseAnswer(each);
          const strict = parseStrictJson(Buffer.from(each), 'exact');
          expect(strict).to.deep.equal('flaw' in verdict ? verdict : { value: verdict.value });
          if ('text' in verdict) expect([verdict.text, verdict.value]).to.deep.equal([each, JSON.parse(each)]);
        }),
        { numRuns: RUNS },
      );
    });
  });

  describe('as a host has it', () => {
    const plainCopy = (value: unknown): ReturnType<typeof copiedJson> | undefined =>
      isPlainJson(value) ? copiedJson({ value }) : undefined;

    it('is plain if it is what its JSON says', () => {
      fc.assert(
        fc.property(fc.anything({ withDate: true, withNullPrototype: true, withSparseArray: true }), (value) => {
          const copy = plainCopy(value);
          if (!copy) return;
          expect(JSON.stringify(copy.value)).to.equal(JSON.stringify(value));
          const again: unknown = JSON.parse(JSON.stringify(value));
          // Without a prototype it is no less an object.
          expect(JSON.stringify(again)).to.equal(JSON.stringify(value));
          expect(sameAs(again, value)).to.equal(true);
        }),
        { numRuns: RUNS },
      );
      fc.assert(
        fc.property(fc.jsonValue(), (value) => {
          const again: unknown = JSON.parse(JSON.stringify(value));
          fc.pre(!JSON.stringify(again).includes('__proto__'));
          expect(plainCopy(again)).to.deep.equal({ value: again, text: JSON.stringify(again) });
        }),
        { numRuns: RUNS },
      );
    });

    it('is copied: what becomes of it later, or gives another value each time, is not what was judged', () => {
      let asked = 0;
      const value = {
        list: [{ a: 1 }],
        get changing() {
          return (asked += 1);
        },
      };
      Object.defineProperty(value, 'hidden', { value: 1 });
      const { value: copy, text } = plainCopy(value) ?? {};
      value.list[0]!.a = 2;
      value.list.push({ a: 3 });
      // It is asked once to see that it is plain, and once for the text.
      const changing = asked;
      expect([copy, text]).to.deep.equal([{ list: [{ a: 1 }], changing }, `{"list":[{"a":1}],"changing":${changing}}`]);
      expect(copy).to.not.have.property('hidden');
    });

    it('is no copy where all objects inherit members, which JSON would not show', () => {
      const prototype = Object.prototype as { everywhere?: number };
      prototype.everywhere = 1;
      try {
        expect(plainCopy({ a: 1 })).to.equal(undefined);
      } finally {
        delete prototype.everywhere;
      }
      expect(plainCopy({ a: 1 })).to.deep.equal({ value: { a: 1 }, text: '{"a":1}' });
    });

    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    const circle: unknown[] = [];
    circle.push(circle);
    const odd: Readonly<Record<string, unknown>> = {
      'a Date': { at: new Date(0) },
      'a class': new (class {
        readonly a = 1;
      })(),
      'a list of its own kind': { a: new (class extends Array<number> {})(1) },
      'a Map': { a: new Map() },
      'a member that is undefined': { a: undefined },
      'a hole': { a: Array(1) },
      'a function': { a: () => 1 },
      'a symbol': { a: Symbol('a') },
      'a big integer': { a: 1n },
      'no number': { a: NaN },
      'a number without end': { a: Infinity },
      'minus zero': { a: -0 },
      'something that makes its own JSON': { a: Object.defineProperty({}, 'toJSON', { value: () => 1 }) },
      'a list that makes its own JSON': Object.assign([1], { toJSON: () => 1 }),
      'a member __proto__': JSON.parse('{"__proto__":{"a":1}}') as unknown,
      'a circle': circle,
      'too many levels': deep(MAX_JSON_DEPTH + 1),
    };
    for (const [name, value] of Object.entries(odd)) {
      it(`is not plain with ${name}`, () => {
        expect(plainCopy(value)).to.equal(undefined);
      });
    }
  });
});

/** Deeply equal, prototypes aside. */
function sameAs(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null)
    return Object.is(one, other);
  const [names, others] = [Object.keys(one), Object.keys(other)];
  const [first, second] = [one, other] as [Record<string, unknown>, Record<string, unknown>];
  return names.length === others.length && names.every((name) => sameAs(first[name], second[name]));
}

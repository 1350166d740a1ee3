import { expect } from 'chai';
import fc from 'fast-check';
import { JsonTextError, parseJson } from '../../src/config-file/parse-json.js';

function failure(text: string): { problem: string; line: number; column: number } {
  try {
    parseJson(text);
  } catch (error) {
    if (error instanceof JsonTextError) return { problem: error.problem, ...error.place };
    throw error;
  }
  throw new Error('it was read');
}

describe('parseJson', () => {
  it('reads what JSON.parse reads, alike', () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: 'large' }), fc.integer({ min: 0, max: 4 }), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        fc.pre(!text.includes('"__proto__"'));
        expect(parseJson(text).value).to.deep.equal(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses whatever JSON.parse refuses, wherever one character is changed', () => {
    const text = JSON.stringify({ a: [1, -2.5e3, true, null, 'x\n"é'], b: { c: {} } }, null, 1);
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom('', '{', '}', '[', ']', ',', ':', '"', '\\', '0', '.', 'e', '-', 't', ' ', '\u0001', '\u00a0'),
        (at, character) => {
          const broken = text.slice(0, at) + character + text.slice(at + 1);
          let value: unknown;
          let isJson = true;
          try {
            value = JSON.parse(broken);
          } catch {
            isJson = false;
          }
          if (isJson) {
            expect(parseJson(broken).value).to.deep.equal(value);
          } else {
            expect(() => parseJson(broken)).to.throw(JsonTextError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  for (const [name, text, problem, line, column] of [
    ['nothing', '', 'the text ends', 1, 1],
    ['a broken end', '{"a": 1', 'a comma or a closing brace', 1, 8],
    ['a name twice', '{\n "a": 1,\n "\\u0061": 2}', 'the name "a" stands twice', 3, 2],
    ['a prototype', '{"__proto__": {}}', '"__proto__" is no name', 1, 2],
    ['a comma too many in an object', '{"a": 1,\n}', 'a comma stands before the closing brace', 2, 1],
    ['a comma too many in a list', '[1,]', 'a comma stands before the closing bracket', 1, 4],
    ['a byte order mark', '\ufeff{}', 'byte order mark', 1, 1],
    ['a comment', '{"a": 1, // why\n "b": 2}', 'no comments', 1, 10],
    ['apostrophes', "{'a': 1}", 'quotes by "', 1, 2],
    ['typographic quotation marks', '{“a”: 1}', 'typographic', 1, 2],
    ['words of other languages', '{"a": True}', 'true, false and null', 1, 7],
    ['a name without quotation marks', '{a: 1}', 'the name of a member', 1, 2],
    ['a missing colon', '{"a" 1}', 'a colon', 1, 6],
    ['a string that is not closed', '{"a": "x', 'a string is not closed', 1, 7],
    ['something after the end', '{} {}', 'after the end', 1, 4],
    ['too many levels', '['.repeat(100), 'more than 32 levels', 1, 34],
  ] as const) {
    it(`tells of ${name}, and where`, () => {
      const found = failure(text);
      expect(found.problem).to.include(problem);
      expect([found.line, found.column]).to.deep.equal([line, column]);
    });
  }

  it('is linear in the text: a megabyte of brackets, quotes or backslashes', () => {
    for (const text of ['[', '{"', '"\\', ' ', '"'].map((piece) => piece.repeat(1_048_576 / piece.length))) {
      const started = performance.now();
      expect(() => parseJson(text)).to.throw(JsonTextError);
      expect(performance.now() - started).to.be.lessThan(5000);
    }
  });

  it('never quotes what the text says but names of members', () => {
    expect(JSON.stringify(failure('{"clientSecret": "hunter2" "x": 1}'))).not.to.include('hunter2');
  });

  it('knows where each value stands', () => {
    const parsed = parseJson('{\n  "a": [\n    1,\n    {"b": 2}\n  ]\n}');
    expect(parsed.placeOf(['a', 1, 'b'])).to.deep.equal({ line: 4, column: 11 });
    expect(parsed.placeOf(['a', 0])).to.deep.equal({ line: 3, column: 5 });
    expect(parsed.placeOf(['a', 9, 'x'])).to.deep.equal({ line: 2, column: 8 });
    expect(parsed.placeOf(['nowhere'])).to.deep.equal({ line: 1, column: 1 });
  });
});

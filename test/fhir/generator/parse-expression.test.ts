import { expect } from 'chai';
import { parseExpression } from '../../../src/fhir/generator/parse-expression.js';
import type { Expression } from '../../../src/fhir/generator/parse-expression.js';

/** The tree in prefix form. */
function print(e: Expression): string {
  switch (e.kind) {
    case 'name':
      return e.name;
    case 'literal':
      return `'${e.text}'`;
    case 'member':
      return `${print(e.of)}.${e.name}`;
    case 'index':
      return `${print(e.of)}[]`;
    case 'call':
      return `${e.of === undefined ? '' : `${print(e.of)}.`}${e.name}(${e.args.map(print).join(', ')})`;
    case 'operator':
      return `(${e.sign} ${print(e.left)} ${print(e.right)})`;
  }
}

describe('fhir/generator/parse-expression', () => {
  const TREES: readonly (readonly [string, string])[] = [
    ['Observation.code', 'Observation.code'],
    ['A.b | A.c | A.d', '(| (| A.b A.c) A.d)'],
    // `as` binds tighter than `|`, a member tighter than `as`.
    ['A.b as Quantity | A.c', '(| (as A.b Quantity) A.c)'],
    ['(A.b as CodeableConcept).text', '(as A.b CodeableConcept).text'],
    ['A.b.ofType(Period).start', 'A.b.ofType(Period).start'],
    ['A.b.where(resolve() is Patient)', 'A.b.where((is resolve() Patient))'],
    ["A.b.where(system='phone').value", "A.b.where((= system 'phone')).value"],
    ['A.b.exists() and A.b != false', '(and A.b.exists() (!= A.b false))'],
    ['A.entry[0].resource', 'A.entry[].resource'],
    ['(start | requestedPeriod.start).first()', '(| start requestedPeriod.start).first()'],
    ["A.extension('http://example.org/x-y').value", "A.extension('http://example.org/x-y').value"],
    ['  A . b  ', 'A.b'],
  ];
  for (const [text, tree] of TREES) {
    it(`reads ${text}`, () => {
      expect(print(parseExpression(text))).to.equal(tree);
    });
  }

  for (const text of [
    '',
    'A.',
    'A.b |',
    '(A.b',
    'A.b)',
    'A b',
    "A.where(x='y)",
    'A.b + 1',
    '.b',
    'A..b',
    'A[0',
    '%x',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseExpression(text)).to.throw(SyntaxError);
    });
  }
});

import { expect } from 'chai';
import { compileExpression, printPath, Unsupported } from '../../../src/fhir/generator/compile-expression.js';
import { selectDefinitions } from '../../../src/fhir/generator/definitions.js';
import { buildModel } from '../../../src/fhir/generator/element-model.js';
import { TINY_FILES } from './tiny-definitions.js';

const model = buildModel(selectDefinitions(TINY_FILES).structures);

const compile = (text: string, base = 'Note'): string[] =>
  compileExpression(model, base, text).map(({ steps, datatype, targets }) => {
    const head = `${printPath(base, steps)} ${datatype}`;
    return targets === undefined ? head : `${head} > ${targets === '*' ? '*' : targets.join(' ')}`;
  });

describe('fhir/generator/compile-expression', () => {
  const PATHS: readonly (readonly [string, readonly string[]])[] = [
    ['Note.id', ['Note.id id']],
    ['Resource.id', ['Note.id id']],
    ['Note.meta.tag', ['Note.meta.tag Coding']],
    ['remark.text', ['Note.remark.text string']],
    ['Note.part.owner', ['Note.part.owner Reference > Patient']],
    ['Note.part.part.owner', ['Note.part.part.owner Reference > Patient']],
    ['Note.about.where(resolve() is Patient)', ['Note.about Reference > Patient']],
    ['Note.value.as(dateTime)', ['Note.valueDateTime dateTime']],
    ['Note.value.as(DateTime)', ['Note.valueDateTime dateTime']],
    ['Note.value as string', ['Note.valueString string']],
    ['Note.value.ofType(Age)', ['Note.valueAge Age']],
    ['Note.value.ofType(Quantity)', ['Note.valueQuantity Quantity', 'Note.valueAge Age']],
    ['Note.value.text', ['Note.valueRemark.text string']],
    ['(Note.value as Remark).who', ['Note.valueRemark.who Reference > Patient']],
    ['Note.id | Note.id | Note.remark.text', ['Note.id id', 'Note.remark.text string']],
    // Other types of an expression that they share, and what does not exist.
    ['Patient.active | Note.id', ['Note.id id']],
    ['Patient.active.exists() | Note.id', ['Note.id id']],
    ['Note.gone', []],
    ['Note.value.ofType(boolean)', []],
    ['Note.author.where(resolve() is Note)', []],
    ['(gone | vanished.start).first()', []],
  ];
  for (const [text, paths] of PATHS) {
    it(`compiles ${text}`, () => {
      expect(compile(text)).to.deep.equal(paths);
    });
  }

  it('compiles a choice element to a path for each of its types', () => {
    expect(compile('Note.value')).to.deep.equal([
      'Note.valueString string',
      'Note.valueQuantity Quantity',
      'Note.valueAge Age',
      'Note.valueDateTime dateTime',
      'Note.valueRemark Remark',
      'Note.valueReference Reference > Patient',
    ]);
  });

  it('keeps a filter with the element that it filters', () => {
    expect(compile("Patient.telecom.where(system='phone').use", 'Patient')).to.deep.equal([
      'Patient.telecom[system=phone].use CodeableConcept',
    ]);
  });

  const REFUSED: readonly string[] = [
    'Note',
    'Note.part',
    'Note.contained',
    'Note.remark.exists()',
    'Note.part[0].owner',
    'Note.part.first().owner',
    "Note.extension('x').value",
    'Note.remark.where(text.exists())',
    "Note.remark.where(text != 'x')",
    "Note.remark.where(who='x')",
    "Note.remark.where(gone='x')",
    "Note.remark.where(text='x').where(text='y')",
    'Note.remark.where(resolve() is Patient)',
    'Note.about.where(resolve() is Patient).identifier',
    "Note.where(id='x').remark",
    "Note.id = 'x'",
    'Note.value is string',
    'Note.id and Note.remark',
    "'x'",
    'today()',
    '(id | remark.text).first()',
  ];
  for (const text of REFUSED) {
    it(`refuses ${text}`, () => {
      expect(() => compile(text)).to.throw(Unsupported);
    });
  }

  it('refuses the whole of a union of which it cannot compile a part', () => {
    expect(() => compile('Note.id | Note.remark.exists()')).to.throw(Unsupported);
  });

  it('refuses to compare what is no string', () => {
    expect(() => compile("Patient.telecom.where(use='home')", 'Patient')).to.throw(Unsupported);
  });
});

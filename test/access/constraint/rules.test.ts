import { expect } from 'chai';
import { compileConstraint } from '../../../src/access/constraint/compile.js';
import type { ValueRule } from '../../../src/access/constraint/constraint.js';
import { DATE } from '../../../src/access/constraint/match-date.js';
import { referenceRule } from '../../../src/access/constraint/match-reference.js';
import { STRING } from '../../../src/access/constraint/match-string.js';
import { TOKEN } from '../../../src/access/constraint/match-token.js';
import { URI, isCanonical } from '../../../src/access/constraint/match-uri.js';
import { splitUnescaped, unescape } from '../../../src/access/constraint/unescape.js';
import { leadsAnyToMatch, walkedPath } from '../../../src/access/constraint/walk-path.js';
import type { SearchParameterPath } from '../../../src/fhir/search-parameters.js';
import { meets } from './meets.js';

const at = (datatype: string, targets?: SearchParameterPath['targets']): SearchParameterPath => ({
  elements: ['x'],
  datatype,
  filters: [],
  ...(targets !== undefined && { targets }),
});

type Row = readonly [values: string, datatype: string, element: unknown, met: boolean];

/** Compares one element with the values of a clause, without the walk to it. A value that is malformed is a mistake here. */
function meetsOf<V>(rule: ValueRule<V>, values: string, path: SearchParameterPath, element: unknown): boolean {
  const read = values.split(',').map((text) => {
    const value = rule.read(text);
    if (value === undefined) throw new Error(`malformed: ${text}`);
    return value;
  });
  return rule.matcher(read, path)(element);
}

function table<V>(rule: ValueRule<V>, rows: readonly Row[]): void {
  for (const [values, datatype, element, met] of rows) {
    it(`${datatype} ${JSON.stringify(element)} ${met ? 'meets' : 'does not meet'} ${values}`, () => {
      expect(meetsOf(rule, values, at(datatype), element)).to.equal(met);
    });
  }
}

/** What values are compared with, and what they are not. */
function fits<V>(rule: ValueRule<V>, text: string, fitting: readonly string[], others: readonly string[]): void {
  it(`${text} is compared with ${fitting.join(', ') || 'nothing'}, not with ${others.join(', ')}`, () => {
    const value = rule.read(text);
    if (value === undefined) throw new Error(`malformed: ${text}`);
    for (const datatype of fitting) expect(rule.fits(value, at(datatype)), datatype).to.equal(true);
    for (const datatype of others) expect(rule.fits(value, at(datatype)), datatype).to.equal(false);
  });
}

function malformed<V>(rule: ValueRule<V>, texts: readonly string[]): void {
  for (const text of texts) {
    it(`${JSON.stringify(text)} is no value`, () => {
      expect(rule.read(text)).to.equal(undefined);
    });
  }
}

describe('access/constraint: dates', () => {
  fits(DATE, '2020', ['date', 'dateTime', 'instant', 'Period', 'Timing'], ['string', 'Age', 'Reference', 'code']);
  malformed(DATE, ['', 'eq', 'x2020', 'ap2020', 'EQ2020', '2020ab', '2020-13', 'ge 2020']);
  table(DATE, [
    ['2020', 'date', '2020-02-02', true],
    ['2020,2021', 'date', '2021-02-02', true],
    ['2020,2021', 'date', '2022-02-02', false],
    ['ge2020', 'date', 2020, false],
    ['ge2020', 'date', ['2020'], false],
    ['ge2020', 'date', null, false],
    ['ge2020', 'date', undefined, false],
    ['ge2020', 'date', 'garbage', false],
    ['ge2020', 'Period', { start: '2020-01-01', end: '2020-02-01' }, true],
    ['ge2020', 'Period', { start: '2020-01-01' }, true],
    ['le2020', 'Period', { end: '2020-01-01' }, true],
    // A Period that is none covers no time at all, and least of all every time.
    ['ge2020', 'Period', {}, false],
    ['ge2020', 'Period', null, false],
    ['ge2020', 'Period', '2020-01-01', false],
    ['ge2020', 'Period', [{ start: '2020' }], false],
    ['ge2020', 'Period', { start: 'garbage' }, false],
    ['ge2020', 'Period', { start: '2020', end: 'garbage' }, false],
    ['ge2020', 'Period', { start: 'garbage', end: '2020' }, false],
    ['ge2020', 'Period', { start: 2020 }, false],
    ['ge2020', 'Period', { start: '2020', end: null }, false],
    ['ge2020', 'Period', { start: '2021-01-02', end: '2021-01-01' }, false],
    ['ge2020', 'Period', { start: '2022', end: '2021' }, false],
    ['ge2020', 'Period', { start: '2021-01-01', end: '2021-01-01' }, true],
    ['2020', 'Timing', { event: ['2020-01-01', '2020-12-31'] }, true],
    ['2020', 'Timing', { event: ['2020-01-01', '2021-01-01'] }, false],
    ['2020', 'Timing', { event: '2020-01-01' }, true],
    ['2020', 'Timing', { event: ['2020-01-01', 'garbage'] }, false],
    ['2020', 'Timing', { event: [] }, false],
    ['2020', 'Timing', {}, false],
    ['2020', 'Timing', null, false],
    ['2020', 'Timing', '2020-01-01', false],
    ['2020', 'Timing', { repeat: { boundsPeriod: { start: '2020-01-01', end: '2020-02-01' } } }, true],
    ['2020', 'Timing', { repeat: { count: 3 }, event: ['2020-01-01'] }, false],
    ['2020', 'Timing', { repeat: 'daily', event: ['2020-01-01'] }, false],
  ]);
});

describe('access/constraint: strings', () => {
  fits(STRING, 'a', ['string', 'markdown', 'HumanName', 'Address'], ['boolean', 'CodeableConcept', 'constructor']);
  malformed(STRING, ['', ' ', '\u0301', '\\x', 'a\\', 'a,b']);
  const name = { family: 'Müller', given: ['Ana', 'Åsa'] };
  table(STRING, [
    ['ana', 'HumanName', name, true],
    ['asa', 'HumanName', name, true],
    ['mu', 'HumanName', name, true],
    ['x,mul', 'HumanName', name, true],
    ['ller', 'HumanName', name, false],
    ['ana', 'HumanName', 'Ana', false],
    ['ana', 'HumanName', ['Ana'], false],
    ['ana', 'HumanName', null, false],
    ['ana', 'HumanName', { given: [['Ana']], use: 'Ana' }, false],
    ['1', 'string', 1, false],
    ['a', 'string', { toString: 'a' }, false],
    ['a', 'string', undefined, false],
    ['abc', 'string', 'ab', false],
    ['abc', 'string', 'ABCD', true],
    // A long value against as long a text, written with its accents apart.
    ['éééééééééééééééééééééééééééééé', 'string', 'e\u0301'.repeat(30), true],
    ['éééééééééééééééééééééééééééééé', 'string', 'e\u0301'.repeat(29), false],
  ]);
});

describe('access/constraint: tokens', () => {
  fits(TOKEN, 's|c', ['Coding', 'CodeableConcept', 'Identifier'], ['code', 'boolean', 'ContactPoint', 'string']);
  fits(TOKEN, 'true', ['Coding', 'boolean', 'code', 'ContactPoint', 'string', 'id', 'uri'], ['Reference', 'integer']);
  fits(TOKEN, 'c', ['Coding', 'code'], ['boolean']);
  malformed(TOKEN, ['', '|', 'a|b|c', 'a,b', '\\x']);
  table(TOKEN, [
    ['s|a,s|b', 'Coding', { system: 's', code: 'a' }, true],
    ['s|a,s|b', 'Coding', { system: 's', code: 'b' }, true],
    ['s|a,t|b', 'Coding', { system: 's', code: 'b' }, false],
    ['s|a', 'Coding', { system: 's' }, false],
    ['s|', 'Coding', { system: 's', code: 'x' }, true],
    ['|a', 'Coding', { code: 'a' }, true],
    ['|a', 'Coding', { system: 's', code: 'a' }, false],
    ['a', 'Coding', null, false],
    ['a', 'Coding', 'a', false],
    ['a', 'CodeableConcept', { coding: { code: 'a' } }, true],
    ['a', 'CodeableConcept', { coding: [null, 'a', { code: 'a' }] }, true],
    ['a', 'CodeableConcept', { text: 'a' }, false],
    ['a', 'CodeableConcept', null, false],
    ['s|1', 'Identifier', { system: 's', value: '1' }, true],
    ['1', 'Identifier', { system: 's', value: 1 }, false],
    ['1', 'Identifier', null, false],
    ['1', 'Identifier', '1', false],
    ['1', 'ContactPoint', { system: 'phone', value: '1' }, true],
    ['1', 'ContactPoint', null, false],
    ['true', 'boolean', true, true],
    ['false', 'boolean', false, true],
    ['true', 'boolean', false, false],
    // As text it is no boolean, and what is no boolean is neither of them.
    ['true', 'boolean', 'true', false],
    ['false', 'boolean', 0, false],
    ['false', 'boolean', null, false],
    ['false', 'boolean', undefined, false],
    ['final', 'code', 'final', true],
    ['final', 'code', 'Final', false],
    ['final', 'code', ['final'], false],
  ]);

  it('stand for what a published misspelling meant, in the one code that was published', () => {
    const misspelt = 'http://terminology.hl7.org//CodeSystem-observation-category';
    const written = (code: string) => {
      const system = 'http://terminology.hl7.org/CodeSystem/observation-category';
      return { resourceType: 'Observation', category: [{ coding: [{ system, code }] }] };
    };
    expect(meets('4.0.1', 'Observation', `category=${misspelt}|social-history`, written('social-history'))).to.equal(
      true,
    );
    for (const code of ['laboratory', 'social-history']) {
      expect(meets('4.0.1', 'Observation', `category=${misspelt}|laboratory`, written(code)), code).to.equal(false);
    }
  });
});

describe('access/constraint: uris', () => {
  fits(URI, 'http://x', ['uri', 'url', 'oid', 'uuid', 'canonical'], ['string', 'Reference']);
  fits(URI, 'http://x|1|2', ['uri'], ['canonical']);
  malformed(URI, ['', '\\x', 'a\\', 'a,b']);
  table(URI, [
    ['http://x', 'canonical', 'http://x', true],
    ['http://x', 'canonical', 'http://x|1', true],
    ['http://x\\|1', 'canonical', 'http://x|1', true],
    ['http://x\\|1', 'canonical', 'http://x', false],
    ['http://x', 'canonical', 'http://xa', false],
    ['http://x', 'canonical', 'http://xy|1', false],
    ['http://x', 'canonical', ['http://x'], false],
    ['http://x', 'canonical', null, false],
    ['http://x', 'uri', 'http://x', true],
    ['http://x', 'uri', 'http://x|1', false],
    ['http://x', 'uri', 'HTTP://x', false],
  ]);

  it('are whole canonicals with one version at most, and an address', () => {
    for (const whole of ['http://x', 'http://x|1', 'x|y', 'x']) expect(isCanonical(whole), whole).to.equal(true);
    for (const part of ['|1', 'http://x|', '|', 'http://x|1|2', 'http://x||'])
      expect(isCanonical(part), part).to.equal(false);
  });
});

describe('access/constraint: references', () => {
  const BASE = 'https://fhir.example';
  const rule = (targets: SearchParameterPath['targets'], base?: string, ...others: SearchParameterPath[]) =>
    referenceRule(
      '4.0.1',
      { code: 'x', type: 'reference', supported: true, paths: [at('Reference', targets), ...others] },
      base,
    );

  it('read an id alone where there is one type that it can be of', () => {
    expect(rule(['Patient']).read('p1')).to.deep.include({
      resource: { base: undefined, resourceType: 'Patient', id: 'p1' },
    });
    for (const other of [
      rule(['Patient', 'Group']),
      rule('*'),
      rule(undefined),
      rule(['Patient'], undefined, at('canonical')),
    ]) {
      expect(other.read('p1')).to.deep.equal({ text: 'p1' });
    }
  });

  it('read what names a resource of a type that there is, and keep every other text', () => {
    expect(rule('*').read('Patient/p1')).to.have.property('resource');
    for (const text of ['Nothing/p1', 'Patient/p1/_history/2', 'http://x', 'urn:uuid:1']) {
      expect(rule('*').read(text), text).to.deep.equal({ text });
    }
  });

  it('read nothing that is malformed', () => {
    for (const text of ['', '\\x', 'a\\', 'Patient/p1,Patient/p2']) {
      expect(rule(['Patient']).read(text), text).to.equal(undefined);
    }
  });

  it('are compared only where they can stand', () => {
    const fitsAt = (text: string, path: SearchParameterPath) => {
      const value = rule('*').read(text);
      return value !== undefined && rule('*').fits(value, path);
    };
    expect(fitsAt('Patient/p1', at('Reference', ['Patient']))).to.equal(true);
    expect(fitsAt('Patient/p1', at('Reference', '*'))).to.equal(true);
    expect(fitsAt('Patient/p1', at('Reference', ['Group']))).to.equal(false);
    expect(fitsAt('Patient/p1', at('Reference')), 'no target is known').to.equal(false);
    expect(fitsAt('p1', at('Reference', '*')), 'an id of any type').to.equal(false);
    expect(fitsAt('Nothing/p1', at('Reference', '*')), 'a type that does not exist').to.equal(false);
    expect(fitsAt('http://x', at('Reference', '*')), 'an address').to.equal(false);
    for (const datatype of ['canonical', 'uri']) {
      expect(fitsAt('http://x', at(datatype)), datatype).to.equal(true);
      expect(fitsAt('Patient/p1', at(datatype)), `no address at ${datatype}`).to.equal(false);
    }
    expect(fitsAt('http://x|1|2', at('canonical'))).to.equal(false);
    expect(fitsAt('http://x|1|2', at('uri'))).to.equal(true);
    expect(fitsAt('http://x', at('string'))).to.equal(false);
  });

  const rows: readonly [values: string, datatype: string, element: unknown, met: boolean, base?: string][] = [
    ['Patient/p1', 'Reference', { reference: 'Patient/p1' }, true],
    ['Patient/p1', 'Reference', { reference: 'Patient/p1/_history/2' }, true],
    ['Patient/p1,Patient/p2', 'Reference', { reference: 'Patient/p2' }, true],
    ['Patient/p1', 'Reference', { reference: 'Patient/p3' }, false],
    ['Patient/p1', 'Reference', { reference: 'Patient/p1/_history/' }, false],
    ['Patient/p1', 'Reference', { reference: 'Patient/p1/_history/a_b' }, false],
    ['Patient/p1', 'Reference', { reference: '#p1' }, false],
    ['Patient/p1', 'Reference', { reference: 5 }, false],
    ['Patient/p1', 'Reference', { reference: ['Patient/p1'] }, false],
    ['Patient/p1', 'Reference', { type: 'Patient', identifier: { value: 'p1' } }, false],
    ['Patient/p1', 'Reference', 'Patient/p1', false],
    ['Patient/p1', 'Reference', [{ reference: 'Patient/p1' }], false],
    ['Patient/p1', 'Reference', null, false],
    // Where the base of the server is unknown, it is nothing that could be written.
    ['Patient/p1', 'Reference', { reference: 'undefined/Patient/p1' }, false],
    ['Patient/p1', 'Reference', { reference: `${BASE}/Patient/p1` }, false],
    [`${BASE}/Patient/p1`, 'Reference', { reference: 'Patient/p1' }, false],
    [`${BASE}/Patient/p1`, 'Reference', { reference: 'https://FHIR.example:443/Patient/p1/_history/2' }, true],
    [`${BASE}/Patient/p1`, 'Reference', { reference: 'https://other.example/Patient/p1' }, false],
    [`${BASE}/Patient/p1`, 'Reference', { reference: 'https://' }, false],
    [`${BASE}/Patient/p1`, 'Reference', { reference: 'http/Patient/p1' }, false],
    [`${BASE}/Patient/p1`, 'Reference', { reference: `${BASE}/Patient/p1/_history/a_b` }, false],
    // Where it is known, both are the same.
    ['Patient/p1', 'Reference', { reference: `${BASE}/Patient/p1` }, true, BASE],
    ['https://FHIR.example:443/Patient/p1', 'Reference', { reference: 'Patient/p1' }, true, BASE],
    ['https://other.example/Patient/p1', 'Reference', { reference: 'Patient/p1' }, false, BASE],
    ['http://x', 'canonical', 'http://x|1', true],
    ['http://x', 'uri', 'http://x', true],
    ['http://x', 'uri', 'http://x|1', false],
    ['http://x', 'uri', { reference: 'http://x' }, false],
    [`${BASE}/Patient/p1`, 'uri', `${BASE}/Patient/p1`, true],
    [`${BASE}/Patient/p1`, 'uri', { reference: `${BASE}/Patient/p1` }, false],
  ];
  for (const [values, datatype, element, met, base] of rows) {
    const where = base === undefined ? '' : ` at ${base}`;
    it(`${datatype} ${JSON.stringify(element)} ${met ? 'meets' : 'does not meet'} ${values}${where}`, () => {
      expect(meetsOf(rule('*', base), values, at(datatype), element)).to.equal(met);
    });
  }
});

describe('access/constraint: escapes', () => {
  const cases: readonly [text: string, parts: readonly string[] | undefined][] = [
    ['', ['']],
    ['a', ['a']],
    ['a|b', ['a', 'b']],
    ['a\\|b|c', ['a|b', 'c']],
    ['a\\,b', ['a,b']],
    ['a\\\\|\\$', ['a\\', '$']],
    ['|', ['', '']],
    ['a,b', undefined],
    [',', undefined],
    ['a\\', undefined],
    ['a\\b', undefined],
  ];
  for (const [text, parts] of cases) {
    it(`${JSON.stringify(text)}: ${parts === undefined ? 'malformed' : parts.join(' and ')}`, () => {
      expect(splitUnescaped(text, '|')).to.deep.equal(parts);
    });
  }

  it('a value without parts keeps its bar, and is not empty', () => {
    expect(unescape('a|b')).to.equal('a|b');
    for (const none of ['', ',', 'a\\b']) expect(unescape(none), none).to.equal(undefined);
  });
});

describe('access/constraint: paths', () => {
  const isX = (value: unknown): boolean => value === 'x';
  const phone = { elements: ['telecom', 'value'], datatype: 'string' };
  const filters = [
    { depth: 1, property: 'system', value: 'phone' },
    { depth: 1, property: 'use', value: 'home' },
  ];
  const leads = (resource: unknown, path: SearchParameterPath) => leadsAnyToMatch([walkedPath(path, isX)], resource);
  const cases: readonly [resource: unknown, led: boolean][] = [
    [{ telecom: { system: 'phone', use: 'home', value: 'x' } }, true],
    [{ telecom: [{}, { system: 'phone', use: 'home', value: ['y', 'x'] }] }, true],
    [{ telecom: [{ system: 'phone', value: 'x' }] }, false],
    [{ telecom: [{ use: 'home', value: 'x' }] }, false],
    [{ telecom: [{ system: 'phone', use: 'work', value: 'x' }] }, false],
    [{ telecom: [[{ system: 'phone', use: 'home', value: 'x' }]] }, false],
    [{ telecom: [null, 'x', { system: 'phone', use: 'home' }] }, false],
    [{ telecom: [] }, false],
    [{ telecom: null }, false],
    [{}, false],
    [null, false],
    ['x', false],
    [[{ telecom: { system: 'phone', use: 'home', value: 'x' } }], false],
  ];
  for (const [resource, led] of cases) {
    it(`${JSON.stringify(resource)}: ${led ? 'leads to a value' : 'leads nowhere'}`, () => {
      expect(leads(resource, { ...phone, filters })).to.equal(led);
    });
  }

  it('without a filter every member counts', () => {
    expect(leads({ telecom: [{ value: 'x' }] }, { ...phone, filters: [] })).to.equal(true);
    expect(leads({ telecom: [null, { value: 'y' }] }, { ...phone, filters: [] })).to.equal(false);
    expect(leads([{ telecom: { value: 'x' } }], { ...phone, filters: [] })).to.equal(false);
  });

  it('have one step at least', () => {
    expect(() => walkedPath({ elements: [], datatype: 'string', filters: [] }, isX)).to.throw(TypeError, 'one step');
  });
});

describe('access/constraint: what is remembered', () => {
  it('is every type and every base beside the others', () => {
    const clauses = [{ parameter: 'subject', values: ['Patient/p1'] }];
    const compile = (type: string, base?: string) =>
      compileConstraint('4.0.1', type, clauses, base === undefined ? {} : { base });
    const compiled = [
      compile('Observation'),
      compile('Condition'),
      compile('Observation', 'https://a'),
      compile('Observation', 'https://b'),
    ];
    expect(new Set(compiled)).to.have.property('size', 4);
    const again = [
      compile('Observation'),
      compile('Condition'),
      compile('Observation', 'https://a'),
      compile('Observation', 'https://b'),
    ];
    again.forEach((each, index) => expect(each).to.equal(compiled[index]));
  });

  it('is no type that nobody knows: those come from requests without end', () => {
    expect(compileConstraint('4.0.1', 'Nothing', [])).not.to.equal(compileConstraint('4.0.1', 'Nothing', []));
    const none: never[] = [];
    expect(compileConstraint('4.0.1', 'Nothing', none)).not.to.equal(compileConstraint('4.0.1', 'Nothing', none));
    expect(compileConstraint('4.0.1', 'Patient', none)).to.equal(compileConstraint('4.0.1', 'Patient', none));
  });

  it('a value has to fit one of the elements, not all of them', () => {
    const valued = (characteristic: object) => ({ resourceType: 'Group', characteristic: [characteristic] });
    const concept = valued({ valueCodeableConcept: { coding: [{ system: 's', code: 'c' }] } });
    expect(meets('4.0.1', 'Group', 'value=s|c', concept)).to.equal(true);
    expect(meets('4.0.1', 'Group', 'value=true', valued({ valueBoolean: true }))).to.equal(true);
    expect(meets('4.0.1', 'Group', 'value=s|c,true', valued({ valueBoolean: true }))).to.equal(true);
    expect(meets('4.0.1', 'Group', 'value=s|c', valued({ valueBoolean: true }))).to.equal(false);
  });
});

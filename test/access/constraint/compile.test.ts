import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compileConstraint } from '../../../src/access/constraint/compile.js';
import type { FhirVersion } from '../../../src/fhir/version.js';
import { meets } from './meets.js';

interface Cases {
  readonly resources: Readonly<Record<string, { readonly resourceType: string }>>;
  readonly rows: readonly {
    readonly version?: FhirVersion;
    readonly resource: string;
    readonly query: string;
    readonly expect: boolean | 'unsupported';
    readonly why: string;
  }[];
}

const { resources, rows } = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8')) as Cases;

describe('compileConstraint', () => {
  for (const { version = '4.0.1', resource: name, query, expect: expected, why } of rows) {
    it(`${name}?${query} → ${String(expected)}: ${why}`, () => {
      const resource = resources[name]!;
      expect(meets(version, resource.resourceType, query, resource)).to.equal(expected);
    });
  }
});

describe('the base of the server', () => {
  const clause = (value: string) => [{ parameter: 'subject', values: [value] }];
  const observation = (reference: string) => ({ resourceType: 'Observation', subject: { reference } });
  const base = 'https://fhir.example/r4';

  for (const [value, reference] of [
    ['Patient/p1', `${base}/Patient/p1`],
    ['Patient/p1', 'https://FHIR.example:443/r4/Patient/p1'],
    ['Patient/p1', `${base}/Patient/p1/_history/2`],
    [`${base}/Patient/p1`, 'Patient/p1'],
    [`${base}/Patient/p1`, 'Patient/p1/_history/2'],
    ['https://FHIR.example:443/r4/Patient/p1', `${base}/Patient/p1`],
  ] as const) {
    it(`makes ${value} and ${reference} the same`, () => {
      const known = compileConstraint('4.0.1', 'Observation', clause(value), { base });
      expect('matches' in known && known.matches(observation(reference))).to.equal(true);
    });
  }

  for (const [value, reference] of [
    ['Patient/p1', 'https://other.example/r4/Patient/p1'],
    ['https://other.example/r4/Patient/p1', 'Patient/p1'],
    ['Patient/p1', `${base}/Patient/p1/_history/2/x`],
    ['Patient/p1', `${base}/Patient/p1?x`],
    ['Patient/p1', `${base}/../r4/Patient/p1`],
  ] as const) {
    it(`keeps ${value} and ${reference} apart`, () => {
      const known = compileConstraint('4.0.1', 'Observation', clause(value), { base });
      expect('matches' in known && known.matches(observation(reference))).to.equal(false);
    });
  }
});

describe('what is compiled', () => {
  it('is remembered for the same clauses, version, type and base, and for no others', () => {
    const clauses = [{ parameter: 'subject', values: ['Patient/p1'] }];
    const compiled = compileConstraint('4.0.1', 'Observation', clauses);
    expect(compileConstraint('4.0.1', 'Observation', clauses)).to.equal(compiled);
    expect(compileConstraint('4.0.1', 'Observation', [...clauses])).not.to.equal(compiled);
    expect(compileConstraint('4.0.1', 'Condition', clauses)).not.to.equal(compiled);
    expect(compileConstraint('4.3.0', 'Observation', clauses)).not.to.equal(compiled);
    expect(compileConstraint('4.0.1', 'Observation', clauses, { base: 'https://fhir.example' })).not.to.equal(compiled);
  });

  it('names the parameter of the first clause at fault', () => {
    const clauses = [
      { parameter: 'category', values: ['laboratory'] },
      { parameter: 'date', values: ['yesterday'] },
      { parameter: 'nothing', values: ['x'] },
    ];
    expect(compileConstraint('4.0.1', 'Observation', clauses)).to.deep.equal({ unsupported: 'date' });
  });

  it('supports no parameter of a type or a version that is unknown, and none of *', () => {
    const clauses = [{ parameter: '_id', values: ['x'] }];
    for (const type of ['*', 'Nothing', 'observation', 'Resource', 'constructor', '']) {
      expect(compileConstraint('4.0.1', type, clauses), type).to.deep.equal({ unsupported: '_id' });
    }
    expect(compileConstraint('9.9.9' as FhirVersion, 'Observation', clauses)).to.deep.equal({ unsupported: '_id' });
  });

  it('supports no clause without a value', () => {
    for (const values of [[], [''], ['laboratory', '']]) {
      const clauses = [{ parameter: 'category', values }];
      expect(compileConstraint('4.0.1', 'Observation', clauses)).to.deep.equal({ unsupported: 'category' });
    }
  });

  it('is met by every resource of the type, and of no other, where there is no clause', () => {
    const compiled = compileConstraint('4.0.1', 'Observation', []);
    if (!('matches' in compiled)) throw new Error('unsupported');
    expect(compiled.matches({ resourceType: 'Observation' })).to.equal(true);
    expect(compiled.matches({ resourceType: 'Patient' })).to.equal(false);
    expect(compiled.matches({})).to.equal(false);
  });

  for (const [version, type, query, resource, expected] of [
    // STU3: Condition.clinicalStatus is a code, category has other systems.
    ['3.0.1', 'Condition', 'clinical-status=active', { clinicalStatus: 'active' }, true],
    ['3.0.1', 'Condition', 'asserted-date=2020', { assertedDate: '2020-05-05' }, true],
    ['3.0.1', 'Observation', '_id=x', { id: 'x' }, true],
    ['3.0.1', 'Observation', '_source=urn:x', { meta: { source: 'urn:x' } }, 'unsupported'],
    // R4: the same is a CodeableConcept.
    ['4.0.1', 'Condition', 'clinical-status=active', { clinicalStatus: 'active' }, false],
    ['4.0.1', 'Condition', 'clinical-status=active', { clinicalStatus: { coding: [{ code: 'active' }] } }, true],
    ['4.3.0', 'Condition', 'clinical-status=active', { clinicalStatus: { coding: [{ code: 'active' }] } }, true],
    // R5: tokens look at the concept of a CodeableReference, references at its reference.
    ['5.0.0', 'Condition', 'evidence=a', { evidence: [{ concept: { coding: [{ code: 'a' }] } }] }, true],
    [
      '5.0.0',
      'Condition',
      'evidence-detail=Observation/o',
      { evidence: [{ reference: { reference: 'Observation/o' } }] },
      true,
    ],
    ['5.0.0', 'Observation', '_profile=http://p', { meta: { profile: ['http://p|1'] } }, true],
    ['5.0.0', 'Observation', '_language=de', { language: 'de' }, true],
    ['5.0.0', 'Observation', 'date=2020', { effectiveInstant: '2020-01-01T00:00:00Z' }, true],
    ['4.0.1', 'Observation', '_language=de', { language: 'de' }, 'unsupported'],
  ] as const) {
    it(`knows the definitions of ${version}: ${type}?${query} → ${String(expected)}`, () => {
      expect(meets(version, type, query, { resourceType: type, ...resource })).to.equal(expected);
    });
  }
});

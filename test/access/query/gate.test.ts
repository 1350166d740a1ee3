import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Parameter, QueryFinding } from '../../../src/access/query/gate.js';
import { gateQuery } from '../../../src/access/query/gate.js';
import { resourceTypes } from '../../../src/fhir/resource-types.js';
import type { FhirVersion } from '../../../src/fhir/version.js';
import { grantView } from './grants.js';

/** A query, either as a URL or in parts, and what the gate says: without `refused` or `removed` it changes nothing. */
interface Row {
  readonly why: string;
  readonly version?: FhirVersion;
  readonly url?: string;
  readonly type?: string;
  readonly parameters?: readonly Parameter[];
  readonly grants: readonly string[];
  readonly customParameters?: readonly string[];
  /** `query-type subject.name Patient` */
  readonly refused?: readonly string[];
  readonly refusedCodes?: readonly string[];
  readonly removed?: readonly string[];
  readonly left?: string;
}

const { rows } = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8')) as {
  readonly rows: readonly Row[];
};

function parametersOf(query: string): Parameter[] {
  return query.split('&').flatMap((part) => {
    const equals = part.indexOf('=');
    return part === '' ? [] : [[part.slice(0, equals), part.slice(equals + 1)] as const];
  });
}

function asked({ url = '', type, parameters }: Row): { type: string | undefined; parameters: readonly Parameter[] } {
  if (parameters !== undefined) return { type, parameters };
  const question = url.indexOf('?');
  return { type: url.slice(0, question) || undefined, parameters: parametersOf(url.slice(question + 1)) };
}

const print = ({ code, name, resourceType }: QueryFinding): string =>
  [code, name, ...(resourceType === undefined ? [] : [resourceType])].join(' ');

describe('gateQuery', () => {
  it('sorts by so many keys and no more, since each is looked up', () => {
    const verdict = (keys: number) =>
      gateQuery(
        '4.0.1',
        undefined,
        [['_sort', Array.from({ length: keys }, () => '_lastUpdated').join()]],
        grantView(['*']),
        {
          customParameters: [],
        },
      );
    expect(verdict(16).refused).to.deep.equal([]);
    expect(verdict(17).refused.map(print)).to.deep.equal(['query-parameter _sort']);
    expect(verdict(1_000_000).refused.map(print)).to.deep.equal(['query-parameter _sort']);
  });

  for (const row of rows) {
    const { why, version = '4.0.1', grants, customParameters = [], refused, refusedCodes, removed, left } = row;
    const { type, parameters } = asked(row);
    const query = row.url ?? `${type ?? ''} ${JSON.stringify(parameters)}`;
    it(`${why}: ${query} with ${grants.join(' ') || 'no grant'}`, () => {
      const verdict = gateQuery(version, type, parameters, grantView(grants), { customParameters });
      if (refusedCodes === undefined) expect(verdict.refused.map(print)).to.deep.equal(refused ?? []);
      else expect(verdict.refused.map(({ code }) => code)).to.deep.equal(refusedCodes);
      expect(verdict.removed.map(print)).to.deep.equal(removed ?? []);
      expect(verdict.allowed).to.equal(verdict.refused.length === 0);
      const kept = left === undefined ? parameters : parametersOf(left);
      expect(verdict.parameters).to.deep.equal(verdict.allowed ? kept : []);
    });
  }

  it('hands no odd character of a name to the log', () => {
    const verdict = gateQuery('4.0.1', 'Patient', [['na\r\nme\u001b[31m;' + 'x'.repeat(1000), 'a']], grantView(['*!']));
    expect(verdict.refused).to.have.length(1);
    expect(verdict.refused[0]?.name).to.match(/^na\?\?me\?\?31m\?x{1,60}$/);
    const unknown = gateQuery('4.0.1', 'Pa\ntient', [], grantView(['*!']));
    expect(unknown.refused).to.deep.equal([{ name: 'Pa?tient', code: 'query-type' }]);
  });

  it('takes 256 parameters and no more', () => {
    const many = (count: number): Parameter[] => Array.from({ length: count }, () => ['name', 'a'] as const);
    expect(gateQuery('4.0.1', 'Patient', many(256), grantView(['Patient'])).allowed).to.equal(true);
    expect(gateQuery('4.0.1', 'Patient', many(257), grantView(['*!'])).refused).to.deep.equal([
      { name: '*', code: 'query-parameter' },
    ]);
  });

  it('takes a chain of eight names and no more', () => {
    const chain = (links: number): Parameter => [`${'partof.'.repeat(links)}name`, 'a'];
    const grants = grantView(['Organization!']);
    expect(gateQuery('4.0.1', 'Organization', [chain(7)], grants).allowed).to.equal(true);
    expect(gateQuery('4.0.1', 'Organization', [chain(8)], grants).allowed).to.equal(false);
  });

  it('takes every type opened for everything that a chain to any type needs', () => {
    const types = [...resourceTypes('4.0.1')];
    const query: Parameter[] = [['focus.patient.name', 'a']];
    expect(gateQuery('4.0.1', 'Task', query, grantView(types.map((type) => `${type}!`))).allowed).to.equal(true);
    const butOne = types.filter((type) => type !== 'Slot').map((type) => `${type}!`);
    expect(gateQuery('4.0.1', 'Task', query, grantView(butOne)).allowed).to.equal(false);
  });

  it('asks the grants once for each type', () => {
    const asked: string[] = [];
    const view = {
      covers: () => true,
      opensAll: (type: string) => asked.push(type) > 0,
      opensEverything: () => false,
    };
    const query = ['a', 'b', 'c'].map((value): Parameter => ['subject:Patient.name', value]);
    expect(gateQuery('4.0.1', 'Observation', query, view).allowed).to.equal(true);
    expect(asked).to.deep.equal(['Patient']);
  });

  it('knows no type and no parameter of an unknown version', () => {
    expect(gateQuery('9' as FhirVersion, 'Patient', [], grantView(['*!'])).allowed).to.equal(false);
    expect(gateQuery('9' as FhirVersion, undefined, [], grantView(['*!'])).allowed).to.equal(false);
  });

  it('does not trust a view that contradicts itself to open less than it says', () => {
    const view = { covers: () => false, opensAll: () => false, opensEverything: () => true };
    expect(gateQuery('4.0.1', 'Patient', [['_has:Observation:patient:code', 'a']], view).allowed).to.equal(true);
  });

  it('never takes a parameter from the object prototype', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(gateQuery('4.0.1', 'Patient', [[name, 'a']], grantView(['Patient'])).allowed, name).to.equal(false);
      expect(gateQuery('4.0.1', name, [], grantView(['*!'])).allowed, name).to.equal(false);
    }
  });
});

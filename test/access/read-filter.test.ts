import { expect } from 'chai';
import { Judge } from '../../src/access/judge.js';
import type { AccessPolicy } from '../../src/access/policy.js';
import { filterBundle, isBundle } from '../../src/access/read-filter.js';
import { callerWith, policyWith } from './caller.js';
import type { Who } from './caller.js';
import { observation } from './world.js';

const OWN = observation('Patient/p1', 'own');
const FOREIGN = observation('Patient/p2', 'foreign');
const match = (resource: unknown) => ({ resource, search: { mode: 'match' } });
const include = (resource: unknown) => ({ resource, search: { mode: 'include' } });
const deleted = (url: unknown, method: unknown = 'DELETE') => ({ request: { method, url } });
const link = (...relations: unknown[]) => ({ link: relations.map((relation) => ({ relation, url: 'https://x' })) });

const judgeOf = (scope: string, who: Who, policy: AccessPolicy) =>
  new Judge(callerWith(scope.split(' '), who, policy), ['search-type'], policy);
const patient = (): Judge => judgeOf('patient/*.s', { patient: 'Patient/p1' }, policyWith());
const system = (): Judge => judgeOf('system/*.s', {}, policyWith());
const granular = (): Judge => judgeOf('patient/*.s?category=laboratory', { patient: 'Patient/p1' }, policyWith());

describe('access/read-filter: which entries are kept', () => {
  const cases: readonly [name: string, entry: unknown, seenBy: readonly ('patient' | 'system')[]][] = [
    ['the own', { resource: OWN }, ['patient', 'system']],
    ['a foreign one', { resource: FOREIGN }, ['system']],
    ['an included foreign one', include(FOREIGN), ['system']],
    ['what is no resource', { resource: {} }, []],
    ['a text for a resource', { resource: 'Observation/own' }, []],
    ['an entry with nothing in it', {}, []],
    ['null', null, []],
    ['a text', 'Observation/own', []],
    ['a list', [{ resource: OWN }], []],
    // Deletions in a history.
    ['the deletion of the patient', deleted('Patient/p1'), ['patient', 'system']],
    ['the deletion of another', deleted('Patient/p2'), ['system']],
    ['the deletion of what could be the own', deleted('Observation/own'), ['system']],
    ['a deletion beside a resource that is null', { resource: null, ...deleted('Patient/p1') }, ['patient', 'system']],
    ['a deletion beside a resource', { resource: FOREIGN, ...deleted('Patient/p1') }, ['system']],
    ['another method without a resource', deleted('Patient/p1', 'PUT'), []],
    ['no method', { request: { url: 'Patient/p1' } }, []],
    ['no request', { request: null }, []],
    ['a text for a request', { request: 'DELETE Patient/p1' }, []],
    ['no URL', { request: { method: 'DELETE' } }, []],
    ['a URL that is no text', deleted(['Patient/p1']), []],
    ['a URL of a type', deleted('Patient'), []],
    ['an empty id', deleted('Patient/'), []],
    ['an id that is none', deleted('Patient/p_1'), []],
    ['a conditional deletion', deleted('Patient?identifier=1'), []],
    ['a version', deleted('Patient/p1/_history/2'), []],
    ['a URL on a server', deleted('https://fhir.example.org/Patient/p1'), []],
    ['a type that begins with something else', deleted('xPatient/p1'), []],
    ['a type that ends with something else', deleted('Patient1/p1'), []],
    ['a type in lower case', deleted('patient/p1'), []],
  ];
  for (const [name, entry, seenBy] of cases) {
    it(`${name}: ${seenBy.join(' and ') || 'nobody'}`, () => {
      const entries = [entry];
      for (const [who, judge] of Object.entries({ patient, system })) {
        const bundle = { resourceType: 'Bundle', type: 'history', entry: entries };
        const seen = seenBy.includes(who as 'patient');
        expect(filterBundle(bundle, judge()), who).to.deep.equal({
          bundle: { ...bundle, entry: seen ? entries : [] },
          kept: seen ? 1 : 0,
          dropped: seen ? 0 : 1,
        });
        expect(bundle.entry, 'the Bundle that came in').to.equal(entries);
      }
    });
  }

  it('takes a Bundle without a list of entries for an empty one', () => {
    for (const entry of [undefined, null, 'x', { resource: OWN }]) {
      const outcome = filterBundle({ resourceType: 'Bundle', entry }, system());
      expect(outcome).to.deep.equal({ bundle: { resourceType: 'Bundle', entry: [] }, kept: 0, dropped: 0 });
    }
  });

  it('keeps the order, and counts', () => {
    const entry = [match(FOREIGN), match(OWN), include(FOREIGN), include(OWN), match(FOREIGN)];
    const { bundle, kept, dropped } = filterBundle({ resourceType: 'Bundle', entry }, patient());
    expect(bundle['entry']).to.deep.equal([entry[1], entry[3]]);
    expect({ kept, dropped }).to.deep.equal({ kept: 2, dropped: 3 });
  });
});

describe('access/read-filter: hole-13: what a total and the links tell', () => {
  const page = link('self', 'next');
  const cases: readonly [name: string, judge: () => Judge, bundle: object, told: object][] = [
    ['the whole result: what is shown', patient, { total: 9, entry: [match(OWN), match(FOREIGN)] }, { total: 1 }],
    [
      'the whole result, with links to itself',
      patient,
      { total: 9, ...link('self', 'last'), entry: [match(OWN)] },
      { total: 1, ...link('self', 'last') },
    ],
    [
      'an include is no match',
      patient,
      { total: 2, entry: [match(OWN), include(OWN), include(FOREIGN)] },
      { total: 1 },
    ],
    [
      'an entry without a mode is one',
      patient,
      { total: 2, entry: [{ resource: OWN }, { resource: OWN, search: {} }] },
      { total: 2 },
    ],
    [
      'a message about the search is none',
      patient,
      { total: 9, entry: [{ resource: OWN, search: { mode: 'outcome' } }] },
      { total: 0 },
    ],
    [
      'an entry whose search is a text is one',
      patient,
      { total: 9, entry: [{ resource: OWN, search: 'include' }] },
      { total: 1 },
    ],
    ['nothing that can be told from an entry that is null', patient, { total: 9, entry: [null] }, { total: 0 }],
    ['no total where there was none', patient, { entry: [match(OWN), match(FOREIGN)] }, {}],
    ['no total that is no number', patient, { total: '9', entry: [match(OWN)] }, {}],
    [
      'a page: less what was dropped',
      patient,
      { total: 9, ...page, entry: [match(OWN), match(FOREIGN), match(FOREIGN)] },
      { total: 7, ...page },
    ],
    [
      'a page: an include that was dropped was never counted',
      patient,
      { total: 9, ...page, entry: [match(OWN), include(FOREIGN)] },
      { total: 9, ...page },
    ],
    [
      'a page: never less than what is shown',
      patient,
      { total: 1, ...page, entry: [match(OWN), match(OWN), match(FOREIGN)] },
      { total: 2, ...page },
    ],
    ['a page without a total', patient, { ...page, entry: [match(OWN), match(FOREIGN)] }, page],
    ['a page whose total is no number', patient, { total: '9', ...page, entry: [match(OWN)] }, page],
    [
      'the last page',
      patient,
      { total: 9, ...link('previous'), entry: [match(FOREIGN)] },
      { total: 8, ...link('previous') },
    ],
    [
      'the last page, as the web calls it',
      patient,
      { total: 9, ...link('prev'), entry: [match(FOREIGN)] },
      { total: 8, ...link('prev') },
    ],
    [
      'links that are none',
      patient,
      { total: 9, link: [null, 'next', {}], entry: [match(OWN)] },
      { total: 1, link: [null, 'next', {}] },
    ],
    [
      'one link that is no list',
      patient,
      { total: 9, link: { relation: 'next' }, entry: [match(OWN)] },
      { total: 1, link: { relation: 'next' } },
    ],
    [
      'a granular scope, the whole result',
      granular,
      { total: 9, ...link('last'), entry: [match(OWN)] },
      { total: 1, ...link('last') },
    ],
    [
      'a granular scope, a page',
      granular,
      { total: 9, ...link('self', 'next', 'last'), entry: [match(OWN)] },
      link('self', 'next'),
    ],
    [
      'a granular scope, a page with links that are none',
      granular,
      { total: 9, link: ['last', { relation: 'next' }], entry: [] },
      { link: ['last', { relation: 'next' }] },
    ],
  ];
  for (const [name, judge, bundle, told] of cases) {
    it(name, () => {
      const { entry, ...rest } = filterBundle({ resourceType: 'Bundle', ...bundle }, judge()).bundle;
      expect(rest).to.deep.equal({ resourceType: 'Bundle', ...told });
      expect(entry).to.be.an('array');
    });
  }
});

describe('access/read-filter: isBundle', () => {
  it('knows a Bundle from everything else', () => {
    expect(isBundle({ resourceType: 'Bundle' })).to.equal(true);
    for (const other of [
      { resourceType: 'Observation' },
      { type: 'searchset' },
      [{ resourceType: 'Bundle' }],
      'Bundle',
      null,
    ]) {
      expect(isBundle(other), JSON.stringify(other)).to.equal(false);
    }
  });
});

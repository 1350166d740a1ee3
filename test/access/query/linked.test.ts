import { expect } from 'chai';
import fc from 'fast-check';
import { linkedEntries } from '../../../src/access/query/linked.js';
import { RUNS } from '../../runs.js';

interface Entry {
  readonly fullUrl?: string;
  readonly resource: Readonly<Record<string, unknown>> & { readonly resourceType: string; readonly id: string };
  readonly search?: { readonly mode: string };
}

function entry(mode: string | undefined, name: string, elements: Readonly<Record<string, unknown>> = {}): Entry {
  const [resourceType = '', id = ''] = name.split('/');
  return {
    fullUrl: `https://fhir.example/r4/${name}`,
    resource: { resourceType, id, ...elements },
    ...(mode !== undefined && { search: { mode } }),
  };
}

const to = (reference: string): { reference: string } => ({ reference });
type Query = readonly (readonly [string, string])[];

const linked = (entries: readonly unknown[], query: Query = []): readonly unknown[] =>
  linkedEntries(entries, '4.0.1', query);
const keptFor = (query: Query, ...entries: Entry[]): string[] =>
  (linked(entries, query) as readonly Entry[]).map(({ resource }) => `${resource.resourceType}/${resource.id}`);
const kept = (...entries: Entry[]): string[] => keptFor([], ...entries);

describe('linkedEntries', () => {
  it('hole-35: drops what only a dropped match brought in', () => {
    // The caller sees the laboratory; that alice has a social history must not show by her being included.
    const names = kept(
      entry('match', 'Observation/lab', { performer: [to('Practitioner/d1')] }),
      entry('include', 'Practitioner/d1'),
      entry('include', 'Practitioner/d2'),
      entry('include', 'Patient/alice'),
    );
    expect(names).to.deep.equal(['Observation/lab', 'Practitioner/d1']);
  });

  it('drops every include where no match is left', () => {
    expect(
      kept(entry('include', 'Patient/alice'), entry('include', 'Provenance/p', { target: [to('Patient/alice')] })),
    ).to.deep.equal([]);
  });

  it('hole-35: drops what a dropped match brought in, though it names what a match that is kept names', () => {
    const entries = [
      entry('match', 'Observation/lab', { performer: [to('Organization/o1')] }),
      entry('include', 'Organization/o1'),
      // By way of the performer of somebody else's observation.
      entry('include', 'PractitionerRole/psychiatrist', {
        practitioner: to('Practitioner/d2'),
        organization: to('Organization/o1'),
      }),
    ];
    const include = ['_include', 'Observation:performer'] as const;
    const own = ['Observation/lab', 'Organization/o1'];
    expect(keptFor([include], ...entries)).to.deep.equal(own);
    expect(keptFor([include, ['_revinclude', 'Provenance:target']], ...entries)).to.deep.equal(own);
    // The role comes by its practitioner, who is not there.
    expect(keptFor([include, ['_revinclude:iterate', 'PractitionerRole:practitioner']], ...entries)).to.deep.equal(own);
    const asked = keptFor([include, ['_revinclude:iterate', 'PractitionerRole:organization']], ...entries);
    expect(asked).to.have.length(3);
  });

  for (const [name, value] of [
    ['_revinclude', 'Observation:subject'],
    ['_revinclude', 'Observation:subject:Patient'],
    ['_revinclude:iterate', 'Observation:patient'],
    ['_revinclude:recurse', 'Observation:subject'],
    ['_revinclude', 'Observation:*'],
    ['_revinclude', '*'],
    // A parameter of the server's own.
    ['_revinclude', 'Observation:whose'],
  ] as const) {
    it(`keeps what refers to a match, where ${name}=${value} asks for it`, () => {
      const match = entry('match', 'Patient/alice');
      const reverse = entry('include', 'Observation/o', { subject: to('Patient/alice') });
      expect(keptFor([[name, value]], match, reverse)).to.have.length(2);
      expect(keptFor([['_include', value]], match, reverse)).to.have.length(1);
    });
  }

  it('keeps what refers to a match in no other way than asked', () => {
    const match = entry('match', 'Patient/alice');
    const reverse = entry('include', 'Observation/o', { subject: to('Patient/alice') });
    for (const [name, value] of [
      ['_revinclude', 'Condition:subject'],
      ['_revinclude', 'Observation:subject:Group'],
      ['_revinclude', 'Observation:encounter'],
      ['_revinclude', ''],
      ['_revincludes', 'Observation:subject'],
    ] as const) {
      expect(keptFor([[name, value]], match, reverse), `${name}=${value}`).to.have.length(1);
    }
  });

  it('takes each of several reverse includes', () => {
    const query: Query = [
      ['_revinclude', 'Observation:encounter'],
      ['_revinclude', 'Observation:subject'],
      ['_revinclude:iterate', 'Provenance:target'],
    ];
    const names = keptFor(
      query,
      entry('match', 'Patient/alice'),
      entry('include', 'Provenance/p', { target: [to('Observation/o')] }),
      entry('include', 'Observation/o', { subject: to('Patient/alice') }),
      entry('include', 'Observation/of-bob', { subject: to('Patient/bob') }),
    );
    expect(names).to.deep.equal(['Patient/alice', 'Provenance/p', 'Observation/o']);
  });

  it('keeps what names a match by its canonical: a reverse include', () => {
    const match = entry('match', 'Questionnaire/q', { url: 'http://example.org/q' });
    const answers = entry('include', 'QuestionnaireResponse/r', { questionnaire: 'http://example.org/q|3' });
    expect(keptFor([['_revinclude', 'QuestionnaireResponse:questionnaire']], match, answers)).to.have.length(2);
    expect(kept(match, answers)).to.have.length(1);
  });

  it('keeps what is included by way of what is included', () => {
    const names = kept(
      entry('include', 'Organization/o', {}),
      entry('include', 'Patient/alice', { managingOrganization: to('Organization/o') }),
      entry('match', 'Observation/lab', { subject: to('Patient/alice') }),
    );
    expect(names).to.deep.equal(['Organization/o', 'Patient/alice', 'Observation/lab']);
  });

  it('drops what is included by way of what is not there any more', () => {
    const match = entry('match', 'Observation/lab', { encounter: to('Encounter/gone') });
    expect(kept(match, entry('include', 'Location/l'))).to.deep.equal(['Observation/lab']);
  });

  for (const [how, reference] of [
    ['a relative reference', 'Patient/alice'],
    ['an absolute reference', 'https://fhir.example/r4/Patient/alice'],
    ['a reference to a version', 'Patient/alice/_history/2'],
    ['an absolute reference to a version', 'https://fhir.example/r4/Patient/alice/_history/2'],
  ] as const) {
    it(`follows ${how}`, () => {
      const match = entry('match', 'Observation/lab', { subject: to(reference) });
      expect(kept(match, entry('include', 'Patient/alice'))).to.have.length(2);
    });
  }

  it('follows a canonical, with its version and without', () => {
    for (const questionnaire of ['http://example.org/q', 'http://example.org/q|3']) {
      const match = entry('match', 'QuestionnaireResponse/r', { questionnaire });
      expect(kept(match, entry('include', 'Questionnaire/q', { url: 'http://example.org/q' }))).to.have.length(2);
    }
  });

  it('does not follow a text that reads like a reference, nor the reference of another server', () => {
    const include = entry('include', 'Patient/alice');
    expect(kept(entry('match', 'Observation/a', { subject: { display: 'Patient/alice' } }), include)).to.have.length(1);
    expect(
      kept(entry('match', 'Observation/a', { subject: to('https://other.example/Patient/alice') }), include),
    ).to.have.length(1);
  });

  it('leaves everything that is no include, whatever it is', () => {
    const entries = [
      null,
      'x',
      5,
      [],
      {},
      { search: null },
      { search: { mode: 'outcome' } },
      entry(undefined, 'Patient/a'),
      entry('match', 'Patient/a'),
    ];
    expect(linked(entries)).to.deep.equal(entries);
    expect(linked([...entries, { search: { mode: 'include' } }])).to.deep.equal(entries);
  });

  it('takes entries of one name for one another', () => {
    const include = entry('include', 'Patient/alice');
    const match = entry('match', 'Observation/a', { subject: to('Patient/alice') });
    expect(kept(match, include, { ...include, fullUrl: 'https://other.example/Patient/alice' })).to.have.length(3);
    expect(kept(match, entry('include', 'Patient/alice'), entry('include', 'Patient/bob'))).to.have.length(2);
  });

  it('takes no name from a resource that has none', () => {
    const match = entry('match', 'Observation/a', {
      subject: to('Patient/undefined'),
      focus: [to('undefined/alice'), to('undefined')],
    });
    const nameless = [{ resourceType: 'Patient' }, { id: 'alice' }, { resourceType: 'Patient', id: 5 }, {}];
    for (const resource of nameless) {
      const include = { resource, search: { mode: 'include' } };
      expect(linked([match, include])).to.deep.equal([match]);
    }
  });

  it('looks 64 steps deep and no deeper', () => {
    const nested = (depth: number): object => (depth === 0 ? to('Patient/b') : { a: nested(depth - 1) });
    const include = entry('include', 'Patient/b');
    expect(kept(entry('match', 'Observation/a', { a: nested(63) }), include)).to.have.length(2);
    expect(kept(entry('match', 'Observation/a', { a: nested(64) }), include)).to.have.length(1);
    const listed = (depth: number): unknown => (depth === 0 ? to('Patient/b') : [listed(depth - 1)]);
    expect(kept(entry('match', 'Observation/a', { a: listed(63) }), include)).to.have.length(2);
    expect(kept(entry('match', 'Observation/a', { a: listed(64) }), include)).to.have.length(1);
  });

  it('ends on a resource that is nested without end', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`) as Record<string, unknown>;
    expect(kept(entry('match', 'Observation/a', { deep }), entry('include', 'Patient/b'))).to.deep.equal([
      'Observation/a',
    ]);
  });

  it('follows a name once, however many bear it', () => {
    const url = 'http://example.org/q';
    const many = 4000;
    const forms = Array.from({ length: many }, (_, at) => entry('match', `Questionnaire/q${at}`, { url }));
    const answers = Array.from({ length: many }, (_, at) =>
      entry('include', `QuestionnaireResponse/r${at}`, { questionnaire: url }),
    );
    expect(linked([...forms, ...answers], [['_revinclude', 'QuestionnaireResponse:*']])).to.have.length(2 * many);
    expect(linked([...forms, ...answers])).to.have.length(many);
  });

  it('keeps the matches and a part of the includes, each with a link, and says the same again', () => {
    const name = fc.constantFrom(
      'Patient/1',
      'Patient/2',
      'Observation/1',
      'Observation/2',
      'Encounter/1',
      'Location/1',
    );
    const entries = fc.uniqueArray(
      fc.record({
        name,
        mode: fc.constantFrom('match', 'include', 'include'),
        refersTo: fc.array(name, { maxLength: 2 }),
      }),
      { selector: (each) => each.name, maxLength: 6 },
    );
    const reverse = fc.constantFrom<Query>([], [['_revinclude', '*']], [['_revinclude:iterate', 'Observation:*']]);
    fc.assert(
      fc.property(entries, reverse, (given, query) => {
        const all = given.map((each) => entry(each.mode, each.name, { links: each.refersTo.map(to) }));
        const left = linked(all, query) as readonly Entry[];
        expect(all).to.include.members([...left]);
        expect(left).to.include.members(all.filter(({ search }) => search?.mode === 'match'));
        expect(linked(left, query)).to.deep.equal(left);
        const names = (one: Entry, other: Entry): boolean =>
          JSON.stringify(one.resource['links']).includes(`"${other.resource.resourceType}/${other.resource.id}"`);
        const brings = (one: Entry, other: Entry): boolean => query.length > 0 && names(other, one);
        for (const each of left) {
          if (each.search?.mode !== 'include') continue;
          expect(left.some((other) => other !== each && (names(other, each) || brings(other, each)))).to.equal(true);
        }
        expect(left).to.include.members([...linked(all)]);
      }),
      { numRuns: RUNS },
    );
  });
});

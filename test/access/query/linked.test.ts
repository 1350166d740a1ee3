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
const kept = (...entries: Entry[]): string[] =>
  (linkedEntries(entries) as readonly Entry[]).map(({ resource }) => `${resource.resourceType}/${resource.id}`);

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

  it('keeps what refers to a match: a reverse include', () => {
    const match = entry('match', 'Patient/alice');
    expect(kept(match, entry('include', 'Observation/o', { subject: to('Patient/alice') }))).to.have.length(2);
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
    expect(linkedEntries(entries)).to.deep.equal(entries);
    expect(linkedEntries([...entries, { search: { mode: 'include' } }])).to.deep.equal(entries);
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
      expect(linkedEntries([match, include])).to.deep.equal([match]);
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
    fc.assert(
      fc.property(entries, (given) => {
        const all = given.map((each) => entry(each.mode, each.name, { links: each.refersTo.map(to) }));
        const left = linkedEntries(all) as readonly Entry[];
        expect(all).to.include.members([...left]);
        expect(left).to.include.members(all.filter(({ search }) => search?.mode === 'match'));
        expect(linkedEntries(left)).to.deep.equal(left);
        const linked = (one: Entry, other: Entry): boolean =>
          JSON.stringify(one.resource['links']).includes(`"${other.resource.resourceType}/${other.resource.id}"`);
        for (const each of left) {
          if (each.search?.mode !== 'include') continue;
          expect(left.some((other) => other !== each && (linked(each, other) || linked(other, each)))).to.equal(true);
        }
      }),
      { numRuns: RUNS },
    );
  });
});

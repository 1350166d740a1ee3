import { expect } from 'chai';
import fc from 'fast-check';
import type { Parameter, QueryFinding, QueryVerdict } from '../../../src/access/query/gate.js';
import { gateQuery } from '../../../src/access/query/gate.js';
import type { FhirVersion } from '../../../src/fhir/version.js';
import { FHIR_VERSIONS } from '../../../src/fhir/version.js';
import { RUNS } from '../../runs.js';
import { grantView } from './grants.js';

const TYPES = ['Patient', 'Observation', 'Encounter', 'Organization', 'Group', 'List', 'Provenance'];
const PARAMETERS = [
  'code',
  'name',
  'subject',
  'patient',
  'organization',
  'target',
  'foo',
  '_id',
  '_list',
  '_text',
  '_odd',
  'partof',
  'my-own',
];
const MODIFIERS = ['', '', '', ':exact', ':not', ':missing', ':below', ':in', ':identifier', ':Patient', ':odd'];

const types = fc.constantFrom(...TYPES);
const names = fc.constantFrom(...PARAMETERS);
const ends = fc.tuple(names, fc.constantFrom(...MODIFIERS)).map((parts) => parts.join(''));
const links = fc.oneof(
  names.map((name) => `${name}.`),
  fc.tuple(names, types).map(([name, type]) => `${name}:${type}.`),
  fc.tuple(types, names).map(([type, name]) => `_has:${type}:${name}:`),
);
const paths = fc.tuple(fc.array(links, { maxLength: 3 }), ends).map(([before, end]) => before.join('') + end);
const includes = fc.oneof(
  fc.constant('*'),
  fc.tuple(types, fc.oneof(names, fc.constant('*'))).map((parts) => parts.join(':')),
  fc.tuple(types, names, types).map((parts) => parts.join(':')),
);

const parameter: fc.Arbitrary<Parameter> = fc.oneof(
  fc.tuple(paths, fc.constantFrom('1', 'Patient/1', 'ValueSet/1', 'http://a')),
  fc.tuple(
    fc.constantFrom('_sort', '_sort:desc'),
    fc.array(paths, { maxLength: 2 }).map((each) => each.join(',-')),
  ),
  fc.tuple(fc.constantFrom('_include', '_revinclude', '_include:iterate', '_revinclude:recurse'), includes),
  fc.tuple(
    fc.constantFrom('_summary', '_total', '_count', '_elements', '_contained', '_filter', '_query', '_graph'),
    fc.constantFrom('true', 'false', 'none', '0', '10', 'count'),
  ),
  fc.tuple(
    fc.constant('_type'),
    fc.array(types, { minLength: 1, maxLength: 3 }).map((each) => each.join(',')),
  ),
  fc.tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 })),
);

const queries = fc.array(parameter, { maxLength: 5 });
const grants = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: types },
    { weight: 10, arbitrary: types.map((type) => `${type}!`) },
    { weight: 1, arbitrary: fc.constantFrom('*', '*!') },
  ),
  { maxLength: 8 },
);
const searched = fc.oneof({ weight: 5, arbitrary: types }, { weight: 1, arbitrary: fc.constant(undefined) });

const gate = (type: string | undefined, query: readonly Parameter[], held: readonly string[]): QueryVerdict =>
  gateQuery('4.0.1', type, query, grantView(held), { customParameters: ['my-own'] });

const namesOf = (findings: readonly QueryFinding[]): Set<string> => new Set(findings.map(({ name }) => name));

describe('the query gate', () => {
  it('judges queries both ways', () => {
    const judged = fc
      .sample(fc.tuple(searched, queries, grants), 2000)
      .map(([type, query, held]) => gate(type, query, held));
    expect(judged.filter(({ allowed }) => allowed).length).to.be.within(100, 1900);
    expect(judged.filter(({ allowed, removed }) => allowed && removed.length > 0).length).to.be.at.least(20);
  });

  it('never throws, whatever it is asked', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), paths);
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...FHIR_VERSIONS), fc.string()),
        fc.oneof(text, searched),
        fc.array(fc.oneof(parameter, fc.tuple(text, text)), { maxLength: 6 }),
        grants,
        (version, type, query, held) => {
          const verdict = gateQuery(version as FhirVersion, type, query, grantView(held));
          expect(verdict.allowed).to.equal(verdict.refused.length === 0);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('refuses and removes nothing more for more grants', () => {
    fc.assert(
      fc.property(searched, queries, grants, grants, (type, query, fewer, more) => {
        const less = gate(type, query, fewer);
        const all = gate(type, query, [...fewer, ...more]);
        expect([...namesOf(less.refused)]).to.include.members([...namesOf(all.refused)]);
        const touched = namesOf([...less.refused, ...less.removed]);
        expect([...touched]).to.include.members([...namesOf([...all.refused, ...all.removed])]);
        if (!less.allowed) return;
        expect(all.allowed).to.equal(true);
        const unlisted = ({ parameters }: QueryVerdict): Parameter[] => parameters.filter(([name]) => name !== '_type');
        expect(unlisted(all)).to.include.deep.members(unlisted(less));
      }),
      { numRuns: RUNS },
    );
  });

  it('leaves a query that it has nothing more to say about', () => {
    fc.assert(
      fc.property(searched, queries, grants, (type, query, held) => {
        const verdict = gate(type, query, held);
        if (!verdict.allowed) return;
        // Judged by the types that were asked for: those that are left may know a parameter less.
        if (verdict.removed.some(({ name }) => name === '_type')) return;
        const again = gate(type, verdict.parameters, held);
        expect(again).to.deep.equal({ ...verdict, removed: [] });
      }),
      { numRuns: RUNS },
    );
  });

  it('makes no parameter up but the list of types, and changes no other', () => {
    fc.assert(
      fc.property(searched, queries, grants, (type, query, held) => {
        for (const kept of gate(type, query, held).parameters) {
          if (kept[0] !== '_type') expect(query).to.deep.include(kept);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('judges each parameter by itself, whatever their order', () => {
    fc.assert(
      fc.property(types, queries, grants, (type, query, held) => {
        const each = query.map((one) => gate(type, [one], held));
        const covered = gate(type, [], held).allowed;
        expect(gate(type, query, held).allowed).to.equal(covered && each.every(({ allowed }) => allowed));
        expect(gate(type, query.toReversed(), held).allowed).to.equal(gate(type, query, held).allowed);
      }),
      { numRuns: RUNS },
    );
  });

  it('leaves no element out of what may be included, unless everything is open', () => {
    fc.assert(
      fc.property(searched, queries, grants, (type, query, held) => {
        const { parameters } = gate(type, query, held);
        if (held.includes('*!') || !parameters.some(([name]) => /^_(?:rev)?include/.test(name))) return;
        for (const [name, value] of parameters) {
          expect(name).to.not.equal('_elements');
          if (name === '_summary') expect(value).to.be.oneOf(['false', 'count']);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('hole-35: lets no chain and no _has through to a type that is not open, and lists no type that is not covered', () => {
    fc.assert(
      fc.property(searched, queries, grants, (type, query, held) => {
        const view = grantView(held);
        for (const [name, value] of gate(type, query, held).parameters) {
          const path = name.startsWith('_sort') ? value : name;
          // A type that a chain states begins with a capital; behind `_has:Type:name:` there may be a name.
          for (const [, reversed, stated] of path.matchAll(/_has:(\w+):|:([A-Z]\w*)\./g)) {
            expect(view.opensAll(reversed ?? stated ?? ''), path).to.equal(true);
          }
          if (/(?:subject|patient|target)\./.test(path))
            expect(
              held.some((grant) => grant.endsWith('!')),
              path,
            ).to.equal(true);
          if (name === '_type') for (const listed of value.split(',')) expect(view.covers(listed)).to.equal(true);
          if (name.startsWith('_include') || name.startsWith('_revinclude')) {
            const [source = ''] = value.split(':');
            if (source !== '*') expect(view.covers(source)).to.equal(true);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });
});

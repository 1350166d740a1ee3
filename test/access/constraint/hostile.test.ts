import { expect } from 'chai';
import fc from 'fast-check';
import { compileConstraint } from '../../../src/access/constraint/compile.js';
import { searchParameterCodes } from '../../../src/fhir/search-parameters.js';
import type { FhirVersion } from '../../../src/fhir/version.js';
import { FHIR_VERSIONS } from '../../../src/fhir/version.js';
import { RUNS } from '../../runs.js';
import { clausesOf } from './meets.js';

const ASKED = 'category=a&code=urn:x|a&subject=Patient/p1&date=ge2020&value-string=a&identifier=a&_tag=a&combo-code=a';

function eachClause(query: string): ((resource: unknown) => boolean)[] {
  return clausesOf(query).map((clause) => {
    const constraint = compileConstraint('4.0.1', 'Observation', [clause]);
    if (!('matches' in constraint)) throw new Error(`unsupported: ${constraint.unsupported}`);
    return (resource) => constraint.matches(resource);
  });
}

describe('hostile resources', () => {
  it('never make a constraint throw', () => {
    const value = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      maxDepth: 4,
    });
    const keys = [
      'category',
      'code',
      'subject',
      'effectiveDateTime',
      'effectivePeriod',
      'valueString',
      'identifier',
      'meta',
      'component',
    ];
    const resource = fc
      .tuple(fc.dictionary(fc.constantFrom(...keys), value), fc.boolean())
      .map(
        ([held, plain]) =>
          Object.assign(plain ? Object.create(null) : {}, held, { resourceType: 'Observation' }) as unknown,
      );
    const matchers = eachClause(ASKED);
    fc.assert(
      fc.property(fc.oneof(resource, value), (hostile) => {
        for (const matches of matchers) expect(matches(hostile)).to.be.a('boolean');
      }),
      { numRuns: RUNS },
    );
  });

  for (const [what, category] of [
    [
      'a getter that throws',
      {
        get coding() {
          throw new Error('boom');
        },
      },
    ],
    [
      'a proxy that refuses',
      new Proxy(
        {},
        {
          get() {
            throw new Error('boom');
          },
        },
      ),
    ],
    [
      'a revoked proxy',
      (() => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      })(),
    ],
    ['an array within an array', [[{ coding: [{ code: 'a' }] }]]],
    ['codings within an array within an array', { coding: [[{ code: 'a' }]] }],
    ['a text', 'a'],
    ['a coding where a concept belongs', { code: 'a' }],
    ['an object with a toString', { coding: { code: { toString: () => 'a' } } }],
    ['a String object', { coding: { code: Object('a') as unknown } }],
    ['null', null],
    ['nulls', [null, { coding: [null] }, { coding: null }]],
  ] as const) {
    it(`are not met by ${what}`, () => {
      const [matches] = eachClause('category=a');
      expect(matches!({ resourceType: 'Observation', category })).to.equal(false);
    });
  }

  it('are looked at once, however they are nested and however long they are', () => {
    const counted = (size: number): number => {
      let reads = 0;
      const watch = (value: object): object =>
        new Proxy(value, {
          get(target, key) {
            reads += 1;
            const held: unknown = Reflect.get(target, key);
            return typeof held === 'object' && held !== null ? watch(held) : held;
          },
        });
      const codings = Array.from({ length: size }, () => ({ code: 'b' }));
      const deep = Array.from({ length: size }).reduce<object>(
        (inner) => ({ coding: [inner], component: [inner] }),
        {},
      );
      const resource = {
        resourceType: 'Observation',
        category: [{ coding: codings }, deep],
        component: [{ code: { coding: codings } }, deep],
      };
      for (const matches of eachClause(ASKED)) matches(watch(resource));
      return reads;
    };
    expect(counted(2000) / counted(1000)).to.be.closeTo(2, 0.1);
  });

  it('end a long text where the question ends', () => {
    const [matches] = eachClause('value-string=%C3%A4b');
    expect(matches!({ resourceType: 'Observation', valueString: `äB${'ä'.repeat(2_000_000)}` })).to.equal(true);
    expect(matches!({ resourceType: 'Observation', valueString: `a${'\u0301'.repeat(2_000_000)}b` })).to.equal(false);
    expect(matches!({ resourceType: 'Observation', valueString: `a${'\u0301'.repeat(4)}b` })).to.equal(true);
  });
});

describe('hostile clauses', () => {
  const codes = FHIR_VERSIONS.flatMap((version) =>
    ['Observation', 'Patient', 'ValueSet', 'PlanDefinition', 'Encounter'].flatMap((type) =>
      searchParameterCodes(version, type).map((code) => [version, type, code] as const),
    ),
  );
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[a-z|\\,$:/0-9TZ+.-]{0,20}$/),
    fc.constantFrom('__proto__', 'constructor', 'ge2020', 'Patient/p1', 'https://a/b', 'a|b', '\\', '|', 'true'),
  );

  it('never make the compiler throw, whatever the parameter and the value', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...codes),
        fc.array(value, { maxLength: 3 }),
        ([version, type, parameter], values) => {
          const outcome = compileConstraint(version, type, [{ parameter, values }]);
          if ('matches' in outcome) expect(outcome.matches({ resourceType: type })).to.equal(false);
          else expect(outcome.unsupported).to.equal(parameter);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('never make the compiler throw, whatever the version and the type', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (version, type, parameter) => {
        const outcome = compileConstraint(version as FhirVersion, type, [{ parameter, values: ['a'] }]);
        expect(outcome).to.deep.equal({ unsupported: parameter });
      }),
    );
  });

  for (const parameter of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    it(`support no parameter ${parameter}`, () => {
      const outcome = compileConstraint('4.0.1', 'Observation', [{ parameter, values: ['a'] }]);
      expect(outcome).to.deep.equal({ unsupported: parameter });
    });
  }
});

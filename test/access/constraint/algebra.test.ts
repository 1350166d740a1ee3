import { expect } from 'chai';
import fc from 'fast-check';
import { compileConstraint } from '../../../src/access/constraint/compile.js';
import type { ScopeClause } from '../../../src/scope/scope.js';
import { RUNS } from '../../runs.js';
import { clauses, observations, parameters, valuesOf } from './generated.js';

const RUN = { numRuns: RUNS };

function meets(resource: unknown, asked: readonly ScopeClause[]): boolean {
  const constraint = compileConstraint('4.0.1', 'Observation', asked);
  if (!('matches' in constraint)) throw new Error(`unsupported: ${constraint.unsupported}`);
  return constraint.matches(resource);
}

describe('the algebra of constraints', () => {
  it('generates resources that meet and resources that miss', () => {
    const met = fc
      .sample(fc.tuple(observations, clauses), 2000)
      .filter(([resource, clause]) => meets(resource, [clause]));
    expect(met.length).to.be.within(100, 1900);
  });

  it('& is AND: several clauses are met where each of them is', () => {
    fc.assert(
      fc.property(observations, fc.array(clauses, { maxLength: 4 }), (resource, asked) => {
        expect(meets(resource, asked)).to.equal(asked.every((clause) => meets(resource, [clause])));
      }),
      RUN,
    );
  });

  it('a comma is OR: several values are met where one of them is', () => {
    fc.assert(
      fc.property(observations, clauses, (resource, { parameter, values }) => {
        const each = values.map((value) => meets(resource, [{ parameter, values: [value] }]));
        expect(meets(resource, [{ parameter, values }])).to.equal(each.includes(true));
      }),
      RUN,
    );
  });

  it('a clause that is added never widens', () => {
    fc.assert(
      fc.property(observations, fc.array(clauses, { maxLength: 3 }), clauses, (resource, asked, more) => {
        if (meets(resource, [...asked, more])) expect(meets(resource, asked)).to.equal(true);
      }),
      RUN,
    );
  });

  it('a value that is added never narrows', () => {
    const widened = parameters.chain((parameter) =>
      fc.record({
        parameter: fc.constant(parameter),
        values: fc.array(valuesOf(parameter), { minLength: 1, maxLength: 3 }),
        more: valuesOf(parameter),
      }),
    );
    fc.assert(
      fc.property(observations, widened, (resource, { parameter, values, more }) => {
        if (meets(resource, [{ parameter, values }])) {
          expect(meets(resource, [{ parameter, values: [...values, more] }])).to.equal(true);
        }
      }),
      RUN,
    );
  });

  it('the order of clauses and values does not count', () => {
    fc.assert(
      fc.property(observations, fc.array(clauses, { maxLength: 3 }), (resource, asked) => {
        const turned = asked.toReversed().map(({ parameter, values }) => ({ parameter, values: values.toReversed() }));
        expect(meets(resource, turned)).to.equal(meets(resource, asked));
      }),
      RUN,
    );
  });

  it('what is added to a resource never takes a match away', () => {
    // Every comparison is about some value that is there: none asks that a value be absent.
    fc.assert(
      fc.property(observations, observations, clauses, (one, other, clause) => {
        if (!meets(one, [clause])) return;
        const joined = Object.fromEntries(
          Object.keys({ ...(one as object), ...(other as object) }).map((key) => {
            const [a, b] = [one, other].map((of) => (of as Record<string, unknown>)[key]);
            if (key === 'resourceType') return [key, a];
            return [key, [a, b].flat().filter((each) => each !== undefined)];
          }),
        );
        expect(meets(joined, [clause])).to.equal(true);
      }),
      RUN,
    );
  });
});

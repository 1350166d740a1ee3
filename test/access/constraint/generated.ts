import fc from 'fast-check';
import type { ScopeClause } from '../../../src/scope/scope.js';

/*
 * Observations and clauses out of the same few values, so that about as many meet as miss. Absent elements, arrays where
 * one value belongs, and values of the wrong type are among them.
 */

const CODES = ['a', 'b', 'A', 'true', 'p1', '1'];
const SYSTEMS = ['urn:x', 'urn:y'];
const DATES = [
  '2019',
  '2020',
  '2020-02',
  '2020-02-29',
  '2020-02-29T23:30:00-01:00',
  '2020-03-01T00:30:00Z',
  '2020-02-29T10:00:00.5Z',
];
const REFERENCES = ['Patient/p1', 'Patient/p2', 'Group/p1', 'https://a.example/r4/Patient/p1', 'Device/1'];
const WORDS = ['Ann', 'ann', 'Änne', 'a', 'b', 'Anna Maria', '1'];

const junk = fc.oneof(fc.constantFrom(null, '', 0, 5, true, [], {}, [[]], [null], 'p1'), fc.jsonValue({ maxDepth: 2 }));

function mostly<T>(value: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 12, arbitrary: value },
    { weight: 1, arbitrary: fc.array(value, { maxLength: 3 }) },
    { weight: 1, arbitrary: junk },
  );
}

function sparse(model: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  return fc.record(model, { requiredKeys: [] });
}

const coding = mostly(sparse({ system: mostly(fc.constantFrom(...SYSTEMS)), code: mostly(fc.constantFrom(...CODES)) }));
const concept = mostly(sparse({ coding: mostly(fc.array(coding, { maxLength: 3 })), text: fc.constantFrom(...CODES) }));
const reference = mostly(
  sparse({
    reference: mostly(
      fc
        .tuple(fc.constantFrom(...REFERENCES), fc.constantFrom('', '/_history/1'))
        .map(([text, version]) => text + version),
    ),
  }),
);
const date = mostly(fc.constantFrom(...DATES));
const period = mostly(sparse({ start: date, end: date }));

/** Observations of R4, more or less. */
export const observations: fc.Arbitrary<unknown> = fc
  .record(
    {
      id: mostly(fc.constantFrom(...CODES)),
      meta: mostly(
        sparse({
          lastUpdated: date,
          tag: mostly(fc.array(coding, { maxLength: 2 })),
          profile: mostly(fc.array(fc.constantFrom('urn:x', 'urn:x|1', 'urn:y'))),
        }),
      ),
      identifier: mostly(sparse({ system: fc.constantFrom(...SYSTEMS), value: fc.constantFrom(...CODES) })),
      status: mostly(fc.constantFrom(...CODES)),
      category: mostly(fc.array(concept, { maxLength: 2 })),
      code: concept,
      component: mostly(fc.array(mostly(sparse({ code: concept })), { maxLength: 2 })),
      subject: reference,
      performer: mostly(fc.array(reference, { maxLength: 2 })),
      effectiveDateTime: date,
      effectivePeriod: period,
      valueString: mostly(fc.constantFrom(...WORDS)),
    },
    { requiredKeys: [] },
  )
  .map((observation) => ({ resourceType: 'Observation', ...observation }));

const token = fc.oneof(
  fc.constantFrom(...CODES),
  fc.tuple(fc.constantFrom('', ...SYSTEMS), fc.constantFrom(...CODES)).map((parts) => parts.join('|')),
  fc.constantFrom(...SYSTEMS).map((system) => `${system}|`),
);
const time = fc
  .tuple(fc.constantFrom('', 'eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb'), fc.constantFrom(...DATES))
  .map((parts) => parts.join(''));

const VALUES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  _id: fc.constantFrom(...CODES),
  _tag: token,
  _lastUpdated: time,
  _profile: fc.constantFrom('urn:x', 'urn:x|1', 'urn:y'),
  identifier: token,
  status: fc.constantFrom(...CODES),
  category: token,
  code: token,
  'combo-code': token,
  subject: fc.constantFrom(...REFERENCES),
  patient: fc.constantFrom('Patient/p1', 'Patient/p2', 'https://a.example/r4/Patient/p1', 'p1'),
  date: time,
  'value-string': fc.constantFrom(...WORDS),
};

/** Values that the parameter supports, each well-formed. */
export function valuesOf(parameter: string): fc.Arbitrary<string> {
  return VALUES[parameter]!;
}

export const parameters = fc.constantFrom(...Object.keys(VALUES));

/** Clauses for an Observation that compile. */
export const clauses: fc.Arbitrary<ScopeClause> = parameters.chain((parameter) =>
  fc.record({
    parameter: fc.constant(parameter),
    values: fc.array(valuesOf(parameter), { minLength: 1, maxLength: 3 }),
  }),
);

import { expect } from 'chai';
import type { AccessPolicy } from '../../src/access/policy.js';
import { searchFilters } from '../../src/access/search-filter.js';
import { callerWith, membershipWith, policyWith } from './caller.js';
import type { Who } from './caller.js';
import { BASE, here } from './world.js';

const RULE = { userTypes: ['Practitioner'], resourceType: 'Patient', path: 'managingOrganization', claim: 'x' };

function filters(
  scopes: readonly string[],
  resourceType: string | undefined,
  who: Who,
  policy: AccessPolicy = policyWith(),
) {
  const named = (reference?: string) => (reference === undefined ? undefined : here(reference));
  const identity = { user: named(who.user), patient: named(who.patient) };
  return searchFilters(callerWith(scopes, who, policy).grants.granted, resourceType, identity, policy);
}

const anyOf = (key: string, ...value: string[]) => ({ key, value, comparisonOperator: '==', logicalOperator: 'OR' });
const p1 = anyOf('_references', `${BASE}/Patient/p1`, 'Patient/p1');

describe('access/search-filter: what a host searches', () => {
  const patient: Who = { patient: 'Patient/p1' };
  const shared = membershipWith({ sharedTypes: new Set(['Organization']) });
  const ruled = policyWith({ adminRules: [RULE] });
  const cases: readonly [
    name: string,
    scopes: readonly string[],
    type: string | undefined,
    who: Who,
    expected: readonly object[],
    policy?: AccessPolicy,
  ][] = [
    ['what refers to the patient', ['patient/*.s'], 'Observation', patient, [p1]],
    ['the patient, too', ['patient/*.s'], 'Patient', patient, [p1, anyOf('id', 'p1')]],
    ['all types', ['patient/*.s'], undefined, patient, [p1]],
    ['everything, for a system', ['patient/*.s', 'system/*.s'], 'Observation', patient, []],
    ['everything, for an admin', ['user/*.s'], 'Observation', { user: 'Practitioner/d1' }, []],
    [
      'what refers to the user or the patient',
      ['user/*.s', 'patient/*.s'],
      'RelatedPerson',
      { user: 'RelatedPerson/r1', patient: 'Patient/p1' },
      [
        anyOf('_references', `${BASE}/RelatedPerson/r1`, 'RelatedPerson/r1', `${BASE}/Patient/p1`, 'Patient/p1'),
        anyOf('id', 'r1'),
      ],
    ],
    [
      'for each level only what a scope of that level opens',
      ['patient/*.s'],
      'Observation',
      { user: 'RelatedPerson/r1', patient: 'Patient/p1' },
      [p1],
    ],
    [
      'nothing, without a grant: by an id that no resource can have',
      [],
      'Observation',
      patient,
      [{ key: 'id', value: ['_none_'], comparisonOperator: '==', logicalOperator: 'AND' }],
    ],
    ['everything of a shared type', ['patient/*.s'], 'Organization', patient, [], shared],
    ['another type, where some are shared', ['patient/*.s'], 'Observation', patient, [p1], shared],
    ['all types, where some are shared', ['patient/*.s'], undefined, patient, [], shared],
    ['everything of a type that a rule opens', ['patient/*.s'], 'Patient', patient, [], ruled],
    ['another type, where a rule opens some', ['patient/*.s'], 'Observation', patient, [p1], ruled],
    ['all types, where a rule opens some', ['patient/*.s'], undefined, patient, [], ruled],
  ];
  for (const [name, scopes, type, who, expected, policy] of cases) {
    it(`${name}: ${scopes.join(' ')} on ${type ?? 'all types'}`, () => {
      expect(filters(scopes, type, who, policy)).to.deep.equal(expected);
    });
  }

  it('knows somebody of another server by the absolute reference alone', () => {
    const hostname = 'https://elsewhere.example';
    const there = { hostname, resourceType: 'Patient', id: 'p1' };
    const scope = callerWith(['patient/*.s'], { patient: 'Patient/p1' }).grants.granted[0];
    if (!scope?.subject) throw new Error('no grant');
    const grant = { ...scope, subject: { ...scope.subject, local: false } };
    const found = searchFilters([grant], 'Patient', { user: undefined, patient: there }, policyWith());
    expect(found).to.deep.equal([anyOf('_references', `${hostname}/Patient/p1`)]);
  });
});

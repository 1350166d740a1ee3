import { expect } from 'chai';
import { Judge, seen } from '../../src/access/judge.js';
import type { AccessPolicy, AdminRule } from '../../src/access/policy.js';
import { callerWith, membershipWith, policyWith } from './caller.js';
import type { Who } from './caller.js';
import { BASE } from './world.js';

/** How one resource is reached by one scope, or why it is not. */
function reached(scope: string, who: Who, resource: { resourceType: string }, policy: AccessPolicy): string {
  const judge = new Judge(callerWith([scope], who, policy), ['read'], policy);
  const decision = judge.decide(resource.resourceType, [seen(resource)]);
  if (decision.decision === 'deny') return decision.reasons.map(({ code }) => code).join(' ');
  return [decision.code, decision.path].filter(Boolean).join(' ');
}

const RULE: AdminRule = {
  userTypes: ['Practitioner'],
  resourceType: 'Patient',
  path: 'managingOrganization',
  claim: 'ext.organizations',
};
const ruled = (...rules: AdminRule[]) => policyWith({ adminRules: rules });
const patientOf = (reference: string) => ({ resourceType: 'Patient', id: 'x', managingOrganization: { reference } });

describe('access/reach: admin rules', () => {
  const G1 = 'Organization/g1';
  const cases: readonly [name: string, claim: unknown, reference: string, outcome: string][] = [
    ['one reference', G1, G1, 'admin-rule managingOrganization'],
    ['a list', ['Organization/g2', G1], G1, 'admin-rule managingOrganization'],
    ['an absolute one', [`${BASE}/${G1}`], G1, 'admin-rule managingOrganization'],
    [
      'an absolute one, spelt otherwise',
      ['https://FHIR.example.org:443/Organization/g1'],
      `${BASE}/${G1}`,
      'admin-rule managingOrganization',
    ],
    ['one of another server', ['https://elsewhere.example/Organization/g1'], G1, 'not-referenced'],
    [
      'one of another server, meant',
      ['https://elsewhere.example/Organization/g1'],
      'https://elsewhere.example/Organization/g1',
      'admin-rule managingOrganization',
    ],
    [
      'what is no reference, beside one',
      [5, null, {}, 'garbage', 'ftp://x/Organization/g1', G1],
      G1,
      'admin-rule managingOrganization',
    ],
    ['nothing but what is none', [5, null, {}, 'garbage'], G1, 'not-referenced'],
    ['an empty list', [], G1, 'not-referenced'],
    ['a list in a list', [[G1]], G1, 'not-referenced'],
    ['no claim', undefined, G1, 'not-referenced'],
  ];
  for (const [name, organizations, reference, outcome] of cases) {
    it(`${name} in the claim: ${outcome}`, () => {
      const who = { user: 'Practitioner/d1', claims: { ext: { organizations } } };
      expect(reached('user/*.r', who, patientOf(reference), ruled(RULE))).to.equal(outcome);
    });
  }

  const claims = { ext: { organizations: G1 } };
  it('are for the types of users that they name, and for no patient in context', () => {
    const forPatients = ruled({ ...RULE, userTypes: ['Patient'] });
    expect(reached('user/*.r', { user: 'Patient/p1', claims }, patientOf(G1), forPatients)).to.include('admin-rule');
    expect(reached('patient/*.r', { patient: 'Patient/p1', claims }, patientOf(G1), forPatients)).to.equal(
      'not-referenced',
    );
    expect(reached('user/*.r', { user: 'RelatedPerson/r1', claims }, patientOf(G1), ruled(RULE))).to.equal(
      'not-referenced',
    );
  });

  it('are for their type of resource alone', () => {
    const subjects = ruled({ ...RULE, resourceType: 'Encounter', path: 'subject', claim: 'patients' });
    const who = { user: 'Practitioner/d1', claims: { patients: 'Patient/p9' } };
    const about = (resourceType: string) => ({ resourceType, id: 'x', subject: { reference: 'Patient/p9' } });
    expect(reached('user/*.r', who, about('Encounter'), subjects)).to.equal('admin-rule subject');
    expect(reached('user/*.r', who, about('Observation'), subjects)).to.equal('not-referenced');
  });

  it('count each for itself, and leave what refers to the user as it is', () => {
    const both = ruled(RULE, { ...RULE, path: 'generalPractitioner', claim: 'groups' });
    const who = { user: 'Practitioner/d1', claims: { groups: ['Practitioner/d2'] } };
    const treated = (by: string) => ({ resourceType: 'Patient', id: 'x', generalPractitioner: [{ reference: by }] });
    expect(reached('user/*.r', who, treated('Practitioner/d2'), both)).to.equal('admin-rule generalPractitioner');
    expect(reached('user/*.r', who, treated('Practitioner/d1'), both)).to.equal('referenced generalPractitioner');
    expect(reached('user/*.r', who, treated('Practitioner/d3'), both)).to.equal('not-referenced');
  });

  it('bound who would else be an admin, and nobody else', () => {
    const anybody = { resourceType: 'Patient', id: 'x' };
    expect(reached('user/*.r', { user: 'Practitioner/d1' }, anybody, policyWith())).to.equal('admin');
    expect(reached('user/*.r', { user: 'Practitioner/d1' }, anybody, ruled(RULE))).to.equal('not-referenced');
    const forOthers = ruled({ ...RULE, userTypes: ['RelatedPerson'] });
    expect(reached('user/*.r', { user: 'Practitioner/d1' }, anybody, forOthers)).to.equal('admin');
  });
});

describe('access/reach: membership', () => {
  const role: Who = { user: 'PractitionerRole/x' };
  const patient: Who = { patient: 'Patient/p1' };
  const link = { resourceType: 'Patient', id: 'x', link: [{ other: { reference: 'Patient/p1' } }] };
  const group = { resourceType: 'Group', id: 'x', member: [{ entity: { reference: 'Patient/p1' } }] };
  const mine = { resourceType: 'Group', id: 'x', managingEntity: { reference: 'RelatedPerson/r1' } };
  const cases: readonly [
    name: string,
    who: Who,
    resource: { resourceType: string },
    membership: object,
    outcome: string,
  ][] = [
    ['a link to the patient', patient, link, {}, 'referenced link.other'],
    ['a link that does not count', patient, link, { patientLink: false }, 'not-referenced'],
    ['a link, where members do not count', patient, link, { groupMember: false }, 'referenced link.other'],
    ['a membership', patient, group, {}, 'referenced member.entity'],
    ['a membership that does not count', patient, group, { groupMember: false }, 'not-referenced'],
    ['a membership, where links do not count', patient, group, { patientLink: false }, 'referenced member.entity'],
    [
      'another element of a Group',
      { user: 'RelatedPerson/r1' },
      mine,
      { groupMember: false },
      'referenced managingEntity',
    ],
    [
      'an identity without a compartment',
      role,
      { resourceType: 'Patient' },
      { read: 'compartment' },
      'not-in-compartment',
    ],
    [
      'the same, where links do not count',
      role,
      link,
      { read: 'compartment', patientLink: false },
      'not-in-compartment',
    ],
    [
      'a Group, for an identity without a compartment',
      role,
      group,
      { read: 'compartment', groupMember: false },
      'not-in-compartment',
    ],
  ];
  for (const [name, who, resource, membership, outcome] of cases) {
    it(`${name}: ${outcome}`, () => {
      const scope = who.user === undefined ? 'patient/*.r' : 'user/*.r';
      expect(reached(scope, who, resource, membershipWith(membership))).to.equal(outcome);
    });
  }

  it('of somebody of another server: by absolute references alone, and never by the id', () => {
    const there: Who = { patient: 'https://elsewhere.example/Patient/p1' };
    const at = (reference: string) => ({ resourceType: 'Observation', id: 'o', subject: { reference } });
    const outcome = (resource: { resourceType: string }) => reached('patient/*.r', there, resource, policyWith());
    expect(outcome(at('https://elsewhere.example/Patient/p1'))).to.equal('referenced subject');
    expect(outcome(at('Patient/p1'))).to.equal('not-referenced');
    expect(outcome(at(`${BASE}/Patient/p1`))).to.equal('not-referenced');
    expect(outcome({ resourceType: 'Patient', id: 'p1' } as { resourceType: string })).to.equal('not-referenced');
  });

  it("of a shared type, which is nobody's as long as it names no patient", () => {
    const policy = membershipWith({ sharedTypes: new Set(['Device', 'Organization', 'Nothing']) });
    const outcome = (resource: { resourceType: string }) => reached('patient/*.r', patient, resource, policy);
    expect(outcome({ resourceType: 'Device' })).to.equal('shared-type');
    expect(
      outcome({ resourceType: 'Device', patient: { reference: '#somebody' } } as { resourceType: string }),
    ).to.equal('not-referenced');
    for (const named of [{ identifier: { value: '1' } }, { display: 'Bob' }, [{ display: 'Bob' }], 'Patient/p2']) {
      expect(outcome({ resourceType: 'Device', patient: named } as { resourceType: string })).to.equal(
        'not-referenced',
      );
    }
    expect(outcome({ resourceType: 'Device', patient: null } as { resourceType: string })).to.equal('shared-type');
    expect(outcome({ resourceType: 'Organization' })).to.equal('shared-type');
    expect(outcome({ resourceType: 'Nothing' })).to.equal('shared-type');
    expect(outcome({ resourceType: 'Location' })).to.equal('not-referenced');
  });
});

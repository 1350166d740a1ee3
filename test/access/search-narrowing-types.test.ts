import { expect } from 'chai';
import type { AccessPolicy } from '../../src/access/policy.js';
import { searchNarrowings } from '../../src/access/search-narrowing.js';
import { callerWith, membershipWith, policyWith } from './caller.js';
import type { Who } from './caller.js';

/** `patient=Patient/p1!` for an exact narrowing, without the mark for one that may lose something. */
function narrowings(scopes: string, type: string | undefined, who: Who, policy: AccessPolicy = policyWith()): string {
  const { granted } = callerWith(scopes.split(' '), who, policy).grants;
  const found = searchNarrowings(granted, type, policy);
  return found.map(({ parameter, value, exact }) => `${parameter}=${value}${exact ? '!' : ''}`).join(' ');
}

const PATIENT: Who = { patient: 'Patient/p1' };
const RELATED: Who = { user: 'RelatedPerson/r1' };
const noAdmins = policyWith({ adminTypes: [] });
const shared = membershipWith({ sharedTypes: new Set(['Encounter']) });
const compartment = membershipWith({ read: 'compartment' });

describe('access/search-narrowing: type by type', () => {
  const cases: readonly [
    scopes: string,
    type: string | undefined,
    who: Who,
    expected: string,
    policy?: AccessPolicy,
  ][] = [
    ['patient/*.s', 'Encounter', PATIENT, 'patient=Patient/p1! subject=Patient/p1!'],
    ['patient/*.s', 'DiagnosticReport', PATIENT, 'patient=Patient/p1! subject=Patient/p1!'],
    ['patient/*.s', 'Observation', PATIENT, 'patient=Patient/p1 subject=Patient/p1 performer=Patient/p1'],
    ['patient/*.s', 'Immunization', PATIENT, 'patient=Patient/p1'],
    ['patient/*.s', 'Group', PATIENT, 'member=Patient/p1'],
    ['patient/*.s', 'Appointment', PATIENT, 'patient=Patient/p1 actor=Patient/p1'],
    ['patient/*.s', 'Patient', PATIENT, '_id=p1'],
    ['patient/*.s', 'Patient', PATIENT, '_id=p1!', membershipWith({ patientLink: false })],
    ['patient/*.s', 'Patient', PATIENT, '_id=p1', compartment],
    // No element of the type can point to a Patient.
    ['patient/*.s', 'Organization', PATIENT, ''],
    ['patient/*.s', 'Questionnaire', PATIENT, ''],
    ['patient/*.s', 'Nothing', PATIENT, ''],
    // Other identities.
    ['user/*.s', 'Patient', RELATED, 'link=RelatedPerson/r1!'],
    ['user/*.s', 'Encounter', RELATED, 'participant=RelatedPerson/r1!'],
    ['user/*.s', 'RelatedPerson', RELATED, '_id=r1!'],
    ['user/*.s', 'Observation', RELATED, 'performer=RelatedPerson/r1'],
    ['user/*.s', 'PractitionerRole', { user: 'Practitioner/d1' }, 'practitioner=Practitioner/d1!', noAdmins],
    ['user/*.s', 'Patient', { user: 'Practitioner/d1' }, 'general-practitioner=Practitioner/d1!', noAdmins],
    ['user/*.s', 'Observation', { user: 'PractitionerRole/x' }, ''],
    // Several of one type.
    ['patient/*.s user/*.s', 'Patient', { ...PATIENT, user: 'Patient/p2' }, '_id=p1,p2'],
    ['patient/*.s user/*.s', 'Immunization', { ...PATIENT, user: 'Patient/p2' }, 'patient=Patient/p1,Patient/p2'],
    ['patient/*.s user/*.s', 'Immunization', { ...PATIENT, user: 'Patient/p1' }, 'patient=Patient/p1'],
    // What opens more than that leaves the search as it is.
    ['patient/*.s', undefined, PATIENT, ''],
    ['openid', 'Encounter', PATIENT, ''],
    ['system/*.s', 'Encounter', PATIENT, ''],
    ['patient/*.s system/*.s', 'Encounter', PATIENT, ''],
    ['system/*.s patient/*.s', 'Encounter', PATIENT, ''],
    ['patient/*.s user/*.s', 'Encounter', { ...PATIENT, ...RELATED }, ''],
    ['user/*.s', 'Encounter', { user: 'Practitioner/d1' }, ''],
    ['patient/*.s', 'Encounter', { patient: 'https://elsewhere.example/Patient/p1' }, ''],
    ['patient/*.s', 'Encounter', PATIENT, '', shared],
    ['patient/*.s', 'DiagnosticReport', PATIENT, 'patient=Patient/p1! subject=Patient/p1!', shared],
  ];
  for (const [scopes, type, who, expected, policy] of cases) {
    const whose = who.user ?? who.patient ?? '';
    it(`${scopes} of ${whose} on ${type ?? 'all types'}: ${expected || 'none'}`, () => {
      expect(narrowings(scopes, type, who, policy)).to.equal(expected);
    });
  }

  it('in R5, by a type that holds itself', () => {
    const policy = policyWith({ version: '5.0.0' });
    expect(narrowings('patient/*.s', 'QuestionnaireResponse', PATIENT, policy)).to.not.include('!');
  });
});

import { expect } from 'chai';
import {
  encounterFromClaims,
  identityFromClaims,
  readIdentity,
  withoutDerivedFields,
} from '../../src/identity/identity.js';

const BASE = 'https://fhir.example.org';
const where = { fhirUserClaimPath: 'fhirUser', launchContextPathPrefix: 'launch_response_' };
const of = (claims: Record<string, unknown>) => identityFromClaims(claims, where, BASE);
const resource = (resourceType: string, id: string, hostname = BASE) => ({ hostname, resourceType, id });

describe('identity/identity', () => {
  it('takes a fhirUser of the five types of SMART, absolute or relative', () => {
    for (const type of ['Patient', 'Practitioner', 'PractitionerRole', 'RelatedPerson', 'Person']) {
      expect(of({ fhirUser: `https://other.example/r4/${type}/1` }).user).to.deep.equal(
        resource(type, '1', 'https://other.example/r4'),
      );
      expect(of({ fhirUser: `${type}/1` }).user).to.deep.equal(resource(type, '1'));
    }
  });

  it('hole-18: takes nothing else for a fhirUser, and says that the claim is malformed', () => {
    for (const fhirUser of ['Group/1', 'Organization/1', 'dr-1', 'Practitioner/..', ['Patient/1'], { a: 1 }, 5, true]) {
      const { user, malformed } = of({ fhirUser });
      expect(user, JSON.stringify(fhirUser)).to.equal(undefined);
      expect([...malformed]).to.deep.equal(['user']);
    }
    for (const fhirUser of [undefined, null, '']) expect(of({ fhirUser }).malformed.size).to.equal(0);
  });

  it('hole-17: takes a launch patient as a bare id or a reference to a Patient, and of no other type', () => {
    expect(of({ launch_response_patient: 'alice' }).patient).to.deep.equal(resource('Patient', 'alice'));
    expect(of({ launch_response_patient: 'Patient/alice' }).patient).to.deep.equal(resource('Patient', 'alice'));
    expect(of({ launch_response_patient: 'https://o.example/Patient/alice' }).patient).to.deep.equal(
      resource('Patient', 'alice', 'https://o.example'),
    );
    for (const claim of ['Organization/org1', 'Group/1', 'Patient', 'Patient/', 'a_b', { id: 'alice' }, ['alice'], 7]) {
      const { patient, malformed } = of({ launch_response_patient: claim });
      expect(patient, JSON.stringify(claim)).to.equal(undefined);
      expect([...malformed]).to.deep.equal(['patient']);
    }
  });

  it('reads an encounter in context, and tells a malformed one from none', () => {
    const encounter = (claim: unknown) => encounterFromClaims({ launch_response_encounter: claim }, where, BASE);
    expect(encounter('e1')).to.deep.equal(resource('Encounter', 'e1'));
    expect(encounter('Encounter/e1')).to.deep.equal(resource('Encounter', 'e1'));
    expect(encounter(undefined)).to.equal(undefined);
    expect(encounter('Patient/e1')).to.equal('malformed');
  });

  it('hole-15: drops claims that bear the name of a derived field, without touching the claims', () => {
    const claims = { sub: 'x', fhirUserObject: {}, patientLaunchContext: {}, scopes: ['system/*.*'], usableScopes: [] };
    expect(withoutDerivedFields(claims)).to.deep.equal({ sub: 'x' });
    expect(claims.scopes).to.deep.equal(['system/*.*']);
  });

  it('reads a carried identity with suspicion', () => {
    const carried = {
      sub: 's',
      iss: 'i',
      scopes: ['a', 5, null],
      usableScopes: 'system/*.*',
      fhirUserObject: resource('Practitioner', 'd1'),
      patientLaunchContext: resource('Organization', 'o1'),
    };
    const identity = readIdentity(carried);
    expect(identity).to.deep.include({
      scopes: ['a'],
      usableScopes: [],
      user: resource('Practitioner', 'd1'),
      patient: undefined,
      subject: 's',
      issuer: 'i',
    });
    expect(identity.claims).to.equal(carried);
  });

  it('finds nobody in what is no identity', () => {
    for (const value of [undefined, null, 5, 'x', [], [resource('Patient', 'p')], {}]) {
      expect(readIdentity(value)).to.deep.include({
        scopes: [],
        usableScopes: [],
        user: undefined,
        patient: undefined,
      });
    }
    for (const broken of [
      resource('Practitioner', '..'),
      resource('Group', '1'),
      resource('Practitioner', '1', 'ftp://x'),
      { resourceType: 'Practitioner', id: '1' },
      { hostname: BASE, id: '1' },
      { hostname: BASE, resourceType: 'Practitioner', id: 1 },
      'Practitioner/1',
      Object.create(resource('Practitioner', '1')) as unknown,
    ]) {
      expect(readIdentity({ fhirUserObject: broken }).user).to.equal(undefined);
    }
    const inherited: unknown = Object.create({ scopes: ['system/*.*'], usableScopes: ['system/*.*'] });
    expect(readIdentity(inherited)).to.deep.include({ scopes: [], usableScopes: [] });
  });
});

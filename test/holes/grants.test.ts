import fc from 'fast-check';
import { expect } from 'chai';
import type { SMARTHandler, UserIdentity } from '../../src/index.js';
import type { Bundle, Entry, Person } from './clinic.js';
import {
  ALICE,
  BASE,
  BOB,
  DOCTOR,
  FOREIGN,
  FULL,
  RELATIVE,
  VERSIONS,
  admit,
  allowed,
  filter,
  included,
  match,
  observationOf,
  open,
  processes,
  reads,
  searchset,
  shown,
  withIssuer,
  writes,
} from './clinic.js';

const NARROW = { read: [...FULL.read], write: [] };

describe('holes: grants and scopes', () => {
  withIssuer();

  for (const version of VERSIONS) {
    it(`hole-01: an admin's user scope for one type lends nothing to a patient scope for another (${version})`, async () => {
      const handler = open({ version });
      const bundle = searchset(
        match({ resourceType: 'Patient', id: 'bob' }),
        included(observationOf(BOB)),
        included(observationOf(ALICE)),
        included({ resourceType: 'Condition', id: 'c', subject: { reference: ALICE } }),
      );
      const person = { scopes: 'user/Patient.read patient/Observation.read', fhirUser: DOCTOR, patient: 'alice' };
      const asked = { operation: 'search-type', resourceType: 'Patient' } as const;
      // The launch patient is not needed for this request, so the identity does not carry it.
      const narrow = await admit(handler, person, asked);
      expect(shown(await filter(handler, narrow, bundle))).not.to.include.members(['o-Patient-bob']);
      const both = await admit(handler, { ...person, scopes: `${person.scopes} patient/Patient.read` }, asked);
      expect(both).to.include.keys('fhirUserObject', 'patientLaunchContext');
      expect(shown(await filter(handler, both, bundle))).to.deep.equal(['bob', 'o-Patient-alice']);
    });
  }

  it('hole-01: nor the other way round, nor in a history, nor in a single read', async () => {
    const handler = open();
    const person = { scopes: 'patient/Patient.read user/Observation.read', fhirUser: DOCTOR, patient: 'alice' };
    const identity = await admit(handler, person, { operation: 'search-type', resourceType: 'Observation' });
    const both = [match(observationOf(BOB)), included({ resourceType: 'Patient', id: 'bob' })];
    expect(shown(await filter(handler, identity, searchset(...both)))).to.deep.equal(['o-Patient-bob']);
    expect(shown(await filter(handler, identity, searchset(...both), 'history-type'))).to.deep.equal(['o-Patient-bob']);
    expect(await reads(handler, person, observationOf(BOB))).to.equal(true);
    expect(await reads(handler, person, { resourceType: 'Patient', id: 'bob' })).to.equal(false);
    expect(await reads(handler, person, { resourceType: 'Patient', id: 'alice' })).to.equal(true);
  });

  describe('hole-02: a scope without its identity', () => {
    const admin = { scopes: 'user/Patient.read patient/*.*', fhirUser: DOCTOR };
    const patient = { scopes: 'patient/Observation.read user/*.*', patient: 'alice' };

    it('hole-02: grants nothing in a search', async () => {
      const handler = open();
      const identity = await admit(handler, admin, { operation: 'search-type', resourceType: 'Patient' });
      expect(identity.usableScopes).to.deep.equal(['user/Patient.read']);
      const bundle = searchset(
        match({ resourceType: 'Patient', id: 'bob' }),
        included(observationOf(BOB)),
        included(observationOf(ALICE)),
      );
      expect(shown(await filter(handler, identity, bundle))).to.deep.equal(['bob']);
    });

    it('hole-02: grants nothing in a read, a write, a Bundle, an export', async () => {
      const handler = open({ userExport: true });
      expect(await reads(handler, admin, observationOf(BOB))).to.equal(false);
      expect(await writes(handler, admin, 'create', observationOf(BOB))).to.equal(false);
      expect(await reads(handler, patient, { resourceType: 'Patient', id: 'alice' })).to.equal(false);
      const entry = { operation: 'create', resourceType: 'Observation', resource: observationOf(ALICE) } as const;
      expect(await processes(handler, { scopes: 'patient/*.* user/*.*' }, entry)).to.equal(false);
      const exporting = {
        operation: 'read',
        bulkDataAuth: { operation: 'initiate-export', exportType: 'system' },
      } as const;
      expect(await allowed(() => admit(handler, { scopes: 'user/*.*' }, exporting))).to.equal(false);
    });

    it('hole-02: is no allowed type and no search filter, even in an identity that the host kept', async () => {
      const handler = open();
      for (const kept of [
        {},
        { fhirUserObject: null },
        { fhirUserObject: { resourceType: 'Practitioner', id: 'dr' } },
      ]) {
        const userIdentity = {
          scopes: ['user/*.*', 'patient/*.*'],
          usableScopes: ['user/*.*', 'patient/*.*'],
          ...kept,
        };
        const types = await handler.getAllowedResourceTypesForOperation({ userIdentity, operation: 'search-type' });
        expect(types).to.deep.equal([]);
        expect(shown(await filter(handler, userIdentity, searchset(match(observationOf(ALICE)))))).to.deep.equal([]);
        expect(await allowed(() => filter(handler, userIdentity, observationOf(ALICE), 'read'))).to.equal(false);
      }
    });

    it('hole-36: a missing fhirUser refuses the request before anything is looked at', async () => {
      const handler = open();
      for (const scopes of ['user/*.*', 'user/Observation.read', 'user/*.rs', 'launch user/*.cruds openid']) {
        for (const fhirUser of [undefined, null, '', 7, [], {}, [DOCTOR]]) {
          const asked = { operation: 'read', resourceType: 'Observation', id: 'o' } as const;
          expect(await allowed(() => admit(handler, { scopes, fhirUser }, asked)), JSON.stringify(fhirUser)).to.equal(
            false,
          );
        }
      }
    });
  });

  describe('hole-03: Bundles, entry by entry', () => {
    const person = { scopes: 'user/Patient.write patient/Observation.*', fhirUser: DOCTOR, patient: 'alice' };
    const createFor = (patient: string) =>
      ({ operation: 'create', resourceType: 'Observation', resource: observationOf(patient) }) as const;
    const patientEntry = {
      operation: 'create',
      resourceType: 'Patient',
      resource: { resourceType: 'Patient' },
    } as const;

    it("hole-03: an admin's scope for Patient does not create Bob's Observation", async () => {
      const handler = open();
      expect(await processes(handler, person, patientEntry, createFor(ALICE))).to.equal(true);
      expect(await processes(handler, person, createFor(BOB))).to.equal(false);
      expect(await processes(handler, person, patientEntry, createFor(ALICE), createFor(BOB))).to.equal(false);
      expect(await processes(handler, person, createFor(BOB), patientEntry)).to.equal(false);
    });

    it('hole-03: nor reads it: the answer to the entry is judged by the same grants', async () => {
      const handler = open();
      const identity = await admit(handler, person, { operation: 'transaction' });
      const read = { operation: 'read', resourceType: 'Patient', id: 'bob', resource: 'Patient/bob' } as const;
      expect(await processes(handler, person, read), 'user/Patient.write does not read').to.equal(false);
      expect(await allowed(() => filter(handler, identity, observationOf(BOB), 'read'))).to.equal(false);
      expect(await allowed(() => filter(handler, identity, { resourceType: 'Patient', id: 'bob' }, 'read'))).to.equal(
        false,
      );
    });

    it('hole-03: entries of other types than the scopes name are refused', async () => {
      const handler = open();
      const body = { resourceType: 'Condition', subject: { reference: ALICE } };
      expect(
        await processes(handler, person, { operation: 'create', resourceType: 'Condition', resource: body }),
      ).to.equal(false);
      // The entry says one type, its body another.
      expect(
        await processes(handler, person, { operation: 'create', resourceType: 'Observation', resource: body }),
      ).to.equal(false);
      expect(
        await processes(handler, person, {
          operation: 'create',
          resourceType: 'Condition',
          resource: observationOf(ALICE),
        }),
      ).to.equal(false);
    });
  });

  it('hole-04: the ScopeRule bounds system scopes too: writes', async () => {
    const handler = open({ config: { scopeRule: { patient: FULL, user: FULL, system: NARROW } } });
    const person = { scopes: 'system/Observation.write system/*.* patient/Observation.write', patient: 'alice' };
    const entry = (patient: string) =>
      ({ operation: 'create', resourceType: 'Observation', resource: observationOf(patient) }) as const;
    expect(await processes(handler, person, entry(BOB))).to.equal(false);
    expect(await processes(handler, person, entry(ALICE))).to.equal(true);
    expect(await writes(handler, person, 'create', observationOf(BOB))).to.equal(false);
    expect(await writes(handler, { scopes: 'system/*.cud system/*.write' }, 'create', observationOf(BOB))).to.equal(
      false,
    );
  });

  it('hole-04: the ScopeRule bounds system scopes too: searches and their types', async () => {
    const scopeRule = { patient: FULL, user: FULL, system: { read: [], write: [...FULL.write] } };
    const handler = open({ config: { scopeRule } });
    const person = { scopes: 'system/*.* system/*.rs patient/Observation.read', patient: 'alice' };
    const asked = { operation: 'search-type', resourceType: 'Observation' } as const;
    const identity = await admit(handler, person, asked);
    expect(identity.usableScopes).to.deep.equal(['patient/Observation.read']);
    const bundle = searchset(match(observationOf(BOB)), match(observationOf(ALICE)));
    expect(shown(await filter(handler, identity, bundle))).to.deep.equal(['o-Patient-alice']);
    expect(
      await handler.getAllowedResourceTypesForOperation({ userIdentity: identity, operation: 'search-type' }),
    ).to.deep.equal(['Observation']);
    const filters = await handler.getSearchFilterBasedOnIdentity({
      ...asked,
      userIdentity: identity,
      fhirServiceBaseUrl: BASE,
    });
    expect(filters).not.to.deep.equal([]);
    expect(await allowed(() => admit(handler, { scopes: 'system/*.*' }, asked))).to.equal(false);
  });

  it('hole-04: a level that the ScopeRule leaves out grants nothing', async () => {
    for (const level of ['patient', 'user', 'system'] as const) {
      const rule = { patient: FULL, user: FULL, system: FULL };
      Reflect.deleteProperty(rule, level);
      const handler = open({ config: { scopeRule: rule } });
      const person = { scopes: `${level}/*.* ${level}/*.cruds`, fhirUser: DOCTOR, patient: 'alice' };
      expect(await reads(handler, person, observationOf(ALICE)), level).to.equal(false);
      expect(await writes(handler, person, 'create', observationOf(ALICE)), level).to.equal(false);
    }
  });

  it('hole-05: the launch patient is no identity for a user scope, and the user none for a patient scope', async () => {
    const handler = open();
    const person = { scopes: 'patient/Patient.read user/Observation.read', fhirUser: RELATIVE, patient: 'alice' };
    const identity = await admit(handler, person, { operation: 'search-type', resourceType: 'Patient' });
    const bundle = searchset(
      match({ resourceType: 'Patient', id: 'alice' }),
      included(observationOf(ALICE)),
      included({ resourceType: 'Observation', id: 'o-rel', performer: [{ reference: 'RelatedPerson/rel' }] }),
      included({ resourceType: 'Patient', id: 'bob', link: [{ other: { reference: 'RelatedPerson/rel' } }] }),
    );
    // The identity carries what this request's scopes need: the user is asked for in the next line.
    expect(shown(await filter(handler, identity, bundle))).to.deep.equal(['alice']);
    const asUser = await admit(handler, person, { operation: 'search-type', resourceType: 'Observation' });
    expect(shown(await filter(handler, asUser, bundle))).to.deep.equal(['o-rel']);
  });

  describe('hole-06: Group export', () => {
    const starting = {
      operation: 'read',
      bulkDataAuth: { operation: 'initiate-export', exportType: 'group' },
    } as const;
    const typesOf = async (handler: SMARTHandler, userIdentity: UserIdentity): Promise<string[]> =>
      handler.getAllowedResourceTypesForOperation({ userIdentity, operation: 'read' });

    it('hole-06: exports only what system scopes grant', async () => {
      const handler = open();
      const person = {
        scopes: 'system/Group.read system/Patient.read system/Medication.read patient/*.read user/*.read',
        fhirUser: DOCTOR,
        patient: 'alice',
      };
      const identity = await admit(handler, person, starting);
      expect(identity.usableScopes.filter((scope) => !scope.startsWith('system/'))).to.deep.equal([]);
      expect(identity.fhirUserObject).to.equal(undefined);
      expect(identity.patientLaunchContext).to.equal(undefined);
      expect(await typesOf(handler, identity)).to.have.members(['Group', 'Patient', 'Medication']);
    });

    it('hole-06: needs Group and Patient, both from system scopes', async () => {
      const handler = open({ userExport: true });
      for (const scopes of [
        'system/Medication.read patient/*.read',
        'system/Group.read patient/*.read user/*.read',
        'system/Patient.read user/Group.read',
        'system/Group.write system/Patient.*',
        'system/Group.r system/Patient.s',
        'user/*.read',
        'patient/*.read',
      ]) {
        const person = { scopes, fhirUser: DOCTOR, patient: 'alice' };
        expect(await allowed(() => admit(handler, person, starting)), scopes).to.equal(false);
      }
      expect(await allowed(() => admit(handler, { scopes: 'system/*.read' }, starting))).to.equal(true);
    });

    it('hole-39: a granular scope cannot bound an export, so it starts none', async () => {
      const handler = open();
      const scopes = 'system/Group.rs?_id=g1 system/Patient.rs?_id=alice system/Observation.rs?category=laboratory';
      expect(await allowed(() => admit(handler, { scopes }, starting))).to.equal(false);
      const more = { scopes: `${scopes} system/Group.rs system/Patient.rs` };
      const identity = await admit(handler, more, starting);
      expect(await typesOf(handler, identity)).to.have.members(['Group', 'Patient']);
    });
  });

  describe('hole-07: URL type = body type = granted type', () => {
    it('hole-07: a body of another type than the scopes name is refused', async () => {
      const handler = open();
      const body = { resourceType: 'MedicationRequest', id: 'm', subject: { reference: ALICE } };
      for (const person of [
        { scopes: 'user/Observation.write', fhirUser: DOCTOR },
        { scopes: 'patient/Observation.write', patient: 'alice' },
        { scopes: 'system/Observation.write' },
        { scopes: 'user/Observation.write user/MedicationRequest.read', fhirUser: DOCTOR },
        // Each type is granted, but the request is about one.
        { scopes: 'system/Observation.write system/MedicationRequest.write' },
      ]) {
        for (const operation of ['create', 'update', 'patch', 'delete'] as const) {
          expect(await writes(handler, person, operation, body, 'Observation'), person.scopes).to.equal(false);
        }
      }
    });

    it('hole-07: a scope for all types lets no other type in at a URL that names one', async () => {
      const handler = open();
      for (const person of [{ scopes: 'system/*.*' }, { scopes: 'user/*.*', fhirUser: DOCTOR }]) {
        for (const operation of ['create', 'update', 'patch'] as const) {
          const body = { resourceType: 'Practitioner', id: 'x' };
          expect(await writes(handler, person, operation, body, 'Observation'), operation).to.equal(false);
          expect(await writes(handler, person, operation, body, 'Practitioner'), operation).to.equal(true);
        }
      }
    });

    it('hole-07: a body that is no resource is refused', async () => {
      const handler = open();
      const identity = await admit(
        handler,
        { scopes: 'system/*.*' },
        { operation: 'create', resourceType: 'Observation' },
      );
      for (const resourceBody of [
        undefined,
        null,
        7,
        'Observation',
        [],
        {},
        { resourceType: null },
        { resourceType: ['Observation'] },
        { resourceType: 'observation' },
        { resourceType: '*' },
        { resourceType: 'Observation ' },
      ]) {
        const work = () =>
          handler.isWriteRequestAuthorized({
            operation: 'create',
            userIdentity: identity,
            resourceBody: resourceBody as unknown,
          });
        expect(await allowed(work), JSON.stringify(resourceBody)).to.equal(false);
      }
    });
  });

  describe('hole-08: a body proves no identity', () => {
    const alice = { scopes: 'user/Patient.* patient/Patient.*', fhirUser: `${BASE}/${ALICE}`, patient: 'alice' };

    it('hole-08: on create, alone and in a Bundle', async () => {
      const handler = open();
      const body = { resourceType: 'Patient', id: 'alice' };
      expect(await writes(handler, alice, 'create', body)).to.equal(false);
      const entry = { operation: 'create', resourceType: 'Patient', id: 'alice', resource: body } as const;
      expect(await processes(handler, alice, entry)).to.equal(false);
      expect(await processes(handler, { ...alice, patient: undefined }, entry)).to.equal(false);
      expect(await processes(handler, { ...alice, fhirUser: undefined }, entry)).to.equal(false);
    });

    it('hole-08: on patch and update the id of the URL counts', async () => {
      const handler = open();
      const own = { resourceType: 'Patient', id: 'alice', active: true };
      expect(await writes(handler, alice, 'update', own)).to.equal(true);
      for (const operation of ['update', 'patch'] as const) {
        const identity = await admit(handler, alice, { operation, resourceType: 'Patient', id: 'bob' });
        for (const resourceBody of [own, { resourceType: 'Patient', id: 'bob' }, { resourceType: 'Patient' }]) {
          const work = () =>
            handler.isWriteRequestAuthorized({
              operation,
              userIdentity: identity,
              resourceBody,
              fhirServiceBaseUrl: BASE,
            });
          expect(await allowed(work), `${operation} ${JSON.stringify(resourceBody)}`).to.equal(false);
        }
      }
    });

    it("hole-08: an entry at Bob's URL with alice's id inside is refused", async () => {
      const handler = open();
      for (const operation of ['update', 'patch'] as const) {
        const resource = { resourceType: 'Patient', id: 'alice' };
        expect(
          await processes(handler, alice, { operation, resourceType: 'Patient', id: 'bob', resource }),
          operation,
        ).to.equal(false);
      }
    });
  });

  describe('hole-09: updates of what nobody looked up', () => {
    const alice = { scopes: 'patient/*.*', patient: 'alice' };

    it('hole-09: judged by the new body, with one warning', async () => {
      const warnings: NodeJS.ErrnoException[] = [];
      const note = (warning: Error): number => warnings.push(warning);
      process.on('warning', note);
      try {
        const handler = open({ options: {} });
        expect(await writes(handler, alice, 'update', observationOf(ALICE, 'theirs'))).to.equal(true);
        expect(await writes(handler, alice, 'update', observationOf(BOB))).to.equal(false);
        expect(await writes(handler, alice, 'patch', observationOf(ALICE, 'theirs'))).to.equal(true);
        await new Promise((resolve) => setImmediate(resolve));
        expect(warnings.filter(({ code }) => code === 'SMART_FHIR_AUTHZ_NO_LOOKUP')).to.have.lengthOf(1);
      } finally {
        process.off('warning', note);
      }
    });

    it("hole-09: writesWithoutLookup: 'deny' refuses them, and leaves creates, systems and admins alone", async () => {
      const handler = open({ options: { writesWithoutLookup: 'deny' } });
      for (const operation of ['update', 'patch'] as const) {
        expect(await writes(handler, alice, operation, observationOf(ALICE)), operation).to.equal(false);
        expect(await writes(handler, { scopes: 'system/*.*' }, operation, observationOf(ALICE)), operation).to.equal(
          true,
        );
        const admin = { scopes: 'user/*.*', fhirUser: DOCTOR };
        expect(await writes(handler, admin, operation, observationOf(BOB)), operation).to.equal(true);
        const entry = { operation, resourceType: 'Observation', id: 'x', resource: observationOf(ALICE, 'x') };
        expect(await processes(handler, alice, entry), operation).to.equal(false);
      }
      expect(await writes(handler, alice, 'create', observationOf(ALICE))).to.equal(true);
      expect(
        await processes(handler, alice, {
          operation: 'create',
          resourceType: 'Observation',
          resource: observationOf(ALICE),
        }),
      ).to.equal(true);
    });

    // With a lookup, the stored resource AND the result are judged: test/handler and test/access have those cases.
  });

  it('hole-10: a JSON Patch is refused where nobody knows what it is applied to', async () => {
    const handler = open();
    for (const body of [
      [{ op: 'replace', path: '/subject/reference', value: ALICE }],
      [{ op: 'add', path: '/resourceType', value: 'Patient' }],
      [],
      Object.assign([], { resourceType: 'Observation', subject: { reference: ALICE } }),
    ]) {
      for (const person of [
        { scopes: 'patient/*.*', patient: 'alice' },
        { scopes: 'user/*.*', fhirUser: RELATIVE },
      ]) {
        expect(await writes(handler, person, 'patch', body, 'Observation'), person.scopes).to.equal(false);
        const entry = { operation: 'patch', resourceType: 'Observation', id: 'o', resource: body } as const;
        expect(await processes(handler, person, entry), person.scopes).to.equal(false);
      }
    }
  });

  it('hole-10: unless the grant opens every resource of the type', async () => {
    const handler = open();
    const body = [{ op: 'replace', path: '/status', value: 'amended' }];
    expect(await writes(handler, { scopes: 'system/Observation.write' }, 'patch', body, 'Observation')).to.equal(true);
    const admin = { scopes: 'user/Observation.write', fhirUser: DOCTOR };
    expect(await writes(handler, admin, 'patch', body, 'Observation')).to.equal(true);
    expect(await writes(handler, admin, 'create', body, 'Observation')).to.equal(false);
    expect(await writes(handler, admin, 'update', body, 'Observation')).to.equal(false);
  });

  describe('hole-11: search filters', () => {
    const asked = { operation: 'search-type', resourceType: 'Patient', fhirServiceBaseUrl: BASE } as const;
    const filtersFor = async (userIdentity: Record<string, unknown>) =>
      open({ adminTypes: [] }).getSearchFilterBasedOnIdentity({ ...asked, userIdentity });

    it('hole-11: without any grant the filter finds nothing, and is not the empty list that finds everything', async () => {
      for (const userIdentity of [
        {},
        { scopes: [], usableScopes: [] },
        { scopes: ['openid', 'launch'], usableScopes: [] },
        { scopes: ['patient/*.read'], usableScopes: ['patient/*.read'] },
        { scopes: ['user/*.read'], usableScopes: ['user/*.read'] },
        { scopes: ['system/Observation.read'], usableScopes: [] },
        { scopes: 'system/*.read', usableScopes: 'system/*.read' },
      ]) {
        const filters = await filtersFor(userIdentity);
        expect(filters, JSON.stringify(userIdentity)).to.have.length.greaterThan(0);
        // No FHIR id may have an underscore, so nothing can be found by these values.
        const values = filters.flatMap(({ value }) => value);
        expect(
          values.every((value) => /_/.test(value)),
          JSON.stringify(filters),
        ).to.equal(true);
        expect(filters.every(({ comparisonOperator }) => comparisonOperator === '==')).to.equal(true);
      }
    });

    it('hole-11a: an identity of another server filters neither ids nor relative references here', async () => {
      for (const kept of [
        { fhirUserObject: { hostname: FOREIGN, resourceType: 'Patient', id: 'alice' } },
        { patientLaunchContext: { hostname: FOREIGN, resourceType: 'Patient', id: 'alice' } },
      ]) {
        const scopes = ['user/*.read', 'patient/*.read'];
        const filters = await filtersFor({ scopes, usableScopes: scopes, ...kept });
        const values = filters.flatMap(({ value }) => value);
        expect(values).to.include(`${FOREIGN}/${ALICE}`);
        expect(values).not.to.include(ALICE);
        expect(values).not.to.include('alice');
      }
    });
  });

  describe('hole-11b: DELETE and PATCH entries', () => {
    const alice = { scopes: 'patient/*.* user/*.*', patient: 'alice', fhirUser: RELATIVE };
    const deletion = (resource: unknown) =>
      ({ operation: 'delete', resourceType: 'Observation', id: 'o', resource }) as const;

    it('hole-11b: the body of a DELETE entry is the client’s invention', async () => {
      const handler = open();
      for (const resource of [observationOf(ALICE, 'o'), 'Observation/o', undefined, null, {}, []]) {
        expect(await processes(handler, alice, deletion(resource)), JSON.stringify(resource)).to.equal(false);
      }
    });

    it('hole-11b: who may delete any resource of the type needs no body', async () => {
      const handler = open();
      for (const person of [{ scopes: 'system/*.write' }, { scopes: 'user/Observation.write', fhirUser: DOCTOR }]) {
        expect(await processes(handler, person, deletion('Observation/o'))).to.equal(true);
        expect(await processes(handler, person, deletion(undefined))).to.equal(true);
      }
      expect(await processes(handler, { scopes: 'system/Patient.write' }, deletion('Observation/o'))).to.equal(false);
      expect(await processes(handler, { scopes: 'system/*.cru' }, deletion('Observation/o'))).to.equal(false);
    });

    it('hole-11b: an entry without a body writes nothing for anybody else', async () => {
      const handler = open();
      for (const operation of ['create', 'update', 'patch'] as const) {
        for (const resource of [undefined, null, 'Observation/o']) {
          const entry = { operation, resourceType: 'Observation', id: 'o', resource };
          expect(await processes(handler, alice, entry), operation).to.equal(false);
        }
      }
    });
  });

  describe('hole-12: histories', () => {
    const history = (...entry: Entry[]): Bundle => ({ resourceType: 'Bundle', type: 'history', entry });
    const deleted = (url: string): Entry => ({ request: { method: 'DELETE', url }, response: { status: '204' } });

    it('hole-12: a deleted entry is shown to whom it is known to belong', async () => {
      const handler = open();
      const bundle = history(
        deleted('Patient/alice'),
        deleted('Patient/bob'),
        deleted('Observation/o'),
        { resource: null, request: { method: 'DELETE', url: 'Patient/alice' } },
        deleted(`${FOREIGN}/Patient/alice`),
        deleted('Patient/alice/_history/2'),
        deleted('Patient'),
        deleted(''),
        {},
        { request: null },
        { request: { method: 'DELETE' } },
        { resource: observationOf(ALICE), request: { method: 'PUT', url: 'Observation/o' } },
      );
      const urls = async (person: Person): Promise<unknown[]> => {
        const identity = await admit(handler, person, { operation: 'history-system' });
        const filtered = (await filter(handler, identity, bundle, 'history-system')) as Bundle;
        return (filtered.entry ?? []).map(({ request }) => (request as { url?: string } | null | undefined)?.url);
      };
      expect(await urls({ scopes: 'patient/*.read', patient: 'alice' })).to.deep.equal([
        'Patient/alice',
        'Patient/alice',
        'Observation/o',
      ]);
      for (const person of [{ scopes: 'system/*.read' }, { scopes: 'user/*.read', fhirUser: DOCTOR }]) {
        expect(await urls(person)).to.include.members(['Patient/alice', 'Patient/bob', 'Observation/o']);
      }
    });

    it('hole-12: a Bundle of counts, or of nothing, stays what it is', async () => {
      const handler = open();
      const person = { scopes: 'user/*.read', fhirUser: DOCTOR };
      const identity = await admit(handler, person, { operation: 'search-type', resourceType: 'Patient' });
      for (const entry of [undefined, null, [], {}, 'x', 7]) {
        const bundle = { resourceType: 'Bundle', type: 'searchset', total: 0, ...(entry !== undefined && { entry }) };
        const filtered = (await filter(handler, identity, bundle)) as Bundle;
        expect(filtered.entry ?? []).to.deep.equal([]);
        expect(filtered.total).to.equal(0);
      }
    });
  });

  describe('hole-13: Bundle.total', () => {
    const alice = { scopes: 'patient/*.read', patient: 'alice' };
    const filtered = async (bundle: Bundle): Promise<Bundle> => {
      const handler = open();
      const identity = await admit(handler, alice, { operation: 'search-type', resourceType: 'Observation' });
      return (await filter(handler, identity, bundle)) as Bundle;
    };
    const next = {
      link: [
        { relation: 'self', url: 'x' },
        { relation: 'next', url: 'y' },
      ],
    };

    it('hole-13: an absent total stays absent', async () => {
      expect(await filtered(searchset(match(observationOf(BOB))))).not.to.have.property('total');
      expect(await filtered({ resourceType: 'Bundle', type: 'searchset' })).not.to.have.property('total');
    });

    it('hole-13: a whole result counts what it shows, and does not tell of more', async () => {
      const bundle = searchset(match(observationOf(BOB)), match(observationOf(ALICE)));
      for (const total of [2, 7, 1, 0, 1_000_000]) expect((await filtered({ ...bundle, total })).total).to.equal(1);
    });

    it('hole-13: includes and outcomes do not count', async () => {
      const outcome = { resource: { resourceType: 'OperationOutcome' }, search: { mode: 'outcome' } };
      const bundle = searchset(
        match(observationOf(ALICE)),
        match(observationOf(BOB)),
        included({ resourceType: 'Patient', id: 'alice' }),
        included({ resourceType: 'Patient', id: 'bob' }),
        outcome,
      );
      expect((await filtered({ ...bundle, total: 2 })).total).to.equal(1);
      expect((await filtered({ ...bundle, total: 40, ...next })).total).to.equal(39);
    });

    it('hole-13: of one page: the total minus what was dropped, never less than what is shown', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ mine: fc.boolean(), mode: fc.constantFrom('match', 'include', undefined) }), {
            maxLength: 12,
          }),
          fc.integer({ min: 0, max: 30 }),
          fc.boolean(),
          async (entries, total, isPage) => {
            const entry = entries.map(({ mine, mode }, index) => ({
              resource: observationOf(mine ? ALICE : BOB, `o-${index}`),
              ...(mode !== undefined && { search: { mode } }),
            }));
            const result = await filtered({ ...searchset(...entry), total, ...(isPage && next) });
            const matches = entries.filter(({ mode }) => mode !== 'include');
            const kept = matches.filter(({ mine }) => mine).length;
            const dropped = matches.length - kept;
            expect(result.total).to.equal(isPage ? Math.max(total - dropped, kept) : kept);
            expect(shown(result)).to.have.lengthOf(entries.filter(({ mine }) => mine).length);
          },
        ),
        { numRuns: 60 },
      );
    });
  });

  it('hole-14: a job belongs to the subject that started it; absent is nobody', async () => {
    const handler = open();
    const isAllowed = async (sub: unknown, jobOwnerId: unknown): Promise<boolean> =>
      allowed(() => handler.isAccessBulkDataJobAllowed({ userIdentity: { sub }, jobOwnerId: jobOwnerId as string }));
    expect(await isAllowed('u-1', 'u-1')).to.equal(true);
    const hostile = [
      undefined,
      null,
      '',
      0,
      NaN,
      {},
      [],
      ['u-1'],
      { toString: () => 'u-1' },
      true,
      'u-2',
      'U-1',
      'u-1 ',
    ];
    for (const value of hostile) {
      expect(await isAllowed('u-1', value), `owner ${String(value)}`).to.equal(false);
      expect(await isAllowed(value, 'u-1'), `subject ${String(value)}`).to.equal(false);
      if (value !== 'u-2' && value !== 'U-1' && value !== 'u-1 ') expect(await isAllowed(value, value)).to.equal(false);
    }
    const userIdentity = Object.create({ sub: 'u-1' }) as Record<string, unknown>;
    expect(await allowed(() => handler.isAccessBulkDataJobAllowed({ userIdentity, jobOwnerId: 'u-1' }))).to.equal(
      false,
    );
  });

  it('hole-14: a token without a subject starts no job', async () => {
    const handler = open();
    const starting = {
      operation: 'read',
      bulkDataAuth: { operation: 'initiate-export', exportType: 'system' },
    } as const;
    expect(await allowed(() => admit(handler, { scopes: 'system/*.read' }, starting))).to.equal(true);
    for (const sub of [null, '', 7, {}, []]) {
      const person = { scopes: 'system/*.read', claims: { sub } };
      expect(await allowed(() => admit(handler, person, starting)), JSON.stringify(sub)).to.equal(false);
    }
  });
});

import { expect } from 'chai';
import type { SMARTHandlerOptions } from '../../src/index.js';
import type { Person, Resource } from './clinic.js';
import {
  ALICE,
  BASE,
  BOB,
  DOCTOR,
  RELATIVE,
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

const ALICE_APP: Person = { scopes: 'patient/*.*', patient: 'alice' };

describe('holes: around the library', () => {
  withIssuer();

  describe('hole-09, 10, 11b, 39: with the stored resource at hand', () => {
    const stored = new Map<string, Resource>();
    const lookup: SMARTHandlerOptions['lookup'] = (resourceType, id) => stored.get(`${resourceType}/${id}`);
    const withLookup = () => open({ options: { lookup } });

    beforeEach(() => {
      stored.clear();
      stored.set('Observation/bobs', observationOf(BOB, 'bobs'));
      stored.set('Observation/mine', observationOf(ALICE, 'mine'));
      stored.set('Patient/alice', { resourceType: 'Patient', id: 'alice' });
    });

    it("hole-09: Bob's Observation is not taken over by a body that names alice", async () => {
      const handler = withLookup();
      for (const operation of ['update', 'patch'] as const) {
        expect(await writes(handler, ALICE_APP, operation, observationOf(ALICE, 'bobs')), operation).to.equal(false);
        const entry = { operation, resourceType: 'Observation', id: 'bobs', resource: observationOf(ALICE, 'bobs') };
        expect(await processes(handler, ALICE_APP, entry), operation).to.equal(false);
      }
      expect(await writes(handler, ALICE_APP, 'update', observationOf(ALICE, 'mine'))).to.equal(true);
    });

    it("hole-39: nor is alice's moved to Bob", async () => {
      const handler = withLookup();
      expect(await writes(handler, ALICE_APP, 'update', observationOf(BOB, 'mine'))).to.equal(false);
      const moving = { resourceType: 'Observation', id: 'mine', subject: { reference: BOB } };
      expect(await writes(handler, ALICE_APP, 'patch', moving)).to.equal(false);
      const entry = {
        operation: 'update',
        resourceType: 'Observation',
        id: 'mine',
        resource: observationOf(BOB, 'mine'),
      } as const;
      expect(await processes(handler, ALICE_APP, entry)).to.equal(false);
    });

    it('hole-10: a JSON Patch is applied to what is stored, and both are judged', async () => {
      const handler = withLookup();
      const patched = async (id: string, body: unknown): Promise<boolean> =>
        processes(handler, ALICE_APP, { operation: 'patch', resourceType: 'Observation', id, resource: body });
      const note = [{ op: 'replace', path: '/status', value: 'amended' }];
      expect(await patched('mine', note)).to.equal(true);
      expect(await patched('bobs', note)).to.equal(false);
      expect(await patched('nobody', note)).to.equal(false);
      for (const body of [
        [{ op: 'replace', path: '/subject/reference', value: BOB }],
        [{ op: 'remove', path: '/subject' }],
        [{ op: 'replace', path: '', value: observationOf(BOB, 'mine') }],
        [{ op: 'replace', path: '/resourceType', value: 'Patient' }],
        [{ op: 'replace', path: '/id', value: 'bobs' }],
        [{ op: 'test', path: '/status', value: 'no' }],
        [{ op: 'add', path: '/__proto__/subject', value: { reference: ALICE } }],
        [{ op: 'add', path: '/constructor/prototype/x', value: 1 }],
        [{ op: 'copy', from: '/nothing', path: '/status' }],
        [{ op: 'explode', path: '/status' }],
        [{}],
        [null],
        ['x'],
        [[]],
        [{ op: 'replace', path: null, value: 1 }],
      ]) {
        expect(await patched('mine', body), JSON.stringify(body)).to.equal(false);
      }
      expect(({} as Record<string, unknown>)['x']).to.equal(undefined);
      expect(stored.get('Observation/mine'), 'what is stored is not changed').to.deep.equal(
        observationOf(ALICE, 'mine'),
      );
    });

    it('hole-10: one after the other, the patch of the router at the URL that was verified', async () => {
      const handler = withLookup();
      const patch = [{ op: 'replace', path: '/status', value: 'amended' }];
      const isAllowed = async (id: string): Promise<boolean> => {
        const identity = await admit(handler, ALICE_APP, { operation: 'patch', resourceType: 'Observation', id });
        return allowed(() =>
          handler.isWriteRequestAuthorized({
            operation: 'patch',
            userIdentity: identity,
            resourceBody: patch,
            fhirServiceBaseUrl: BASE,
          }),
        );
      };
      expect(await isAllowed('mine')).to.equal(true);
      expect(await isAllowed('bobs')).to.equal(false);
    });

    it('hole-11b: what is deleted is what is stored', async () => {
      const handler = withLookup();
      const deletion = (id: string, resource?: unknown) =>
        processes(handler, ALICE_APP, { operation: 'delete', resourceType: 'Observation', id, resource });
      expect(await deletion('mine')).to.equal(true);
      expect(await deletion('bobs')).to.equal(false);
      expect(await deletion('bobs', observationOf(ALICE, 'bobs'))).to.equal(false);
      expect(await deletion('nobody', observationOf(ALICE, 'nobody'))).to.equal(false);
    });

    it('hole-09: a lookup that fails, or answers with something else, denies', async () => {
      for (const failing of [
        () => Promise.reject(new Error('database')),
        () => {
          throw new TypeError('database');
        },
        () => observationOf(BOB, 'mine'),
        () => ({ resourceType: 'Patient', id: 'alice' }),
        () => observationOf(ALICE, 'another'),
        () => 'x',
        () => [],
        () => ({}),
        () => 7,
      ]) {
        const handler = open({ options: { lookup: failing } });
        expect(await writes(handler, ALICE_APP, 'update', observationOf(ALICE, 'mine')), String(failing)).to.equal(
          false,
        );
        const entry = { operation: 'delete', resourceType: 'Observation', id: 'mine' } as const;
        expect(await processes(handler, ALICE_APP, entry), String(failing)).to.equal(false);
      }
    });

    it('hole-08: what does not exist is created by a PUT, and then its id proves nothing', async () => {
      stored.delete('Patient/alice');
      expect(await writes(withLookup(), ALICE_APP, 'update', { resourceType: 'Patient', id: 'alice' })).to.equal(false);
      stored.set('Patient/alice', { resourceType: 'Patient', id: 'alice' });
      expect(await writes(withLookup(), ALICE_APP, 'update', { resourceType: 'Patient', id: 'alice' })).to.equal(true);
    });
  });

  describe('hole-35: queries that tell what they do not show', () => {
    const decided = async (
      person: Person,
      query: string,
      resourceType = 'Patient',
    ): Promise<{ removed: string[]; isAllowed: boolean }> => {
      const handler = open();
      const asked = { operation: 'search-type', resourceType } as const;
      const userIdentity = await admit(handler, person, asked);
      const { decision, removed } = await handler.authorizeSearch({
        ...asked,
        userIdentity,
        query,
        fhirServiceBaseUrl: BASE,
      });
      return { removed: [...removed], isAllowed: decision.decision === 'allow' };
    };
    /** Whether a part of the query reaches the search. */
    const passes = async (person: Person, name: string, value: string, resourceType?: string): Promise<boolean> => {
      const { removed, isAllowed } = await decided(person, `${name}=${value}`, resourceType);
      return isAllowed && !removed.includes(name);
    };
    const patientOnly: Person = { scopes: 'patient/Patient.rs', patient: 'alice' };

    it('hole-35: chains and _has over types that no grant covers', async () => {
      for (const [name, value] of [
        ['general-practitioner:Practitioner.name', 'x'],
        ['general-practitioner.name', 'x'],
        ['organization.name', 'x'],
        ['link:Patient.organization.name', 'x'],
        ['_has:Observation:subject:code', 'hiv'],
        ['_has:Observation:subject:_has:AuditEvent:entity:agent', 'x'],
        ['_has:Condition:patient:code', 'hiv'],
        ['_has:Nonsense:x:y', 'z'],
        ['_has', 'x'],
      ] as const) {
        expect(await passes(patientOnly, name, value), name).to.equal(false);
      }
    });

    it('hole-35: and over resources of others, where the grant covers one patient', async () => {
      const both: Person = { scopes: 'patient/Patient.rs patient/Observation.rs', patient: 'alice' };
      expect(await passes(both, '_has:Observation:patient:performer.name', 'x')).to.equal(false);
      expect(await passes(both, 'subject:Patient.name', 'Bob', 'Observation')).to.equal(false);
      expect(
        await passes({ scopes: 'user/*.rs', fhirUser: DOCTOR }, 'subject:Patient.name', 'Bob', 'Observation'),
      ).to.equal(true);
    });

    it('hole-35: includes of types that no grant covers', async () => {
      for (const [name, value] of [
        ['_include', 'Patient:general-practitioner'],
        ['_include:iterate', 'Patient:organization'],
        ['_revinclude', 'Observation:subject'],
        ['_revinclude:iterate', 'Provenance:target'],
      ] as const) {
        expect(await passes(patientOnly, name, value), `${name}=${value}`).to.equal(false);
      }
    });

    it('hole-35: a filter expression, and what is unknown', async () => {
      for (const name of ['_filter', '_query', 'nonsense', '__proto__', 'constructor', '_contained', '']) {
        expect(await passes(patientOnly, name, 'x'), name).to.equal(false);
      }
    });

    it('hole-35: plain parameters of the type pass', async () => {
      for (const name of ['name', 'birthdate', '_id', '_lastUpdated', '_count', 'gender']) {
        expect(await passes(patientOnly, name, '1'), name).to.equal(true);
      }
    });

    it('hole-35: whatever an include brought in is judged like any other entry', async () => {
      const handler = open();
      const identity = await admit(handler, patientOnly, { operation: 'search-type', resourceType: 'Patient' });
      const bundle = searchset(
        match({ resourceType: 'Patient', id: 'alice' }),
        included(observationOf(ALICE)),
        included({ resourceType: 'Practitioner', id: 'dr' }),
        included({ resourceType: 'Patient', id: 'bob' }),
      );
      expect(shown(await filter(handler, identity, bundle))).to.deep.equal(['alice']);
    });
  });

  describe('hole-37: constraints', () => {
    const laboratory = { ...observationOf(ALICE, 'lab'), category: [{ coding: [{ code: 'laboratory' }] }] };
    const other = { ...observationOf(ALICE, 'other'), category: [{ coding: [{ code: 'vital-signs' }] }] };

    it('hole-37: a constraint that is not understood grants nothing; it never grants everything', async () => {
      const handler = open();
      for (const query of [
        'category:in=laboratory',
        'category:not=vital-signs',
        'category:missing=false',
        'code:text=x',
        'subject.name=x',
        'subject:Patient.name=x',
        '_has:Provenance:target:agent=x',
        'nonsense=x',
        '_filter=x',
        'category=',
        'category',
        '=laboratory',
        '',
        '&',
        'category=laboratory&nonsense=x',
        'category=laboratory&category:in=x',
        '__proto__=x',
        'constructor=x',
        'category=%zz',
      ]) {
        for (const level of ['patient', 'user', 'system'] as const) {
          const person = { scopes: `${level}/Observation.cruds?${query}`, patient: 'alice', fhirUser: DOCTOR };
          expect(await reads(handler, person, laboratory), person.scopes).to.equal(false);
          expect(await writes(handler, person, 'create', laboratory), person.scopes).to.equal(false);
        }
      }
    });

    it('hole-37: one that is understood holds for systems and admins too, in every method', async () => {
      const handler = open();
      for (const person of [
        { scopes: 'patient/Observation.cruds?category=laboratory', patient: 'alice' },
        { scopes: 'user/Observation.cruds?category=laboratory', fhirUser: DOCTOR },
        { scopes: 'system/Observation.cruds?category=laboratory' },
      ]) {
        expect(await reads(handler, person, laboratory), person.scopes).to.equal(true);
        expect(await reads(handler, person, other), person.scopes).to.equal(false);
        expect(await writes(handler, person, 'create', other), person.scopes).to.equal(false);
        expect(await writes(handler, person, 'update', other), person.scopes).to.equal(false);
        expect(await writes(handler, person, 'delete', other), person.scopes).to.equal(false);
        const entry = { operation: 'create', resourceType: 'Observation', resource: other } as const;
        expect(await processes(handler, person, entry), person.scopes).to.equal(false);
        const identity = await admit(handler, person, { operation: 'search-type', resourceType: 'Observation' });
        expect(shown(await filter(handler, identity, searchset(match(laboratory), match(other))))).to.deep.equal([
          'lab',
        ]);
      }
    });

    it('hole-37: and binds its own scope alone', async () => {
      const handler = open();
      const person = {
        scopes: 'patient/Observation.rs?category=laboratory patient/Condition.rs user/Observation.r',
        patient: 'alice',
        fhirUser: RELATIVE,
      };
      expect(await reads(handler, person, other)).to.equal(false);
      expect(await reads(handler, person, { ...other, performer: [{ reference: 'RelatedPerson/rel' }] })).to.equal(
        true,
      );
    });
  });

  it('hole-41: an encoded slash in a scope is read only where the host says so', async () => {
    const person = { scopes: 'patient%2fObservation.rs patient%2FCondition.read', patient: 'alice' };
    expect(await reads(open(), person, observationOf(ALICE))).to.equal(false);
    const decoding = open({ options: { decodeScopeSlash: true } });
    expect(await reads(decoding, person, observationOf(ALICE))).to.equal(true);
    expect(await reads(decoding, person, observationOf(BOB))).to.equal(false);
    for (const scopes of [
      'patient%252fObservation.rs',
      'patient%2f%2fObservation.rs',
      '%70atient/Observation.rs',
      'patient%2f*.%72s',
    ]) {
      expect(await reads(decoding, { ...person, scopes }, observationOf(ALICE)), scopes).to.equal(false);
    }
  });

  // hole-40 and hole-33 go through the router: routing.test.ts. hole-43, the replay of an assertion, is the authorization
  // server's: test/backend-services.
});

import { expect } from 'chai';
import fc from 'fast-check';
import { SMARTHandler } from '../../src/index.js';
import { onlyReferences, onlyReferencesOfBundle } from '../../src/replay/references.js';
import { BASE, CONFIG } from '../access/world.js';
import { sampleExamples } from '../fhir/official-examples.js';

type Json = Readonly<Record<string, unknown>>;

function handlerWith(contained: 'keep' | 'refuse'): SMARTHandler {
  return new SMARTHandler(CONFIG, BASE, '4.0.1', [], [], false, {
    membership: { contained, sharedTypes: ['Organization', 'Practitioner'], write: 'compartment' },
    encounterContext: 'narrow',
    adminRules: [
      { userTypes: ['Practitioner'], resourceType: 'Patient', path: 'managingOrganization', claim: 'organizations' },
    ],
  });
}

/** Everybody to whom a resource refers, and somebody else. */
function identitiesFor(resource: Json): Json[] {
  const references = [...JSON.stringify(resource).matchAll(/"reference":"([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})"/g)];
  const of = (resourceType: string, id: string): Json => ({ hostname: BASE, resourceType, id });
  const scopes = ['patient/*.cruds', 'user/*.cruds'];
  const base = { iss: CONFIG.expectedIssValue, sub: 'x', scopes, usableScopes: scopes };
  const people: Json[] = references.slice(0, 12).flatMap(([, type = '', id = '']): Json[] => {
    if (type === 'Patient') return [{ patientLaunchContext: of(type, id) }];
    return ['Practitioner', 'RelatedPerson', 'PractitionerRole', 'Person'].includes(type)
      ? [{ fhirUserObject: of(type, id) }]
      : [];
  });
  people.push({ patientLaunchContext: of('Patient', 'nobody') }, { patientLaunchContext: of('Patient', 'example') });
  const encounter = references.find(([, type]) => type === 'Encounter')?.[2] ?? 'other';
  return people
    .flatMap((who): Json[] => [who, { ...who, launch_response_encounter: encounter }])
    .map((who) => ({ ...base, ...who, organizations: ['Organization/1', 'Organization/f001'] }));
}

describe('onlyReferences', () => {
  it('leaves every decision about whose an official example is as it was', async function () {
    this.timeout(60_000);
    let [allowed, denied] = [0, 0];
    for (const contained of ['keep', 'refuse'] as const) {
      const handler = handlerWith(contained);
      for (const { resource, file } of sampleExamples()) {
        const reduced = onlyReferences(resource);
        const about = { resourceType: resource.resourceType };
        for (const userIdentity of identitiesFor(resource)) {
          for (const operation of ['read', 'create', 'delete'] as const) {
            const decide = (value: unknown): ReturnType<SMARTHandler['decide']> =>
              handler.decide({
                ...about,
                operation,
                userIdentity,
                ...(operation === 'delete' ? { storedResource: value } : { resource: value }),
              });
            const whole = await decide(resource);
            expect(await decide(reduced), `${file} ${operation}`).to.deep.equal(whole);
            if (whole.decision === 'allow') allowed += 1;
            else denied += 1;
          }
        }
      }
    }
    expect(allowed).to.be.greaterThan(100);
    expect(denied).to.be.greaterThan(100);
  });

  it('keeps no text about people', () => {
    const resource = {
      resourceType: 'Observation',
      id: 'o1',
      status: 'SECRET',
      text: { div: 'SECRET' },
      code: { coding: [{ code: 'SECRET' }] },
      subject: { reference: 'Patient/p1', display: 'SECRET', identifier: { value: 'SECRET' } },
      performer: [
        { reference: 'Patient?name=SECRET' },
        { reference: 'SECRET name of somebody' },
        { display: 'SECRET' },
      ],
      valueString: 'SECRET',
      contained: [{ resourceType: 'Patient', id: 'c', name: [{ family: 'SECRET' }] }],
      extension: [{ url: 'SECRET', valueReference: { reference: 'Group/g' } }],
    };
    expect(onlyReferences(resource)).to.deep.equal({
      resourceType: 'Observation',
      id: 'o1',
      subject: { reference: 'Patient/p1' },
      // That they name somebody, and not whom.
      performer: [{}, {}, {}],
      contained: [{ resourceType: 'Patient', id: 'c' }],
      extension: [{ valueReference: { reference: 'Group/g' } }],
    });
    const bundle = {
      resourceType: 'Bundle',
      type: 'history',
      id: 'SECRET',
      link: [{ url: 'SECRET' }],
      entry: [
        { fullUrl: 'SECRET', resource, search: { mode: 'include', score: 'SECRET' } },
        { request: { method: 'DELETE', url: 'Observation/o2' } },
        { request: { method: 'DELETE', url: 'Patient?name=SECRET' } },
        null,
      ],
    };
    expect(JSON.stringify(onlyReferencesOfBundle(bundle))).not.to.include('SECRET');
    expect((onlyReferencesOfBundle(bundle) as { entry: unknown[] }).entry).to.have.lengthOf(4);
  });

  it('takes anything, and makes no resource of what is none', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const reduced = onlyReferences(value);
        expect(onlyReferences(reduced)).to.deep.equal(reduced);
        onlyReferencesOfBundle(value);
      }),
    );
    expect([null, undefined, 7, 'x', []].map(onlyReferences)).to.deep.equal([null, undefined, false, false, false]);
    let deep: unknown = { reference: 'Patient/p1' };
    for (let depth = 0; depth < 100_000; depth += 1) deep = { deep };
    expect(onlyReferences(deep)).to.deep.equal({});
  });
});

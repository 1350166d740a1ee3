import { expect } from 'chai';
import { SMARTHandler } from '../../src/index.js';
import { FHIR_VERSIONS } from '../../src/fhir/version.js';
import { BASE, CONFIG } from './world.js';

/** The Patient resource of docs/access-model.md, which says who may read it and why. */
const PATIENT = {
  resourceType: 'Patient',
  id: 'example',
  generalPractitioner: [{ reference: 'Practitioner/DrBell' }],
  link: [{ type: 'seealso', other: { reference: 'Patient/diffPatient' } }],
  address: [
    {
      period: { start: '1974-12-25' },
      city: 'London',
      use: 'home',
      line: ['221b Baker St'],
      district: 'Marylebone',
      postalCode: '6XE',
      text: '221b Baker St, Marylebone, London NW1 6XE, United Kingdom',
      type: 'both',
    },
  ],
  deceasedBoolean: false,
  name: [{ family: 'Holmes', given: ['Sherlock'], use: 'official' }],
  gender: 'male',
  active: true,
};

const ALL = {
  read: ['read', 'vread', 'search-type', 'search-system', 'history-type', 'history-instance', 'history-system'],
  write: ['create', 'update', 'patch', 'delete'],
} as const;

/** Who comes along: the scopes of the request, and whom they are for. */
interface Visitor {
  readonly scopes: readonly string[];
  readonly fhirUser?: string;
  readonly patient?: string;
}

const asUser = (fhirUser: string, scope = 'user/Patient.read'): Visitor => ({ scopes: [scope], fhirUser });
const inContext = (patient: string): Visitor => ({ scopes: ['patient/Patient.read'], patient });

const DOCTORS_ARE_ADMINS = ['Practitioner'];
const NO_ADMINS: string[] = [];

/** The table of docs/access-model.md: who, which types are admins, whether they may read, and what decides it. */
const TABLE: readonly (readonly [name: string, Visitor, admins: string[], code: string])[] = [
  ['an admin of this server', asUser('Practitioner/anybody'), DOCTORS_ARE_ADMINS, 'admin'],
  ['an admin, with a scope for all types', asUser('Practitioner/anybody', 'user/*.read'), DOCTORS_ARE_ADMINS, 'admin'],
  ['a system scope for the type', { scopes: ['system/Patient.read'] }, NO_ADMINS, 'system'],
  ['a system scope for all types', { scopes: ['system/*.read'] }, NO_ADMINS, 'system'],
  ['Patient/example, as user', asUser('Patient/example'), NO_ADMINS, 'self'],
  ['Patient/example, as launch patient', inContext('Patient/example'), NO_ADMINS, 'self'],
  ['Patient/diffPatient, as user', asUser('Patient/diffPatient'), NO_ADMINS, 'referenced link.other'],
  ['Patient/diffPatient, as launch patient', inContext('Patient/diffPatient'), NO_ADMINS, 'referenced link.other'],
  [
    'Practitioner/DrBell, where doctors are no admins',
    asUser('Practitioner/DrBell'),
    NO_ADMINS,
    'referenced generalPractitioner',
  ],
  ['Practitioner/DrBell, where they are', asUser('Practitioner/DrBell'), DOCTORS_ARE_ADMINS, 'admin'],

  ['another doctor, where doctors are no admins', asUser('Practitioner/DrWatson'), NO_ADMINS, 'denied'],
  ['another patient, as user', asUser('Patient/moriarty'), NO_ADMINS, 'denied'],
  ['another patient, in context', inContext('Patient/moriarty'), DOCTORS_ARE_ADMINS, 'denied'],
  ['a relative whom the resource does not name', asUser('RelatedPerson/mycroft'), DOCTORS_ARE_ADMINS, 'denied'],
  ['RelatedPerson/example: an id alone is nobody', asUser('RelatedPerson/example'), NO_ADMINS, 'denied'],
  ['Person/diffPatient', asUser('Person/diffPatient'), NO_ADMINS, 'denied'],
  ['PractitionerRole/DrBell', asUser('PractitionerRole/DrBell'), DOCTORS_ARE_ADMINS, 'denied'],
  [
    'Practitioner/DrBell of another server',
    asUser('https://other.example.org/Practitioner/DrBell'),
    NO_ADMINS,
    'denied',
  ],
  [
    'an admin of another server',
    asUser('https://other.example.org/Practitioner/anybody'),
    DOCTORS_ARE_ADMINS,
    'denied',
  ],
  ['Patient/example of another server', asUser('https://other.example.org/Patient/example'), NO_ADMINS, 'denied'],
  [
    'an admin whose scope names another type',
    asUser('Practitioner/anybody', 'user/Observation.read'),
    DOCTORS_ARE_ADMINS,
    'denied',
  ],
  [
    'an admin whose scope only writes',
    asUser('Practitioner/anybody', 'user/Patient.write'),
    DOCTORS_ARE_ADMINS,
    'denied',
  ],
  ['a system whose scope names another type', { scopes: ['system/Observation.read'] }, NO_ADMINS, 'denied'],
  [
    'Patient/example with no clinical scope',
    { scopes: ['openid', 'launch'], fhirUser: 'Patient/example' },
    NO_ADMINS,
    'denied',
  ],
  [
    'a patient scope without a patient',
    { scopes: ['patient/*.read'], fhirUser: 'Patient/example' },
    NO_ADMINS,
    'denied',
  ],
  [
    'a user scope without a user',
    { scopes: ['user/*.read'], patient: 'Patient/example' },
    DOCTORS_ARE_ADMINS,
    'denied',
  ],
];

function handlerFor(version: string, admins: readonly string[]): SMARTHandler {
  const rule = { read: [...ALL.read], write: [...ALL.write] };
  return new SMARTHandler({ ...CONFIG, scopeRule: { patient: rule, user: rule, system: rule } }, BASE, version, admins);
}

/** What verifyAccessToken makes of such a token. */
function identityOf({ scopes, fhirUser, patient }: Visitor): Record<string, unknown> {
  const resource = (reference: string): { hostname: string; resourceType: string; id: string } => {
    const [id = '', resourceType = '', ...rest] = reference.split('/').reverse();
    return { hostname: rest.length === 0 ? BASE : rest.reverse().join('/'), resourceType, id };
  };
  return {
    sub: 'visitor',
    scopes,
    usableScopes: scopes,
    ...(fhirUser !== undefined && { fhirUserObject: resource(fhirUser) }),
    ...(patient !== undefined && { patientLaunchContext: resource(patient) }),
  };
}

describe('access model: the worked example', () => {
  for (const version of FHIR_VERSIONS) {
    describe(version, () => {
      for (const [name, visitor, admins, code] of TABLE) {
        it(`${name}: ${code}`, async () => {
          const handler = handlerFor(version, admins);
          const userIdentity = identityOf(visitor);
          const isReadable = code !== 'denied';

          const reading = { operation: 'read', userIdentity, fhirServiceBaseUrl: BASE } as const;
          const decision = await handler.decide({
            ...reading,
            resourceType: 'Patient',
            id: 'example',
            resource: PATIENT,
          });
          const reason =
            decision.decision === 'deny' ? 'denied' : [decision.code, decision.path].filter(Boolean).join(' ');
          expect(reason).to.equal(code);

          let error: unknown;
          const shown: unknown = await handler
            .authorizeAndFilterReadResponse({ ...reading, readResponse: PATIENT })
            .catch((thrown: unknown) => void (error = thrown));
          expect(shown).to.deep.equal(isReadable ? PATIENT : undefined);
          expect((error as { isUnauthorizedError?: boolean } | undefined)?.isUnauthorizedError).to.equal(
            isReadable ? undefined : true,
          );

          const bundle = {
            resourceType: 'Bundle',
            type: 'searchset',
            entry: [{ resource: PATIENT, search: { mode: 'match' } }],
          };
          for (const operation of ['search-type', 'search-system', 'history-instance'] as const) {
            const filtered = (await handler.authorizeAndFilterReadResponse({
              ...reading,
              operation,
              readResponse: bundle,
            })) as {
              entry: unknown[];
            };
            expect(filtered.entry, operation).to.deep.equal(isReadable ? bundle.entry : []);
          }
        });
      }
    });
  }
});

import type { Settings } from '../config-file/settings.js';
import { FULL_RULE } from '../scope/rule.js';

const BASE = 'https://fhir.example.org';

/** What is shown when no file is given: a server that grants at every level what SMART defines. */
export const DEMO_SETTINGS: Settings & { readonly baseUrl: string } = {
  smart: {
    version: 1,
    scopeKey: 'scope',
    scopeRule: { patient: FULL_RULE, user: FULL_RULE, system: FULL_RULE },
    expectedAudValue: BASE,
    expectedIssValue: 'https://idp.example.org',
    fhirUserClaimPath: 'fhirUser',
    launchContextPathPrefix: 'launch_response_',
  },
  baseUrl: BASE,
  fhirVersion: '4.0.1',
  access: { membership: { sharedTypes: ['Practitioner', 'Organization', 'Location', 'Medication'] } },
};

/** Somebody to be. */
export interface ExampleIdentity {
  readonly title: string;
  readonly scopes: string;
  readonly fhirUser?: string;
  readonly patient?: string;
}

export const EXAMPLE_IDENTITIES: readonly ExampleIdentity[] = [
  {
    title: 'A patient’s app',
    scopes: 'launch/patient openid fhirUser patient/*.rs',
    fhirUser: 'Patient/p1',
    patient: 'p1',
  },
  {
    title: 'An app for laboratory results',
    scopes: 'patient/Observation.rs?category=laboratory patient/Patient.r',
    patient: 'p1',
  },
  { title: 'A parent', scopes: 'user/*.rs', fhirUser: 'RelatedPerson/parent' },
  { title: 'A physician', scopes: 'user/*.cruds', fhirUser: 'Practitioner/dr-1' },
  { title: 'A backend service', scopes: 'system/Observation.rs system/Patient.rs' },
  {
    title: 'A token of SMART 1.0',
    scopes: 'patient/*.read user/Observation.write',
    fhirUser: 'Practitioner/dr-1',
    patient: 'p1',
  },
];

const VITALS = {
  resourceType: 'Observation',
  id: 'heart-rate',
  status: 'final',
  category: [
    {
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }],
    },
  ],
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4', display: 'Heart rate' }] },
  subject: { reference: 'Patient/p1' },
  performer: [{ reference: 'Practitioner/dr-1' }],
  effectiveDateTime: '2026-02-03T09:30:00Z',
  valueQuantity: { value: 72, unit: '/min' },
};

const PATIENT = {
  resourceType: 'Patient',
  id: 'p1',
  name: [{ family: 'Example', given: ['Alice'] }],
  generalPractitioner: [{ reference: 'Practitioner/dr-1' }],
  managingOrganization: { reference: 'Organization/org-1' },
};

const APPOINTMENT = {
  resourceType: 'Appointment',
  id: 'checkup',
  status: 'booked',
  participant: [
    { actor: { reference: 'Practitioner/dr-1' }, status: 'accepted' },
    { actor: { reference: 'Patient/p1' }, status: 'accepted' },
    { actor: { reference: 'RelatedPerson/parent' }, status: 'tentative' },
  ],
};

const ANOTHERS = {
  resourceType: 'Condition',
  id: 'asthma',
  subject: { reference: 'Patient/p2' },
  code: { text: 'Asthma' },
};

/** Something to ask about. */
export interface ExampleResource {
  readonly title: string;
  readonly operation: string;
  readonly resource: unknown;
}

export const EXAMPLE_RESOURCES: readonly ExampleResource[] = [
  { title: 'Observation of the patient p1', operation: 'read', resource: VITALS },
  { title: 'The patient p1', operation: 'read', resource: PATIENT },
  { title: 'Appointment of three people', operation: 'read', resource: APPOINTMENT },
  { title: 'Condition of another patient', operation: 'read', resource: ANOTHERS },
  {
    title: 'Search result with all of them',
    operation: 'search-type',
    resource: {
      resourceType: 'Bundle',
      type: 'searchset',
      total: 4,
      entry: [VITALS, PATIENT, APPOINTMENT, ANOTHERS].map((resource) => ({
        fullUrl: `${BASE}/${resource.resourceType}/${resource.id}`,
        resource,
        search: { mode: 'match' },
      })),
    },
  },
];

// What is judged: resources as servers that follow US Core hold them, without narrative, and who asks for them.
import type { KeyValueMap } from 'fhir-works-on-aws-interface';
import { FULL_RULE, SMARTHandler, type SMARTConfig, type SMARTHandlerOptions } from '../../src/index.js';

export const BASE = 'https://fhir.example.org/r4';
export const ISSUER = 'https://idp.example.org';

export const CONFIG: SMARTConfig = {
  version: 1,
  scopeKey: 'scope',
  scopeRule: { patient: FULL_RULE, user: FULL_RULE, system: FULL_RULE },
  expectedAudValue: BASE,
  expectedIssValue: ISSUER,
  fhirUserClaimPath: 'fhirUser',
  launchContextPathPrefix: 'launch_response_',
};

type Json = Readonly<Record<string, unknown>>;

const PATIENTS = 8;
const HL7 = 'http://terminology.hl7.org/CodeSystem';
const concept = (system: string, code: string, display: string): Json => ({
  coding: [{ system, code, display }],
  text: display,
});
const reference = (type: string, id: string, display: string): Json => ({ reference: `${type}/${id}`, display });

/** The types in a chart, as often as they come: results most of all. */
const MIX: readonly ((n: number, patient: Json) => Json)[] = [
  vitalSign,
  labResult,
  labResult,
  condition,
  encounter,
  medicationRequest,
  immunization,
  labResult,
  careTeam,
  vitalSign,
  diagnosticReport,
  patientRecord,
  procedure,
  organization,
  coverage,
  practitioner,
];

/** One of a mix of resources of eight patients; the first of them is the caller's. */
export function resourceNumber(n: number): Json {
  const p = Math.floor(n / MIX.length) % PATIENTS;
  const make = MIX[n % MIX.length] ?? vitalSign;
  const made = make(n, { reference: `Patient/p${p}`, display: 'Amy V. Shaw' });
  const meta = {
    versionId: '3',
    lastUpdated: '2026-03-01T12:30:05.123Z',
    profile: [`http://hl7.org/fhir/us/core/StructureDefinition/us-core-${String(made['resourceType']).toLowerCase()}`],
  };
  return { resourceType: made['resourceType'], id: `r${n}`, meta, ...made };
}

function observation(n: number, subject: Json, category: readonly [string, string], rest: Json): Json {
  return {
    resourceType: 'Observation',
    identifier: [{ system: 'urn:oid:2.16.840.1.113883.3.42', value: `obs-${n}` }],
    status: 'final',
    category: [concept(`${HL7}/observation-category`, ...category)],
    subject,
    encounter: reference('Encounter', `r${n + 1}`, 'Office visit'),
    effectiveDateTime: '2026-02-11T09:15:00-05:00',
    issued: '2026-02-11T09:20:00.000-05:00',
    performer: [reference('Practitioner', 'd7', 'Dr. Ronald Bone'), reference('Organization', 'lab1', 'Acme Labs')],
    ...rest,
  };
}

function vitalSign(n: number, subject: Json): Json {
  const part = (code: string, display: string, value: number): Json => ({
    code: concept('http://loinc.org', code, display),
    valueQuantity: { value, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' },
  });
  return observation(n, subject, ['vital-signs', 'Vital Signs'], {
    code: concept('http://loinc.org', '85354-9', 'Blood pressure panel with all children optional'),
    component: [
      part('8480-6', 'Systolic blood pressure', 109 + (n % 30)),
      part('8462-4', 'Diastolic blood pressure', 44 + (n % 20)),
    ],
  });
}

function labResult(n: number, subject: Json): Json {
  return observation(n, subject, ['laboratory', 'Laboratory'], {
    code: concept('http://loinc.org', '2339-0', 'Glucose [Mass/volume] in Blood'),
    valueQuantity: { value: 76 + (n % 40), unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
    interpretation: [concept(`${HL7}/v3-ObservationInterpretation`, 'N', 'Normal')],
    referenceRange: [
      { low: { value: 60, unit: 'mg/dL' }, high: { value: 115, unit: 'mg/dL' }, appliesTo: [{ text: 'Normal range' }] },
    ],
    specimen: reference('Specimen', `s${n}`, 'Blood'),
    note: [{ authorReference: reference('Practitioner', 'd7', 'Dr. Ronald Bone'), text: 'Fasting.' }],
  });
}

function condition(n: number, subject: Json): Json {
  return {
    resourceType: 'Condition',
    clinicalStatus: concept(`${HL7}/condition-clinical`, 'active', 'Active'),
    verificationStatus: concept(`${HL7}/condition-ver-status`, 'confirmed', 'Confirmed'),
    category: [concept(`${HL7}/condition-category`, n % 3 ? 'problem-list-item' : 'encounter-diagnosis', 'Problem')],
    code: concept('http://snomed.info/sct', '44054006', 'Diabetes mellitus type 2'),
    subject,
    encounter: reference('Encounter', `r${n + 1}`, 'Office visit'),
    onsetDateTime: '2021-05-04',
    recordedDate: '2021-05-04T10:00:00-05:00',
    recorder: reference('Practitioner', 'd7', 'Dr. Ronald Bone'),
    asserter: reference('Practitioner', 'd7', 'Dr. Ronald Bone'),
  };
}

function encounter(_n: number, subject: Json): Json {
  return {
    resourceType: 'Encounter',
    status: 'finished',
    class: { system: `${HL7}/v3-ActCode`, code: 'AMB', display: 'ambulatory' },
    type: [concept('http://www.ama-assn.org/go/cpt', '99201', 'Office visit, new patient')],
    subject,
    participant: [
      {
        type: [concept(`${HL7}/v3-ParticipationType`, 'PPRF', 'primary performer')],
        period: { start: '2026-02-11T09:00:00-05:00', end: '2026-02-11T09:30:00-05:00' },
        individual: reference('Practitioner', 'd7', 'Dr. Ronald Bone'),
      },
    ],
    period: { start: '2026-02-11T09:00:00-05:00', end: '2026-02-11T09:30:00-05:00' },
    reasonCode: [concept('http://snomed.info/sct', '390906007', 'Follow-up encounter')],
    location: [{ location: reference('Location', 'l1', 'Room 4'), status: 'completed' }],
    serviceProvider: reference('Organization', 'o1', 'Acme Healthcare'),
  };
}

function medicationRequest(n: number, subject: Json): Json {
  return {
    resourceType: 'MedicationRequest',
    status: n % 4 ? 'active' : 'completed',
    intent: 'order',
    category: [concept(`${HL7}/medicationrequest-category`, 'community', 'Community')],
    medicationCodeableConcept: concept('http://www.nlm.nih.gov/research/umls/rxnorm', '860975', 'metformin 500 MG'),
    subject,
    encounter: reference('Encounter', `r${n + 1}`, 'Office visit'),
    authoredOn: '2026-02-11',
    requester: reference('Practitioner', 'd7', 'Dr. Ronald Bone'),
    dosageInstruction: [
      {
        text: 'One tablet twice a day',
        timing: { repeat: { boundsPeriod: { start: '2026-02-11' }, frequency: 2, period: 1, periodUnit: 'd' } },
        doseAndRate: [{ doseQuantity: { value: 1, unit: 'tablet' } }],
      },
    ],
    dispenseRequest: { numberOfRepeatsAllowed: 3, quantity: { value: 60, unit: 'tablet' } },
  };
}

function immunization(_n: number, patient: Json): Json {
  return {
    resourceType: 'Immunization',
    status: 'completed',
    vaccineCode: concept('http://hl7.org/fhir/sid/cvx', '158', 'influenza, injectable, quadrivalent'),
    patient,
    occurrenceDateTime: '2025-10-01',
    primarySource: true,
    location: reference('Location', 'l1', 'Room 4'),
    lotNumber: 'AAJN11K',
    performer: [{ actor: reference('Practitioner', 'd7', 'Dr. Ronald Bone') }],
    note: [{ text: 'Left arm.' }],
  };
}

function careTeam(_n: number, subject: Json): Json {
  const member = (role: string, who: Json): Json => ({ role: [{ text: role }], member: who });
  return {
    resourceType: 'CareTeam',
    status: 'active',
    subject,
    participant: [
      member('Primary care', reference('Practitioner', 'd7', 'Dr. Ronald Bone')),
      member('Patient', subject),
      member('Nurse', reference('Practitioner', 'd8', 'Kim Ma')),
    ],
    managingOrganization: [reference('Organization', 'o1', 'Acme Healthcare')],
  };
}

function diagnosticReport(n: number, subject: Json): Json {
  return {
    resourceType: 'DiagnosticReport',
    status: 'final',
    category: [concept(`${HL7}/v2-0074`, 'LAB', 'Laboratory')],
    code: concept('http://loinc.org', '58410-2', 'CBC panel - Blood by Automated count'),
    subject,
    encounter: reference('Encounter', `r${n + 1}`, 'Office visit'),
    effectiveDateTime: '2026-02-11T08:30:00Z',
    issued: '2026-02-11T11:45:33.000+11:00',
    performer: [reference('Organization', 'lab1', 'Acme Labs')],
    result: Array.from({ length: 8 }, (_, at) => reference('Observation', `r${n + at}`, 'Result')),
  };
}

function patientRecord(n: number, { reference: self }: Json): Json {
  return {
    resourceType: 'Patient',
    id: String(self).slice('Patient/'.length),
    identifier: [
      { use: 'usual', type: concept(`${HL7}/v2-0203`, 'MR', 'Medical Record Number'), system: 'urn:x', value: `${n}` },
    ],
    active: true,
    name: [{ use: 'official', family: 'Shaw', given: ['Amy', 'V.'], period: { start: '2016-12-06' } }],
    telecom: [
      { system: 'phone', value: '555-555-5555', use: 'home' },
      { system: 'email', value: 'amy.shaw@example.com' },
    ],
    gender: 'female',
    birthDate: '1987-02-20',
    address: [{ line: ['49 Meadow St'], city: 'Mounds', state: 'OK', postalCode: '74047', country: 'US' }],
    generalPractitioner: [reference('Practitioner', 'd7', 'Dr. Ronald Bone')],
    managingOrganization: reference('Organization', 'o1', 'Acme Healthcare'),
  };
}

function procedure(n: number, subject: Json): Json {
  return {
    resourceType: 'Procedure',
    status: 'completed',
    code: concept('http://snomed.info/sct', '35637008', 'Alcohol rehabilitation'),
    subject,
    encounter: reference('Encounter', `r${n + 1}`, 'Office visit'),
    performedPeriod: { start: '2026-02-11T09:00:00-05:00', end: '2026-02-11T09:20:00-05:00' },
    performer: [{ actor: reference('Practitioner', 'd7', 'Dr. Ronald Bone') }],
    location: reference('Location', 'l1', 'Room 4'),
    reasonReference: [reference('Condition', `r${n + 3}`, 'Diabetes mellitus type 2')],
  };
}

function organization(n: number): Json {
  return {
    resourceType: 'Organization',
    identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: `${1_000_000_000 + n}` }],
    active: true,
    type: [concept(`${HL7}/organization-type`, 'prov', 'Healthcare Provider')],
    name: 'Acme Labs',
    telecom: [{ system: 'phone', value: '(+1) 734-677-7777' }],
    address: [{ line: ['3300 Washtenaw Avenue, Suite 227'], city: 'Ann Arbor', state: 'MI', postalCode: '48104' }],
  };
}

function coverage(n: number, beneficiary: Json): Json {
  return {
    resourceType: 'Coverage',
    status: 'active',
    type: concept(`${HL7}/v3-ActCode`, 'EHCPOL', 'extended healthcare'),
    subscriber: beneficiary,
    subscriberId: `${n}`,
    beneficiary,
    relationship: concept(`${HL7}/subscriber-relationship`, 'self', 'Self'),
    period: { start: '2026-01-01', end: '2026-12-31' },
    payor: [reference('Organization', 'o2', 'Payer')],
  };
}

function practitioner(n: number): Json {
  return {
    resourceType: 'Practitioner',
    identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: `${9_000_000_000 + n}` }],
    active: true,
    name: [{ family: 'Bone', given: ['Ronald'], prefix: ['Dr.'] }],
    telecom: [{ system: 'email', value: 'ronald.bone@example.com', use: 'work' }],
    address: [{ use: 'work', line: ['1003 Healthcare Drive'], city: 'Amherst', state: 'MA', postalCode: '01002' }],
    qualification: [{ code: concept(`${HL7}/v2-0360`, 'MD', 'Doctor of Medicine') }],
  };
}

/** A searchset in JSON. */
export function searchset(entries: number): string {
  const entry = Array.from({ length: entries }, (_, n) => {
    const resource = resourceNumber(n);
    return {
      fullUrl: `${BASE}/${String(resource['resourceType'])}/${String(resource['id'])}`,
      resource,
      search: { mode: 'match' },
    };
  });
  const link = [{ relation: 'self', url: `${BASE}/?_count=${entries}` }];
  return JSON.stringify({ resourceType: 'Bundle', type: 'searchset', total: entries, link, entry });
}

/** A transaction in JSON that writes resources of one patient. */
export function transaction(entries: number): string {
  const own = { reference: 'Patient/p0', display: 'Amy V. Shaw' };
  const makers = [vitalSign, labResult, condition, encounter, medicationRequest, immunization, procedure, coverage];
  const entry = Array.from({ length: entries }, (_, n) => {
    const make = makers[n % makers.length] ?? vitalSign;
    const resource = n % 2 === 0 ? make(n, own) : { ...make(n, own), id: `r${n}` };
    const type = String(resource['resourceType']);
    const request = n % 2 === 0 ? { method: 'POST', url: type } : { method: 'PUT', url: `${type}/r${n}` };
    return { fullUrl: `urn:uuid:${n}`, resource, request };
  });
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
}

/** Who asks. The practitioner sees what refers to him; the admin is one whose type opens everything. */
export const CALLERS = ['patient', 'practitioner', 'admin', 'system'] as const;
export type CallerName = (typeof CALLERS)[number];

const LEVEL = { patient: 'patient', practitioner: 'user', admin: 'user', system: 'system' } as const;

export const levelOf = (caller: CallerName): 'patient' | 'user' | 'system' => LEVEL[caller];

export function handlerFor(caller: CallerName, options: SMARTHandlerOptions = {}, config = CONFIG): SMARTHandler {
  const adminTypes = caller === 'admin' ? ['Practitioner'] : [];
  return new SMARTHandler(config, BASE, '4.0.1', adminTypes, [], false, {
    writesWithoutLookup: 'allow',
    ...options,
  });
}

/** An identity as verifyAccessToken returns it. */
export function identityOf(caller: CallerName, scopes: readonly string[]): KeyValueMap {
  const here = (resourceType: string, id: string): Json => ({ hostname: BASE, resourceType, id });
  return {
    iss: ISSUER,
    sub: 'somebody',
    scopes: [...scopes],
    usableScopes: [...scopes],
    ...(levelOf(caller) === 'user' && { fhirUserObject: here('Practitioner', 'd7') }),
    ...(levelOf(caller) === 'patient' && { patientLaunchContext: here('Patient', 'p0') }),
  };
}

const OIDC = ['openid', 'profile', 'fhirUser', 'offline_access', 'launch/patient'];

const OTHER_TYPES =
  'Account AdverseEvent AllergyIntolerance Appointment CarePlan CareTeam ChargeItem Claim ClinicalImpression Communication ' +
  'Composition Condition Consent Coverage Device DiagnosticReport DocumentReference Encounter EpisodeOfCare ' +
  'FamilyMemberHistory Flag Goal Immunization Invoice List Location Medication MedicationRequest Organization Patient ' +
  'Practitioner Procedure Provenance QuestionnaireResponse Questionnaire RelatedPerson ServiceRequest Specimen Task';

/** So many scopes that together open the same: two that do, OpenID Connect's, and others for types that are open anyway. */
export function scopesFor(caller: CallerName, count: number): string[] {
  const level = levelOf(caller);
  const opening = [`${level}/*.cruds`, `${level}/Observation.rs`];
  const types = OTHER_TYPES.split(' ');
  const others = Array.from({ length: Math.max(0, count) }, (_, n) => {
    const letters = ['rs', 'cruds', 'cud', 'r', 's', 'u', 'ru'][Math.floor(n / types.length)] ?? 'd';
    return `${level}/${types[n % types.length] ?? 'Patient'}.${letters}`;
  });
  return [...opening, ...OIDC, ...others].slice(0, count);
}

/** Four granular scopes and three plain ones; without their granular parts they are what they are compared with. */
export function granularScopes(caller: CallerName): { readonly granular: string[]; readonly plain: string[] } {
  const level = levelOf(caller);
  const granular = [
    `${level}/Observation.rs?category=${HL7}/observation-category|laboratory`,
    `${level}/Observation.rs?category=${HL7}/observation-category|vital-signs`,
    `${level}/Condition.rs?category=${HL7}/condition-category|problem-list-item`,
    `${level}/MedicationRequest.rs?status=active`,
    ...['Patient', 'Encounter', 'Immunization', 'DiagnosticReport'].map((type) => `${level}/${type}.rs`),
  ];
  return { granular, plain: granular.map((scope) => scope.replace(/\?.*/, '')) };
}

import { expect } from 'chai';
import {
  COMPARTMENT_TYPES,
  compartmentParams,
  compartmentPlan,
  compartmentTypes,
} from '../../src/fhir/compartments.js';
import type { Compartment } from '../../src/fhir/compartments.js';
import { referencePlan } from '../../src/fhir/references.js';
import type { ReferenceNode } from '../../src/fhir/references.js';
import { resourceTypes } from '../../src/fhir/resource-types.js';
import { FHIR_VERSIONS } from '../../src/fhir/version.js';
import type { FhirVersion } from '../../src/fhir/version.js';
import { sampleExamples } from './official-examples.js';
import { reached } from './walk-plan.js';

/** The paths of a plan, one by one; compartment plans have no cycles. */
function pathsOf(node: ReferenceNode | undefined, above = ''): string[] {
  if (node === undefined) return [];
  return [
    ...node.references.map((name) => above + name),
    ...node.children.flatMap(([name, child]) => pathsOf(child, `${above}${name}.`)),
  ];
}

/** https://hl7.org/fhir/R4/compartmentdefinition-patient.html, the first table. */
const R4_PATIENT = `
  Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic BodyStructure CarePlan
  CareTeam ChargeItem Claim ClaimResponse ClinicalImpression Communication CommunicationRequest Composition Condition
  Consent Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue DeviceRequest
  DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter EnrollmentRequest EpisodeOfCare
  ExplanationOfBenefit FamilyMemberHistory Flag Goal Group ImagingStudy Immunization ImmunizationEvaluation
  ImmunizationRecommendation Invoice List MeasureReport Media MedicationAdministration MedicationDispense
  MedicationRequest MedicationStatement MolecularSequence NutritionOrder Observation Patient Person Procedure
  Provenance QuestionnaireResponse RelatedPerson RequestGroup ResearchSubject RiskAssessment Schedule ServiceRequest
  Specimen SupplyDelivery SupplyRequest VisionPrescription`
  .trim()
  .split(/\s+/);

/** Version, compartment, type, and the elements that admit it. */
const ADMITTED: readonly (readonly [FhirVersion, Compartment, string, readonly string[]])[] = [
  ['4.0.1', 'Patient', 'Observation', ['subject', 'performer']],
  ['4.0.1', 'Patient', 'Condition', ['subject', 'asserter']],
  ['4.0.1', 'Patient', 'Coverage', ['policyHolder', 'subscriber', 'beneficiary', 'payor']],
  ['4.0.1', 'Patient', 'Consent', ['patient']],
  ['4.0.1', 'Patient', 'CareTeam', ['subject', 'participant.member']],
  ['4.0.1', 'Patient', 'MedicationRequest', ['subject']],
  ['4.0.1', 'Patient', 'ServiceRequest', ['subject', 'performer']],
  ['4.0.1', 'Patient', 'CarePlan', ['subject', 'activity.detail.performer']],
  ['4.0.1', 'Patient', 'Appointment', ['participant.actor']],
  ['4.0.1', 'Patient', 'AuditEvent', ['agent.who', 'entity.what']],
  ['4.0.1', 'Patient', 'Group', ['member.entity']],
  ['4.0.1', 'Patient', 'Patient', ['link.other']],
  ['4.0.1', 'Patient', 'Person', ['link.target']],
  ['4.0.1', 'Patient', 'Provenance', ['target']],
  ['4.0.1', 'Patient', 'Invoice', ['subject', 'recipient']],
  ['4.0.1', 'Practitioner', 'Patient', ['generalPractitioner']],
  ['4.0.1', 'Practitioner', 'Encounter', ['participant.individual']],
  ['4.0.1', 'Practitioner', 'Observation', ['performer']],
  ['4.0.1', 'RelatedPerson', 'Observation', ['performer']],
  ['4.0.1', 'RelatedPerson', 'Patient', ['link.other']],
  ['4.0.1', 'Encounter', 'Observation', ['encounter']],
  ['4.0.1', 'Device', 'Observation', ['subject', 'device']],
  ['3.0.1', 'Patient', 'ReferralRequest', ['subject', 'requester.agent']],
  ['3.0.1', 'Patient', 'Observation', ['subject', 'performer']],
  ['4.3.0', 'Patient', 'Coverage', ['policyHolder', 'subscriber', 'beneficiary', 'payor']],
  ['5.0.0', 'Patient', 'Task', ['for', 'focus']],
  ['5.0.0', 'Patient', 'Patient', ['link.other']],
];

/** Types with no element that admits them, though the definition names them: what the compartment is about. */
const NOT_BY_AN_ELEMENT: readonly (readonly [FhirVersion, Compartment, string, readonly string[]])[] = [
  ['4.0.1', 'RelatedPerson', 'RelatedPerson', ['{def}']],
  ['4.0.1', 'Practitioner', 'Practitioner', ['{def}']],
  ['4.0.1', 'Encounter', 'Encounter', ['{def}']],
  ['3.0.1', 'Device', 'Device', ['{def}']],
];

describe('fhir/compartments', () => {
  it('hole-32: has the types of the official R4 patient compartment', () => {
    expect([...compartmentTypes('4.0.1', 'Patient')]).to.deep.equal(R4_PATIENT);
  });

  it('has the number of types that each definition names', () => {
    const sizes = FHIR_VERSIONS.map((version) => COMPARTMENT_TYPES.map((code) => compartmentTypes(version, code).size));
    expect(sizes).to.deep.equal([
      [64, 62, 32, 21, 33],
      [66, 59, 32, 25, 32],
      [66, 59, 32, 25, 32],
      [73, 57, 30, 26, 30],
    ]);
  });

  it('keeps Task out of the patient compartment until R5, as the definitions do', () => {
    const having = FHIR_VERSIONS.filter((version) => compartmentTypes(version, 'Patient').has('Task'));
    expect(having).to.deep.equal(['5.0.0']);
  });

  it('keeps what is about nobody out of the patient compartment', () => {
    for (const version of FHIR_VERSIONS) {
      for (const type of ['Practitioner', 'Organization', 'Location', 'Medication', 'Device', 'Questionnaire']) {
        expect(compartmentTypes(version, 'Patient').has(type), type).to.equal(false);
        expect(compartmentPlan(version, 'Patient', type), type).to.equal(undefined);
      }
    }
  });

  for (const [version, compartment, type, paths] of ADMITTED) {
    it(`admits ${type} to the ${compartment} compartment by ${paths.join(', ')} in ${version}`, () => {
      expect(pathsOf(compartmentPlan(version, compartment, type))).to.have.members(paths);
    });
  }

  for (const [version, compartment, type, params] of NOT_BY_AN_ELEMENT) {
    it(`knows no element that admits ${type} to the ${compartment} compartment in ${version}`, () => {
      expect(compartmentTypes(version, compartment).has(type)).to.equal(true);
      expect(compartmentParams(version, compartment, type)).to.deep.equal(params);
      expect(compartmentPlan(version, compartment, type)).to.equal(undefined);
    });
  }

  it('leaves the chained parameters of STU3 to the resources at their other end', () => {
    expect(compartmentParams('3.0.1', 'Patient', 'AuditEvent')).to.deep.equal([
      'patient',
      'agent.patient',
      'entity.patient',
    ]);
    const plan = compartmentPlan('3.0.1', 'Patient', 'AuditEvent');
    expect(pathsOf(plan)).to.have.members(['agent.reference', 'entity.reference']);
  });

  it('admits only by elements that may point to the resource the compartment is about', () => {
    let checked = 0;
    for (const version of FHIR_VERSIONS) {
      for (const compartment of COMPARTMENT_TYPES) {
        for (const type of compartmentTypes(version, compartment)) {
          expect(resourceTypes(version).has(type), type).to.equal(true);
          const all = pathsOf(compartmentPlan(version, compartment, type));
          checked += all.length;
          for (const path of all) {
            const names = path.split('.');
            const last = names.pop();
            let node = referencePlan(version, type, compartment);
            for (const name of names) node = node?.children.find(([child]) => child === name)?.[1];
            expect(node?.references, `${version} ${compartment} ${type}.${path}`).to.include(last);
          }
        }
      }
    }
    expect(checked).to.be.greaterThan(1000);
  });

  it('gives the search parameters of the definition in its order', () => {
    expect(compartmentParams('4.0.1', 'Patient', 'Coverage')).to.deep.equal([
      'policy-holder',
      'subscriber',
      'beneficiary',
      'payor',
    ]);
    expect(compartmentParams('4.0.1', 'Patient', 'AuditEvent')).to.deep.equal(['patient']);
    expect(compartmentParams('5.0.0', 'Patient', 'Patient')).to.deep.equal(['{def}', 'link']);
    expect(compartmentParams('4.0.1', 'Patient', 'Task')).to.deep.equal([]);
  });

  it('finds the examples about Patient/example through their elements', () => {
    const admitted = sampleExamples().filter(({ resource }) => {
      const found = reached(compartmentPlan('4.0.1', 'Patient', resource.resourceType), resource);
      return [...found].some((reference) => 'reference' in reference && reference.reference === 'Patient/example');
    });
    const types = new Set(admitted.map(({ resource }) => resource.resourceType));
    expect(types).to.include.keys('Observation', 'Condition', 'Encounter', 'Procedure', 'AllergyIntolerance', 'List');
    expect(admitted.length).to.be.at.least(50);
  });

  it('is undefined or empty for unknown versions, compartments and types', () => {
    for (const bad of ['', 'Foo', 'toString', '__proto__', 'patient']) {
      expect(compartmentPlan(bad as FhirVersion, 'Patient', 'Observation')).to.equal(undefined);
      expect(compartmentPlan('4.0.1', bad as Compartment, 'Observation')).to.equal(undefined);
      expect(compartmentPlan('4.0.1', 'Patient', bad)).to.equal(undefined);
      expect(compartmentTypes(bad as FhirVersion, 'Patient').size).to.equal(0);
      expect(compartmentTypes('4.0.1', bad as Compartment).size).to.equal(0);
      expect(compartmentParams('4.0.1', bad as Compartment, 'Observation')).to.deep.equal([]);
      expect(compartmentParams('4.0.1', 'Patient', bad)).to.deep.equal([]);
    }
  });

  it('is the same object at every call', () => {
    expect(compartmentPlan('4.0.1', 'Patient', 'Group')).to.equal(compartmentPlan('4.0.1', 'Patient', 'Group'));
    expect(compartmentTypes('4.0.1', 'Patient')).to.equal(compartmentTypes('4.0.1', 'Patient'));
  });
});

import { expect } from 'chai';
import { referencePaths, referencePlan } from '../../src/fhir/references.js';
import type { ReferenceNode } from '../../src/fhir/references.js';
import { resourceTypes } from '../../src/fhir/resource-types.js';
import { FHIR_VERSIONS } from '../../src/fhir/version.js';
import type { FhirVersion } from '../../src/fhir/version.js';
import { ALL_EXAMPLES, officialExamples } from './official-examples.js';
import type { ExampleResource } from './official-examples.js';
import { leadsTo, reached } from './walk-plan.js';

/** Version, path, target type: the official definitions allow the one to point to the other. */
const ALLOWED: readonly (readonly [FhirVersion, string, string])[] = [
  // Plain elements and backbone elements.
  ['4.0.1', 'Observation.subject', 'Patient'],
  ['4.0.1', 'Condition.asserter', 'Practitioner'],
  ['4.0.1', 'Condition.asserter', 'RelatedPerson'],
  ['4.0.1', 'Appointment.participant.actor', 'Patient'],
  ['4.0.1', 'Patient.link.other', 'Patient'],
  ['4.0.1', 'Patient.generalPractitioner', 'Practitioner'],
  ['4.0.1', 'Group.member.entity', 'Patient'],
  ['4.0.1', 'Claim.payee.party', 'Patient'],
  ['4.0.1', 'ImplementationGuide.definition.resource.reference', 'Patient'],
  // Reference(Any).
  ['4.0.1', 'List.entry.item', 'Patient'],
  ['4.0.1', 'Task.for', 'Patient'],
  ['4.0.1', 'Basic.subject', 'Patient'],
  ['4.0.1', 'Composition.subject', 'Patient'],
  ['4.0.1', 'Provenance.target', 'Observation'],
  ['4.0.1', 'QuestionnaireResponse.subject', 'Practitioner'],
  ['3.0.1', 'Provenance.target', 'Patient'],
  ['5.0.0', 'Provenance.target', 'Patient'],
  // References inside datatypes.
  ['4.0.1', 'Observation.note.authorReference', 'Patient'],
  ['4.0.1', 'Provenance.signature.who', 'Practitioner'],
  ['4.0.1', 'Bundle.signature.who', 'Patient'],
  ['4.0.1', 'Patient.identifier.assigner', 'Organization'],
  ['4.0.1', 'Questionnaire.useContext.valueReference', 'Group'],
  ['4.0.1', 'PlanDefinition.action.trigger.timingReference', 'Schedule'],
  ['4.0.1', 'Library.dataRequirement.subjectReference', 'Group'],
  ['3.0.1', 'Provenance.signature.whoReference', 'Patient'],
  ['3.0.1', 'Library.relatedArtifact.resource', 'Patient'],
  // Choice elements.
  ['4.0.1', 'Task.input.valueReference', 'Patient'],
  ['4.0.1', 'Task.output.valueAnnotation.authorReference', 'Patient'],
  ['4.0.1', 'MedicationRequest.medicationReference', 'Medication'],
  ['4.0.1', 'Contract.topicReference', 'Patient'],
  ['4.0.1', 'Parameters.parameter.valueReference', 'Patient'],
  // Recursion by contentReference.
  ['4.0.1', 'Questionnaire.item.initial.valueReference', 'Patient'],
  ['4.0.1', 'Questionnaire.item.item.item.initial.valueReference', 'Patient'],
  ['4.0.1', 'QuestionnaireResponse.item.answer.item.answer.valueReference', 'Patient'],
  ['4.0.1', 'Contract.term.offer.party.reference', 'Patient'],
  ['4.0.1', 'Contract.term.group.group.offer.party.reference', 'Patient'],
  ['4.0.1', 'Composition.section.section.author', 'Patient'],
  ['4.0.1', 'Parameters.parameter.part.part.valueReference', 'Patient'],
  ['5.0.0', 'Questionnaire.item.item.initial.valueReference', 'Patient'],
  // The identifier of a reference.
  ['4.0.1', 'Observation.subject.identifier.assigner', 'Organization'],
  // CodeableReference.
  ['5.0.0', 'MedicationRequest.medication.reference', 'Medication'],
  ['5.0.0', 'MedicationRequest.reason.reference', 'Condition'],
  ['5.0.0', 'CarePlan.addresses.reference', 'Condition'],
  ['5.0.0', 'Task.input.valueCodeableReference.reference', 'Patient'],
  ['4.3.0', 'NutritionProduct.ingredient.item.reference', 'NutritionProduct'],
  // STU3 has its own elements.
  ['3.0.1', 'Observation.context', 'Encounter'],
  ['3.0.1', 'Claim.patient', 'Patient'],
  ['3.0.1', 'ReferralRequest.requester.agent', 'Practitioner'],
  ['3.0.1', 'AuditEvent.agent.reference', 'Patient'],
];

/** The element exists, but not for this target, or it is no reference. */
const NOT_ALLOWED: readonly (readonly [FhirVersion, string, string])[] = [
  ['4.0.1', 'Observation.subject', 'Practitioner'],
  ['4.0.1', 'Observation.encounter', 'Patient'],
  ['4.0.1', 'Observation.subject.identifier.assigner', 'Patient'],
  ['4.0.1', 'Patient.managingOrganization', 'Patient'],
  ['3.0.1', 'Condition.asserter', 'PractitionerRole'],
  // Anyone may add an extension; what is contained or inline is a resource of its own.
  ['4.0.1', 'Observation.extension.valueReference', 'Patient'],
  ['4.0.1', 'Observation.code.extension.valueReference', 'Patient'],
  ['4.0.1', 'Observation.modifierExtension.valueReference', 'Patient'],
  ['4.0.1', 'Observation.contained.subject', 'Patient'],
  ['4.0.1', 'Bundle.entry.resource.subject', 'Patient'],
  ['4.0.1', 'Parameters.parameter.resource.subject', 'Patient'],
  // A canonical is no reference, a CodeableReference is none itself.
  ['4.0.1', 'QuestionnaireResponse.questionnaire', 'Questionnaire'],
  ['4.0.1', 'PlanDefinition.relatedArtifact.resource', 'Library'],
  ['5.0.0', 'MedicationRequest.medication', 'Medication'],
  ['5.0.0', 'MedicationRequest.medication.concept', 'Medication'],
];

const planOf = (version: FhirVersion, path: string, target: string): ReferenceNode | undefined =>
  referencePlan(version, path.slice(0, path.indexOf('.')), target);

/** Where official examples point to a type that the official definition of the element does not allow. */
const OFF_TARGET: readonly string[] = [
  'DeviceMetric.parent > DeviceDefinition',
  'DeviceUseStatement.reasonReference > Procedure',
  'MedicationRequest.dispenseRequest.performer > Practitioner',
  'Observation.performer > Encounter',
  'OrganizationAffiliation.network > Network',
];

describe('fhir/references', () => {
  describe('referencePlan', () => {
    for (const [version, path, target] of ALLOWED) {
      it(`reaches ${path} for ${target} in ${version}`, () => {
        expect(leadsTo(planOf(version, path, target), path)).to.equal(true);
      });
    }
    for (const [version, path, target] of NOT_ALLOWED) {
      it(`does not reach ${path} for ${target} in ${version}`, () => {
        expect(leadsTo(planOf(version, path, target), path)).to.equal(false);
      });
    }

    it('hole-28: goes through datatypes, choices and recursion, and never through extensions', () => {
      const patient = { reference: 'Patient/p1' };
      const plan = referencePlan('4.0.1', 'QuestionnaireResponse', 'Patient');
      const inside = { item: [null, { answer: [{ item: [{ answer: [{ valueReference: patient }] }] }] }] };
      expect(reached(plan, inside)).to.deep.equal(new Set([patient]));
      const beside = { extension: [{ valueReference: patient }], item: [{ extension: [{ valueReference: patient }] }] };
      expect(reached(plan, beside).size).to.equal(0);
      const note = {
        note: [{ authorReference: patient, extension: [{ valueReference: { reference: 'Patient/p2' } }] }],
      };
      expect(reached(referencePlan('4.0.1', 'Observation', 'Patient'), note)).to.deep.equal(new Set([patient]));
    });

    it('agrees with referencePaths on every path, type and version', () => {
      let compared = 0;
      for (const version of FHIR_VERSIONS) {
        for (const type of resourceTypes(version)) {
          for (const { path, targets } of referencePaths(version, type)) {
            for (const target of ['Patient', 'Practitioner', 'RelatedPerson', 'Organization', 'Encounter']) {
              const allowed = targets === '*' || targets.includes(target);
              expect(leadsTo(referencePlan(version, type, target), path), `${path} ${target}`).to.equal(allowed);
              compared++;
            }
          }
        }
      }
      expect(compared).to.be.greaterThan(20_000);
    });

    it('contains nothing that leads nowhere', () => {
      for (const version of FHIR_VERSIONS) {
        for (const target of ['Patient', 'Organization']) {
          const seen = new Set<ReferenceNode>();
          for (const type of resourceTypes(version)) {
            const queue = [referencePlan(version, type, target)];
            for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
              if (seen.has(node)) continue;
              seen.add(node);
              expect(node.references.length + node.children.length, `${type} ${target}`).to.be.greaterThan(0);
              for (const [, child] of node.children) queue.push(child);
            }
          }
          // Fixpoint from the references up: every node reaches one.
          const leading = new Set([...seen].filter(({ references }) => references.length > 0));
          for (let grown = true; grown;) {
            grown = false;
            for (const node of seen) {
              if (leading.has(node) || !node.children.some(([, child]) => leading.has(child))) continue;
              leading.add(node);
              grown = true;
            }
          }
          expect(leading.size).to.equal(seen.size);
        }
      }
    });

    it('is a graph with cycles where an element recurs', () => {
      const item = referencePlan('4.0.1', 'Questionnaire', 'Patient')?.children.find(([name]) => name === 'item')?.[1];
      expect(item?.children.find(([name]) => name === 'item')?.[1]).to.equal(item);
    });

    it('is the same object at every call', () => {
      expect(referencePlan('4.0.1', 'Observation', 'Patient')).to.equal(
        referencePlan('4.0.1', 'Observation', 'Patient'),
      );
    });

    it('is undefined where nothing can point to the target', () => {
      expect(referencePlan('4.0.1', 'Binary', 'Patient')?.references).to.deep.equal(['securityContext']);
      expect(referencePlan('3.0.1', 'Binary', 'Observation')).to.not.equal(undefined);
      expect(referencePlan('4.0.1', 'Organization', 'Patient')).to.equal(undefined);
      expect(referencePlan('4.0.1', 'Practitioner', 'Patient')).to.equal(undefined);
    });

    it('is undefined for unknown versions, types and inherited names', () => {
      const bad = ['', 'Foo', 'Resource', 'Annotation', 'Reference', 'Contract.term', 'toString', '__proto__', '*'];
      for (const name of bad) {
        expect(referencePlan('4.0.1', name, 'Patient'), name).to.equal(undefined);
        expect(referencePlan('4.0.1', 'Observation', name), name).to.equal(undefined);
        expect(referencePlan(name as FhirVersion, 'Observation', 'Patient'), name).to.equal(undefined);
      }
      expect(referencePlan('4.0.1', 'ProcedureRequest', 'Patient')).to.equal(undefined);
      expect(referencePlan('3.0.1', 'Observation', 'ServiceRequest')).to.equal(undefined);
    });
  });

  describe('referencePaths', () => {
    it('lists how many elements of each release are references', () => {
      const counts = FHIR_VERSIONS.map((version) =>
        [...resourceTypes(version)].reduce((sum, type) => sum + referencePaths(version, type).length, 0),
      );
      expect(counts).to.deep.equal([899, 1104, 1130, 1501]);
    });

    it('lists the elements of a type with their targets, datatypes included', () => {
      expect(referencePaths('4.0.1', 'Basic')).to.deep.equal([
        { path: 'Basic.identifier.assigner', targets: ['Organization'] },
        { path: 'Basic.subject', targets: '*' },
        {
          path: 'Basic.author',
          targets: ['Practitioner', 'PractitionerRole', 'Patient', 'RelatedPerson', 'Organization'],
        },
      ]);
    });

    it('lists a recursive element once, where it begins', () => {
      expect(referencePaths('4.0.1', 'QuestionnaireResponse').map(({ path }) => path)).to.deep.equal([
        'QuestionnaireResponse.identifier.assigner',
        'QuestionnaireResponse.basedOn',
        'QuestionnaireResponse.partOf',
        'QuestionnaireResponse.subject',
        'QuestionnaireResponse.encounter',
        'QuestionnaireResponse.author',
        'QuestionnaireResponse.source',
        'QuestionnaireResponse.item.answer.valueReference',
      ]);
    });

    it('hole-25: finds the types that have a Reference(Any) element', () => {
      const types = [...resourceTypes('4.0.1')].filter((type) =>
        referencePaths('4.0.1', type).some(({ targets }) => targets === '*'),
      );
      for (const type of ['QuestionnaireResponse', 'Task', 'Basic', 'Composition', 'List', 'Provenance']) {
        expect(types).to.include(type);
      }
      expect(types).to.have.length(47);
    });

    it('is empty for unknown versions and types', () => {
      expect(referencePaths('4.0.1', 'Foo')).to.deep.equal([]);
      expect(referencePaths('4.0.1', 'Annotation')).to.deep.equal([]);
      expect(referencePaths('4.0.2' as FhirVersion, 'Patient')).to.deep.equal([]);
    });
  });

  describe('on the official R4 examples', () => {
    interface Found {
      readonly path: string;
      readonly target: string;
      readonly object: object;
    }
    const SKIPPED = new Set(['extension', 'modifierExtension', 'contained']);

    /** Knows nothing of the plan: whatever looks like a reference with a type, wherever it is. */
    function literalReferences(resource: ExampleResource): Found[] {
      const found: Found[] = [];
      function walk(value: unknown, path: string): void {
        if (Array.isArray(value)) for (const entry of value) walk(entry, path);
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
        if (value !== resource && 'resourceType' in value) return;
        const literal = 'reference' in value ? value.reference : undefined;
        const target =
          typeof literal === 'string' ? /(?:^|\/)([A-Z]\w+)\/[^/]+(?:\/_history\/[^/]+)?$/.exec(literal) : null;
        if (target?.[1] !== undefined) found.push({ path, target: target[1], object: value });
        for (const [name, child] of Object.entries(value)) {
          if (!SKIPPED.has(name) && !name.startsWith('_')) walk(child, `${path}.${name}`);
        }
      }
      walk(resource, resource.resourceType);
      return found;
    }

    it(`reaches every reference of ${ALL_EXAMPLES ? 'all 5,306 examples' : 'the sample'}`, async function () {
      this.timeout(120_000);
      let resources = 0;
      let references = 0;
      const elsewhere: string[] = [];
      const offTarget = new Set<string>();
      for await (const { file, resource } of officialExamples()) {
        resources++;
        const plans = new Map<string, Set<object>>();
        const reaches = (target: string, object: object): boolean => {
          const known = plans.get(target) ?? reached(referencePlan('4.0.1', resource.resourceType, target), resource);
          plans.set(target, known);
          return known.has(object);
        };
        for (const { path, target, object } of literalReferences(resource)) {
          references++;
          if (reaches(target, object)) continue;
          // Some examples point where the definition does not allow it; the element is reached for other targets.
          if ([...resourceTypes('4.0.1')].some((other) => reaches(other, object))) offTarget.add(`${path} > ${target}`);
          else elsewhere.push(`${file}: ${path} > ${target}`);
        }
      }
      expect(elsewhere).to.deep.equal([]);
      if (ALL_EXAMPLES) expect([...offTarget].sort()).to.deep.equal(OFF_TARGET);
      else for (const line of offTarget) expect(OFF_TARGET).to.include(line);
      expect(resources).to.be.at.least(ALL_EXAMPLES ? 5306 : 200);
      expect(references).to.be.at.least(ALL_EXAMPLES ? 25_000 : 400);
    });
  });
});

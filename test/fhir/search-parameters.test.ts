import { expect } from 'chai';
import { resourceTypes } from '../../src/fhir/resource-types.js';
import { searchParameter, searchParameterCodes } from '../../src/fhir/search-parameters.js';
import { FHIR_VERSIONS } from '../../src/fhir/version.js';
import type { FhirVersion } from '../../src/fhir/version.js';

/** Version, type, code, parameter type, `path datatype[ > targets]` each. */
const KNOWN: readonly (readonly [FhirVersion, string, string, string, readonly string[]])[] = [
  ['4.0.1', 'Observation', 'category', 'token', ['category CodeableConcept']],
  ['4.0.1', 'Condition', 'category', 'token', ['category CodeableConcept']],
  ['4.0.1', 'Observation', 'status', 'token', ['status code']],
  [
    '4.0.1',
    'Observation',
    'date',
    'date',
    ['effectiveDateTime dateTime', 'effectivePeriod Period', 'effectiveTiming Timing', 'effectiveInstant instant'],
  ],
  ['4.0.1', 'Observation', 'patient', 'reference', ['subject Reference > Patient']],
  ['4.0.1', 'Observation', 'subject', 'reference', ['subject Reference > Patient Group Device Location']],
  ['4.0.1', 'Observation', 'value-concept', 'token', ['valueCodeableConcept CodeableConcept']],
  ['4.0.1', 'Observation', 'value-string', 'string', ['valueString string', 'valueCodeableConcept.text string']],
  ['4.0.1', 'Observation', 'combo-code', 'token', ['code CodeableConcept', 'component.code CodeableConcept']],
  ['4.0.1', 'Observation', 'value-quantity', 'quantity', ['valueQuantity Quantity', 'valueSampledData SampledData']],
  ['4.0.1', 'Patient', 'phone', 'token', ['telecom[system=phone] ContactPoint']],
  ['4.0.1', 'Patient', 'name', 'string', ['name HumanName']],
  ['4.0.1', 'Patient', 'active', 'token', ['active boolean']],
  ['4.0.1', 'Patient', 'birthdate', 'date', ['birthDate date']],
  ['4.0.1', 'Patient', 'identifier', 'token', ['identifier Identifier']],
  ['4.0.1', 'Patient', 'death-date', 'date', ['deceasedDateTime dateTime']],
  ['4.0.1', 'InsurancePlan', 'name', 'string', ['name string', 'alias string']],
  ['4.0.1', 'Task', 'subject', 'reference', ['for Reference > *']],
  ['4.0.1', 'Task', 'patient', 'reference', ['for Reference > Patient']],
  [
    '4.0.1',
    'RiskAssessment',
    'probability',
    'number',
    ['prediction.probabilityDecimal decimal', 'prediction.probabilityRange Range'],
  ],
  ['4.0.1', 'ValueSet', 'url', 'uri', ['url uri']],
  [
    '4.0.1',
    'PlanDefinition',
    'depends-on',
    'reference',
    ['relatedArtifact[type=depends-on].resource canonical', 'library canonical'],
  ],
  [
    '4.0.1',
    'Group',
    'value',
    'token',
    ['characteristic.valueCodeableConcept CodeableConcept', 'characteristic.valueBoolean boolean'],
  ],
  ['3.0.1', 'Observation', 'patient', 'reference', ['subject Reference > Patient Group']],
  // STU3 casts with as(DateTime).
  ['3.0.1', 'Observation', 'value-date', 'date', ['valueDateTime dateTime', 'valuePeriod Period']],
  ['3.0.1', 'Goal', 'start-date', 'date', ['startDate date']],
  ['4.3.0', 'Observation', 'category', 'token', ['category CodeableConcept']],
  // Inside a CodeableReference.
  ['4.3.0', 'Ingredient', 'substance-code', 'token', ['substance.code.concept CodeableConcept']],
  ['5.0.0', 'MedicationRequest', 'code', 'token', ['medication.concept CodeableConcept']],
  ['5.0.0', 'MedicationRequest', 'medication', 'reference', ['medication.reference Reference > Medication']],
  ['5.0.0', 'Observation', 'category', 'token', ['category CodeableConcept']],
];

/** What every resource type has. */
const COMMON: readonly (readonly [string, string, readonly string[]])[] = [
  ['_id', 'token', ['id id']],
  ['_lastUpdated', 'date', ['meta.lastUpdated instant']],
  ['_tag', 'token', ['meta.tag Coding']],
  ['_security', 'token', ['meta.security Coding']],
];

/** More than a set of elements. */
const UNSUPPORTED: readonly (readonly [FhirVersion, string, string])[] = [
  ['4.0.1', 'Observation', 'code-value-quantity'], // composite
  ['4.0.1', 'Observation', 'amino-acid-change'], // extension
  ['4.0.1', 'Patient', 'deceased'], // a calculation
  ['4.0.1', 'Patient', 'phonetic'], // sounds alike
  ['4.0.1', 'Patient', 'age'], // no expression
  ['4.0.1', 'Location', 'near'],
  ['4.0.1', 'Bundle', 'composition'], // the first entry only
  ['4.0.1', 'QuestionnaireResponse', 'item-subject'],
  ['4.0.1', 'Observation', '_content'],
  ['4.0.1', 'Observation', '_text'],
  ['3.0.1', 'Condition', 'abatement-boolean'],
  ['5.0.0', 'Appointment', 'date'], // first()
  ['5.0.0', 'Device', 'serial-number'],
];

function print(version: FhirVersion, type: string, code: string): string[] | undefined {
  return searchParameter(version, type, code)?.paths.map(({ elements, datatype, targets, filters }) => {
    const path = elements.map((element, i) => {
      const filter = filters.find(({ depth }) => depth === i + 1);
      return filter === undefined ? element : `${element}[${filter.property}=${filter.value}]`;
    });
    const head = `${path.join('.')} ${datatype}`;
    return targets === undefined ? head : `${head} > ${targets === '*' ? '*' : targets.join(' ')}`;
  });
}

describe('fhir/search-parameters', () => {
  for (const [version, type, code, kind, paths] of KNOWN) {
    it(`compiles ${type}?${code} in ${version}`, () => {
      const definition = searchParameter(version, type, code);
      expect(definition).to.include({ code, type: kind, supported: true });
      expect(print(version, type, code)).to.deep.equal(paths);
    });
  }

  for (const [version, type, code] of UNSUPPORTED) {
    it(`knows ${type}?${code} in ${version} without evaluating it`, () => {
      expect(searchParameter(version, type, code)).to.include({ code, supported: false });
      expect(searchParameter(version, type, code)?.paths).to.deep.equal([]);
      expect(searchParameterCodes(version, type)).to.include(code);
    });
  }

  it('has the parameters of all resources for every type', () => {
    for (const version of FHIR_VERSIONS) {
      for (const type of resourceTypes(version)) {
        for (const [code, kind, paths] of COMMON) {
          expect(searchParameter(version, type, code), `${type}?${code}`).to.include({ code, type: kind });
          expect(print(version, type, code)).to.deep.equal(paths);
        }
      }
    }
    expect(print('4.0.1', 'Patient', '_profile')).to.deep.equal(['meta.profile canonical']);
    expect(print('3.0.1', 'Patient', '_profile')).to.deep.equal(['meta.profile uri']);
  });

  it('has paths exactly where it is supported, and each code once', () => {
    let supported = 0;
    let all = 0;
    for (const version of FHIR_VERSIONS) {
      for (const type of resourceTypes(version)) {
        const codes = searchParameterCodes(version, type);
        expect(new Set(codes).size, type).to.equal(codes.length);
        for (const code of codes) {
          const definition = searchParameter(version, type, code)!;
          expect(definition.paths.length > 0, `${version} ${type}?${code}`).to.equal(definition.supported);
          all++;
          if (definition.supported) supported++;
          for (const { elements, filters, datatype, targets } of definition.paths) {
            expect(elements.every((element) => /^[a-z]\w*$/i.test(element))).to.equal(true);
            expect(filters.every(({ depth }) => depth >= 1 && depth <= elements.length)).to.equal(true);
            expect(/^[A-Za-z]\w*$/.test(datatype)).to.equal(true);
            if (definition.type === 'reference' && datatype === 'Reference') expect(targets).to.not.equal(undefined);
            if (targets !== undefined && targets !== '*') {
              expect(targets.length).to.be.greaterThan(0);
              for (const target of targets) expect(resourceTypes(version).has(target), target).to.equal(true);
            }
          }
        }
      }
    }
    // Composites and the text searches of every type make up most of the rest.
    expect(supported / all).to.be.greaterThan(0.7);
  });

  it('is undefined or empty for unknown versions, types and codes', () => {
    for (const bad of ['', 'Foo', 'Resource', 'DomainResource', 'toString', '__proto__']) {
      expect(searchParameter(bad as FhirVersion, 'Observation', 'code')).to.equal(undefined);
      expect(searchParameter('4.0.1', bad, 'code')).to.equal(undefined);
      expect(searchParameter('4.0.1', bad, '_id')).to.equal(undefined);
      expect(searchParameter('4.0.1', 'Observation', bad)).to.equal(undefined);
      expect(searchParameterCodes(bad as FhirVersion, 'Observation')).to.deep.equal([]);
      expect(searchParameterCodes('4.0.1', bad)).to.deep.equal([]);
    }
    expect(searchParameter('4.0.1', 'Patient', 'category')).to.equal(undefined);
    expect(searchParameter('4.0.1', 'Observation', 'code:in')).to.equal(undefined);
  });
});

import type {
  CompartmentDefinition,
  ElementDefinition,
  ElementType,
  SearchParameter,
  StructureDefinition,
} from '../../../src/fhir/generator/definitions.js';

/*
 * A standard of three resource types, small enough to know by heart: Patient, Device, and Note with one element of
 * each kind that the generator must understand.
 */

const BASE = 'http://hl7.org/fhir/StructureDefinition/';

const canonical = (type: string): string => BASE + type;

const reference = (...targets: string[]): ElementType => ({
  code: 'Reference',
  ...(targets.length === 0 ? {} : { targetProfile: targets.map(canonical) }),
});

function element(path: string, ...type: (string | ElementType)[]): ElementDefinition {
  return { id: path, path, type: type.map((t) => (typeof t === 'string' ? { code: t } : t)) };
}

function structure(
  kind: 'resource' | 'complex-type',
  type: string,
  parent: string,
  elements: readonly ElementDefinition[],
  abstract = false,
): StructureDefinition {
  return {
    resourceType: 'StructureDefinition',
    url: canonical(type),
    type,
    kind,
    abstract,
    derivation: 'specialization',
    baseDefinition: canonical(parent),
    snapshot: { element: [{ id: type, path: type }, ...elements] },
  };
}

const inherited = (type: string): ElementDefinition[] => [
  element(`${type}.id`, 'http://hl7.org/fhirpath/System.String'),
  element(`${type}.meta`, 'Meta'),
  element(`${type}.contained`, 'Resource'),
  element(`${type}.extension`, 'Extension'),
];

const structures: StructureDefinition[] = [
  structure('resource', 'Resource', 'Base', [element('Resource.id', 'id'), element('Resource.meta', 'Meta')], true),
  structure('resource', 'Patient', 'Resource', [
    ...inherited('Patient'),
    element('Patient.telecom', 'ContactPoint'),
    element('Patient.active', 'boolean'),
  ]),
  structure('resource', 'Device', 'Resource', inherited('Device')),
  structure('resource', 'Note', 'Resource', [
    ...inherited('Note'),
    element('Note.subject', reference('Patient', 'Device')),
    element('Note.about', reference()),
    // As STU3 writes it: one type entry a target.
    element(
      'Note.author',
      { code: 'Reference', targetProfile: canonical('Patient') },
      { code: 'Reference', targetProfile: canonical('Device') },
    ),
    element('Note.value[x]', 'string', 'Quantity', 'Age', 'dateTime', 'Remark', reference('Patient')),
    element('Note.remark', 'Remark'),
    element('Note.cause', { code: 'CodeableReference', targetProfile: [canonical('Device')] }),
    element('Note.about2', { code: 'canonical', targetProfile: [canonical('Patient')] }),
    element('Note.part', 'BackboneElement'),
    element('Note.part.extension', 'Extension'),
    element('Note.part.owner', reference('Patient')),
    { id: 'Note.part.part', path: 'Note.part.part', contentReference: '#Note.part' },
    element('Note.plain', 'BackboneElement'),
    element('Note.plain.text', 'string'),
    { id: 'Note.plain.again', path: 'Note.plain.again', contentReference: `${canonical('Note')}#Note.plain` },
  ]),
  structure('complex-type', 'Meta', 'Element', [element('Meta.extension', 'Extension'), element('Meta.tag', 'Coding')]),
  structure('complex-type', 'Extension', 'Element', [element('Extension.value[x]', 'string', reference())]),
  structure('complex-type', 'Remark', 'Element', [
    element('Remark.extension', 'Extension'),
    element('Remark.who', reference('Patient')),
    element('Remark.text', 'string'),
  ]),
  structure('complex-type', 'Reference', 'Element', [
    element('Reference.reference', 'string'),
    element('Reference.identifier', 'Identifier'),
  ]),
  structure('complex-type', 'Identifier', 'Element', [element('Identifier.assigner', reference('Device'))]),
  structure('complex-type', 'CodeableReference', 'Element', [
    element('CodeableReference.concept', 'CodeableConcept'),
    element('CodeableReference.reference', 'Reference'),
  ]),
  structure('complex-type', 'CodeableConcept', 'Element', [element('CodeableConcept.coding', 'Coding')]),
  structure('complex-type', 'Coding', 'Element', [element('Coding.code', 'code')]),
  structure('complex-type', 'ContactPoint', 'Element', [
    element('ContactPoint.system', 'code'),
    element('ContactPoint.use', 'CodeableConcept'),
  ]),
  structure('complex-type', 'Quantity', 'Element', [element('Quantity.value', 'decimal')]),
  structure('complex-type', 'Age', 'Quantity', [element('Age.value', 'decimal')]),
];

const parameter = (
  base: readonly string[],
  code: string,
  type: string,
  expression: string | undefined,
  more: Partial<SearchParameter> = {},
): SearchParameter => ({
  resourceType: 'SearchParameter',
  id: `${base.join('-')}-${code}`,
  url: `http://hl7.org/fhir/SearchParameter/${base.join('-')}-${code}`,
  code,
  base,
  type,
  ...(expression === undefined ? {} : { expression }),
  ...more,
});

const searchParameters: SearchParameter[] = [
  parameter(['Resource'], '_id', 'token', 'Resource.id'),
  parameter(['Note'], 'subject', 'reference', 'Note.subject', { target: ['Patient', 'Device', 'Note'] }),
  parameter(['Note'], 'patient', 'reference', 'Note.subject.where(resolve() is Patient)', { target: ['Patient'] }),
  parameter(['Note'], 'any', 'reference', 'Note.about', { target: ['Patient', 'Device', 'Note'] }),
  parameter(['Note', 'Patient'], 'shared', 'reference', 'Note.author | Patient.link'),
  parameter(['Note'], 'value', 'quantity', '(Note.value as Quantity)'),
  parameter(['Note'], 'cause', 'reference', 'Note.cause'),
  parameter(['Note'], 'cause-code', 'token', 'Note.cause'),
  parameter(['Note'], 'pair', 'composite', 'Note'),
  parameter(['Note'], 'extended', 'string', "Note.extension('http://example.org/x').value"),
  parameter(['Patient'], 'email', 'token', "Patient.telecom.where(system='email')"),
  parameter(['Patient'], 'sounds', 'string', 'Patient.active', { xpathUsage: 'phonetic' }),
  parameter(['Patient'], 'silent', 'string', undefined),
  parameter(['Note'], 'example-of-the-format', 'token', 'Note.id', { id: 'example' }),
];

const compartments: CompartmentDefinition[] = [
  {
    resourceType: 'CompartmentDefinition',
    url: 'http://hl7.org/fhir/CompartmentDefinition/patient',
    code: 'Patient',
    resource: [
      { code: 'Patient', param: ['{def}'] },
      { code: 'Note', param: ['subject', 'cause'] },
      { code: 'Device' },
    ],
  },
  {
    resourceType: 'CompartmentDefinition',
    url: 'http://hl7.org/fhir/CompartmentDefinition/example',
    code: 'Device',
    resource: [{ code: 'Note', param: ['subject'] }],
  },
];

/** What lies among the definitions of a package and is none of the standard. */
const others: unknown[] = [
  { ...structures[1], url: canonical('vip-patient'), derivation: 'constraint' },
  { ...structures[1], url: 'http://example.org/StructureDefinition/Patient' },
  { ...searchParameters[1], url: 'http://example.org/SearchParameter/Note-subject' },
];

/** The files of the package, parsed. */
export const TINY_FILES: readonly unknown[] = [...others, ...structures, ...searchParameters, ...compartments];

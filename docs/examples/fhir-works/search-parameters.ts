/** How the value of a search parameter is compared (R4, "Search Parameter Types"). */
export interface SearchParameter {
  type: 'reference' | 'string' | 'token';
  /** The element, step by step; lists on the way are searched through. */
  path: string[];
  /** For references that may only lead to this type. */
  target?: string;
}

const reference = (path: string, target?: string): SearchParameter => ({
  type: 'reference',
  path: path.split('.'),
  ...(target !== undefined && { target }),
});
const token = (path: string): SearchParameter => ({ type: 'token', path: path.split('.') });
const string = (path: string): SearchParameter => ({ type: 'string', path: path.split('.') });

const aboutSubject = { subject: reference('subject'), patient: reference('subject', 'Patient'), code: token('code') };

/** A selection of the official R4 search parameters: those that the loaded examples give something to find with. */
export const searchParameters: Record<string, Record<string, SearchParameter>> = {
  AllergyIntolerance: {
    patient: reference('patient', 'Patient'),
    recorder: reference('recorder'),
    code: token('code'),
  },
  Condition: { ...aboutSubject, encounter: reference('encounter'), asserter: reference('asserter') },
  Encounter: { subject: reference('subject'), patient: reference('subject', 'Patient'), status: token('status') },
  MedicationRequest: { ...aboutSubject, code: token('medicationCodeableConcept'), status: token('status') },
  Observation: {
    ...aboutSubject,
    category: token('category'),
    status: token('status'),
    encounter: reference('encounter'),
    performer: reference('performer'),
  },
  Organization: { name: string('name'), active: token('active') },
  Patient: {
    identifier: token('identifier'),
    gender: token('gender'),
    family: string('name.family'),
    given: string('name.given'),
    link: reference('link.other'),
    organization: reference('managingOrganization'),
    'general-practitioner': reference('generalPractitioner'),
  },
  Practitioner: { identifier: token('identifier'), family: string('name.family'), given: string('name.given') },
  Procedure: { ...aboutSubject, encounter: reference('encounter'), performer: reference('performer.actor') },
  QuestionnaireResponse: {
    subject: reference('subject'),
    patient: reference('subject', 'Patient'),
    status: token('status'),
  },
  RelatedPerson: { patient: reference('patient', 'Patient') },
};

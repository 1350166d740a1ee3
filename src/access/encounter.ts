import type { FhirVersion } from '../fhir/version.js';
import { referencePlan, statedReferencePlan } from '../fhir/references.js';
import type { Caller } from './caller.js';
import type { Grant } from './grant.js';
import { refersTo, subjectOf } from './subject.js';
import { findReference } from './walk.js';

/**
 * Whether a resource is of the encounter in context.
 *
 * @param id The id by which the server knows the resource; undefined where a client chose it.
 */
export type EncounterCheck = (resource: Readonly<Record<string, unknown>>, id: string | undefined) => boolean;

/**
 * With an encounter in the launch context, a `patient/` grant opens the encounter itself, what refers to it, and what
 * refers to no encounter at all (the Patient, an allergy). Where the definitions have an element for encounters, one that
 * names something in another way, by an identifier or within the resource, is taken for another encounter. Undefined
 * where nothing narrows.
 */
export function encounterCheck(
  { scope }: Grant,
  type: string,
  { encounter, base }: Caller,
  version: FhirVersion,
): EncounterCheck | undefined {
  if (encounter === undefined || scope.level !== 'patient') return undefined;
  const subject = encounter === 'malformed' ? undefined : subjectOf('patient', encounter, base, []);
  if (subject === undefined) return () => false;
  if (type === 'Encounter') return (_resource, id) => subject.local && id === subject.id;
  const plan = referencePlan(version, type, 'Encounter');
  if (plan === undefined) return undefined;
  const stated = statedReferencePlan(version, type, 'Encounter');
  return (resource) => {
    const any =
      findReference(plan, resource, (reference) => ENCOUNTER.test(reference)) ??
      (stated && findReference(stated, resource, mayBeEncounter, true));
    return (
      any === undefined || findReference(plan, resource, (reference) => refersTo(reference, subject)) !== undefined
    );
  };
}

const ENCOUNTER = /(?:^|\/)Encounter\//;

/** A reference that tells its type, another than Encounter, is none; of all others nobody knows. */
function mayBeEncounter(reference: string): boolean {
  const [, type = 'Encounter'] = TYPE_AND_ID.exec(reference) ?? [];
  return type === 'Encounter';
}

/** The end of a relative or absolute reference (FHIR R4, 2.3.0.1), with a version or without. */
const TYPE_AND_ID = /(?:^|\/)([A-Z][A-Za-z]{1,63})\/[A-Za-z0-9\-.]{1,64}(?:\/_history\/[A-Za-z0-9\-.]{1,64})?$/;

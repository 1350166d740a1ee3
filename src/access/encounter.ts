import type { FhirVersion } from '../fhir/version.js';
import { referencePlan } from '../fhir/references.js';
import type { Caller } from './caller.js';
import type { Grant } from './grant.js';
import { refersTo, subjectOf } from './subject.js';
import { findReference } from './walk.js';

/**
 * With an encounter in the launch context, a `patient/` grant opens the encounter itself, what refers to it, and what
 * refers to no encounter at all (the Patient, an allergy). Undefined where nothing narrows.
 */
export function encounterCheck(
  { scope }: Grant,
  type: string,
  { encounter, base }: Caller,
  version: FhirVersion,
): ((resource: Readonly<Record<string, unknown>>) => boolean) | undefined {
  if (encounter === undefined || scope.level !== 'patient') return undefined;
  const subject = encounter === 'malformed' ? undefined : subjectOf('patient', encounter, base, []);
  if (subject === undefined) return () => false;
  if (type === 'Encounter') return ({ id }) => subject.local && id === subject.id;
  const plan = referencePlan(version, type, 'Encounter');
  if (plan === undefined) return undefined;
  return (resource) => {
    const any = findReference(plan, resource, (reference) => ENCOUNTER.test(reference));
    return (
      any === undefined || findReference(plan, resource, (reference) => refersTo(reference, subject)) !== undefined
    );
  };
}

const ENCOUNTER = /(?:^|\/)Encounter\//;

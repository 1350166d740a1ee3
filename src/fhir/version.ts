/**
 * The FHIR releases whose official definitions ship with this package: STU3 (`3.0.1`), R4 (`4.0.1`), R4B (`4.3.0`)
 * and R5 (`5.0.0`).
 */
export const FHIR_VERSIONS = ['3.0.1', '4.0.1', '4.3.0', '5.0.0'] as const;

/** A FHIR release, by the version number that fhir-works-on-aws-interface gives it. */
export type FhirVersion = (typeof FHIR_VERSIONS)[number];

/** Is this one of the supported FHIR releases? Any input is accepted. */
export function isFhirVersion(v: unknown): v is FhirVersion {
  return FHIR_VERSIONS.some((version) => version === v);
}

import { dataLines, perVersion } from './data-by-version.js';
import { RESOURCE_TYPES as R4 } from './data/r4/resource-types.js';
import { RESOURCE_TYPES as R4B } from './data/r4b/resource-types.js';
import { RESOURCE_TYPES as R5 } from './data/r5/resource-types.js';
import { RESOURCE_TYPES as STU3 } from './data/stu3/resource-types.js';
import type { FhirVersion } from './version.js';

const NONE: ReadonlySet<string> = new Set();

const table = perVersion({ '3.0.1': STU3, '4.0.1': R4, '4.3.0': R4B, '5.0.0': R5 }, (text) => new Set(dataLines(text)));

/**
 * The concrete resource types of a FHIR version, in the order in which fhir-works-on-aws-interface lists them
 * (alphabetical, but for TestScript before TestReport in STU3). Empty for an unknown version.
 */
export function resourceTypes(version: FhirVersion): ReadonlySet<string> {
  return table(version) ?? NONE;
}

import type { FhirVersion } from '../version.js';
import type { ElementModel } from './element-model.js';

/**
 * The concrete resource types, alphabetically. The one exception is STU3, where fhir-works-on-aws-interface lists
 * TestScript before TestReport: hosts see the order in getAllowedResourceTypesForOperation, so it is kept.
 */
export function listResourceTypes(version: FhirVersion, model: ElementModel): string[] {
  const types = [...model.resourceTypes];
  if (version === '3.0.1') {
    const report = types.indexOf('TestReport');
    if (types[report + 1] === 'TestScript') types.splice(report, 2, 'TestScript', 'TestReport');
  }
  return types;
}

// PLACEHOLDER, to be replaced by its owner: keeps the tree loadable. Refuses every parameter.
import type { FhirVersion } from '../../fhir/version.js';

export interface GrantView {
  covers(type: string): boolean;
  opensAll(type: string): boolean;
  opensEverything(): boolean;
}
export interface QueryFinding {
  readonly name: string;
  readonly code: 'query-parameter' | 'query-type';
  readonly resourceType?: string;
}
export interface QueryVerdict {
  readonly allowed: boolean;
  readonly parameters: readonly (readonly [string, string])[];
  readonly refused: readonly QueryFinding[];
  readonly removed: readonly QueryFinding[];
}
export function gateQuery(
  _version: FhirVersion,
  _resourceType: string | undefined,
  parameters: readonly (readonly [string, string])[],
  _grants: GrantView,
  _options: { customParameters?: readonly string[] } = {},
): QueryVerdict {
  return {
    allowed: parameters.length === 0,
    parameters: [],
    refused: parameters.map(([name]) => ({ name, code: 'query-parameter' })),
    removed: [],
  };
}

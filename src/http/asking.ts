import type { RequestContext } from 'fhir-works-on-aws-interface';
import type { FhirVersion } from '../fhir/version.js';
import type { SMARTHandler } from '../handler.js';
import type { UserIdentity } from '../identity/identity.js';
import type { ResourceLookup } from '../options.js';
import type { Interaction } from '../scope/rule.js';

/** The options of a guard, with their defaults. */
export interface GuardSettings {
  readonly baseUrl: string;
  readonly basePath: string;
  readonly version: FhirVersion;
  readonly realm: string;
  readonly hideForbidden: boolean;
  readonly explain: boolean;
  readonly maxBodyBytes: number;
  readonly lookup: ResourceLookup | undefined;
}

/** Who asks whom: what every question to the handler takes along. */
export interface Asking {
  readonly handler: SMARTHandler;
  readonly settings: GuardSettings;
  readonly identity: UserIdentity;
  readonly about: {
    readonly userIdentity: UserIdentity;
    readonly fhirServiceBaseUrl: string;
    readonly requestContext?: RequestContext;
  };
}

/** No resource has such ids; two, since one of them might be the caller's own. */
const NOBODY = ['0'.repeat(64), '1'.repeat(64)];

/**
 * Whether the caller's grants open every resource of a type for an interaction: asked as if two resources of which
 * nothing is known but their ids had been deleted, since only such a caller may see a history of them.
 */
export async function opensAll(
  { handler, about }: Asking,
  operation: Interaction,
  resourceType: string | undefined,
): Promise<boolean> {
  if (resourceType === undefined) return false;
  const entry = NOBODY.map((id) => ({ request: { method: 'DELETE', url: `${resourceType}/${id}` } }));
  const bundle = { resourceType: 'Bundle', type: 'history', entry };
  const { kept } = await handler.filterBundle({ ...about, operation, bundle });
  return kept === NOBODY.length;
}

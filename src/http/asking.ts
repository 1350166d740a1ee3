import type { RequestContext } from 'fhir-works-on-aws-interface';
import { resourceTypes } from '../fhir/resource-types.js';
import type { FhirVersion } from '../fhir/version.js';
import type { SMARTHandler } from '../handler.js';
import type { UserIdentity } from '../identity/identity.js';
import type { ResourceLookup } from '../options.js';
import type { Interaction } from '../scope/rule.js';
import type { BulkDataSettings } from './bulk-data.js';
import type { NarrowSearchOptions } from './narrow-search.js';
import type { Paging } from './paging.js';

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
  readonly narrowSearch: NarrowSearchOptions | undefined;
  readonly paging: Paging;
  readonly bulkData: BulkDataSettings | undefined;
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
    /** Which entry of a batch or transaction it is about, for who records questions: they come in no order. */
    readonly entry?: number;
  };
}

/** Whether the caller's grants are, each for what is the caller's, for every type that there is. */
export async function coversAllTypes({ handler, settings, about }: Asking, operation: Interaction): Promise<boolean> {
  try {
    const types = await handler.getAllowedResourceTypesForOperation({ operation, ...about });
    return types.length === resourceTypes(settings.version).size;
  } catch {
    return false;
  }
}

/** All types, those that no definition knows included: opened by grants for all types alone. */
export const ANY_TYPE = '*';

/** Whether the caller's grants open every resource of a type for an interaction. */
export function opensAll(
  { handler, about }: Asking,
  operation: Interaction,
  resourceType: string | undefined,
): boolean {
  return resourceType !== undefined && handler.opensWholeTypeAtOnce({ operation, resourceType, ...about });
}

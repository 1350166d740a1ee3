import type { RequestContext } from 'fhir-works-on-aws-interface';
import type { FhirVersion } from '../fhir/version.js';
import type { SMARTHandler } from '../handler.js';
import { normalizeBaseUrl } from '../identity/fhir-url.js';
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

/** Whether all that is the caller's own is open, of whatever type. */
export function coversAllTypes({ handler, about }: Asking, operation: Interaction): boolean {
  return handler.coversAllTypesAtOnce({ operation, ...about });
}

/** Whether a resource is the very identity that the caller has, as a user or as the patient in context. */
export function isCaller(
  { identity, settings }: Asking,
  resourceType: string | undefined,
  id: string | undefined,
): boolean {
  return [identity.fhirUserObject, identity.patientLaunchContext].some(
    (own) =>
      own !== undefined &&
      own.resourceType === resourceType &&
      own.id === id &&
      (own.hostname === '' || normalizeBaseUrl(own.hostname) === settings.baseUrl),
  );
}

/** Whether the caller's grants open every resource of a type for an interaction. */
export function opensAll(
  { handler, about }: Asking,
  operation: Interaction,
  resourceType: string | undefined,
): boolean {
  return resourceType !== undefined && handler.opensWholeTypeAtOnce({ operation, resourceType, ...about });
}

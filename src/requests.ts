import type { BulkDataAuth, KeyValueMap, RequestContext, SearchFilter } from 'fhir-works-on-aws-interface';
import type { Decision } from './access/decision.js';
import type { SearchNarrowing } from './access/search-narrowing.js';
import type { Interaction } from './scope/rule.js';

/** One request to be judged, with an access token or with an identity that verifyAccessToken returned. */
export interface AccessRequest {
  /** A FHIR interaction (`read`, `search-type`, …) or an operation by its name (`$everything`). */
  readonly operation: Interaction | `$${string}`;
  readonly resourceType?: string;
  readonly id?: string;
  readonly vid?: string;
  readonly accessToken?: string;
  readonly userIdentity?: KeyValueMap;
  readonly fhirServiceBaseUrl?: string;
  readonly requestContext?: RequestContext;
  /**
   * What is read, found or deleted, the instance of an operation, or the body of a create or update: judged whatever the
   * operation is, but for a batch or transaction, each of whose entries is a request of its own. Without it, and without
   * a stored resource, the decision is about the grants alone.
   */
  readonly resource?: unknown;
  /**
   * The resource as it is stored before a write, or the instance of an operation; null if there is none. Looked up when
   * absent and a lookup is there.
   */
  readonly storedResource?: unknown;
  /** The body of a patch: a JSON Patch (RFC 6902, an array) or a JSON Merge Patch (RFC 7396, an object). */
  readonly patch?: unknown;
  /** A conditional create, update, patch or delete: it needs the right to search as well. */
  readonly conditional?: boolean;
  /** The query of a search, without the question mark, or its parameters in order, decoded. */
  readonly query?: string | readonly (readonly [string, string])[];
  readonly bulkDataAuth?: BulkDataAuth;
}

/** What decideAtOnce() is asked: an interaction of somebody who is known, by what is given. */
export type KnownRequest = Omit<AccessRequest, 'operation' | 'accessToken' | 'query' | 'bulkDataAuth'> & {
  readonly operation: Interaction;
  readonly userIdentity: KeyValueMap;
};

/** What authorizeSearchAtOnce() is asked: a search by somebody who is known. */
export type KnownSearch = Omit<KnownRequest, 'resource' | 'storedResource' | 'patch'> & Pick<AccessRequest, 'query'>;

/** An access token to be verified, and where it was presented. */
export interface AuthenticateRequest {
  readonly accessToken: string;
  readonly fhirServiceBaseUrl?: string;
  readonly requestContext?: RequestContext;
}

/** A Bundle of resources, and the interaction that is to show it. */
export interface FilterBundleRequest {
  readonly operation: Interaction;
  readonly userIdentity: KeyValueMap;
  readonly bundle: unknown;
  readonly fhirServiceBaseUrl?: string;
  readonly requestContext?: RequestContext;
}

/** A resource type and an interaction, to be asked about as a whole. */
export interface WholeTypeRequest {
  readonly operation: Interaction;
  readonly resourceType: string;
  readonly userIdentity: KeyValueMap;
  readonly fhirServiceBaseUrl?: string;
  readonly requestContext?: RequestContext;
}

/** A bulk data request: a start, a question about the job, or its end. */
export interface ExportRequest {
  readonly userIdentity: KeyValueMap;
  readonly bulkDataAuth: BulkDataAuth;
  /** The types that are asked for (`_type`): each has to be granted. Absent for all that may be exported. */
  readonly types?: readonly string[];
  readonly fhirServiceBaseUrl?: string;
  readonly requestContext?: RequestContext;
}

/** The answer to authorizeExport. */
export interface ExportAuthorization {
  readonly decision: Decision;
  /** The types that may be written out. Empty for a denial. */
  readonly types: readonly string[];
  /** Who owns the job, as isAccessBulkDataJobAllowed takes it for `jobOwnerId`. Undefined for a denial. */
  readonly owner: string | undefined;
}

/** The answer to authorizeSearch. */
export interface SearchAuthorization {
  readonly decision: Decision;
  /** The query to run: what would reveal too much is taken out. Empty for a denial. */
  readonly parameters: readonly (readonly [string, string])[];
  /** The names of the parameters that were taken out. */
  readonly removed: readonly string[];
  /** The filters by identity, as getSearchFilterBasedOnIdentity gives them. Empty for a denial. */
  readonly filters: readonly SearchFilter[];
  /**
   * Parameters of which a server that knows them may be given one in addition, so that it finds less of what would be
   * filtered out. Empty where grants reach beyond the identity's own resources, and for a denial.
   */
  readonly narrowings: readonly SearchNarrowing[];
  /**
   * Whether granular scopes, an encounter in context or a rule of the host's open only a part of what belongs to the
   * identity: then pages and counts tell of what is not shown, whatever a search is narrowed to. True for a denial.
   */
  readonly partial: boolean;
}

/** The answer to authorizeSearchAtOnce: without what only a host asks that judges no response. */
export type GatedSearch = Omit<SearchAuthorization, 'filters'>;

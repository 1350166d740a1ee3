import { isReading, isResultList } from '../fhir/interactions.js';
import type { Interaction } from '../scope/rule.js';

/** Headers as Node gives them: names in lower case. */
export type HeaderBag = Readonly<Record<string, string | readonly string[] | number | undefined>>;

/** Query parameters in order, decoded once. */
export type Pairs = readonly (readonly [name: string, value: string])[];

/** The methods of the FHIR RESTful API, and OPTIONS for browsers. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

/** A compartment that is searched: `Patient/p1` in `Patient/p1/Observation`. */
export interface CompartmentTarget {
  readonly type: string;
  readonly id: string;
}

/** The search by which a conditional write finds what it is about (FHIR R4, 3.1.0.7.1, 3.1.0.8.1). */
export interface Condition {
  readonly by: 'if-none-exist' | 'url';
  readonly parameters: Pairs;
}

/** What every FHIR request has. */
interface RequestParts {
  readonly method: Method;
  /** The path prefix under which the server is, without a trailing slash: '' or '/fhir'. */
  readonly basePath: string;
  readonly resourceType?: string;
  readonly id?: string;
  /** All parameters: those of the URL, then those of the form of a POST `_search`. */
  readonly parameters: Pairs;
  /** The representation that `_format` asks for; absent without `_format`. */
  readonly format?: 'json' | 'other';
}

/** A RESTful interaction. A HEAD is the GET whose answer has no body. */
export interface InteractionRequest extends RequestParts {
  readonly kind: 'interaction';
  readonly interaction: Exclude<Interaction, 'batch' | 'transaction'>;
  readonly vid?: string;
  readonly compartment?: CompartmentTarget;
  readonly condition?: Condition;
  /** If-Match, as it came. */
  readonly ifMatch?: string;
}

/** An operation: on the system, on a type, or on an instance. */
export interface OperationRequest extends RequestParts {
  readonly kind: 'operation';
  /** With its dollar sign. */
  readonly operation: `$${string}`;
}

/** A batch or a transaction: which of the two, says the Bundle in the body. */
export interface BundleRequest extends RequestParts {
  readonly kind: 'bundle';
}

/** What everybody may ask: the CapabilityStatement, the SMART configuration, and what OPTIONS tells. */
export interface PublicRequest extends RequestParts {
  readonly kind: 'capabilities' | 'smart-configuration' | 'options';
  /** For OPTIONS: the path below the base, as it came. */
  readonly path: string;
}

/** A bulk data job that the guard let start: how far it is, its end, or one of its files. */
export interface BulkDataRequest extends RequestParts {
  readonly kind: 'bulk-data';
  /** The path below the base, as it came: the server knows the job by another. */
  readonly path: string;
  readonly job: string;
  /** Undefined for the job itself. */
  readonly file?: string;
}

/** A request that was understood. */
export type FhirRequest = InteractionRequest | OperationRequest | BundleRequest | BulkDataRequest | PublicRequest;

/** Why a request is none: a closed list. */
export type MalformedCode =
  | 'url-malformed'
  | 'url-too-long'
  | 'not-found'
  | 'type-unknown'
  | 'id-malformed'
  | 'method-malformed'
  | 'method-not-allowed'
  | 'method-unknown'
  | 'method-override'
  | 'query-malformed'
  | 'parameter-repeated'
  | 'condition-malformed'
  | 'header-malformed';

/** A request that is refused before anybody is asked. */
export interface Malformed {
  readonly malformed: MalformedCode;
  readonly status: 400 | 404 | 405 | 414 | 501;
  /** For 405: the methods that the path knows. */
  readonly allow?: readonly Method[];
}

/** Whether one resource is read, in its present version or in another. */
export function asksForResource(request: FhirRequest): request is InteractionRequest {
  return request.kind === 'interaction' && isReading(request.interaction);
}

/** Whether a searchset or a history is asked for. */
export function asksForList(request: FhirRequest): boolean {
  return request.kind === 'interaction' && isResultList(request.interaction);
}

/** Whether a verdict is a refusal. */
export function isMalformed(verdict: object): verdict is Malformed {
  return 'malformed' in verdict;
}

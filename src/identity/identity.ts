import type { KeyValueMap } from 'fhir-works-on-aws-interface';
import type { FhirResource } from './fhir-url.js';
import { isFhirId, normalizeBaseUrl, parseFhirUrl } from './fhir-url.js';
import { claimAt } from './claim-path.js';
import { isJsonObject } from '../json-object.js';

/** The verified caller as the host passes it around: all claims of the token, and what was derived from them. */
export interface UserIdentity extends KeyValueMap {
  /** Every scope of the token. */
  scopes: string[];
  /** The scopes that can cover the request for which the token was verified. */
  usableScopes: string[];
  /** Who the caller is; present when a usable scope is a `user/` scope. */
  fhirUserObject?: FhirResource;
  /** The patient in context; present when a usable scope is a `patient/` scope. */
  patientLaunchContext?: FhirResource;
}

/** Claims under these names are never read as ours: the fields are derived, always (they would otherwise make an admin). */
const DERIVED: readonly string[] = ['fhirUserObject', 'patientLaunchContext', 'scopes', 'usableScopes'];

/** SMART App Launch 2.2, Scopes for requesting identity data: the types that a fhirUser claim may name. */
const FHIR_USER_TYPES: ReadonlySet<string> = new Set([
  'Patient',
  'Practitioner',
  'PractitionerRole',
  'RelatedPerson',
  'Person',
]);

/** Where the identity stands in the claims. */
export interface IdentityClaims {
  /** Path of the claim that names the user: `fhirUser`, `profile`, `ext.fhirUser`. */
  readonly fhirUserClaimPath: string;
  /** What the launch context claims begin with: `launch_response_` makes `launch_response_patient` the patient's. */
  readonly launchContextPathPrefix: string;
}

/** Who the claims say the caller is. A claim that is missing or malformed names nobody. */
export interface ClaimedIdentity {
  readonly user: FhirResource | undefined;
  readonly patient: FhirResource | undefined;
}

/** The levels whose claim is there, but names nobody: such a token is broken, not just anonymous. */
export type MalformedClaims = ReadonlySet<'user' | 'patient'>;

/**
 * Reads fhirUser and the launch patient from verified claims.
 *
 * @param base Base URL of the server that is asked: what a relative reference is relative to.
 */
export function identityFromClaims(
  claims: Readonly<Record<string, unknown>>,
  where: IdentityClaims,
  base: string,
): ClaimedIdentity & { readonly malformed: MalformedClaims } {
  const userClaim = claimAt(claims, where.fhirUserClaimPath);
  const patientClaim = claimAt(claims, `${where.launchContextPathPrefix}patient`);
  const user = readFhirUser(userClaim, base);
  const patient = readContext(patientClaim, base, 'Patient');
  const malformed = new Set<'user' | 'patient'>();
  if (!user && isGiven(userClaim)) malformed.add('user');
  if (!patient && isGiven(patientClaim)) malformed.add('patient');
  return { user, patient, malformed };
}

/** The encounter in the launch context (SMART App Launch 2.2, Launch context arrives with your access_token). */
export function encounterFromClaims(
  claims: Readonly<Record<string, unknown>>,
  { launchContextPathPrefix }: IdentityClaims,
  base: string,
): FhirResource | undefined | 'malformed' {
  const claim = claimAt(claims, `${launchContextPathPrefix}encounter`);
  return readContext(claim, base, 'Encounter') ?? (isGiven(claim) ? 'malformed' : undefined);
}

function isGiven(claim: unknown): boolean {
  return claim !== undefined && claim !== null && claim !== '';
}

function readFhirUser(claim: unknown, base: string): FhirResource | undefined {
  if (typeof claim !== 'string') return undefined;
  const parsed = parseFhirUrl(claim);
  if (!parsed || !FHIR_USER_TYPES.has(parsed.resourceType)) return undefined;
  return { hostname: parsed.base ?? base, resourceType: parsed.resourceType, id: parsed.id };
}

/** SMART sends a bare id (`"patient": "123"`), many servers `Patient/123`; both name a Patient, nothing else does. */
function readContext(claim: unknown, base: string, resourceType: string): FhirResource | undefined {
  if (typeof claim !== 'string') return undefined;
  // A bare type is the ruin of a reference, not an id.
  if (isFhirId(claim) && claim !== resourceType) return { hostname: base, resourceType, id: claim };
  const parsed = parseFhirUrl(claim);
  if (parsed?.resourceType !== resourceType) return undefined;
  return { hostname: parsed.base ?? base, resourceType, id: parsed.id };
}

/** The claims without those that bear a derived field's name. */
export function withoutDerivedFields(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // Deleting would make the object slow for whoever reads it, and hardly any token has such a claim.
  if (!DERIVED.some((name) => Object.hasOwn(claims, name))) return { ...claims };
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !DERIVED.includes(name)));
}

/** A userIdentity that came back from the host, read with suspicion: only well-formed fields count. */
export interface CarriedIdentity extends ClaimedIdentity {
  /** All that the identity carries: the claims of the token. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly scopes: readonly string[];
  readonly usableScopes: readonly string[];
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
}

/** The one guard through which a userIdentity enters. It never throws: a field of the wrong shape is absent. */
export function readIdentity(userIdentity: unknown): CarriedIdentity {
  const source = isJsonObject(userIdentity) ? userIdentity : {};
  return {
    claims: source,
    scopes: strings(own(source, 'scopes')),
    usableScopes: strings(own(source, 'usableScopes')),
    user: readResource(own(source, 'fhirUserObject'), FHIR_USER_TYPES),
    patient: readResource(own(source, 'patientLaunchContext'), PATIENT),
    subject: text(own(source, 'sub')),
    issuer: text(own(source, 'iss')),
  };
}

const PATIENT: ReadonlySet<string> = new Set(['Patient']);

function readResource(value: unknown, types: ReadonlySet<string>): FhirResource | undefined {
  if (!isJsonObject(value)) return undefined;
  const hostname = own(value, 'hostname');
  const resourceType = text(own(value, 'resourceType'));
  const id = text(own(value, 'id'));
  if (typeof hostname !== 'string' || resourceType === undefined || id === undefined) return undefined;
  if (!types.has(resourceType) || !isFhirId(id)) return undefined;
  if (hostname !== '' && normalizeBaseUrl(hostname) === undefined) return undefined;
  return { hostname, resourceType, id };
}

function own(source: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(source, name) ? source[name] : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((member): member is string => typeof member === 'string') : [];
}

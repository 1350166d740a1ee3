// The setting of the tests of this folder: one server, its people, and tokens that a real issuer signs for them.
import { expect } from 'chai';
import type { SMARTConfig, SMARTHandlerOptions, UserIdentity } from '../../src/index.js';
import { SMARTHandler } from '../../src/index.js';
import type { AccessRule, Interaction } from '../../src/index.js';
import { AUDIENCE, ISSUER, Issuer, edA, mint } from '../token/issuer.js';

export const BASE = 'https://fhir.clinic.example/r4';
export const FOREIGN = 'https://fhir.elsewhere.example/r4';
export const VERSIONS = ['3.0.1', '4.0.1', '4.3.0', '5.0.0'] as const;

export const ALICE = 'Patient/alice';
export const BOB = 'Patient/bob';
/** An admin, unless a test says otherwise. */
export const DOCTOR = `${BASE}/Practitioner/dr`;
/** A user who is no admin. */
export const RELATIVE = `${BASE}/RelatedPerson/rel`;

/** Everything is possible: what a test finds refused is refused for another reason than the ScopeRule. */
export const FULL: AccessRule = {
  read: ['read', 'vread', 'search-type', 'search-system', 'history-type', 'history-instance', 'history-system'],
  write: ['create', 'update', 'patch', 'delete', 'transaction', 'batch'],
};

export interface Setup {
  readonly version?: string;
  readonly config?: Partial<SMARTConfig>;
  readonly apiUrl?: string;
  readonly adminTypes?: readonly string[];
  readonly bulkTypes?: readonly string[];
  readonly userExport?: boolean;
  readonly options?: SMARTHandlerOptions;
}

/** What a token says. */
export interface Person {
  readonly scopes: string;
  readonly fhirUser?: unknown;
  /** The patient in the launch context. */
  readonly patient?: unknown;
  readonly claims?: Record<string, unknown>;
}

export interface Asked {
  readonly operation: Interaction;
  readonly resourceType?: string;
  readonly id?: string;
}

let issuer: Issuer | undefined;

/** Starts the issuer before the tests of a suite, and stops it after them. */
export function withIssuer(): void {
  before(async () => {
    issuer = await Issuer.start(edA.jwk({ kid: 'a' }));
  });
  after(async () => {
    await issuer?.close();
    issuer = undefined;
  });
}

export function theIssuer(): Issuer {
  if (!issuer) throw new Error('call withIssuer() in the suite');
  return issuer;
}

/** A handler that trusts the issuer. */
export function open(setup: Setup = {}): SMARTHandler {
  const { config, apiUrl = BASE, version = '4.0.1', adminTypes, bulkTypes, userExport } = setup;
  // Said aloud, so that the warning about it does not fill the output.
  const { options = { writesWithoutLookup: 'allow' } } = setup;
  return new SMARTHandler(
    {
      version: 1,
      scopeKey: 'scope',
      scopeRule: { patient: FULL, user: FULL, system: FULL },
      expectedAudValue: AUDIENCE,
      expectedIssValue: ISSUER,
      fhirUserClaimPath: 'fhirUser',
      launchContextPathPrefix: 'launch_response_',
      jwksEndpoint: theIssuer().jwksUrl,
      ...config,
    },
    apiUrl,
    version,
    adminTypes,
    bulkTypes,
    userExport,
    options,
  );
}

export function tokenOf({ scopes, fhirUser, patient, claims }: Person): string {
  return mint({
    key: edA,
    claims: {
      scope: scopes,
      ...(fhirUser !== undefined && { fhirUser }),
      ...(patient !== undefined && { launch_response_patient: patient }),
      ...claims,
    },
  });
}

/** The identity that the handler makes of a real token. */
export async function admit(handler: SMARTHandler, person: Person, asked: Asked): Promise<UserIdentity> {
  return handler.verifyAccessToken({ ...asked, accessToken: tokenOf(person), fhirServiceBaseUrl: BASE });
}

export interface Resource {
  readonly resourceType: string;
  readonly id?: string;
  readonly [element: string]: unknown;
}

export function observationOf(patient: string, id = `o-${patient.replace('/', '-')}`): Resource {
  return { resourceType: 'Observation', id, status: 'final', code: {}, subject: { reference: patient } };
}

export interface Entry {
  readonly resource?: unknown;
  readonly [element: string]: unknown;
}

export interface Bundle extends Resource {
  readonly type?: string;
  readonly total?: number;
  readonly entry?: readonly Entry[];
}

export function match(resource: unknown): Entry {
  return { resource, search: { mode: 'match' } };
}

export function included(resource: unknown): Entry {
  return { resource, search: { mode: 'include' } };
}

export function searchset(...entry: Entry[]): Bundle {
  return { resourceType: 'Bundle', type: 'searchset', entry };
}

/** The ids of what a Bundle shows. */
export function shown(bundle: unknown): unknown[] {
  return ((bundle as Bundle).entry ?? []).map(({ resource }) => (resource as Resource).id);
}

/** Filters a response the way the router does. */
export async function filter(
  handler: SMARTHandler,
  userIdentity: Readonly<Record<string, unknown>>,
  readResponse: unknown,
  operation: Interaction = 'search-type',
): Promise<unknown> {
  return handler.authorizeAndFilterReadResponse({
    operation,
    userIdentity,
    readResponse,
    fhirServiceBaseUrl: BASE,
  }) as Promise<unknown>;
}

/** What a token lets through of one resource: the whole way from the token to the answer of a read. */
export async function reads(handler: SMARTHandler, person: Person, resource: Resource): Promise<boolean> {
  const { resourceType, id } = resource;
  return allowed(async () => {
    const identity = await admit(handler, person, { operation: 'read', resourceType, ...(id !== undefined && { id }) });
    await filter(handler, identity, resource, 'read');
  });
}

/** Whether a token lets a body be written. */
export async function writes(
  handler: SMARTHandler,
  person: Person,
  operation: 'create' | 'update' | 'patch' | 'delete',
  resourceBody: unknown,
  resourceType = (resourceBody as Resource).resourceType,
): Promise<boolean> {
  const { id } = resourceBody as Resource;
  return allowed(async () => {
    const identity = await admit(handler, person, { operation, resourceType, ...(id !== undefined && { id }) });
    await handler.isWriteRequestAuthorized({
      operation,
      userIdentity: identity,
      resourceBody,
      fhirServiceBaseUrl: BASE,
    });
  });
}

/** Whether a token lets a Bundle of these entries be processed. */
export async function processes(
  handler: SMARTHandler,
  person: Person,
  ...requests: { operation: Interaction; resourceType: string; id?: string; resource?: unknown }[]
): Promise<boolean> {
  return allowed(async () => {
    const identity = await admit(handler, person, { operation: 'transaction' });
    await handler.isBundleRequestAuthorized({
      userIdentity: identity,
      requests: requests.map((request) => ({ id: '', resource: undefined, ...request })),
      fhirServiceBaseUrl: BASE,
    });
  });
}

/** True if it fulfils, false if it is refused as it must be. Any other error fails the test. */
export async function allowed(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    expectUnauthorized(error);
    return false;
  }
}

/** It must be the error that FHIR Works hosts know, with a text that tells the client nothing. */
export function expectUnauthorized(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'UnauthorizedError') throw error;
  expect((error as { readonly isUnauthorizedError?: unknown }).isUnauthorizedError).to.equal(true);
  expect(error.message).to.be.oneOf([
    'The access token was not accepted',
    'User does not have permission for requested operation',
  ]);
}

import type {
  AccessBulkDataJobRequest,
  AllowedResourceTypesForOperationRequest,
  Authorization,
  AuthorizationBundleRequest,
  BatchReadWriteRequest,
  BulkDataAuth,
  GetSearchFilterBasedOnIdentityRequest,
  KeyValueMap,
  ReadResponseAuthorizedRequest,
  RequestContext,
  SearchFilter,
  VerifyAccessTokenRequest,
  WriteRequestAuthorizedRequest,
} from 'fhir-works-on-aws-interface';
import type { Caller } from './access/caller.js';
import type { Question } from './access/decide.js';
import { decide } from './access/decide.js';
import type { Decision } from './access/decision.js';
import { deny } from './access/decision.js';
import { explainDecision } from './access/explain.js';
import { decideExport } from './access/export.js';
import type { Grant } from './access/grant.js';
import { coversRequest, grantsOf } from './access/grant.js';
import { decideJob } from './access/job.js';
import { Judge, typeOf } from './access/judge.js';
import { decideOperation } from './access/operation.js';
import { gateQuery } from './access/query/gate.js';
import { filterBundle, isBundle } from './access/read-filter.js';
import { searchFilters } from './access/search-filter.js';
import type { SMARTConfig } from './config.js';
import { checkFhirVersion, checkTypes } from './config.js';
import type { DecisionEvent } from './decision-event.js';
import { DeniedError } from './denied-error.js';
import { isUnauthorizedError } from './errors.js';
import { resourceTypes } from './fhir/resource-types.js';
import { claimAt } from './identity/claim-path.js';
import type { CarriedIdentity, ClaimedIdentity, UserIdentity } from './identity/identity.js';
import { encounterFromClaims, identityFromClaims, readIdentity, withoutDerivedFields } from './identity/identity.js';
import type { SMARTHandlerOptions } from './options.js';
import { policyOptions } from './options.js';
import { Realm, Realms, baseOf } from './realm.js';
import { ScopeParser, scopeList } from './scope/list.js';
import type { Interaction } from './scope/rule.js';
import { isInteraction } from './fhir/interactions.js';

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
  /** What is read, or the body of a create or update. Without it the decision is about the grants alone. */
  readonly resource?: unknown;
  /** The resource as it is stored before a write; null if there is none. Looked up when absent and a lookup is there. */
  readonly storedResource?: unknown;
  /** The body of a patch: a JSON Patch (RFC 6902, an array) or a JSON Merge Patch (RFC 7396, an object). */
  readonly patch?: unknown;
  /** A conditional create, update, patch or delete: it needs the right to search as well. */
  readonly conditional?: boolean;
  /** The query of a search, without the question mark, or its parameters in order, decoded. */
  readonly query?: string | readonly (readonly [string, string])[];
  readonly bulkDataAuth?: BulkDataAuth;
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
}

/**
 * Authorizes requests to a FHIR server by SMART scopes and by the references in resources.
 *
 * Every method asks the same judge (src/access/judge.ts); they differ in what they know and in what their host expects
 * for an answer. A refusal throws an UnauthorizedError, whatever went wrong inside.
 */
export class SMARTHandler implements Authorization {
  readonly #realms: Realms;
  readonly #options: SMARTHandlerOptions;
  readonly #parser: ScopeParser;
  /** What each identity was verified for. The router passes the same object on, within one request. */
  readonly #verifiedFor = new WeakMap<object, VerifyAccessTokenRequest>();
  #warned = false;

  /**
   * @param apiUrl Base URL of the FHIR server, where a request names none.
   * @param fhirVersion '3.0.1', '4.0.1', '4.3.0' or '5.0.0'.
   * @param adminAccessTypes fhirUser types that see everything their scopes name.
   * @param bulkDataAccessTypes fhirUser types that may export, where user scopes may export at all.
   * @param isUserScopeAllowedForSystemExport Whether `user/` scopes may start a system export.
   * @throws ConfigError that names the key at fault.
   */
  constructor(
    config: SMARTConfig,
    apiUrl: string,
    fhirVersion: string,
    adminAccessTypes: readonly string[] = ['Practitioner'],
    bulkDataAccessTypes: readonly string[] = ['Practitioner'],
    isUserScopeAllowedForSystemExport = false,
    options: SMARTHandlerOptions = {},
  ) {
    const policy = {
      ...policyOptions(options),
      version: checkFhirVersion(fhirVersion),
      adminTypes: checkTypes(adminAccessTypes, 'adminAccessTypes'),
      bulkDataTypes: checkTypes(bulkDataAccessTypes, 'bulkDataAccessTypes'),
      userScopesExport: isUserScopeAllowedForSystemExport,
    };
    this.#options = options;
    this.#parser = new ScopeParser({ decodeSlash: options.decodeScopeSlash ?? false });
    this.#realms = new Realms(new Realm(config, apiUrl, policy), policy, options.tenantOf);
  }

  /**
   * Verifies an access token and returns who it speaks for: its claims, `scopes`, `usableScopes` (those that can cover
   * this request), `fhirUserObject` and `patientLaunchContext`.
   *
   * @throws UnauthorizedError for a token that does not verify or cannot cover the request; Error when the
   * configuration has neither jwksEndpoint nor tokenIntrospection.
   */
  async verifyAccessToken(request: VerifyAccessTokenRequest): Promise<UserIdentity> {
    const realm = this.#realms.find(request);
    const verifier = realm?.verifier();
    return this.#guarded(async () => {
      if (!realm || !verifier) return this.#refuse('verifyAccessToken', request, deny({ code: 'tenant-mismatch' }));
      const { claims } = await verifier.verify(request.accessToken);
      const { identity, decision } = this.#identify(realm, claims, request);
      this.#report({ method: 'verifyAccessToken', ...describe(request), decision });
      if (decision.decision === 'deny') throw new DeniedError(decision);
      this.#verifiedFor.set(identity, request);
      return identity;
    });
  }

  /** Whether one interaction may be done; the short form of decide(). Never throws for a denial. */
  async isAuthorized(request: AccessRequest): Promise<boolean> {
    const { decision } = await this.decide(request);
    return decision === 'allow';
  }

  /** The decision for people, as text: what carried it, or what each scope lacked. */
  async explain(request: AccessRequest): Promise<string> {
    return explainDecision(await this.decide(request));
  }

  /**
   * Decides about one request. What is not given is unknown: without a resource the decision is about the grants alone.
   * A denial is a value with its reasons; nothing that a client sends makes this throw.
   *
   * @throws Error only for a configuration that cannot verify tokens.
   */
  async decide(request: AccessRequest): Promise<Decision> {
    const decision = await this.#decideRequest(request);
    this.#report({ method: 'decide', ...describe(request), decision });
    return decision;
  }

  /**
   * Judges a search before it runs: whether a grant covers it, and whether its query would reveal what none does
   * (chains, `_has`, includes, counts). What may be left out is left out, the rest is refused.
   */
  async authorizeSearch(request: AccessRequest): Promise<SearchAuthorization> {
    const { answer } = await this.#search(request);
    this.#report({ method: 'authorizeSearch', ...describe(request), decision: answer.decision });
    return answer;
  }

  /** Judges what a read, search or history returned, and filters the entries of a Bundle. @throws UnauthorizedError */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the return type of the interface
  async authorizeAndFilterReadResponse(request: ReadResponseAuthorizedRequest): Promise<any> {
    return this.#guarded(() => {
      const { operation } = request;
      const response: unknown = request.readResponse;
      const identity = readIdentity(request.userIdentity);
      const lists = isResultList(operation);
      const caller = this.#caller(request, identity, lists ? identity.scopes : identity.usableScopes);
      const method = 'authorizeAndFilterReadResponse';
      if ('decision' in caller) return this.#refuse(method, request, caller);
      if (lists) {
        if (!isBundle(response)) return this.#refuse(method, request, deny({ code: 'resource-malformed' }));
        const judge = new Judge(caller.caller, [operation], caller.realm.policy);
        const { bundle, kept, dropped } = filterBundle(response, judge);
        const decision = judge.decideAny();
        this.#report({ method, ...describe(request), decision, filtered: { kept, dropped } });
        return bundle;
      }
      const asked = isReading(operation) ? caller.caller : withoutBlindSystems(caller.caller);
      const resourceType = typeOf(response);
      // A write answers with what it left: judged like a read, by the grants that covered the write.
      const judge = new Judge(asked, [operation], caller.realm.policy);
      const decision =
        resourceType === undefined
          ? deny({ code: 'resource-malformed' })
          : judge.decide(resourceType, [{ value: response, idProves: true }]);
      this.#enforce(method, request, decision);
      return response;
    });
  }

  /**
   * Judges a create, update, patch or delete. For a delete the body is the stored resource. With a lookup, updates and
   * patches are judged by the stored resource and by the result. @throws UnauthorizedError
   */
  async isWriteRequestAuthorized(request: WriteRequestAuthorizedRequest): Promise<void> {
    return this.#guarded(async () => {
      const { operation } = request;
      const body: unknown = request.resourceBody;
      const identity = readIdentity(request.userIdentity);
      const caller = this.#caller(request, identity, identity.usableScopes);
      const verified = this.#verifiedFor.get(request.userIdentity);
      // Only a request that was verified as this very interaction tells its URL.
      const url = verified?.operation === operation ? verified : undefined;
      if ('decision' in caller) return this.#refuse('isWriteRequestAuthorized', request, caller);
      const decision = await this.#decideWrite(caller, {
        operation,
        body,
        resourceType: url?.resourceType ?? typeOf(body),
        id: idOf(body) ?? url?.id,
        trustsBody: operation === 'delete',
      });
      this.#enforce(
        'isWriteRequestAuthorized',
        { ...request, ...withType(url?.resourceType ?? typeOf(body)) },
        decision,
      );
    });
  }

  /** Judges every entry of a batch or transaction; one that is refused refuses all. @throws UnauthorizedError */
  async isBundleRequestAuthorized(request: AuthorizationBundleRequest): Promise<void> {
    return this.#guarded(async () => {
      const identity = readIdentity(request.userIdentity);
      const caller = this.#caller(request, identity, identity.scopes);
      const about = { operation: 'transaction' };
      if ('decision' in caller) return this.#refuse('isBundleRequestAuthorized', about, caller);
      for (const entry of request.requests) {
        const decision = await this.#decideEntry(caller, entry);
        this.#enforce('isBundleRequestAuthorized', entry, decision);
      }
    });
  }

  /** Judges whether a bulk data job is the caller's. @throws UnauthorizedError */
  async isAccessBulkDataJobAllowed(request: AccessBulkDataJobRequest): Promise<void> {
    return this.#guarded(() => {
      const decision = decideJob(readIdentity(request.userIdentity), request.jobOwnerId, this.#realms.several);
      this.#enforce('isAccessBulkDataJobAllowed', { operation: 'bulk-data-job' }, decision);
    });
  }

  /** The resource types for which some grant covers an operation; all known types for a grant for all. */
  async getAllowedResourceTypesForOperation(request: AllowedResourceTypesForOperationRequest): Promise<string[]> {
    return this.#guarded(() => {
      const identity = readIdentity(request.userIdentity);
      const found = this.#caller(request, identity, identity.scopes);
      if ('decision' in found) return this.#refuse('getAllowedResourceTypesForOperation', request, found);
      const { caller, realm } = found;
      const known = resourceTypes(realm.policy.version);
      const bulkDataAuth = this.#verifiedFor.get(request.userIdentity)?.bulkDataAuth;
      const grants = bulkDataAuth
        ? decideExport(caller, bulkDataAuth, realm.policy).usable
        : new Judge(caller, [request.operation], realm.policy).grantsForAnyType();
      // Outside a search nobody filters by the granular part afterwards: an export asks here what it may write out.
      const whole = isResultList(request.operation) ? grants : grants.filter(({ scope }) => scope.clauses.length === 0);
      if (whole.some(({ scope }) => scope.type === '*')) return [...known];
      return [...new Set(whole.map(({ scope }) => scope.type))].filter((type) => known.has(type));
    });
  }

  /** Filters that keep a search from looking at what no grant opens; the response is judged all the same. */
  async getSearchFilterBasedOnIdentity(request: GetSearchFilterBasedOnIdentityRequest): Promise<SearchFilter[]> {
    return this.#guarded(() => {
      const identity = readIdentity(request.userIdentity);
      const found = this.#caller(request, identity, identity.scopes);
      if ('decision' in found) return this.#refuse('getSearchFilterBasedOnIdentity', request, found);
      return this.#filters(found, request.operation, request.resourceType, identity);
    });
  }

  #identify(
    realm: Realm,
    claims: Readonly<Record<string, unknown>>,
    request: Pick<VerifyAccessTokenRequest, 'operation' | 'resourceType' | 'bulkDataAuth' | 'fhirServiceBaseUrl'>,
  ): { identity: UserIdentity; decision: Decision } {
    const scopes = [...scopeList(claimAt(claims, realm.config.scopeKey))];
    const base = request.fhirServiceBaseUrl ?? realm.apiUrl;
    const claimed = identityFromClaims(claims, realm.config, base);
    const caller = this.#callerOf(realm, claims, claimed, scopes, baseOf({ fhirServiceBaseUrl: base }));
    const { operation, resourceType, bulkDataAuth } = request;
    const judge = new Judge(caller, [operation], realm.policy);
    const asked = bulkDataAuth
      ? decideExport(caller, bulkDataAuth, realm.policy)
      : { usable: judge.grantsFor(resourceType), decision: judge.decideType(resourceType) };

    // A scope would cover the request, but the claim that has to say for whom is garbage: nothing in this token is sure.
    const broken = caller.grants.unidentified.find(
      (scope) =>
        claimed.malformed.has(scope.scope.level as 'user' | 'patient') &&
        !bulkDataAuth &&
        coversRequest(scope, [operation], resourceType),
    );
    const decision = broken
      ? deny({ code: 'identity-claim-malformed', scope: broken.scope.text, name: broken.scope.level })
      : asked.decision;

    const texts = new Set(asked.usable.map(({ scope }) => scope.text));
    const levels = new Set(asked.usable.map(({ scope }) => scope.level));
    return {
      decision,
      identity: {
        ...withoutDerivedFields(claims),
        scopes,
        usableScopes: scopes.filter((scope) => texts.has(scope)),
        ...(claimed.user && levels.has('user') && { fhirUserObject: claimed.user }),
        ...(claimed.patient && levels.has('patient') && { patientLaunchContext: claimed.patient }),
      },
    };
  }

  async #decideRequest(request: AccessRequest): Promise<Decision> {
    if (request.query !== undefined) return (await this.#search(request)).answer.decision;
    const found = await this.#resolve(request);
    if ('decision' in found) return found;
    try {
      return await this.#judge(found, request);
    } catch {
      return deny({ code: 'internal-error' });
    }
  }

  async #judge(found: Found, request: AccessRequest): Promise<Decision> {
    const { caller, realm } = found;
    const { operation, resourceType, id } = request;
    if (request.bulkDataAuth) return decideExport(caller, request.bulkDataAuth, realm.policy).decision;
    if (!isInteraction(operation)) {
      return decideOperation(caller, { name: operation, resourceType, id, resource: request.resource }, realm.policy);
    }
    const stored = needsStored(operation) ? await this.#stored(request) : undefined;
    const question: Question = {
      interaction: operation,
      resourceType,
      id,
      conditional: request.conditional,
      ...(request.resource !== undefined && { resource: request.resource }),
      ...(request.patch !== undefined && { patch: request.patch }),
      ...(stored !== undefined && { stored }),
    };
    return decide(caller, question, realm.policy);
  }

  async #search(request: AccessRequest): Promise<{ answer: SearchAuthorization }> {
    const refused = (decision: Decision): { answer: SearchAuthorization } => ({
      answer: { decision, parameters: [], removed: [], filters: [] },
    });
    const found = await this.#resolve(request);
    if ('decision' in found) return refused(found);
    const { operation, resourceType, query = [] } = request;
    if (operation !== 'search-type' && operation !== 'search-system') {
      return refused(deny({ code: 'operation-unknown', name: operation }));
    }
    try {
      const { caller, realm } = found;
      const judge = new Judge(caller, [operation], realm.policy);
      const decision = judge.decideType(resourceType);
      if (decision.decision === 'deny') return refused(decision);
      const verdict = gateQuery(realm.policy.version, resourceType, parametersOf(query), judge.view(), {
        customParameters: this.#options.customSearchParameters ?? [],
      });
      const [first, ...rest] = verdict.refused;
      if (first) return refused(deny(first, ...rest));
      if (!verdict.allowed) return refused(deny({ code: 'query-parameter' }));
      const removed = verdict.removed.map(({ name }) => name);
      const filters = this.#filters(found, operation, resourceType, found.identity);
      return { answer: { decision, parameters: verdict.parameters, removed, filters } };
    } catch {
      return refused(deny({ code: 'internal-error' }));
    }
  }

  #filters(
    { caller, realm }: Found,
    operation: Interaction,
    resourceType: string | undefined,
    identity: ClaimedIdentity,
  ): SearchFilter[] {
    const judge = new Judge(caller, [operation], realm.policy);
    const grants: readonly Grant[] =
      resourceType === undefined ? judge.grantsForAnyType() : judge.grantsFor(resourceType);
    return searchFilters(grants, resourceType, identity, realm.policy);
  }

  /** Who asks: from the token, or from an identity that was verified before. */
  async #resolve(request: AccessRequest): Promise<Found | Extract<Decision, { decision: 'deny' }>> {
    if (request.userIdentity !== undefined) {
      const identity = readIdentity(request.userIdentity);
      return this.#caller(request, identity, identity.scopes);
    }
    const realm = this.#realms.find(request);
    const verifier = realm?.verifier();
    if (!realm || !verifier) return deny({ code: 'tenant-mismatch' });
    try {
      const { claims } = await verifier.verify(request.accessToken ?? '');
      const identity = identityFromClaims(claims, realm.config, request.fhirServiceBaseUrl ?? realm.apiUrl);
      const [malformed] = identity.malformed;
      if (malformed) return deny({ code: 'identity-claim-malformed', name: malformed });
      const scopes = scopeList(claimAt(claims, realm.config.scopeKey));
      return { realm, identity, caller: this.#callerOf(realm, claims, identity, scopes, baseOf(request)) };
    } catch (error) {
      const code: unknown = (error as { readonly code?: unknown }).code;
      return deny({ code: 'token-invalid', ...(typeof code === 'string' && { name: code }) });
    }
  }

  #caller(
    request: { readonly fhirServiceBaseUrl?: string; readonly requestContext?: RequestContext },
    identity: CarriedIdentity,
    scopes: readonly string[],
  ): Found | Extract<Decision, { decision: 'deny' }> {
    const realm = this.#realms.find(request);
    if (!realm) return deny({ code: 'tenant-mismatch' });
    // Where one handler serves several issuers, an identity is good only in the realm of the issuer that made it.
    if (this.#realms.several && identity.issuer !== realm.config.expectedIssValue)
      return deny({ code: 'tenant-mismatch' });
    return { realm, identity, caller: this.#callerOf(realm, identity.claims, identity, scopes, baseOf(request)) };
  }

  #callerOf(
    realm: Realm,
    claims: Readonly<Record<string, unknown>>,
    identity: ClaimedIdentity,
    scopes: readonly string[],
    base = realm.base,
  ): Caller {
    const encounter =
      realm.policy.encounterContext === 'narrow' ? encounterFromClaims(claims, realm.config, base) : undefined;
    return { grants: grantsOf(scopes, identity, base, realm.policy, this.#parser), claims, encounter, base };
  }

  async #decideWrite(
    { caller, realm }: Found,
    write: {
      operation: Interaction;
      body: unknown;
      resourceType: string | undefined;
      id: string | undefined;
      /** The body is the stored resource, read by the host. */
      trustsBody: boolean;
    },
  ): Promise<Decision> {
    const { operation, body, resourceType, id } = write;
    if (write.trustsBody) {
      return decide(caller, { interaction: operation, resourceType, id, stored: body ?? null }, realm.policy);
    }
    const about = { interaction: operation, resourceType, id };
    if (operation === 'create') return decide(caller, { ...about, resource: body ?? null }, realm.policy);
    const stored = await this.#stored({ ...(resourceType && { resourceType }), ...(id && { id }) });
    if (stored === undefined) this.#warnOnce();
    if (Array.isArray(body) || (operation === 'patch' && stored !== undefined)) {
      return decide(caller, { ...about, patch: body, ...(stored !== undefined && { stored }) }, realm.policy);
    }
    return decide(caller, { ...about, resource: body ?? null, ...(stored !== undefined && { stored }) }, realm.policy);
  }

  async #decideEntry(found: Found, entry: BatchReadWriteRequest): Promise<Decision> {
    const { operation, resourceType, id } = entry;
    const { caller, realm } = found;
    const body: unknown = entry.resource;
    if (operation === 'create' || operation === 'update' || operation === 'patch') {
      return this.#decideWrite(found, { operation, body, resourceType, id: id || idOf(body), trustsBody: false });
    }
    if (operation !== 'delete') return new Judge(caller, [operation], realm.policy).decideType(resourceType);
    // The body is the client's, or only a URL: the stored resource decides, or nobody but who may delete any.
    const stored = await this.#stored({ resourceType, ...(id && { id }) });
    return decide(caller, { interaction: operation, resourceType, id, stored: stored ?? null }, realm.policy);
  }

  /** The stored resource: as given, or looked up. Undefined when nobody can tell, null when there is none. */
  async #stored(request: {
    readonly storedResource?: unknown;
    readonly resourceType?: string;
    readonly id?: string;
    readonly vid?: string;
    readonly fhirServiceBaseUrl?: string;
  }): Promise<unknown> {
    const { storedResource, resourceType, id, vid, fhirServiceBaseUrl } = request;
    if (storedResource !== undefined) return storedResource;
    const { lookup } = this.#options;
    if (!lookup || resourceType === undefined || id === undefined) return undefined;
    return (
      (await lookup(resourceType, id, vid, fhirServiceBaseUrl === undefined ? {} : { fhirServiceBaseUrl })) ?? null
    );
  }

  #warnOnce(): void {
    if (this.#warned || this.#options.writesWithoutLookup !== undefined) return;
    this.#warned = true;
    process.emitWarning(
      'Updates and patches are judged by their new body alone: give SMARTHandler a lookup, or set writesWithoutLookup.',
      { code: 'SMART_FHIR_AUTHZ_NO_LOOKUP' },
    );
  }

  #enforce(method: string, request: Described, decision: Decision): void {
    this.#report({ method, ...describe(request), decision });
    if (decision.decision === 'deny') throw new DeniedError(decision);
  }

  #refuse(method: string, request: Described, decision: Decision): never {
    this.#report({ method, ...describe(request), decision });
    throw new DeniedError(decision);
  }

  #report(event: DecisionEvent): void {
    try {
      this.#options.onDecision?.(event);
    } catch {
      // A listener that fails must not turn a permission into a refusal, nor the other way round.
    }
  }

  /** What fails inside denies: no other error leaves a method, whatever a client sent. */
  async #guarded<T>(answer: () => T | Promise<T>): Promise<T> {
    try {
      return await answer();
    } catch (error) {
      throw isUnauthorizedError(error) ? error : new DeniedError(deny({ code: 'internal-error' }));
    }
  }
}

interface Found {
  readonly realm: Realm;
  readonly identity: ClaimedIdentity;
  readonly caller: Caller;
}

interface Described {
  readonly operation?: string;
  readonly resourceType?: string | undefined;
}

function describe({ operation = 'unknown', resourceType }: Described): { operation: string; resourceType?: string } {
  return { operation, ...withType(resourceType) };
}

function withType(resourceType: string | undefined): { resourceType?: string } {
  return resourceType === undefined ? {} : { resourceType };
}

/** The interactions that answer with a Bundle of results. */
function isResultList(operation: Interaction): boolean {
  return operation.startsWith('search-') || operation.startsWith('history-');
}

function isReading(operation: Interaction): boolean {
  return operation === 'read' || operation === 'vread';
}

function needsStored(operation: Interaction): boolean {
  return operation === 'update' || operation === 'patch' || operation === 'delete';
}

/** What a write answers with is shown to a system only if it may read, too: the resource is not its own. */
function withoutBlindSystems(caller: Caller): Caller {
  const granted = caller.grants.granted.filter(
    ({ subject, interactions }) => subject !== undefined || interactions.has('read'),
  );
  return { ...caller, grants: { ...caller.grants, granted } };
}

function idOf(body: unknown): string | undefined {
  const id: unknown = typeof body === 'object' && body !== null ? (body as { readonly id?: unknown }).id : undefined;
  return typeof id === 'string' ? id : undefined;
}

function parametersOf(query: NonNullable<AccessRequest['query']>): readonly (readonly [string, string])[] {
  return typeof query === 'string' ? [...new URLSearchParams(query)] : query;
}

import type {
  AccessBulkDataJobRequest,
  AllowedResourceTypesForOperationRequest,
  Authorization,
  AuthorizationBundleRequest,
  BatchReadWriteRequest,
  GetSearchFilterBasedOnIdentityRequest,
  KeyValueMap,
  ReadResponseAuthorizedRequest,
  SearchFilter,
  VerifyAccessTokenRequest,
  WriteRequestAuthorizedRequest,
} from 'fhir-works-on-aws-interface';
import type { Caller } from './access/caller.js';
import type { Question } from './access/decide.js';
import { bearsOtherId, decide } from './access/decide.js';
import type { Decision, DenyDecision } from './access/decision.js';
import { deny } from './access/decision.js';
import { explainDecision } from './access/explain.js';
import { decideExport } from './access/export.js';
import type { Grant } from './access/grant.js';
import { decideJob, ownerOf } from './access/job.js';
import { ANY_TYPE, Judge, idOf, seen, typeOf } from './access/judge.js';
import { decideOperation, judgesInstance } from './access/operation.js';
import { gateQuery } from './access/query/gate.js';
import type { FilteredBundle } from './access/read-filter.js';
import { filterBundle, isBundle } from './access/read-filter.js';
import { searchFilters } from './access/search-filter.js';
import { searchNarrowings } from './access/search-narrowing.js';
import type { KnownCaller } from './callers.js';
import { Callers, deniedByToken, identifyForAll, identifyForRequest } from './callers.js';
import type { SMARTConfig } from './config.js';
import { checkFhirVersion, checkTypes } from './config.js';
import type { DecisionEvent } from './decision-event.js';
import { DeniedError } from './denied-error.js';
import { ConfigError, isUnauthorizedError } from './errors.js';
import { isAsking, isInteraction, isReading, isResultList, isSearch } from './fhir/interactions.js';
import { resourceTypes } from './fhir/resource-types.js';
import { isFhirId } from './identity/fhir-url.js';
import type { CarriedIdentity, ClaimedIdentity, UserIdentity } from './identity/identity.js';
import { readIdentity } from './identity/identity.js';
import type { SMARTHandlerOptions, TenantRequest } from './options.js';
import { policyOptions } from './options.js';
import { isPending, once } from './once.js';
import { Realm, Realms } from './realm.js';
import type {
  AccessRequest,
  AuthenticateRequest,
  ExportAuthorization,
  ExportRequest,
  FilterBundleRequest,
  GatedSearch,
  KnownRequest,
  KnownSearch,
  SearchAuthorization,
  WholeTypeRequest,
} from './requests.js';
import { ScopeParser } from './scope/list.js';
import type { Interaction } from './scope/rule.js';

/**
 * Authorizes requests to a FHIR server by SMART scopes and by the references in resources.
 *
 * Every method asks the same judge (src/access/judge.ts); they differ in what they know and in what their host expects
 * for an answer. A refusal throws an UnauthorizedError, whatever went wrong inside.
 */
export class SMARTHandler implements Authorization {
  readonly #realms: Realms;
  readonly #options: SMARTHandlerOptions;
  readonly #callers: Callers;
  /** What identities were verified for. The router passes the same object on, within one request. */
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
    this.#realms = new Realms(new Realm(config, apiUrl, policy, options.token), policy, options);
    this.#callers = new Callers(this.#realms, new ScopeParser({ decodeSlash: options.decodeScopeSlash ?? false }));
  }

  /**
   * Verifies an access token and returns who it speaks for: its claims, `scopes`, `usableScopes` (those that can cover
   * this request), `fhirUserObject` and `patientLaunchContext`.
   *
   * @throws UnauthorizedError for a token that does not verify or cannot cover the request; Error when the
   * configuration has neither jwksEndpoint nor tokenIntrospection.
   */
  verifyAccessToken(request: VerifyAccessTokenRequest): Promise<UserIdentity> {
    return this.#guarded(() =>
      once(this.#verified('verifyAccessToken', request, request), (found) => {
        if ('decision' in found) return this.#refuse('verifyAccessToken', request, found);
        const { decision, identity } = identifyForRequest(found, request);
        this.#enforce('verifyAccessToken', request, decision);
        // Nobody asks later what a read was verified for, and a WeakMap costs more than all the rest.
        if (request.bulkDataAuth !== undefined || !isAsking(request.operation))
          this.#verifiedFor.set(identity, request);
        return identity;
      }),
    );
  }

  /**
   * Verifies an access token without asking about a request: an identity for decide() and its siblings, with every scope
   * usable that makes a grant. For hosts that tell a bad token (401) from one that does not suffice (403).
   *
   * @throws TokenError for a token that does not verify, DeniedError for one that names nobody it could speak for.
   */
  authenticate(request: AuthenticateRequest): Promise<UserIdentity> {
    const about = { operation: 'authenticate' };
    return this.#guarded(() =>
      once(this.#verified('authenticate', about, request), (found) => {
        if ('decision' in found) return this.#refuse('authenticate', about, found);
        const { decision, identity } = identifyForAll(found);
        this.#enforce('authenticate', about, decision);
        return identity;
      }),
    );
  }

  /**
   * {@link authenticate} for a token that was proved before, at once. Undefined where that takes more than to remember, and for
   * every other token, good or bad: then authenticate() tells. Never throws.
   */
  authenticateAtOnce(request: AuthenticateRequest): UserIdentity | undefined {
    try {
      const found = this.#callers.recalled(request, request.accessToken);
      if (!found) return undefined;
      const { decision, identity } = identifyForAll(found);
      if (decision.decision === 'deny') return undefined;
      this.#report('authenticate', { operation: 'authenticate' }, decision);
      return identity;
    } catch {
      return undefined;
    }
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
    this.#report('decide', request, decision);
    return decision;
  }

  /**
   * {@link decide} by what is given, at once: nothing is verified and nothing is looked up, so that a resource cannot change
   * while it is judged. What is not given is unknown. Never throws for a denial.
   */
  decideAtOnce(request: KnownRequest): Decision {
    const decision = this.#decideKnown(request);
    this.#report('decide', request, decision);
    return decision;
  }

  /**
   * Judges a search before it runs: whether a grant covers it, and whether its query would reveal what none does
   * (chains, `_has`, includes, counts). What may be left out is left out, the rest is refused.
   */
  async authorizeSearch(request: AccessRequest): Promise<SearchAuthorization> {
    const answer = await this.#search(request);
    this.#report('authorizeSearch', request, answer.decision);
    return answer;
  }

  /** {@link authorizeSearch} for somebody who is known, at once, without the filters by identity. */
  authorizeSearchAtOnce(request: KnownSearch): GatedSearch {
    const answer = this.#searchKnown(request);
    this.#report('authorizeSearch', request, answer.decision);
    return answer;
  }

  /**
   * Whether the caller's grants open every resource of a type for an interaction: then nothing is left to filter, so that
   * bytes, counts and texts may pass that nobody could judge. False for an identity that is none. It is a part of other
   * questions, so no listener hears of it.
   *
   * @param request.resourceType `Resource` for all types.
   */
  async opensWholeType(request: WholeTypeRequest): Promise<boolean> {
    return this.opensWholeTypeAtOnce(request);
  }

  /** {@link opensWholeType} at once. */
  opensWholeTypeAtOnce(request: WholeTypeRequest): boolean {
    return this.#holds(request, (judge) => judge.opensAll(request.resourceType));
  }

  /**
   * Whether the caller's grants for an interaction are for every type, and nothing narrows them: then all that is the
   * caller's own is open, of whatever type. A part of other questions, too.
   */
  coversAllTypesAtOnce(request: Omit<WholeTypeRequest, 'resourceType'>): boolean {
    return this.#holds(request, (judge) => !judge.isPartial() && judge.grantsFor(ANY_TYPE).length > 0);
  }

  /**
   * Judges a bulk data request: the types that it may write out, and the owner by whom isAccessBulkDataJobAllowed knows
   * the job again. Granular scopes carry no export. Never throws for a denial.
   */
  async authorizeExport(request: ExportRequest): Promise<ExportAuthorization> {
    const { bulkDataAuth } = request;
    const answer = this.#export(request);
    this.#report('authorizeExport', { operation: bulkDataAuth.operation }, answer.decision);
    return answer;
  }

  /**
   * Filters a Bundle of resources to the entries that an interaction may show to the caller: `search-type` for a
   * searchset, `read` for what `$everything` gathers. The Bundle that comes in is not changed. @throws UnauthorizedError
   */
  filterBundle(request: FilterBundleRequest): Promise<FilteredBundle> {
    return this.#guarded(() => this.#filterGiven(request));
  }

  /** {@link filterBundle} at once, so that nothing in the Bundle can change meanwhile. @throws UnauthorizedError */
  filterBundleAtOnce(request: FilterBundleRequest): FilteredBundle {
    try {
      return this.#filterGiven(request);
    } catch (error) {
      throw refusalFrom(error);
    }
  }

  /** Judges what a read, search or history returned, and filters the entries of a Bundle. @throws UnauthorizedError */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the return type of the interface
  authorizeAndFilterReadResponse(request: ReadResponseAuthorizedRequest): Promise<any> {
    return this.#guarded(() => {
      const { operation } = request;
      const response: unknown = request.readResponse;
      const identity = readIdentity(request.userIdentity);
      const method = 'authorizeAndFilterReadResponse';
      if (isResultList(operation)) return this.#filterBundle(method, request, identity, response).bundle;
      const caller = this.#callers.carried(request, identity, identity.usableScopes);
      if ('decision' in caller) return this.#refuse(method, request, caller);
      const asked = isReading(operation) ? caller.caller : withoutBlindSystems(caller.caller);
      const resourceType = typeOf(response);
      // A write answers with what it left: judged like a read, by the grants that covered the write.
      const judge = Judge.for(asked, [operation], caller.realm.policy);
      const decision =
        resourceType === undefined
          ? deny({ code: 'resource-malformed' })
          : judge.decide(resourceType, [seen(response)]);
      this.#enforce(method, request, decision);
      return response;
    });
  }

  /**
   * Judges a create, update, patch or delete. For a delete the body is the stored resource. With a lookup, updates and
   * patches are judged by the stored resource and by the result. @throws UnauthorizedError
   */
  isWriteRequestAuthorized(request: WriteRequestAuthorizedRequest): Promise<void> {
    return this.#guarded(async () => {
      const { operation } = request;
      const body: unknown = request.resourceBody;
      const identity = readIdentity(request.userIdentity);
      const caller = this.#callers.carried(request, identity, identity.usableScopes);
      if ('decision' in caller) return this.#refuse('isWriteRequestAuthorized', request, caller);
      const url = this.#urlOf(request.userIdentity, operation);
      const resourceType = url.resourceType ?? typeOf(body);
      const id = url.id ?? idOf(body);
      const decision = await this.#decideWrite(caller, {
        operation,
        body,
        resourceType,
        id,
        isStored: operation === 'delete',
      });
      this.#enforce('isWriteRequestAuthorized', { operation, resourceType }, decision);
    });
  }

  /** Judges every entry of a batch or transaction; one that is refused refuses all. @throws UnauthorizedError */
  isBundleRequestAuthorized(request: AuthorizationBundleRequest): Promise<void> {
    return this.#guarded(async () => {
      const identity = readIdentity(request.userIdentity);
      const caller = this.#callers.carried(request, identity, identity.scopes);
      const about = { operation: 'transaction' };
      if ('decision' in caller) return this.#refuse('isBundleRequestAuthorized', about, caller);
      for (const entry of request.requests) {
        const decided = this.#decideEntry(caller, entry);
        // Most entries are decided at once, and a Bundle may have thousands.
        const decision = isPending(decided) ? await decided : decided;
        this.#enforce('isBundleRequestAuthorized', entry, decision);
      }
    });
  }

  /** Judges whether a bulk data job is the caller's. @throws UnauthorizedError */
  isAccessBulkDataJobAllowed(request: AccessBulkDataJobRequest): Promise<void> {
    return this.#guarded(() => {
      const decision = decideJob(readIdentity(request.userIdentity), request.jobOwnerId, this.#realms.several);
      this.#enforce('isAccessBulkDataJobAllowed', { operation: 'bulk-data-job' }, decision);
    });
  }

  /** The resource types for which some grant covers an operation; all known types for a grant for all. */
  getAllowedResourceTypesForOperation(request: AllowedResourceTypesForOperationRequest): Promise<string[]> {
    return this.#guarded(() => {
      const identity = readIdentity(request.userIdentity);
      const found = this.#callers.carried(request, identity, identity.scopes);
      if ('decision' in found) return this.#refuse('getAllowedResourceTypesForOperation', request, found);
      const { caller, realm } = found;
      const bulkDataAuth = this.#verifiedFor.get(request.userIdentity)?.bulkDataAuth;
      const grants = bulkDataAuth
        ? decideExport(caller, bulkDataAuth, realm.policy).usable
        : Judge.for(caller, [request.operation], realm.policy).grantsForAnyType();
      // Outside a search nobody filters by the granular part afterwards: an export asks here what it may write out.
      const whole = isResultList(request.operation) ? grants : grants.filter(({ scope }) => scope.clauses.length === 0);
      return typesOf(whole, realm);
    });
  }

  /** Filters that keep a search from looking at what no grant opens; the response is judged all the same. */
  getSearchFilterBasedOnIdentity(request: GetSearchFilterBasedOnIdentityRequest): Promise<SearchFilter[]> {
    return this.#guarded(() => {
      const identity = readIdentity(request.userIdentity);
      const found = this.#callers.carried(request, identity, identity.scopes);
      if ('decision' in found) return this.#refuse('getSearchFilterBasedOnIdentity', request, found);
      return this.#filters(found, request.operation, request.resourceType, identity);
    });
  }

  async #decideRequest(request: AccessRequest): Promise<Decision> {
    try {
      if (request.query !== undefined && isSearch(request.operation)) return (await this.#search(request)).decision;
      const found = await this.#callers.of(request);
      return 'decision' in found ? found : await this.#judge(found, request);
    } catch (error) {
      return deniedInside(error);
    }
  }

  #decideKnown(request: KnownRequest): Decision {
    try {
      const found = this.#known(request);
      return 'decision' in found ? found : decideGiven(found, request.operation, request, request.storedResource);
    } catch (error) {
      return deniedInside(error);
    }
  }

  /** Who is known from an identity that was verified before, with all scopes that it has. */
  #known(request: TenantRequest & { readonly userIdentity: KeyValueMap }): KnownCaller | DenyDecision {
    const identity = readIdentity(request.userIdentity);
    return this.#callers.carried(request, identity, identity.scopes);
  }

  /** Whether something holds of the caller's grants; of an identity that is none, nothing does. */
  #holds(request: Omit<WholeTypeRequest, 'resourceType'>, holds: (judge: Judge) => boolean): boolean {
    try {
      const found = this.#known(request);
      if ('decision' in found) return false;
      return holds(Judge.for(found.caller, [request.operation], found.realm.policy));
    } catch (error) {
      deniedInside(error);
      return false;
    }
  }

  #filterGiven(request: FilterBundleRequest): FilteredBundle {
    return this.#filterBundle('filterBundle', request, readIdentity(request.userIdentity), request.bundle);
  }

  async #judge(found: KnownCaller, request: AccessRequest): Promise<Decision> {
    const { caller, realm } = found;
    const { operation } = request;
    if (request.bulkDataAuth) return decideExport(caller, request.bulkDataAuth, realm.policy).decision;
    if (!isInteraction(operation)) return this.#judgeCall(found, operation, request);
    return decideGiven(found, operation, request, needsStored(operation) ? await this.#stored(request) : undefined);
  }

  /** An operation on an instance is judged by the instance: as given, or looked up once a grant is for its type. */
  async #judgeCall({ caller, realm }: KnownCaller, name: string, request: AccessRequest): Promise<Decision> {
    const { resourceType, id } = request;
    const call = { name, resourceType, id, resource: request.resource };
    const decision = decideOperation(caller, call, realm.policy);
    const isKnown = call.resource !== undefined || !judgesInstance(name, realm.policy);
    if (decision.decision === 'deny' || isKnown) return decision;
    const resource = await this.#stored(request);
    return resource === undefined ? decision : decideOperation(caller, { ...call, resource }, realm.policy);
  }

  #export({ userIdentity, bulkDataAuth, types, ...request }: ExportRequest): ExportAuthorization {
    try {
      const identity = readIdentity(userIdentity);
      const found = this.#callers.carried(request, identity, identity.scopes);
      if ('decision' in found) return { decision: found, types: [], owner: undefined };
      const { caller, realm } = found;
      const { operation, exportType } = bulkDataAuth;
      const { decision, usable } = decideExport(caller, { operation, exportType, types }, realm.policy);
      if (decision.decision === 'deny') return { decision, types: [], owner: undefined };
      const owner = ownerOf(identity, this.#realms.several);
      if (owner === undefined) return { decision: deny({ code: 'identity-malformed' }), types: [], owner };
      const granted = typesOf(usable, realm);
      return { decision, types: types ? granted.filter((type) => types.includes(type)) : granted, owner };
    } catch (error) {
      return { decision: deniedInside(error), types: [], owner: undefined };
    }
  }

  async #search(request: AccessRequest): Promise<SearchAuthorization> {
    try {
      const found = await this.#callers.of(request);
      if ('decision' in found) return refusedSearch(found);
      const gated = this.#judgeSearch(found, request);
      if (gated.decision.decision === 'deny') return refusedSearch(gated.decision);
      return {
        ...gated,
        filters: this.#filters(found, request.operation as Interaction, request.resourceType, found.identity),
      };
    } catch (error) {
      return refusedSearch(deniedInside(error));
    }
  }

  #searchKnown(request: KnownSearch): GatedSearch {
    try {
      const found = this.#known(request);
      return 'decision' in found ? refusedSearch(found) : this.#judgeSearch(found, request);
    } catch (error) {
      return refusedSearch(deniedInside(error));
    }
  }

  #judgeSearch({ caller, realm }: KnownCaller, request: AccessRequest): GatedSearch {
    const { operation, resourceType, query = [] } = request;
    if (!isSearch(operation)) return refusedSearch(deny({ code: 'operation-unknown', name: operation }));
    const judge = Judge.for(caller, [operation], realm.policy);
    const decision = judge.decideType(resourceType);
    if (decision.decision === 'deny') return refusedSearch(decision);
    const verdict = gateQuery(realm.policy.version, resourceType, parametersOf(query), judge.view(), {
      customParameters: this.#options.customSearchParameters ?? [],
    });
    const [first, ...rest] = verdict.refused;
    if (first) return refusedSearch(deny(first, ...rest));
    const removed = verdict.removed.map(({ name }) => name);
    const narrowings = searchNarrowings(judge.grantsFor(resourceType), resourceType, realm.policy);
    return { decision, parameters: verdict.parameters, removed, narrowings, partial: judge.isPartial() };
  }

  #filterBundle(
    method: string,
    request: Described & { readonly operation: Interaction; readonly fhirServiceBaseUrl?: string },
    identity: CarriedIdentity,
    bundle: unknown,
  ): FilteredBundle {
    const found = this.#callers.carried(request, identity, identity.scopes);
    if ('decision' in found) return this.#refuse(method, request, found);
    if (!isBundle(bundle)) return this.#refuse(method, request, deny({ code: 'resource-malformed' }));
    const judge = Judge.for(found.caller, [request.operation], found.realm.policy);
    const filtered = filterBundle(bundle, judge);
    const { kept, dropped } = filtered;
    this.#report(method, request, judge.decideAny(), { kept, dropped });
    return filtered;
  }

  #filters(
    { caller, realm }: KnownCaller,
    operation: Interaction,
    resourceType: string | undefined,
    identity: ClaimedIdentity,
  ): SearchFilter[] {
    const judge = Judge.for(caller, [operation], realm.policy);
    const grants: readonly Grant[] =
      resourceType === undefined ? judge.grantsForAnyType() : judge.grantsFor(resourceType);
    return searchFilters(grants, resourceType, identity, realm.policy);
  }

  /**
   * The URL of a write, as far as it is known: only a request that was verified as this very interaction tells. The
   * router hands over the id as it stands in the path, so it is decoded here; what is then no id tells nothing.
   */
  #urlOf(userIdentity: object, operation: Interaction): { readonly resourceType?: string; readonly id?: string } {
    const verified = this.#verifiedFor.get(userIdentity);
    if (verified?.operation !== operation) return {};
    const id = decodeId(verified.id);
    return { ...withType(verified.resourceType), ...(id !== undefined && { id }) };
  }

  #decideWrite(found: KnownCaller, write: Write): Decision | Promise<Decision> {
    const { operation: interaction, body, resourceType, id } = write;
    const { policy } = found.realm;
    if (write.isStored) return decide(found.caller, { interaction, resourceType, id, stored: body ?? null }, policy);
    if (interaction === 'create') {
      return decide(found.caller, { interaction, resourceType, id, resource: body ?? null }, policy);
    }
    if (!this.#options.lookup) return this.#decideChange(found, write, undefined);
    const stored = this.#stored({ ...(resourceType && { resourceType }), ...(id && { id }) });
    return stored.then((value) => this.#decideChange(found, write, value));
  }

  #decideChange({ caller, realm }: KnownCaller, write: Write, stored: unknown): Decision {
    const { operation, body, resourceType, id } = write;
    const about = { interaction: operation, resourceType, id };
    if (stored === undefined && this.#options.lookup) return this.#decideUnknown(caller, realm, about);
    if (stored === undefined) this.#warnOnce();
    // With a lookup the host has to execute what was judged: the resource of this id, not the one that the body names.
    if (stored !== undefined && bearsOtherId({ resource: body, stored, ...about })) {
      return deny({ code: 'id-mismatch', ...withType(resourceType) });
    }
    if (operation === 'patch' && (Array.isArray(body) || stored !== undefined)) {
      if (resourceType === undefined) return this.#decideBlindPatch(caller, body, realm);
      return decide(caller, { patch: body, ...(stored !== undefined && { stored }), ...about }, realm.policy);
    }
    const resource = body ?? null;
    if (stored !== undefined) return decide(caller, { resource, stored, ...about }, realm.policy);
    return decide(caller, { interaction: operation, resourceType, id, resource }, realm.policy);
  }

  /** A write of which nobody can say what it is to: covered only by who may write every resource of the type. */
  #decideUnknown(
    caller: Caller,
    realm: Realm,
    { interaction, resourceType }: { readonly interaction: Interaction; readonly resourceType: string | undefined },
  ): Decision {
    if (resourceType === undefined) return deny({ code: 'resource-malformed' });
    return Judge.for(caller, [interaction], realm.policy).decide(resourceType, [
      { unseenId: undefined, state: 'stored' },
    ]);
  }

  /**
   * A JSON Patch of which nobody says what it patches. The usable scopes are those for the type in the URL, so a grant
   * among them that opens every resource of its type covers it; no other does.
   */
  #decideBlindPatch(caller: Caller, patch: unknown, realm: Realm): Decision {
    const types = caller.grants.granted.map(({ scope }) => scope.type);
    const decisions = types.map((resourceType) =>
      decide(caller, { interaction: 'patch', resourceType, patch }, realm.policy),
    );
    return decisions.find(({ decision }) => decision === 'allow') ?? decisions[0] ?? deny({ code: 'scope-missing' });
  }

  #decideEntry(found: KnownCaller, entry: BatchReadWriteRequest): Decision | Promise<Decision> {
    const { operation, resourceType, id } = entry;
    const body: unknown = entry.resource;
    if (operation === 'create' || operation === 'update' || operation === 'patch') {
      return this.#decideWrite(found, { operation, body, resourceType, id: id || idOf(body), isStored: false });
    }
    if (operation === 'delete') return this.#decideDeletion(found, entry);
    return Judge.for(found.caller, [operation], found.realm.policy).decideType(resourceType);
  }

  /** The body is the client's, or only a URL: the stored resource decides, or nobody but who may delete any. */
  async #decideDeletion(
    { caller, realm }: KnownCaller,
    { resourceType, id }: BatchReadWriteRequest,
  ): Promise<Decision> {
    const stored = (await this.#stored({ resourceType, ...(id && { id }) })) ?? null;
    const question = { interaction: 'delete', resourceType, id, stored } as const;
    return bearsOtherId(question)
      ? deny({ code: 'id-mismatch', resourceType })
      : decide(caller, question, realm.policy);
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

  #verified(method: string, about: Described, request: AuthenticateRequest): ReturnType<Callers['verified']> {
    try {
      const found = this.#callers.verified(request, request.accessToken);
      if (!isPending(found)) return found;
      return found.catch((error: unknown) => this.#unverified(method, about, error));
    } catch (error) {
      return this.#unverified(method, about, error);
    }
  }

  /** A token that does not verify is a decision, too; its own error goes on to the host. */
  #unverified(method: string, about: Described, error: unknown): never {
    if (!(error instanceof ConfigError)) this.#report(method, about, deniedByToken(error));
    throw error;
  }

  #enforce(method: string, request: Described, decision: Decision): void {
    this.#report(method, request, decision);
    if (decision.decision === 'deny') throw new DeniedError(decision);
  }

  #refuse(method: string, request: Described, decision: Decision): never {
    this.#report(method, request, decision);
    throw new DeniedError(decision);
  }

  #report(method: string, request: Described, decision: Decision, filtered?: DecisionEvent['filtered']): void {
    try {
      this.#options.onDecision?.({ method, ...describe(request), decision, ...(filtered && { filtered }) });
    } catch {
      // A listener that fails must not turn a permission into a refusal, nor the other way round.
    }
  }

  /** What fails inside denies: no other error leaves a method, whatever a client sent. */
  async #guarded<T>(answer: () => T | Promise<T>): Promise<T> {
    try {
      const given = answer();
      // Most is answered at once.
      return isPending(given) ? await given : given;
    } catch (error) {
      throw refusalFrom(error);
    }
  }
}

/** A write, as far as it is known. */
interface Write {
  readonly operation: Interaction;
  readonly body: unknown;
  readonly resourceType: string | undefined;
  readonly id: string | undefined;
  /** The body is the stored resource, read by the host. */
  readonly isStored: boolean;
}

interface Described {
  readonly operation?: string;
  readonly resourceType?: string | undefined;
}

/** What a request is about. It may be anything: a request that cannot be described is still a request. */
function describe(request: Described): { operation: string; resourceType?: string } {
  try {
    const { operation, resourceType } = request as { readonly operation?: unknown; readonly resourceType?: unknown };
    return {
      operation: typeof operation === 'string' ? operation : 'unknown',
      ...withType(typeof resourceType === 'string' ? resourceType : undefined),
    };
  } catch {
    return { operation: 'unknown' };
  }
}

/** What failed inside is a denial; only the programmer's own mistakes go on. */
function deniedInside(error: unknown): DenyDecision {
  if (error instanceof ConfigError) throw error;
  return deny({ code: 'internal-error' });
}

function refusedSearch(decision: Decision): SearchAuthorization {
  return { decision, parameters: [], removed: [], filters: [], narrowings: [], partial: true };
}

/** The resource types of grants; all known types for a grant for all. */
function typesOf(grants: readonly Grant[], { policy }: Realm): string[] {
  const known = resourceTypes(policy.version);
  if (grants.some(({ scope }) => scope.type === '*')) return [...known];
  return [...new Set(grants.map(({ scope }) => scope.type))].filter((type) => known.has(type));
}

function withType(resourceType: string | undefined): { resourceType?: string } {
  return resourceType === undefined ? {} : { resourceType };
}

/** The decision about one interaction, by what is given and what is stored. */
function decideGiven(
  { caller, realm }: KnownCaller,
  interaction: Interaction,
  { resourceType, id, conditional, resource, patch }: Omit<AccessRequest, 'operation'>,
  stored: unknown,
): Decision {
  const question: Question = {
    interaction,
    resourceType,
    id,
    conditional,
    ...(resource !== undefined && { resource }),
    ...(patch !== undefined && { patch }),
    ...(stored !== undefined && { stored }),
  };
  if (bearsOtherId(question)) return deny({ code: 'id-mismatch', ...withType(resourceType) });
  return decide(caller, question, realm.policy);
}

/** What a host gets to see of an error: a refusal, whatever went wrong inside, but for a mistake of its own. */
function refusalFrom(error: unknown): Error {
  if (error instanceof ConfigError || isUnauthorizedError(error)) return error;
  return new DeniedError(deny({ code: 'internal-error' }));
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

/** The id in a path, decoded once; undefined for what is no FHIR id then. */
function decodeId(id: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  try {
    const decoded = decodeURIComponent(id);
    return isFhirId(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

function parametersOf(query: NonNullable<AccessRequest['query']>): readonly (readonly [string, string])[] {
  return typeof query === 'string' ? [...new URLSearchParams(query)] : query;
}

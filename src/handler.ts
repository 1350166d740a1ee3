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
import type { Decision } from './access/decision.js';
import { deny } from './access/decision.js';
import { decideExport } from './access/export.js';
import type { Grant, Grants } from './access/grant.js';
import { grantsOf } from './access/grant.js';
import type { ResourceState } from './access/judge.js';
import { Judge, typeOf } from './access/judge.js';
import type { AccessPolicy } from './access/policy.js';
import { filterBundle, isBundle } from './access/read-filter.js';
import { searchFilters } from './access/search-filter.js';
import type { SMARTConfig } from './config.js';
import { checkApiUrl, checkConfig, checkFhirVersion, checkTypes } from './config.js';
import { UnauthorizedError } from './errors.js';
import { resourceTypes } from './fhir/resource-types.js';
import { normalizeBaseUrl } from './identity/fhir-url.js';
import type { CarriedIdentity, ClaimedIdentity, UserIdentity } from './identity/identity.js';
import { identityFromClaims, readIdentity, withoutDerivedFields } from './identity/identity.js';
import { ScopeParser, scopeList } from './scope/list.js';
import type { Interaction } from './scope/rule.js';
import { claimAt } from './identity/claim-path.js';
import type { TokenVerifier } from './token/verifier.js';
import { createTokenVerifier } from './token/verifier.js';

/** What is new against fhir-works-on-aws-authz-smart: everything beyond its six positional arguments. */
export interface SMARTHandlerOptions {
  /**
   * What to do with an update or patch of which only the new body is known. `allow` (default) judges the new body
   * alone, as the FHIR Works interface gives no more, and warns once; `deny` refuses.
   */
  readonly writesWithoutLookup?: 'allow' | 'deny';
}

/** One interaction to be judged, with an access token or with an identity that was verified before. */
export interface IsAuthorizedRequest {
  readonly operation: Interaction;
  readonly resourceType?: string;
  readonly id?: string;
  readonly vid?: string;
  readonly accessToken?: string;
  readonly userIdentity?: KeyValueMap;
  readonly fhirServiceBaseUrl?: string;
}

/** Authorizes requests to a FHIR server by SMART scopes and by the references in resources. */
export class SMARTHandler implements Authorization {
  readonly #config: SMARTConfig;
  readonly #base: string;
  readonly #apiUrl: string;
  readonly #policy: AccessPolicy;
  readonly #parser = new ScopeParser();
  #verifier: TokenVerifier | undefined;

  constructor(
    config: SMARTConfig,
    apiUrl: string,
    fhirVersion: string,
    adminAccessTypes: readonly string[] = ['Practitioner'],
    bulkDataAccessTypes: readonly string[] = ['Practitioner'],
    isUserScopeAllowedForSystemExport = false,
    options: SMARTHandlerOptions = {},
  ) {
    checkConfig(config);
    this.#config = config;
    this.#base = checkApiUrl(apiUrl);
    this.#apiUrl = apiUrl;
    this.#policy = {
      version: checkFhirVersion(fhirVersion),
      scopeRule: config.scopeRule,
      adminTypes: checkTypes(adminAccessTypes, 'adminAccessTypes'),
      bulkDataTypes: checkTypes(bulkDataAccessTypes, 'bulkDataAccessTypes'),
      userScopesExport: isUserScopeAllowedForSystemExport,
      refuseWritesWithoutStored: options.writesWithoutLookup === 'deny',
    };
  }

  async verifyAccessToken(request: VerifyAccessTokenRequest): Promise<UserIdentity> {
    const { claims } = await this.#tokenVerifier().verify(request.accessToken);
    const base = request.fhirServiceBaseUrl ?? this.#apiUrl;
    const scopes = [...scopeList(claimAt(claims, this.#config.scopeKey))];
    const claimed = identityFromClaims(claims, this.#config, base);
    const grants = this.#grants(scopes, claimed, base);

    let usable: readonly Grant[];
    let decision: Decision;
    if (request.bulkDataAuth) {
      const subject = claims['sub'];
      ({ usable, decision } = decideExport(
        grants,
        request.bulkDataAuth,
        typeof subject === 'string' && subject !== '',
        this.#policy,
      ));
    } else {
      const judge = new Judge(grants, [request.operation], this.#policy);
      usable = judge.grantsFor(request.resourceType);
      decision = judge.decideType(request.resourceType);
    }
    enforce(decision);

    const usableTexts = new Set(usable.map((grant) => grant.scope.text));
    const levels = new Set(usable.map((grant) => grant.scope.level));
    return {
      ...withoutDerivedFields(claims),
      scopes,
      usableScopes: scopes.filter((scope) => usableTexts.has(scope)),
      ...(claimed.user && levels.has('user') && { fhirUserObject: claimed.user }),
      ...(claimed.patient && levels.has('patient') && { patientLaunchContext: claimed.patient }),
    };
  }

  async isAuthorized(request: IsAuthorizedRequest): Promise<boolean> {
    try {
      if (request.userIdentity === undefined) {
        await this.verifyAccessToken({ ...request, accessToken: request.accessToken ?? '' });
        return true;
      }
      const identity = readIdentity(request.userIdentity);
      const grants = this.#grants(identity.scopes, identity, this.#baseOf(request));
      return new Judge(grants, [request.operation], this.#policy).decideType(request.resourceType).decision === 'allow';
    } catch {
      return false;
    }
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the interface's own return type
  async authorizeAndFilterReadResponse(request: ReadResponseAuthorizedRequest): Promise<any> {
    const identity = readIdentity(request.userIdentity);
    const readResponse: unknown = request.readResponse;
    const { operation } = request;
    if (isResultList(operation)) {
      const grants = this.#grants(identity.scopes, identity, this.#baseOf(request));
      if (!isBundle(readResponse)) throw new UnauthorizedError(GENERIC);
      return filterBundle(readResponse, new Judge(grants, [operation], this.#policy)).bundle;
    }
    const grants = this.#grants(identity.usableScopes, identity, this.#baseOf(request));
    const judge = new Judge(isReading(operation) ? grants : withoutBlindSystem(grants), [operation], this.#policy);
    enforce(this.#decideResource(judge, typeOf(readResponse), [{ value: readResponse, idProves: true }]));
    return readResponse;
  }

  async isWriteRequestAuthorized(request: WriteRequestAuthorizedRequest): Promise<void> {
    const identity = readIdentity(request.userIdentity);
    const grants = this.#grants(identity.usableScopes, identity, this.#baseOf(request));
    const judge = new Judge(grants, [request.operation], this.#policy);
    const body: unknown = request.resourceBody;
    enforce(this.#decideResource(judge, typeOf(body), [{ value: body, idProves: request.operation !== 'create' }]));
  }

  async isBundleRequestAuthorized(request: AuthorizationBundleRequest): Promise<void> {
    const identity = readIdentity(request.userIdentity);
    const grants = this.#grants(identity.scopes, identity, this.#baseOf(request));
    const judges = new Map<Interaction, Judge>();
    for (const entry of request.requests) {
      let judge = judges.get(entry.operation);
      if (!judge) judges.set(entry.operation, (judge = new Judge(grants, [entry.operation], this.#policy)));
      enforce(this.#decideEntry(judge, entry));
    }
  }

  async isAccessBulkDataJobAllowed(request: AccessBulkDataJobRequest): Promise<void> {
    const { subject } = readIdentity(request.userIdentity);
    if (subject === undefined || subject !== request.jobOwnerId) throw new UnauthorizedError(GENERIC);
  }

  async getAllowedResourceTypesForOperation(request: AllowedResourceTypesForOperationRequest): Promise<string[]> {
    const identity = readIdentity(request.userIdentity);
    const grants = this.#grants(identity.scopes, identity, this.#base);
    const granted = new Judge(grants, [request.operation], this.#policy).grantsFor(undefined);
    const known = resourceTypes(this.#policy.version);
    if (granted.some((grant) => grant.scope.type === '*')) return [...known];
    return [...new Set(granted.map((grant) => grant.scope.type))].filter((type) => known.has(type));
  }

  async getSearchFilterBasedOnIdentity(request: GetSearchFilterBasedOnIdentityRequest): Promise<SearchFilter[]> {
    const identity = readIdentity(request.userIdentity);
    const grants = this.#grants(identity.scopes, identity, this.#baseOf(request));
    const judge = new Judge(grants, [request.operation], this.#policy);
    return searchFilters(judge.grantsFor(request.resourceType), request.resourceType, identity);
  }

  #decideEntry(judge: Judge, { operation, resourceType, resource }: BatchReadWriteRequest): Decision {
    const body: unknown = resource;
    if (operation === 'create' || operation === 'update' || operation === 'patch') {
      return this.#decideResource(judge, resourceType, [{ value: body, idProves: operation !== 'create' }]);
    }
    if (operation === 'delete')
      return this.#decideResource(judge, resourceType, [{ unseenId: undefined, state: 'stored' }]);
    return judge.decideType(resourceType);
  }

  #decideResource(judge: Judge, resourceType: string | undefined, states: readonly ResourceState[]): Decision {
    if (resourceType === undefined) return deny({ code: 'resource-malformed' });
    return judge.decide(resourceType, states);
  }

  #baseOf(request: { readonly fhirServiceBaseUrl?: string }): string {
    return request.fhirServiceBaseUrl ?? this.#apiUrl;
  }

  #grants(scopes: readonly string[], identity: ClaimedIdentity | CarriedIdentity, base: string): Grants {
    return grantsOf(scopes, identity, normalizeBaseUrl(base) ?? this.#base, this.#policy, this.#parser);
  }

  #tokenVerifier(): TokenVerifier {
    const { jwksEndpoint, jwksHeaders, tokenIntrospection, expectedIssValue, expectedAudValue } = this.#config;
    if (!jwksEndpoint && !tokenIntrospection) {
      throw new Error('To verify access tokens, set jwksEndpoint or tokenIntrospection in the SMARTConfig');
    }
    this.#verifier ??= createTokenVerifier({
      issuer: expectedIssValue,
      audience: expectedAudValue,
      ...(jwksEndpoint && { jwksEndpoint }),
      ...(jwksHeaders && { jwksHeaders }),
      ...(tokenIntrospection && { introspection: tokenIntrospection }),
    });
    return this.#verifier;
  }
}

const GENERIC = 'User does not have permission for requested operation';

function enforce(decision: Decision): void {
  if (decision.decision === 'deny') throw new UnauthorizedError(GENERIC);
}

/** The interactions that answer with a Bundle of results. */
function isResultList(operation: Interaction): boolean {
  return operation.startsWith('search-') || operation.startsWith('history-');
}

function isReading(operation: Interaction): boolean {
  return operation === 'read' || operation === 'vread';
}

/** What a write answers with is shown to a system only if it may read: it has no identity to whom the resource belongs. */
function withoutBlindSystem({ granted, ungranted }: Grants): Grants {
  return {
    granted: granted.filter(({ subject, interactions }) => subject !== undefined || interactions.has('read')),
    ungranted,
  };
}

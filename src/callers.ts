import type { KeyValueMap, VerifyAccessTokenRequest } from 'fhir-works-on-aws-interface';
import type { Caller } from './access/caller.js';
import type { Decision, DenyDecision } from './access/decision.js';
import { allow, deny } from './access/decision.js';
import { decideExport } from './access/export.js';
import type { Grant } from './access/grant.js';
import { coversRequest } from './access/grant.js';
import { Judge } from './access/judge.js';
import { knownGrants } from './access/known-grants.js';
import { ConfigError } from './errors.js';
import { claimAt } from './identity/claim-path.js';
import type { CarriedIdentity, ClaimedIdentity, MalformedClaims, UserIdentity } from './identity/identity.js';
import { encounterFromClaims, identityFromClaims, readIdentity, withoutDerivedFields } from './identity/identity.js';
import type { TenantRequest } from './options.js';
import type { Realm, Realms } from './realm.js';
import { baseOf } from './realm.js';
import type { ScopeParser } from './scope/list.js';
import { scopeList } from './scope/list.js';
import type { VerifiedToken } from './token/verifier.js';

/** Who asks, and in which realm. */
export interface KnownCaller {
  readonly realm: Realm;
  readonly identity: ClaimedIdentity;
  readonly caller: Caller;
}

/** Who asks, from a token that verified. */
interface TokenCaller extends KnownCaller {
  readonly identity: ClaimedIdentity & { readonly malformed: MalformedClaims };
  readonly claims: Readonly<Record<string, unknown>>;
  readonly scopes: readonly string[];
  /** What identities by this token begin with, by the levels of the usable scopes; undefined until they are asked for again. */
  readonly models: Map<string, UserIdentity | undefined>;
}

/** What the claims of a token came to, for one realm and one base URL. */
class Reading {
  readonly base: string | undefined;
  readonly found: TokenCaller;

  constructor(base: string | undefined, found: TokenCaller) {
    this.base = base;
    this.found = found;
  }
}

/** An identity for the host, or the decision that there is none. */
export interface Identified {
  readonly decision: Decision;
  readonly identity: UserIdentity;
}

/** Turns tokens and identities into callers with their grants. */
export class Callers {
  readonly #realms: Realms;
  readonly #parser: ScopeParser;

  constructor(realms: Realms, parser: ScopeParser) {
    this.#realms = realms;
    this.#parser = parser;
  }

  /** The caller of an identity that was verified before, with some of its scopes. */
  carried(request: TenantRequest, identity: CarriedIdentity, scopes: readonly string[]): KnownCaller | DenyDecision {
    const realm = this.#realms.find(request);
    if (!realm) return deny({ code: 'tenant-mismatch' });
    // Where one handler serves several issuers, an identity is good only in the realm of the issuer that made it.
    if (this.#realms.several && identity.issuer !== realm.config.expectedIssValue) {
      return deny({ code: 'tenant-mismatch' });
    }
    return { realm, identity, caller: this.#caller(realm, identity.claims, identity, scopes, baseOf(request)) };
  }

  /** The caller of a request that bears a token or an identity. What the token lacks is a denial, not an error. */
  async of(
    request: TenantRequest & { readonly accessToken?: string; readonly userIdentity?: KeyValueMap },
  ): Promise<KnownCaller | DenyDecision> {
    if (request.userIdentity !== undefined) {
      const identity = readIdentity(request.userIdentity);
      return this.carried(request, identity, identity.scopes);
    }
    try {
      const found = await this.verified(request, request.accessToken);
      if ('decision' in found) return found;
      return malformedClaim(found.identity.malformed) ?? found;
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      return deniedByToken(error);
    }
  }

  /**
   * The caller of a token, at once where it is known. Rejects with a TokenError where the token does not verify, which is
   * the client's doing, and throws a ConfigError where the configuration cannot verify any, which is the programmer's.
   */
  verified(
    request: TenantRequest,
    accessToken: unknown,
  ): TokenCaller | DenyDecision | Promise<TokenCaller | DenyDecision> {
    const realm = this.#realms.find(request);
    if (!realm) return deny({ code: 'tenant-mismatch' });
    // Nearly every request bears a token that was seen before: then there is nothing to wait for.
    const known = this.#recalled(realm, request, accessToken);
    if (known) return known;
    return realm
      .verifier()
      .verify(accessToken)
      .then((token) => this.#read(realm, request, token));
  }

  /** The caller of a token that was proved before; undefined for any other. */
  recalled(request: TenantRequest, accessToken: unknown): TokenCaller | undefined {
    const realm = this.#realms.find(request);
    return realm && this.#recalled(realm, request, accessToken);
  }

  #recalled(realm: Realm, request: TenantRequest, accessToken: unknown): TokenCaller | undefined {
    const kept = realm.verifier().recall(accessToken);
    return kept && this.#read(realm, request, kept);
  }

  #read(realm: Realm, request: TenantRequest, token: VerifiedToken): TokenCaller {
    const base = request.fhirServiceBaseUrl;
    const { claims, note } = token;
    if (note instanceof Reading && note.base === base && note.found.realm === realm) return note.found;
    const scopes = scopeList(claimAt(claims, realm.config.scopeKey));
    const identity = identityFromClaims(claims, realm.config, base ?? realm.apiUrl);
    const caller = this.#caller(realm, claims, identity, scopes, baseOf(request));
    const found = { realm, identity, claims, scopes, caller, models: new Map<string, UserIdentity | undefined>() };
    token.note = new Reading(base, found);
    return found;
  }

  #caller(
    realm: Realm,
    claims: Readonly<Record<string, unknown>>,
    identity: ClaimedIdentity,
    scopes: readonly string[],
    base = realm.base,
  ): Caller {
    const narrows = realm.policy.encounterContext === 'narrow';
    const encounter = narrows ? encounterFromClaims(claims, realm.config, base) : undefined;
    return { grants: knownGrants(scopes, identity, base, realm.policy, this.#parser), claims, encounter, base };
  }
}

/** The identity for one request: only the scopes that can cover it are usable, and only their identities are in it. */
export function identifyForRequest(
  found: TokenCaller,
  { operation, resourceType, bulkDataAuth }: VerifyAccessTokenRequest,
): Identified {
  const { caller, realm, identity } = found;
  const judge = Judge.for(caller, [operation], realm.policy);
  const { usable, decision } = bulkDataAuth
    ? decideExport(caller, bulkDataAuth, realm.policy)
    : { usable: judge.grantsFor(resourceType), decision: judge.decideType(resourceType) };

  // A scope would cover the request, but the claim that has to say for whom is garbage: nothing in this token is sure.
  const broken = bulkDataAuth
    ? undefined
    : caller.grants.unidentified.find(
        (scope) =>
          identity.malformed.has(scope.scope.level as 'user' | 'patient') &&
          coversRequest(scope, [operation], resourceType),
      );
  if (!broken) return { decision, identity: identityWith(found, usable) };
  const { text, level } = broken.scope;
  return {
    decision: deny({ code: 'identity-claim-malformed', scope: text, name: level }),
    identity: identityWith(found, []),
  };
}

/** The identity for whatever is asked later: every scope that makes a grant is usable. */
export function identifyForAll(found: TokenCaller): Identified {
  const decision = malformedClaim(found.identity.malformed) ?? allow('scope-covers');
  return { decision, identity: identityWith(found, found.caller.grants.granted) };
}

function identityWith(found: TokenCaller, usable: readonly Grant[]): UserIdentity {
  const { texts, levels } = usableIn(usable);
  // Copies: what the host does to its identity must not reach the next request by the same token.
  const made = copyOfModel(found, levels);
  made.scopes = [...found.scopes];
  made.usableScopes = found.scopes.filter((scope) => texts.has(scope));
  if (made.fhirUserObject) made.fhirUserObject = { ...made.fhirUserObject };
  if (made.patientLaunchContext) made.patientLaunchContext = { ...made.patientLaunchContext };
  return made;
}

/** A token that comes once needs no model. */
function copyOfModel(found: TokenCaller, levels: string): UserIdentity {
  const { models } = found;
  let model = models.get(levels);
  if (model === undefined) {
    model = modelOf(found, levels);
    if (!models.has(levels)) {
      models.set(levels, undefined);
      return model;
    }
    models.set(levels, model);
  }
  return { ...model };
}

/** What identities are copied from: it has every member that they will have, so that their copies are quick. */
function modelOf({ claims, identity }: TokenCaller, levels: string): UserIdentity {
  const { user, patient } = identity;
  // Members are added to the one copy: a copy of a copy takes ten times as long.
  const model: UserIdentity = Object.assign(withoutDerivedFields(claims), { scopes: [], usableScopes: [] });
  if (user && levels.includes('user')) model.fhirUserObject = user;
  if (patient && levels.includes('patient')) model.patientLaunchContext = patient;
  return model;
}

interface Usable {
  readonly texts: ReadonlySet<string>;
  /** In one spelling, so that there are few: `patient user`. */
  readonly levels: string;
}

/** The judge gives the same list for the same question, request by request. */
const usables = new WeakMap<readonly Grant[], Usable>();

function usableIn(grants: readonly Grant[]): Usable {
  let usable = usables.get(grants);
  if (usable === undefined) {
    const levels = new Set(grants.map(({ scope }) => scope.level));
    usable = { texts: new Set(grants.map(({ scope }) => scope.text)), levels: [...levels].sort().join(' ') };
    usables.set(grants, usable);
  }
  return usable;
}

/** What a token that does not verify is refused with: the code of its error, never its text. */
export function deniedByToken(error: unknown): DenyDecision {
  const code: unknown = error instanceof Error ? (error as { readonly code?: unknown }).code : undefined;
  return deny({ code: 'token-invalid', ...(typeof code === 'string' && { name: code }) });
}

function malformedClaim(malformed: MalformedClaims): DenyDecision | undefined {
  const [level] = malformed;
  return level && deny({ code: 'identity-claim-malformed', name: level });
}

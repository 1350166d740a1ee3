import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors } from 'oidc-provider';
import type { Grant, Interaction, Provider } from 'oidc-provider';
import { parseScope } from '../../../scope/parse.js';
import type { ParsedScope } from '../../../scope/scope.js';
import { ClientRefused } from '../client-auth/refusal.js';
import type { ClientDirectory } from '../clients/directory.js';
import { INTERACTION_PATH } from '../endpoints.js';
import type { Endpoint } from '../exchange.js';
import { OIDC_SCOPES, grantLifetimeSeconds } from '../provider/create-provider.js';
import type { LaunchSettings, Settings } from '../settings.js';
import { OAuthError } from '../wire/oauth-error.js';
import type { EhrLaunch, LaunchInteraction, LaunchResult } from './options.js';
import type { LaunchRecord, LaunchRecords } from './records.js';

/** What is known of a visit while the user is at the interaction page. */
interface Visit {
  readonly interaction: Interaction;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly handle: string | undefined;
  readonly launch: EhrLaunch | undefined;
}

/** Serves the interaction page through the host's hook, and turns what it decides into a grant. */
export function createInteractionEndpoint(
  settings: Settings,
  launch: LaunchSettings,
  directory: ClientDirectory,
  records: LaunchRecords,
  provider: Provider,
): Endpoint {
  return async ({ req, res, path }) => {
    const visit = await findVisit(req, res, path, provider, records);
    const client = await directory.find(visit.clientId);
    if (client === undefined) throw new OAuthError('access_denied', 'the app is no longer registered');
    const parsed = visit.scopes.map((scope) => parseScope(scope));
    const standalone = visit.launch === undefined;

    const deny = (): Promise<void> => provider.interactionFinished(req, res, { error: 'access_denied' });
    const facade: LaunchInteraction = {
      uid: visit.interaction.uid,
      client: { clientId: client.client_id, clientName: client.client_name },
      scopes: visit.scopes,
      launch: visit.launch,
      needsPatient: standalone && parsed.some((scope) => isLaunch(scope, 'patient') || isLevel(scope, 'patient')),
      needsEncounter: standalone && parsed.some((scope) => isLaunch(scope, 'encounter')),
      deny,
      async complete(result) {
        const { granted, record } = decide(visit, result, settings.fhirBaseUrl, launch);
        await requireOwnName(result.accountId, directory);
        if (granted.length === 0) {
          await deny();
          return;
        }
        // Of two windows that complete one visit, one does.
        if (visit.handle !== undefined && !(await records.endVisit(visit.handle))) {
          throw new OAuthError('invalid_request', 'the launch has been completed already');
        }
        const grant = new provider.Grant({ accountId: result.accountId, clientId: visit.clientId });
        grantScopes(grant, visit.scopes, granted, settings.fhirBaseUrl);
        const grantId = await grant.save();
        await records.save(grantId, record, grantLifetimeSeconds(settings));
        await provider.interactionFinished(req, res, {
          login: { accountId: result.accountId, remember: false },
          consent: { grantId },
        });
      },
    };
    await launch.interaction(req, res, facade);
  };
}

/** RFC 9068 §5: a user whose `sub` is that of a client would be taken for it by a resource server. */
async function requireOwnName(accountId: string, directory: ClientDirectory): Promise<void> {
  let isClient: boolean;
  try {
    isClient = (await directory.find(accountId)) !== undefined;
  } catch (cause) {
    if (!(cause instanceof ClientRefused)) throw cause;
    isClient = true;
  }
  if (isClient) throw new TypeError('accountId is the client_id of a registered client');
}

async function findVisit(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  provider: Provider,
  records: LaunchRecords,
): Promise<Visit> {
  let interaction: Interaction;
  try {
    interaction = await provider.interactionDetails(req, res);
  } catch (cause) {
    if (cause instanceof errors.SessionNotFound) throw expired();
    throw cause;
  }
  const [uid = ''] = path.slice(INTERACTION_PATH.length + 1).split('/', 1);
  if (uid !== interaction.uid) throw expired();
  const { client_id: clientId, scope, launch: handle } = interaction.params;
  if (typeof clientId !== 'string' || typeof scope !== 'string') throw expired();
  if (typeof handle !== 'string')
    return { interaction, clientId, scopes: scope.split(' '), handle: undefined, launch: undefined };
  const launch = await records.visited(handle);
  if (launch === undefined) throw expired();
  return { interaction, clientId, scopes: scope.split(' '), handle, launch };
}

function expired(): OAuthError {
  return new OAuthError(
    'access_denied',
    'this page belongs to no pending authorization; go back to the app and start again',
  );
}

/** FHIR R4, 2.24.0.1: id. */
const FHIR_ID = /^(?!\.{1,2}$)[A-Za-z0-9.-]{1,64}$/;
/** SMART App Launch 2.2, fhirUser: the types that a user may be. */
const FHIR_USER = /^(?:https?:\/\/\S+\/)?(?:Patient|Practitioner|PractitionerRole|RelatedPerson|Person)\/([^/\s]+)$/;
/**
 * What is not a launch's to set, since its parameters stand beside it: members of a token response (RFC 6749 §5.1, OpenID
 * Connect Core §3.1.3.3), and at introspection whatever says who a token is from and for (RFC 7662 §2.2, RFC 9068 §2.2).
 */
const RESERVED: ReadonlySet<string> = new Set([
  ...[
    'access_token',
    'token_type',
    'expires_in',
    'refresh_token',
    'scope',
    'id_token',
    'state',
    'patient',
    'encounter',
  ],
  ...['active', 'username', 'iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'client_id', 'azp', 'act', 'cnf'],
  ...['authorization_details', 'fhirUser', 'profile'],
]);

function isReserved(name: string, { contextPrefix, fhirUserClaim }: LaunchSettings): boolean {
  const ours = [`${contextPrefix}patient`, `${contextPrefix}encounter`, fhirUserClaim];
  return RESERVED.has(name) || name.startsWith('error') || ours.includes(name);
}

/** What a visit's result grants, and the context that goes with it. Throws TypeErrors for the host's mistakes. */
function decide(
  visit: Visit,
  result: LaunchResult,
  fhirBaseUrl: string,
  launch: LaunchSettings,
): { granted: readonly string[]; record: LaunchRecord } {
  const { accountId, fhirUser, scopes = visit.scopes } = result;
  if (!/^[\x21-\x7e]{1,255}$/.test(accountId))
    throw new TypeError('accountId must be 1 to 255 printable ASCII characters');
  if (visit.launch?.accountId !== undefined && visit.launch.accountId !== accountId) {
    throw new TypeError("accountId is not the account of the EHR's launch");
  }
  const patient = contextId('patient', visit.launch?.patient, result.patient);
  const encounter = contextId('encounter', visit.launch?.encounter, result.encounter);
  if (fhirUser !== undefined && !FHIR_ID.test(FHIR_USER.exec(fhirUser)?.[1] ?? '')) {
    throw new TypeError('fhirUser must be a reference such as Practitioner/p1');
  }
  const parameters = { ...visit.launch?.parameters, ...result.parameters };
  const reserved = Object.keys(parameters).find((name) => isReserved(name, launch));
  if (reserved !== undefined) throw new TypeError(`parameters must not hold ${reserved}`);

  const granted = visit.scopes.filter(
    (scope) => scopes.includes(scope) && hasContext(parseScope(scope), { patient, encounter, fhirUser }),
  );
  const parsed = granted.map((scope) => parseScope(scope));
  const tellsUser = parsed.some((scope) => isLevel(scope, 'user') || (scope.kind === 'other' && namesUser(scope.text)));
  const tellsPatient = parsed.some(
    (scope) => isLevel(scope, 'patient') || isLaunch(scope, 'patient') || isLaunch(scope),
  );
  const tellsEncounter = parsed.some((scope) => isLaunch(scope, 'encounter') || isLaunch(scope));
  return {
    granted,
    record: {
      ...(patient !== undefined && tellsPatient ? { patient } : {}),
      ...(encounter !== undefined && tellsEncounter ? { encounter } : {}),
      ...(fhirUser !== undefined && tellsUser ? { fhirUser: absolute(fhirUser, fhirBaseUrl) } : {}),
      ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
    },
  };
}

/** The EHR's context stands; the page may add to it, not change it. */
function contextId(name: string, launched: string | undefined, chosen: string | undefined): string | undefined {
  if (chosen !== undefined && !FHIR_ID.test(chosen)) throw new TypeError(`${name} must be a FHIR id`);
  if (launched !== undefined && chosen !== undefined && launched !== chosen) {
    throw new TypeError(`${name} is not the one of the EHR's launch`);
  }
  return launched ?? chosen;
}

/** A scope whose context is missing would be read by some resource server as access without bounds: it is not granted. */
function hasContext(
  scope: ParsedScope,
  context: {
    readonly patient: string | undefined;
    readonly encounter: string | undefined;
    readonly fhirUser: string | undefined;
  },
): boolean {
  if (isLevel(scope, 'patient') || isLaunch(scope, 'patient')) return context.patient !== undefined;
  if (isLaunch(scope, 'encounter')) return context.encounter !== undefined;
  if (isLevel(scope, 'user')) return context.fhirUser !== undefined;
  if (scope.kind === 'other' && namesUser(scope.text)) return context.fhirUser !== undefined;
  // A user at a browser lends an app a user's access, never a system's.
  return !isLevel(scope, 'system');
}

function isLevel(scope: ParsedScope, level: 'patient' | 'user' | 'system'): boolean {
  return scope.kind === 'resource' && scope.level === level;
}

function isLaunch(scope: ParsedScope, context?: string): boolean {
  return scope.kind === 'launch' && scope.context === context;
}

function namesUser(text: string): boolean {
  return text === 'fhirUser' || text === 'profile';
}

/** SMART asks for the URL of the resource; a relative one is read differently by different resource servers. */
function absolute(fhirUser: string, fhirBaseUrl: string): string {
  return /^https?:/.test(fhirUser) ? fhirUser : `${fhirBaseUrl.replace(/\/$/, '')}/${fhirUser}`;
}

function grantScopes(grant: Grant, offered: readonly string[], granted: readonly string[], resource: string): void {
  for (const scope of offered) {
    const oidc = OIDC_SCOPES.some((name) => name === scope);
    if (granted.includes(scope)) {
      grant.addResourceScope(resource, scope);
      if (oidc) grant.addOIDCScope(scope);
    } else {
      // Said explicitly: oidc-provider would ask again for a scope that nobody has decided on.
      grant.rejectResourceScope(resource, scope);
      if (oidc) grant.rejectOIDCScope(scope);
    }
  }
}

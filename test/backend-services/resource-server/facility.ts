// A FHIR server's access layer and the authorization server that it trusts, both of this package, both on 127.0.0.1.
import {
  DeniedError,
  SMARTHandler,
  TokenError,
  type Interaction,
  type SMARTConfig,
  type UserIdentity,
} from '../../../src/index.js';
import { key } from '../authorization-server/keys.js';
import { FHIR_BASE, runServer, type RunningServer } from '../authorization-server/running-server.js';
import { expectToken, requestToken } from '../authorization-server/token-request.js';

const CLIENT_ID = 'exporter';
const clientKey = key('exporter-key');

export const FHIR_CREDENTIALS = { clientId: 'fhir-server', clientSecret: 'a secret of the FHIR server' };

export interface Facility {
  readonly as: RunningServer;
  /** A token for the scopes, obtained as a backend service obtains it. */
  token(scope: string): Promise<string>;
  handler(config?: Partial<SMARTConfig>): SMARTHandler;
  close(): Promise<void>;
}

export async function openFacility(): Promise<Facility> {
  const client = { client_id: CLIENT_ID, jwks: { keys: [clientKey.jwk] }, scope: 'system/*.cruds' };
  const as = await runServer([client], { introspection: { callers: [FHIR_CREDENTIALS] } });
  return {
    as,
    async token(scope) {
      const answer = expectToken(await requestToken(as, { key: clientKey, clientId: CLIENT_ID, scope }));
      return String(answer['access_token']);
    },
    handler: (config) => handlerFor(as.origin, { jwksEndpoint: as.server.endpoints.jwks, ...config }),
    close: () => as.close(),
  };
}

/** A handler that trusts the issuer given. */
export function handlerFor(issuer: string, config: Partial<SMARTConfig>): SMARTHandler {
  const system = {
    read: ['read', 'vread', 'search-type', 'search-system', 'history-instance'],
    write: ['create', 'update', 'delete'],
  } as const satisfies Record<string, readonly Interaction[]>;
  return new SMARTHandler(
    {
      version: 1,
      scopeKey: 'scope',
      scopeRule: {
        patient: { read: [], write: [] },
        user: { read: [], write: [] },
        system: { read: [...system.read], write: [...system.write] },
      },
      expectedIssValue: issuer,
      expectedAudValue: FHIR_BASE,
      fhirUserClaimPath: 'fhirUser',
      launchContextPathPrefix: 'launch_response_',
      ...config,
    },
    FHIR_BASE,
    '4.0.1',
    undefined,
    undefined,
    undefined,
    { writesWithoutLookup: 'allow' },
  );
}

export type Asked = Omit<Parameters<SMARTHandler['verifyAccessToken']>[0], 'accessToken' | 'fhirServiceBaseUrl'>;

export const READ_PATIENT: Asked = { operation: 'read', resourceType: 'Patient', id: 'alice' };

export function verify(handler: SMARTHandler, accessToken: string, asked: Asked): Promise<UserIdentity> {
  return handler.verifyAccessToken({ ...asked, accessToken, fhirServiceBaseUrl: FHIR_BASE });
}

/** `allowed`, or the codes of the refusal. Anything else than a refusal is thrown on. */
export async function outcome(handler: SMARTHandler, accessToken: string, asked: Asked): Promise<string> {
  try {
    await verify(handler, accessToken, asked);
    return 'allowed';
  } catch (error) {
    if (error instanceof TokenError) return error.code;
    if (error instanceof DeniedError && error.decision.decision === 'deny') {
      return error.decision.reasons.map(({ code }) => code).join(' ');
    }
    throw error;
  }
}

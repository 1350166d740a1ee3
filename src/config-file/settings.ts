import type { SMARTConfig } from '../config.js';
import type { FhirVersion } from '../fhir/version.js';
import type { BulkDataOptions } from '../http/bulk-data.js';
import type { NarrowSearchOptions } from '../http/narrow-search.js';
import type { SMARTHandlerOptions } from '../options.js';
import type { TokenVerifierOptions } from '../token/options.js';

/** What a configuration file says, with secrets taken out of the environment and patterns made expressions. */
export interface Settings {
  readonly smart: SMARTConfig;
  /** Base URL of the FHIR server. Undefined in a file that is a SMARTConfig by itself. */
  readonly baseUrl?: string;
  /** FHIR version of the server. Undefined in a file that is a SMARTConfig by itself. */
  readonly fhirVersion?: FhirVersion;
  readonly access?: AccessSettings;
  readonly token?: VerificationSettings;
  readonly gateway?: GatewaySection;
}

/** The arguments of SMARTHandler after the FHIR version, and those of its options that a file can hold. */
export interface AccessSettings extends Pick<
  SMARTHandlerOptions,
  | 'membership'
  | 'adminRules'
  | 'encounterContext'
  | 'operations'
  | 'patientExport'
  | 'decodeScopeSlash'
  | 'customSearchParameters'
  | 'writesWithoutLookup'
> {
  /** fhirUser types that see everything their scopes name. Default Practitioner. */
  readonly adminAccessTypes?: readonly string[];
  /** fhirUser types that may export, where user scopes may export at all. Default Practitioner. */
  readonly bulkDataAccessTypes?: readonly string[];
  /** Whether `user/` scopes may start a system export. Default false. */
  readonly isUserScopeAllowedForSystemExport?: boolean;
}

/** How access tokens are verified, beyond what SMARTConfig says. */
export interface VerificationSettings extends Pick<
  TokenVerifierOptions,
  'algorithms' | 'acceptedTypes' | 'clockToleranceSeconds' | 'maxTokenLength' | 'jwks' | 'cache'
> {
  readonly introspection?: Pick<
    NonNullable<TokenVerifierOptions['introspection']>,
    'maxBytes' | 'cacheMaxAgeMs' | 'cacheSize'
  >;
}

/** Where the gateway listens, and the options of createGateway that a file can hold, by the same names. */
export interface GatewaySection {
  /** Base URL of the FHIR server to guard. */
  readonly upstream: string;
  readonly listen?: { readonly host?: string; readonly port?: number };
  readonly upstreamNames?: readonly string[];
  readonly upstreamHeaders?: Readonly<Record<string, string>>;
  readonly pageLinkKey?: string;
  readonly forwardAuthorization?: boolean;
  readonly bindsVersion?: boolean;
  readonly bindsAbsence?: boolean;
  readonly basePath?: string;
  readonly realm?: string;
  readonly hideForbidden?: boolean;
  readonly explain?: boolean;
  readonly maxBodyBytes?: number;
  readonly maxResponseBytes?: number;
  readonly maxBinaryBytes?: number;
  readonly maxConcurrentRequests?: number;
  readonly upstreamConnections?: number;
  readonly connectTimeoutMs?: number;
  readonly upstreamTimeoutMs?: number;
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly keepAliveTimeoutMs?: number;
  readonly sendTimeoutMs?: number;
  readonly drainTimeoutMs?: number;
  readonly healthPath?: string | false;
  readonly smartConfiguration?: Readonly<Record<string, unknown>>;
  readonly smartConfigurationUrl?: string;
  readonly corsOrigins?: readonly string[] | '*';
  readonly paging?: 'own' | 'any';
  readonly narrowSearch?: Partial<
    Pick<NarrowSearchOptions, 'mode'> & { readonly supports: Readonly<Record<string, readonly string[]>> }
  >;
  readonly bulkData?: Omit<BulkDataOptions, 'jobs'>;
  /** What several instances share: the jobs of bulk data exports. */
  readonly redis?: { readonly url: string; readonly keyPrefix?: string };
  readonly log?: { readonly level?: LogLevel };
}

/** The levels of pino. */
export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

import type { SMARTConfig } from '../config.js';
import type { FhirVersion } from '../fhir/version.js';
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
  readonly gateway?: GatewaySettings;
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

/** How the gateway listens, and which server it guards. */
export interface GatewaySettings {
  /** Base URL of the FHIR server to guard. */
  readonly upstream: string;
  readonly listen?: { readonly host?: string; readonly port?: number };
  /** Headers to send to the upstream. */
  readonly upstreamHeaders?: Readonly<Record<string, string>>;
  /** All in milliseconds. */
  readonly timeouts?: {
    readonly connectMs?: number;
    readonly headersMs?: number;
    readonly bodyMs?: number;
    readonly requestMs?: number;
    readonly shutdownMs?: number;
  };
  /** All in bytes. */
  readonly limits?: { readonly requestBytes?: number; readonly responseBytes?: number };
  /** Where the gateway says that it is alive. */
  readonly healthPath?: string;
  /** What `/.well-known/smart-configuration` says. */
  readonly smartConfiguration?: Readonly<Record<string, unknown>>;
  /** What several instances share. */
  readonly redis?: { readonly url: string; readonly prefix?: string };
  readonly log?: { readonly level?: LogLevel };
}

/** The levels of pino. */
export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

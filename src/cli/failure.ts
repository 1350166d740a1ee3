import { ConfigError } from '../errors.js';
import { ClientMetadataError } from '../backend-services/authorization-server/clients/check-client.js';
import { ClientRegistryError } from '../backend-services/authorization-server/clients/registry.js';
import { BackendServicesError } from '../backend-services/errors.js';
import { StateStoreError } from '../backend-services/state/store.js';
import type { ExitCode } from './exit-code.js';
import { EXIT } from './exit-code.js';

/** A command line that cannot be understood. The message never repeats a value: it could be a token. */
export class UsageError extends Error {
  readonly code = 'ERR_USAGE';
}

/** A file or value that cannot be used. */
export class InputError extends Error {
  readonly code = 'ERR_INPUT';
}

/** What the system calls a failure: `ENOENT`. */
export function systemCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
}

/** What a failure is called, told and answered with. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly error_description?: string | undefined;
}

/** What may be done about it on the command line, by the code. */
const ADVICE: Readonly<Record<string, string>> = {
  ERR_CLIENT_EXISTS: '; --replace replaces it',
  ERR_DISCOVERY: '; --token-endpoint names the token endpoint without it',
};

/** Only messages written in this package are shown: those of others could quote what they were given. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) return { exitCode: EXIT.usage, code: error.code, message: error.message };
  if (error instanceof BackendServicesError) {
    const { code, message, status, error: oauthError, error_description } = error;
    return {
      exitCode: isServers(code) ? EXIT.server : EXIT.input,
      code,
      message: `${message}${ADVICE[code] ?? ''}`,
      status,
      error: oauthError,
      error_description,
    };
  }
  if (
    error instanceof InputError ||
    error instanceof ConfigError ||
    error instanceof ClientMetadataError ||
    error instanceof ClientRegistryError
  ) {
    return { exitCode: EXIT.input, code: error.code, message: `${error.message}${ADVICE[error.code] ?? ''}` };
  }
  if (error instanceof StateStoreError) return { exitCode: EXIT.server, code: error.code, message: error.message };
  const name = error instanceof Error ? error.name : typeof error;
  return { exitCode: EXIT.fault, code: 'ERR_FAULT', message: `unexpected ${name}; please report it` };
}

function isServers(code: BackendServicesError['code']): boolean {
  return !code.startsWith('ERR_KEY_') && code !== 'ERR_URL_REFUSED';
}

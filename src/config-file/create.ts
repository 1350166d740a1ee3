import { ConfigError } from '../errors.js';
import { SMARTHandler } from '../handler.js';
import type { SMARTHandlerOptions } from '../options.js';
import type { Settings } from './settings.js';

/** The options of a handler that are functions, so that no file can hold them. */
export type HostOptions = Pick<SMARTHandlerOptions, 'lookup' | 'narrow' | 'onDecision' | 'tenantOf'>;

/**
 * Builds the handler that a configuration file describes.
 *
 * @param host What a file cannot hold: the lookup, rules and listeners of the host.
 * @throws ConfigError if the file is a SMARTConfig by itself and so lacks baseUrl or fhirVersion.
 */
export function createHandlerFrom(settings: Settings, host: HostOptions = {}): SMARTHandler {
  const { smart, baseUrl, fhirVersion, access = {}, token } = settings;
  if (baseUrl === undefined) throw new ConfigError('baseUrl', MISSING);
  if (fhirVersion === undefined) throw new ConfigError('fhirVersion', MISSING);
  const { adminAccessTypes, bulkDataAccessTypes, isUserScopeAllowedForSystemExport, ...options } = access;
  return new SMARTHandler(
    smart,
    baseUrl,
    fhirVersion,
    adminAccessTypes,
    bulkDataAccessTypes,
    isUserScopeAllowedForSystemExport,
    { ...options, ...host, ...(token && { token }) },
  );
}

const MISSING =
  'is missing: a SMARTConfig by itself does not say it. Wrap it: {"smart": {…}, "baseUrl": "https://…", "fhirVersion": "4.0.1"}';

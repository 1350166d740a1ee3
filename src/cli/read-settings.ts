import { checkApiUrl } from '../config.js';
import { readConfigFile } from '../config-file/read.js';
import type { Settings } from '../config-file/settings.js';
import { FHIR_VERSIONS } from '../fhir/version.js';
import type { Arguments } from './arguments.js';
import type { CommandIo } from './command.js';
import { UsageError } from './failure.js';

/** What a SMARTConfig by itself does not say, so that the command line has to. */
export const SERVER_OPTIONS = { 'base-url': { type: 'string' }, 'fhir-version': { type: 'string' } } as const;

/** The lines of a help text about them. */
export const SERVER_HELP = `  --base-url URL        the base URL of the server, for a file that is a SMARTConfig by itself
  --fhir-version X      its FHIR version, likewise: ${FHIR_VERSIONS.join(', ')}. Default 4.0.1`;

/** Reads a configuration file that has to say where the server is, or else the command line has to. */
export async function readSettings(
  file: string,
  args: Arguments,
  io: CommandIo,
): Promise<Settings & { readonly baseUrl: string }> {
  const settings = await readConfigFile(file, { env: io.env });
  const baseUrl = settings.baseUrl ?? args.text('base-url');
  if (baseUrl === undefined) {
    throw new UsageError(`${file} is a SMARTConfig by itself: --base-url has to say where the server is`);
  }
  checkApiUrl(baseUrl);
  const fhirVersion = settings.fhirVersion ?? args.oneOf('fhir-version', FHIR_VERSIONS) ?? '4.0.1';
  return { ...settings, baseUrl, fhirVersion };
}

// A handler whose questions are recorded, with the configuration by which they can be replayed.
import type { Settings } from '../../src/config-file/settings.js';
import { createHandlerFrom } from '../../src/config-file/create.js';
import type { SMARTHandler } from '../../src/index.js';
import type { SMARTHandlerOptions } from '../../src/options.js';
import type { LineOptions } from '../../src/replay/line.js';
import { recordRequests } from '../../src/replay/recorder.js';
import type { RecordedRequest } from '../../src/replay/request.js';
import { readRequest } from '../../src/replay/request.js';
import type { Issuer } from '../http/clinic.js';
import { BASE, configTrusting } from '../http/clinic.js';

export type ServerSettings = Settings & { readonly baseUrl: string };

/** What grants everything that SMART defines, to tokens of the issuer. */
export function settingsOf(issuer: Pick<Issuer, 'jwksEndpoint'>): ServerSettings {
  return {
    smart: configTrusting(issuer.jwksEndpoint),
    baseUrl: BASE,
    fhirVersion: '4.0.1',
    access: { patientExport: true },
  };
}

export interface Recording {
  readonly settings: ServerSettings;
  readonly handler: SMARTHandler;
  readonly lines: string[];
  /** Ends the recording, and reads its lines. */
  readonly requests: () => RecordedRequest[];
}

export function record(
  settings: ServerSettings,
  options: Partial<LineOptions> = {},
  host: Pick<SMARTHandlerOptions, 'lookup' | 'tenantOf' | 'narrow'> = {},
): Recording {
  const handler = createHandlerFrom(settings, host);
  const lines: string[] = [];
  const stop = recordRequests(handler, { ...settings, ...options, write: (line) => lines.push(line) });
  const requests = (): RecordedRequest[] => {
    stop();
    return lines.map(readRequest);
  };
  return { settings, handler, lines, requests };
}

import { once } from 'node:events';
import { createRedisStore } from '../backend-services/state/redis-store.js';
import type { GatewaySection } from '../config-file/settings.js';
import { createHandlerFrom } from '../config-file/create.js';
import { readConfigFile } from '../config-file/read.js';
import type { GatewayOptions } from '../gateway/index.js';
import { createGateway } from '../gateway/index.js';
import type { JobStore } from '../http/bulk-data.js';
import { logDecisions, logRequests } from '../observe/log.js';
import type { Telemetry } from '../observe/telemetry.js';
import { observeWithOpenTelemetry } from '../observe/telemetry.js';
import type { Command, CommandIo } from './command.js';
import { EXIT } from './exit-code.js';
import { InputError, systemCode } from './failure.js';
import { printable } from './print.js';
import { recordingOf } from './recording.js';

export const gateway: Command = {
  name: 'gateway',
  summary: 'guard a FHIR server that you cannot change',
  help: `Usage: smart-fhir-authz gateway --config FILE [options]

Listens, verifies access tokens, judges every request and every answer, and forwards what may be
done to the FHIR server that the section "gateway" of the file names. Ends on SIGTERM or SIGINT,
after the requests that are being served. docs/gateway.md tells of every key.

Options:
  --config FILE  the configuration file
  --host HOST    listen there, whatever the file says
  --port PORT    listen there, whatever the file says
  --record FILE  append what is asked to FILE, for \`smart-fhir-authz compare\`. Never a token; but ids
                 and queries, so that it needs the care of an access log (mode 600)
  --record-resources none|references
                 what to record of resources (default none)

With the package pino installed, decisions and requests go to standard output, a line of JSON each.
With the package @opentelemetry/api installed, they also go to the meters and tracers that are
registered, as by: node --import ./opentelemetry.mjs node_modules/.bin/smart-fhir-authz gateway …

Exit codes:
  0  it was told to end, and did
  3  the file cannot be used (the mistakes are listed), the recording cannot be written, or the
     address is taken

Examples:
  smart-fhir-authz gateway --config gateway.json
  FHIR_PASSWORD=… smart-fhir-authz gateway --config gateway.json --port 9000
  smart-fhir-authz gateway --config gateway.json --record asked.jsonl --record-resources references
`,
  options: {
    config: { type: 'string' },
    host: { type: 'string' },
    port: { type: 'string' },
    record: { type: 'string' },
    'record-resources': { type: 'string' },
  },
  operands: { min: 0, max: 0, name: '' },

  async run(args, io) {
    const settings = await readConfigFile(args.needed('config'), { env: io.env });
    const { baseUrl, fhirVersion, gateway: section, smart } = settings;
    if (!section || baseUrl === undefined || fhirVersion === undefined) {
      throw new InputError('the configuration file needs baseUrl, fhirVersion and the section gateway');
    }
    const { listen = {}, redis, log, ...options } = section;
    const observers = await observe(log, io);
    const handler = createHandlerFrom(settings, {
      onDecision: (event) => {
        each(observers, 'onDecision', event);
      },
    });
    const recording = recordingOf(args, handler, { ...settings, baseUrl }, io);
    const jobs = redis && (await openRedis(redis));
    const running = createGateway(handler, {
      ...options,
      ...bulkDataOf(options, jobs?.store),
      baseUrl,
      fhirVersion,
      ...(smart.jwksEndpoint !== undefined && { jwksEndpoint: smart.jwksEndpoint }),
      onRequest: (event) => {
        each(observers, 'onRequest', event);
      },
      ...tracingOf(observers),
    });
    const told = toldToEnd();
    try {
      const address = { ...listen, ...addressOf(args.text('host'), args.number('port')) };
      const { address: host, port } = await running.listen(address).catch((cause: unknown) => {
        throw cannotListen(cause);
      });
      const shown = host.includes(':') ? `[${host}]` : host;
      io.stderr(printable(`listening on http://${shown}:${port} for ${baseUrl}\n`));
      await told.promise;
      io.stderr('ending\n');
    } finally {
      told.forget();
      await running.close();
      recording?.end();
      jobs?.close();
    }
    return EXIT.ok;
  },
};

type Observer = Partial<Telemetry>;

/** pino where it is installed, or wanted by the file; OpenTelemetry where its API is installed. */
async function observe(log: GatewaySection['log'], io: CommandIo): Promise<readonly Observer[]> {
  const observers: Observer[] = [];
  const pino = await installed(() => import('pino'));
  if (pino) {
    const logger = pino.pino({ level: log?.level ?? 'info' }, { write: io.stdout });
    observers.push({ onDecision: logDecisions(logger), onRequest: logRequests(logger) });
  } else if (log) {
    throw new InputError('gateway.log needs the package pino: npm install pino');
  }
  const api = await installed(() => import('@opentelemetry/api'));
  if (api) observers.push(observeWithOpenTelemetry(api));
  return observers;
}

function each<Name extends 'onDecision' | 'onRequest'>(
  observers: readonly Observer[],
  name: Name,
  event: Parameters<Telemetry[Name]>[0],
): void {
  for (const observer of observers) {
    const listener = observer[name] as ((given: typeof event) => void) | undefined;
    listener?.(event);
  }
}

function tracingOf(observers: readonly Observer[]): Pick<GatewayOptions, 'tracing'> {
  const tracing = observers.find((observer) => observer.tracing)?.tracing;
  return tracing ? { tracing } : {};
}

/** A package that need not be there. */
async function installed<T>(load: () => Promise<T>): Promise<T | undefined> {
  try {
    return await load();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

async function openRedis({
  url,
  keyPrefix,
}: NonNullable<GatewaySection['redis']>): Promise<{ readonly store: JobStore; readonly close: () => void }> {
  const ioredis = await installed(() => import('ioredis'));
  if (!ioredis) throw new InputError('gateway.redis needs the package ioredis: npm install ioredis');
  const client = new ioredis.Redis(url, { maxRetriesPerRequest: 1, commandTimeout: 2000 });
  // Each request that needs it fails by itself; without a listener the process would.
  client.on('error', () => undefined);
  return {
    store: createRedisStore(client, keyPrefix === undefined ? {} : { keyPrefix }),
    close: () => {
      client.disconnect();
    },
  };
}

/** Where jobs are remembered is no option of a file's but a consequence of its Redis. */
function bulkDataOf(
  options: Omit<GatewayOptions, 'baseUrl' | 'fhirVersion'>,
  jobs: JobStore | undefined,
): Pick<GatewayOptions, 'bulkData'> {
  const { bulkData } = options;
  return bulkData && jobs ? { bulkData: { ...bulkData, jobs } } : {};
}

function addressOf(host: string | undefined, port: number | undefined): { host?: string; port?: number } {
  return { ...(host !== undefined && { host }), ...(port !== undefined && { port }) };
}

/** SIGTERM from whatever runs services, SIGINT from a terminal. */
function toldToEnd(): { readonly promise: Promise<unknown>; readonly forget: () => void } {
  const controller = new AbortController();
  const { signal } = controller;
  const signals = ['SIGTERM', 'SIGINT'].map((name) => once(process, name, { signal }));
  const promise = Promise.race(signals);
  promise.catch(() => undefined);
  return {
    promise,
    forget: () => {
      controller.abort();
      for (const each of signals) each.catch(() => undefined);
    },
  };
}

function cannotListen(cause: unknown): InputError {
  return new InputError(`cannot listen there: ${systemCode(cause)}; --host and --port take another address`);
}

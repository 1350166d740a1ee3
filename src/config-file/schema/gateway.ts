import { z } from 'zod';
import { normalizeBaseUrl } from '../../identity/fhir-url.js';
import type { Texts } from './text.js';
import { bounded } from './token.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** What the gateway itself writes into a request: from elsewhere it would make another request of it. */
const RESERVED =
  /^(?:host|connection|content-length|content-type|transfer-encoding|upgrade|te|trailer|expect|accept|accept-encoding|prefer|if-.*)$/i;

/** `gateway`: where the gateway listens, and the options of createGateway that a file can hold, by the same names. */
export function gatewaySection({ text, url, list }: Texts) {
  const flag = (description: string) => z.boolean().meta({ description }).optional();
  const base = text.refine(
    (value) => normalizeBaseUrl(value) !== undefined && URL.canParse(value),
    'must be the http(s) base URL of a FHIR server',
  );
  const segment = text.refine(
    (path) => /^[a-z][a-z0-9-]{0,63}$/.test(path) && path !== 'metadata',
    'must be a path segment of lower case letters, digits and hyphens',
  );
  return z.strictObject({
    upstream: base.meta({ description: 'Base URL of the FHIR server to guard: http://hapi:8080/fhir.' }),
    listen: z
      .strictObject({
        host: text.meta({ description: 'The address to listen at. Default 127.0.0.1.' }).optional(),
        port: bounded(0, 65_535, 'The port to listen at; 0 takes a free one. Default 8080.'),
      })
      .meta({ description: 'Where the gateway is reached.' })
      .optional(),
    upstreamNames: z
      .array(base, { error: 'must be a list of base URLs' })
      .meta({ description: 'Base URLs by which that server names itself, if others than upstream.' })
      .optional(),
    upstreamHeaders: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,128}$/, 'is no name of an HTTP header')
          .refine((name) => !RESERVED.test(name), 'is set by the gateway itself'),
        text.refine((value) => /^[\x20-\x7e]*$/.test(value), 'must be printable text'),
        { error: 'must be an object of header names and values' },
      )
      .meta({ description: 'Headers by which the gateway is known to upstream. Secrets: {"env": "NAME"}.' })
      .optional(),
    pageLinkKey: text
      .refine((key) => key.length >= 32, 'must be a secret of at least 32 characters')
      .meta({
        description:
          'The secret by which instances seal links to further pages: {"env": "NAME"}. Default one of its own.',
      })
      .optional(),
    forwardAuthorization: flag('Hand the client’s Authorization header on to upstream. Default false.'),
    bindsVersion: flag('Bind a write to the version by which it was judged. Default true.'),
    bindsAbsence: flag('Bind a PUT to a place that was empty to its being empty. Default true.'),
    basePath: text
      .refine(
        (path) => /^(?:\/[A-Za-z0-9\-_~]+(?:\.[A-Za-z0-9\-_~]+)*)+$/.test(path),
        'must be a plain path without a slash at its end',
      )
      .meta({ description: 'The path under which requests come. Default: the path of baseUrl.' })
      .optional(),
    realm: text.meta({ description: 'The realm of the challenges. Default: baseUrl.' }).optional(),
    hideForbidden: flag('Answer 404 in place of 403 for an instance that may not be touched. Default false.'),
    explain: flag('Tell clients why they are refused. For development only. Default false.'),
    maxBodyBytes: bounded(KIB, 256 * MIB, 'The largest body of a request, in bytes. Default 5 MiB.'),
    maxResponseBytes: bounded(
      KIB,
      256 * MIB,
      'The largest answer that is held to be judged, in bytes. Default 16 MiB.',
    ),
    maxBinaryBytes: bounded(KIB, 65_536 * MIB, 'The largest Binary that is streamed, in bytes. Default 256 MiB.'),
    maxConcurrentRequests: bounded(1, 65_536, 'Requests at a time; one more is answered with 503. Default 256.'),
    upstreamConnections: bounded(1, 1024, 'Connections to upstream. Default 64.'),
    connectTimeoutMs: bounded(1, 60_000, 'Milliseconds to wait for a connection to upstream. Default 5000.'),
    upstreamTimeoutMs: bounded(1, 600_000, 'Milliseconds to wait for a whole answer of upstream. Default 30000.'),
    headersTimeoutMs: bounded(10, 300_000, 'Milliseconds a client may take to send its headers. Default 10000.'),
    requestTimeoutMs: bounded(10, 300_000, 'Milliseconds a client may take to send a whole request. Default 30000.'),
    keepAliveTimeoutMs: bounded(10, 300_000, 'Milliseconds that an idle connection is kept. Default 5000.'),
    sendTimeoutMs: bounded(
      10,
      600_000,
      'Milliseconds a client may take to read an answer, or to read on. Default 60000.',
    ),
    drainTimeoutMs: bounded(
      0,
      600_000,
      'Milliseconds that running requests have when the gateway ends. Default 25000.',
    ),
    healthPath: z
      .union(
        [
          text.refine((path) => /^(?:\/[A-Za-z0-9_-]+)+$/.test(path), PLAIN_PATH),
          z.literal(false, { error: PLAIN_PATH }),
        ],
        { error: PLAIN_PATH },
      )
      .meta({ description: 'Where health is told: PATH/live and PATH/ready. Default /health; false for nowhere.' })
      .optional(),
    smartConfiguration: z
      .record(z.string(), z.unknown())
      .meta({
        description: 'The SMART configuration that is served, or the members not taken from smartConfigurationUrl.',
      })
      .optional(),
    smartConfigurationUrl: url
      .meta({ description: 'Where the authorization server publishes its SMART or OpenID configuration.' })
      .optional(),
    corsOrigins: z
      .union([z.literal('*'), list], { error: 'must be "*" or a list of origins' })
      .superRefine((origins, context) => {
        if (origins === '*') return;
        origins.forEach((origin, index) => {
          if (URL.canParse(origin) && new URL(origin).origin === origin) return;
          context.addIssue({
            code: 'custom',
            message: 'must be an origin such as https://app.example.org',
            path: [index],
            input: undefined,
          });
        });
      })
      .meta({ description: 'The origins of browser apps that may read answers, or "*" for all. Default none.' })
      .optional(),
    narrowSearch: z
      .strictObject({
        mode: z
          .enum(['exact', 'compartment'], { error: 'must be exact or compartment' })
          .meta({ description: 'Where nothing gets lost (default), or wherever there is a parameter for it.' })
          .optional(),
        supports: z
          .record(z.string(), list, { error: 'must be an object of lists of search parameters' })
          .meta({ description: 'Search parameters that upstream follows, by type. Default: its CapabilityStatement.' })
          .optional(),
      })
      .meta({ description: 'Narrow searches to the caller’s compartment. Default: what is found is filtered.' })
      .optional(),
    paging: z
      .enum(['own', 'any'], { error: 'must be own or any' })
      .meta({ description: 'Pages only of what is the caller’s to see (default), or always.' })
      .optional(),
    bulkData: z
      .strictObject({
        statusPath: segment.meta({ description: 'Where jobs are asked for. Default bulk-status.' }).optional(),
        filePath: segment.meta({ description: 'Where files are fetched. Default bulk-files.' }).optional(),
        foreignFiles: z
          .enum(['refuse', 'pass'], { error: 'must be refuse or pass' })
          .meta({ description: 'What becomes of files that lie elsewhere. Default refuse.' })
          .optional(),
        jobLifetimeSeconds: bounded(60, 2_592_000, 'Seconds for which a job is remembered. Default 86400.'),
      })
      .meta({ description: 'Let bulk data be exported. Default: $export is refused.' })
      .optional(),
    redis: z
      .strictObject({
        url: text
          .refine((value) => /^rediss?:\/\//i.test(value) && URL.canParse(value), 'must be a redis: or rediss: URL')
          .meta({ description: 'redis://host:6379/0; with a password best kept in the environment.' }),
        keyPrefix: text.meta({ description: 'What the names of all keys begin with.' }).optional(),
      })
      .meta({ description: 'What several instances share.' })
      .optional(),
    log: z
      .strictObject({
        level: z
          .enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'])
          .meta({ description: 'From which level on. Default info.' })
          .optional(),
      })
      .meta({ description: 'What the gateway writes to its standard output.' })
      .optional(),
  });
}

const PLAIN_PATH = 'must be a plain path without a slash at its end, or false';

import { z } from 'zod';
import type { Texts } from './text.js';
import { bounded } from './token.js';

const MEBIBYTE = 1_048_576;

/** `gateway`: how the gateway listens, and which server it guards. */
export function gatewaySection(texts: Texts) {
  const { text, url, headers } = texts;
  return z.strictObject({
    upstream: url.meta({ description: 'Base URL of the FHIR server to guard: http://hapi:8080/fhir.' }),
    listen: z
      .strictObject({
        host: text.meta({ description: 'The address to listen at. Default 127.0.0.1.' }).optional(),
        port: bounded(0, 65_535, 'The port to listen at; 0 takes a free one. Default 8080.'),
      })
      .meta({ description: 'Where the gateway is reached.' })
      .optional(),
    upstreamHeaders: headers
      .meta({ description: 'Headers to send to the upstream, its own credentials for example.' })
      .optional(),
    timeouts: z
      .strictObject({
        connectMs: bounded(1, 600_000, 'Milliseconds to reach the upstream.'),
        headersMs: bounded(1, 600_000, 'Milliseconds until the upstream begins to answer.'),
        bodyMs: bounded(1, 600_000, 'Milliseconds between two pieces of its answer.'),
        requestMs: bounded(1, 600_000, 'Milliseconds for a client to send its request.'),
        shutdownMs: bounded(0, 600_000, 'Milliseconds that running requests have when the gateway ends.'),
      })
      .meta({ description: 'All in milliseconds.' })
      .optional(),
    limits: z
      .strictObject({
        requestBytes: bounded(1_024, 256 * MEBIBYTE, 'Bytes of the body of a request.'),
        responseBytes: bounded(1_024, 1_024 * MEBIBYTE, 'Bytes of an answer that has to be judged.'),
      })
      .meta({ description: 'All in bytes.' })
      .optional(),
    healthPath: text
      .refine((path) => path.startsWith('/'), 'must begin with a slash')
      .meta({ description: 'Where the gateway says that it is alive.' })
      .optional(),
    smartConfiguration: z
      .record(z.string(), z.unknown())
      .meta({ description: 'What /.well-known/smart-configuration says.' })
      .optional(),
    redis: z
      .strictObject({
        url: text
          .refine((value) => /^rediss?:\/\//i.test(value) && URL.canParse(value), 'must be a redis: or rediss: URL')
          .meta({ description: 'redis://host:6379/0; with a password best kept in the environment.' }),
        prefix: text.meta({ description: 'What the names of all keys begin with.' }).optional(),
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

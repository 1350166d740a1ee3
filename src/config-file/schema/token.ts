import { z } from 'zod';
import { KEY_SHAPES } from '../../token/algorithm.js';
import type { Texts } from './text.js';

const ALGORITHMS = [...KEY_SHAPES.keys()];

/** `token`: how access tokens are verified, beyond what SMARTConfig says. src/token/options.ts has the last word on it. */
export function tokenSection(texts: Texts) {
  const { text } = texts;
  return z.strictObject({
    algorithms: z
      .array(z.enum(ALGORITHMS, { error: `must be one of ${ALGORITHMS.join(', ')}` }), {
        error: 'must be a list of algorithms',
      })
      .min(1, 'must not be an empty list')
      .meta({ description: 'Allowed signature algorithms. Default: all of these.' })
      .optional(),
    acceptedTypes: z
      .array(z.union([text, z.null()], { error: 'must be a string, or null for a token without typ' }), {
        error: 'must be a list of strings, with null for a token without typ',
      })
      .min(1, 'must not be an empty list')
      .meta({ description: 'Allowed typ values of a token’s header. Default ["at+jwt", "JWT", null].' })
      .optional(),
    clockToleranceSeconds: bounded(0, 300, 'Seconds by which exp and nbf may be missed. Default 0.'),
    maxTokenLength: bounded(256, 262_144, 'Longest token, in characters. Default 16384.'),
    jwks: z
      .strictObject({
        timeoutMs: bounded(1, 60_000, 'Milliseconds for one fetch. Default 5000.'),
        maxAgeMs: bounded(1_000, 86_400_000, 'Milliseconds for which a fetched set is used. Default 600000.'),
        maxStaleMs: bounded(
          0,
          604_800_000,
          'Milliseconds, after that, for which the last set serves while the issuer does not answer. Default 21600000.',
        ),
        cooldownMs: bounded(
          1,
          3_600_000,
          'Milliseconds after which unknown key ids may cause another fetch. Default 30000.',
        ),
        burst: bounded(1, 100, 'Fetches that unknown key ids may cause without that pause. Default 3.'),
        maxBytes: bounded(256, 10_485_760, 'Bytes of a set. Default 262144.'),
        maxKeys: bounded(1, 10_000, 'Keys in a set. Default 100.'),
      })
      .meta({ description: 'How the key set is fetched and kept.' })
      .optional(),
    cache: z
      .strictObject({
        maxEntries: bounded(0, 1_000_000, 'Verified tokens kept; 0 keeps none. Default 5000.'),
        maxChars: bounded(1_024, 1_073_741_824, 'Characters of all tokens kept. Default 8388608.'),
      })
      .meta({ description: 'How many verified tokens are remembered.' })
      .optional(),
    introspection: z
      .strictObject({
        maxBytes: bounded(256, 10_485_760, 'Bytes of an answer. Default 65536.'),
        cacheMaxAgeMs: bounded(
          0,
          3_600_000,
          'Milliseconds for which an answer is used again: a revoked token works for as long. Default 0.',
        ),
        cacheSize: bounded(0, 1_000_000, 'Answers kept in this process. Default 5000.'),
        cacheTimeoutMs: bounded(1, 60_000, 'Milliseconds to wait for a shared cache. Default 250.'),
      })
      .meta({ description: 'How answers of the introspection server are kept.' })
      .optional(),
  });
}

/** A whole number within bounds. */
export function bounded(min: number, max: number, description: string) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).meta({ description }).optional();
}

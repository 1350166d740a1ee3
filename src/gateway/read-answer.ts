import { parseExactly, printExactly } from '../http/exact-numbers.js';
import { parseStrictJson } from '../http/json.js';
import { isJsonMedia } from '../http/media.js';
import type { BaseUrls } from './base-urls.js';
import { rewriteUrls } from './rewrite.js';
import { UpstreamError } from './upstream-error.js';
import type { UpstreamAnswer } from './upstream.js';

/** What upstream answered, under its public names. */
export interface ReadAnswer {
  /** Undefined for no body. */
  readonly resource: unknown;
  /** The resource as JSON. */
  readonly body: string | Buffer | undefined;
}

/**
 * Reads the body of an answer: JSON of one meaning, not encoded, or nothing. Of an error whatever is no JSON is left out:
 * its status says enough.
 *
 * @throws UpstreamError for what cannot be judged.
 */
export function readAnswer({ status, headers, body }: UpstreamAnswer, bases: BaseUrls): ReadAnswer {
  if (status >= 300 && status <= 399) throw new UpstreamError('ERR_UPSTREAM_REDIRECT');
  if (status < 200 || status > 599) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
  const nothing = { resource: undefined, body: undefined };
  if (body.length === 0) return nothing;
  const encoding = headers['content-encoding'];
  const isPlain = encoding === undefined || encoding === 'identity';
  const parsed = isPlain && isJsonMedia(headers['content-type']) ? parseStrictJson(body, parseExactly) : undefined;
  if (parsed && 'value' in parsed) return named(parsed.value, body, bases);
  if (status >= 400) return nothing;
  throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
}

function named(resource: unknown, body: Buffer, bases: BaseUrls): ReadAnswer {
  if (!bases.mayMention(body.toString('utf8'))) return { resource, body };
  const publicly = rewriteUrls(resource, bases.toPublic);
  return publicly === resource ? { resource, body } : { resource: publicly, body: printExactly(publicly) };
}

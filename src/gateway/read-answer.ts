import { parseExactly } from '../http/exact-numbers.js';
import { parseStrictJson } from '../http/json.js';
import { isJsonMedia } from '../http/media.js';
import type { BaseUrls } from './base-urls.js';
import { rewriteUrls } from './rewrite.js';
import { UpstreamError } from './upstream-error.js';
import type { UpstreamAnswer } from './upstream.js';

/**
 * Reads what upstream answered, under its public names: JSON of one meaning, not encoded; undefined for no body. Of an
 * error whatever is no JSON is left out: its status says enough.
 *
 * @throws UpstreamError for what cannot be judged.
 */
export function readAnswer({ status, headers, body }: UpstreamAnswer, bases: BaseUrls): unknown {
  if (status >= 300 && status <= 399) throw new UpstreamError('ERR_UPSTREAM_REDIRECT');
  if (status < 200 || status > 599) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
  if (body.length === 0) return undefined;
  const encoding = headers['content-encoding'];
  const isPlain = encoding === undefined || encoding === 'identity';
  const parsed = isPlain && isJsonMedia(headers['content-type']) ? parseStrictJson(body, parseExactly) : undefined;
  if (parsed && 'value' in parsed) {
    return bases.mayMention(body.toString('utf8')) ? rewriteUrls(parsed.value, bases.toPublic) : parsed.value;
  }
  if (status >= 400) return undefined;
  throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
}

/** A resource that was read here, as the guard takes it: it need not be printed and read again to be judged. */
export function bodyOf(resource: unknown): { readonly json: unknown } | undefined {
  return resource === undefined ? undefined : { json: resource };
}

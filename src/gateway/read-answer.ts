import type { AnsweredJson } from '../http/json.js';
import { parseAnswer } from '../http/json.js';
import { isEncoded, isJsonMedia } from '../http/media.js';
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
export function readAnswer({ status, headers, body }: UpstreamAnswer, bases: BaseUrls): AnsweredJson | undefined {
  if (status >= 300 && status <= 399) throw new UpstreamError('ERR_UPSTREAM_REDIRECT');
  if (status < 200 || status > 599) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
  if (body.length === 0) return undefined;
  const isJson = !isEncoded(headers) && isJsonMedia(headers['content-type']);
  const parsed = isJson ? parseAnswer(body, true) : undefined;
  if (parsed && 'value' in parsed) {
    const { value, text } = parsed;
    const renamed = bases.mayMention(text) ? rewriteUrls(value, bases.toPublic) : value;
    return renamed === value ? parsed : { value: renamed };
  }
  if (status >= 400) return undefined;
  throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
}

/** What is left of an answer, as the guard takes it: it need not be printed and read again to be judged. */
export function bodyOf(resource: unknown, answered: AnsweredJson | undefined): AnsweredJson | undefined {
  if (resource === undefined) return undefined;
  return resource === answered?.value ? answered : { value: resource };
}

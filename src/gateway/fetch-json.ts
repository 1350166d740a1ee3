import { request } from 'undici';
import { parseStrictJson } from '../http/json.js';
import { isJsonMedia } from '../http/media.js';
import { isJsonObject } from '../json-object.js';

const MAX_BYTES = 1024 * 1024;
const TIMEOUT_MS = 5000;

/**
 * Fetches a small JSON object from elsewhere than upstream. Redirects are not followed.
 *
 * @param media `any` takes what is JSON whatever its Content-Type says. Default `json`.
 * @throws Error
 */
export async function fetchJsonObject(
  url: string,
  media: 'json' | 'any' = 'json',
): Promise<Readonly<Record<string, unknown>>> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort();
  }, TIMEOUT_MS);
  try {
    const { statusCode, headers, body } = await request(url, {
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      signal: controller.signal,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > MAX_BYTES) throw new Error('too large');
      chunks.push(chunk);
    }
    const isJson = media === 'any' || isJsonMedia(headers['content-type']);
    const verdict = parseStrictJson(Buffer.concat(chunks));
    if (statusCode !== 200 || !isJson || !('value' in verdict) || !isJsonObject(verdict.value))
      throw new Error('no JSON object');
    return verdict.value;
  } finally {
    clearTimeout(timer);
  }
}

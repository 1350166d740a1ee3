import type { ServerResponse as NodeResponse } from 'node:http';
import type { AnsweredJson } from './json.js';
import { isPlainJson } from './json.js';
import { isJsonMedia } from './media.js';

/** The parts of an Express response that are read or replaced, in Express 4 and 5. */
export interface ExpressResponse extends NodeResponse {
  json?: (value: unknown, ...rest: unknown[]) => unknown;
  readonly app?: { get: (setting: string) => unknown };
}

type MakeEtag = (body: string, encoding: 'utf8') => string;

/**
 * The value that a host gives to `response.json`, in Express also to `response.send`, taken before it is printed: it would
 * be parsed again to be judged, and printed once more. Undefined for whatever is not plainly its own JSON, which goes the
 * long way: a class with a `toJSON`, a Date, a replacer of the host's.
 *
 * @param isList Whether no ETag has to be made, because none of the whole is kept.
 */
export function takenJson(response: ExpressResponse, value: unknown, isList: boolean): AnsweredJson | undefined {
  if (typeof value !== 'object' || !isJsonAnswer(response) || response.app?.get('json replacer') !== undefined) {
    return undefined;
  }
  if (!isPlainJson(value)) return undefined;
  return isList ? { value } : withEtag(response, value);
}

function isJsonAnswer(response: NodeResponse): boolean {
  const type = response.getHeader('content-type');
  return (type === undefined || isJsonMedia(type)) && !response.hasHeader('content-encoding');
}

/** Express makes an ETag of what it sends, unless the host has set one or wants none. */
function withEtag(response: ExpressResponse, value: unknown): AnsweredJson {
  const makeEtag = response.app?.get('etag fn');
  if (typeof makeEtag !== 'function' || response.hasHeader('etag')) return { value };
  const text = JSON.stringify(value);
  response.setHeader('ETag', (makeEtag as MakeEtag)(text, 'utf8'));
  return { value, text };
}

import type { ServerResponse as NodeResponse } from 'node:http';
import type { AnsweredJson } from './json.js';
import { isPlainJson } from './json.js';
import { isJsonMedia } from './media.js';

/** The parts of an Express response that are read or replaced, in Express 4 and 5. */
interface ExpressResponse extends NodeResponse {
  json?: (value: unknown, ...rest: unknown[]) => unknown;
  readonly app?: { get: (setting: string) => unknown };
}

type MakeEtag = (body: string, encoding: 'utf8') => string;

/**
 * Takes the value that a host gives to `response.json`, in Express also to `response.send`, before it is printed: it would
 * be parsed again to be judged, and printed once more. Whatever is not plainly its own JSON goes the long way: a class with
 * a `toJSON`, a Date, a replacer of the host's.
 *
 * @param isList Whether no ETag has to be made, because none of the whole is kept.
 * @param take Takes the value; false if the host has begun to write already.
 */
export function takeJson(response: ExpressResponse, isList: boolean, take: (answered: AnsweredJson) => boolean): void {
  const { json, app } = response;
  if (json === undefined) return;
  response.json = (value, ...rest) => {
    const isTaken =
      rest.length === 0 &&
      typeof value === 'object' &&
      isJsonAnswer(response) &&
      app?.get('json replacer') === undefined &&
      isPlainJson(value) &&
      take(isList ? { value } : withEtag(response, value));
    return isTaken ? response : json.call(response, value, ...rest);
  };
}

function isJsonAnswer(response: NodeResponse): boolean {
  const type = response.getHeader('content-type');
  return (type === undefined || isJsonMedia(type)) && !response.hasHeader('content-encoding');
}

/** Express makes an ETag of what it sends, unless the host has set one or wants none. */
function withEtag(response: ExpressResponse, value: object | null): AnsweredJson {
  const makeEtag = response.app?.get('etag fn');
  if (typeof makeEtag !== 'function' || response.hasHeader('etag')) return { value };
  const text = JSON.stringify(value);
  response.setHeader('ETag', (makeEtag as MakeEtag)(text, 'utf8'));
  // The host may go on changing its value; what is judged has to be what is sent.
  return { value: JSON.parse(text) as unknown, text };
}

import type { Body, GuardRequest } from './guard.js';
import type { GuardSettings } from './asking.js';
import type { Content } from './content.js';
import { NOTHING } from './content.js';
import { isBoundedJson, parseStrictJson } from './json.js';
import { bodyKind } from './media.js';
import type { Answer } from './outcome.js';
import { malformedAnswer, refusal } from './outcome.js';
import type { RawRequest } from './parse.js';
import { parseFhirRequest } from './parse.js';
import { isPostedSearch } from './print.js';
import { isParameter } from './query.js';
import type { FhirRequest, HeaderBag, Malformed, Pairs } from './request.js';
import { isMalformed } from './request.js';

/** A request with everything that it brought. */
export interface ReadRequest {
  /** With the parameters in its body, if it has some there. */
  readonly request: FhirRequest;
  readonly content: Content;
}

/** Whether a body comes with a request (RFC 9112, 6.3). */
export function hasBody(headers: HeaderBag): boolean {
  return headers['transfer-encoding'] !== undefined || !['0', undefined].includes(headers['content-length'] as string);
}

/** Reads the body of a request; of a GET or HEAD, which has none, at once. */
export function readContent(
  settings: GuardSettings,
  raw: RawRequest,
  request: FhirRequest,
  { headers, body }: GuardRequest,
): ReadRequest | Answer | Promise<ReadRequest | Answer> {
  if (request.method === 'GET' || request.method === 'HEAD') {
    return hasBody(headers) ? refusal(400, 'structure') : { request, content: NOTHING };
  }
  return readBody(settings, raw, request, body);
}

async function readBody(
  settings: GuardSettings,
  raw: RawRequest,
  request: FhirRequest,
  body: GuardRequest['body'],
): Promise<ReadRequest | Answer> {
  return contentOf(settings, raw, request, await body());
}

function contentOf(
  { explain }: GuardSettings,
  raw: RawRequest,
  request: FhirRequest,
  received: Body,
): ReadRequest | Answer {
  if (received === 'too-large') return refusal(413, 'too-long');
  const kind = bodyKind(raw.headers);
  const empty = 'bytes' in received ? received.bytes.length === 0 : received.parsed === undefined;
  if (isPostedSearch(request)) {
    if (empty) return { request, content: NOTHING };
    if (kind !== 'form') return refusal(415, 'not-supported');
    const form = 'bytes' in received ? latin1(received.bytes) : pairsOf(received.parsed);
    const again: FhirRequest | Malformed | undefined =
      form === undefined ? undefined : parseFhirRequest({ ...raw, form });
    if (!again) return refusal(400, 'structure');
    return isMalformed(again) ? malformedAnswer(again, explain) : { request: again, content: NOTHING };
  }
  if (empty) return { request, content: NOTHING };
  if (kind === 'other' || kind === 'form' || kind === 'none') return refusal(415, 'not-supported');
  const value = jsonIn(received);
  if (!value) return refusal(400, 'structure');
  if (kind === 'resource') return { request, content: { kind, value: value.json } };
  // RFC 6902, 3: a JSON Patch is an array; RFC 7396: an array as merge patch would replace the resource.
  const isList = Array.isArray(value.json);
  if (isList !== (kind === 'json-patch')) return refusal(400, 'structure');
  return { request, content: { kind: 'patch', value: value.json } };
}

function jsonIn(body: Exclude<Body, string>): { readonly json: unknown } | undefined {
  if ('parsed' in body) return isBoundedJson(body.parsed) ? { json: body.parsed } : undefined;
  const verdict = parseStrictJson(body.bytes);
  return 'value' in verdict ? { json: verdict.value } : undefined;
}

/** Bytes above 0x7f become characters that no query may have. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The parameters of a form that a framework has decoded: texts and lists of texts. */
function pairsOf(parsed: unknown): Pairs | undefined {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const pairs = Object.entries(parsed).flatMap(([name, value]: [string, unknown]) =>
    (Array.isArray(value) ? (value as readonly unknown[]) : [value]).map((each) => [name, each] as const),
  );
  const isText = (pair: readonly [string, unknown]): pair is readonly [string, string] =>
    typeof pair[1] === 'string' && isParameter(pair[0], pair[1]);
  return pairs.length <= 256 && pairs.every(isText) ? pairs : undefined;
}

import type { IncomingMessage } from 'node:http';
import type { Body } from '../http/guard.js';
import { parseStrictJson } from '../http/json.js';
import { bodyKind } from '../http/media.js';
import { readBody } from '../http/read-body.js';
import type { BaseUrls } from './base-urls.js';
import { rewriteUrls } from './rewrite.js';

/**
 * The body of a request under public names. A client that knows where upstream is could name a resource of this server as
 * one of another: to the judge it would be foreign, to upstream its own.
 */
export async function incomingBody(request: IncomingMessage, maxBytes: number, bases: BaseUrls): Promise<Body> {
  const body = await readBody(request, maxBytes);
  if (typeof body === 'string' || !('bytes' in body)) return body;
  const kind = bodyKind(request.headers);
  if (kind !== 'resource' && kind !== 'json-patch' && kind !== 'merge-patch') return body;
  if (body.bytes.length === 0) return body;
  const verdict = parseStrictJson(body.bytes, 'exact');
  // What is no JSON of one meaning is for the guard to refuse.
  if (!('value' in verdict)) return body;
  const mayMention = bases.mayMention(Buffer.from(body.bytes).toString('utf8'));
  return { parsed: mayMention ? rewriteUrls(verdict.value, bases.toPublic) : verdict.value };
}

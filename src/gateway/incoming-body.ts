import type { IncomingMessage } from 'node:http';
import type { Body } from '../http/guard.js';
import { readStrictJson } from '../http/json.js';
import { bodyKind } from '../http/media.js';
import { readBody } from '../http/read-body.js';
import { scanJson } from '../http/scan-json.js';
import type { BaseUrls } from './base-urls.js';
import { parsePatch, rewritePatches, rewriteUrls } from './rewrite.js';

/**
 * Numbers in a body whose digits have to be kept, as `70.0`. Each takes some microseconds to keep and to print, a hundred times
 * what it takes to parse. A large Bundle has some ten thousand.
 */
const MAX_UNUSUAL_NUMBERS = 50_000;

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
  const read = readStrictJson(body.bytes, 'exact', MAX_UNUSUAL_NUMBERS);
  if ('value' in read) {
    const named = bases.mayMention(read.text) ? rewriteUrls(read.value, bases.toPublic) : read.value;
    return { parsed: rewritePatches(named, bases.toPublic, boundedParser()) };
  }
  // The guard would not find it, and judge what has other names and other numbers.
  if (read.flaw === 'too-many-numbers') return 'too-large';
  // What is no JSON of one meaning is for the guard to refuse.
  return body;
}

/** Parses the patches of a batch, which may have so many unusual numbers together. */
function boundedParser(): (bytes: Uint8Array) => unknown {
  let left = MAX_UNUSUAL_NUMBERS;
  return (bytes) => {
    const scanned = scanJson(bytes, true, left);
    if (typeof scanned === 'string') return undefined;
    left -= scanned.unusual.length;
    return parsePatch(bytes);
  };
}

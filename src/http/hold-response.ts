import type { OutgoingHttpHeaders, ServerResponse as NodeResponse } from 'node:http';
import type { Admitted, FinalAnswer, ServerResponse } from './guard.js';
import { copiedJson, sendable } from './json.js';
import type { ExpressResponse } from './take-json.js';
import { takenJson } from './take-json.js';

/** More than this is held for no client. In bytes. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/**
 * Holds back what a host writes until it has been judged, then sends the judgement in its place. Whatever the host
 * uses, it ends in these methods of Node's; no byte and no header leaves before the last of them.
 *
 * They are the response's own, not those of a prototype: Express changes that for each application that is mounted.
 *
 * @param isList Whether a searchset or a history is answered, of which no ETag is kept. Default false.
 */
export function holdResponse(
  response: ExpressResponse,
  { judgeResponse, judgeAtOnce }: Pick<Admitted, 'judgeResponse' | 'judgeAtOnce'>,
  isList = false,
): void {
  const chunks: (Buffer | string)[] = [];
  let size = 0;
  let phase: 'holding' | 'judging' | 'sending' | 'sent' = 'holding';
  const original = {
    writeHead: response.writeHead.bind(response),
    write: response.write.bind(response),
    end: response.end.bind(response),
    destroy: response.destroy.bind(response),
    json: response.json?.bind(response),
  };

  const take = (chunk: unknown, encoding: unknown): void => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
    const isText = typeof chunk === 'string' && /^utf-?8$/i.test(encodingOf(encoding));
    // A copy: whoever writes a buffer may use it again.
    const piece = isText ? chunk : Buffer.from(chunk as string, encodingOf(encoding));
    size += Buffer.byteLength(piece);
    if (size > MAX_HELD_BYTES) original.destroy();
    else chunks.push(piece);
  };
  const send = (answer: FinalAnswer, callback?: () => void): void => {
    try {
      phase = 'sending';
      // Not what a host has put in front of ours, as a compression behind the guard: it knows of another answer.
      if (response.writeHead !== writeHead) response.writeHead = original.writeHead;
      if (response.write !== write) response.write = write;
      sendAnswer(response, answer, original.end, callback);
      phase = 'sent';
    } catch {
      // Node takes no such head, say: nobody else would hear of it.
      original.destroy();
    }
  };
  const finish = (body: ServerResponse['body'], callback?: () => void): void => {
    phase = 'judging';
    judgeResponse({ status: response.statusCode, headers: response.getHeaders(), body }).then(
      (answer) => {
        send(answer, callback);
      },
      () => original.destroy(),
    );
  };
  const writeHead = (status: number, ...rest: unknown[]): NodeResponse =>
    phase === 'sending' || phase === 'sent'
      ? original.writeHead(status, ...(rest as [never]))
      : headOnly(response, status, rest);
  const write = (chunk: unknown, ...rest: unknown[]): boolean => {
    // HTTP/2 sends in this way what `end` was given, on the spot. Whatever else comes now comes too late.
    if (phase === 'sending') return original.write(chunk, ...(rest as [never]));
    if (phase === 'holding') take(chunk, rest[0]);
    callbackIn(rest)?.();
    return true;
  };

  response.writeHead = writeHead;
  response.flushHeaders = () => undefined;
  holdHints(response);
  response.write = write;
  response.end = ((...args: unknown[]) => {
    if (phase !== 'holding') return response;
    take(args[0], args[1]);
    finish(bodyOf(chunks), callbackIn(args));
    return response;
  }) as NodeResponse['end'];
  const { json } = original;
  if (!json) return;
  response.json = (value, ...rest) => {
    const isFirst = phase === 'holding' && chunks.length === 0 && rest.length === 0;
    const taken = isFirst ? takenJson(response, value, isList) : undefined;
    if (!taken) return json(value, ...rest);
    phase = 'judging';
    const answer = judgeAtOnce?.({ status: response.statusCode, headers: response.getHeaders(), body: taken });
    if (answer) {
      send(answer);
      return response;
    }
    // A member that throws when it is read leaves the host to answer once more.
    phase = 'holding';
    finish(copiedJson(taken));
    return response;
  };
}

/** One text, as most answers come, is left as it is. */
function bodyOf(chunks: readonly (Buffer | string)[]): Buffer | string | undefined {
  if (chunks.length <= 1) return chunks[0];
  return Buffer.concat(chunks.map((each) => (typeof each === 'string' ? Buffer.from(each) : each)));
}

/** Nothing is said beforehand (103), nor afterwards: HTTP/2 sends trailers though the length is known. */
function holdHints(response: NodeResponse): void {
  response.writeEarlyHints = (_hints: unknown, callback?: () => void) => callback?.();
  if (!('setTrailer' in response)) return;
  Object.assign(response, { addTrailers: () => undefined, setTrailer: () => undefined });
}

/** Lets status and headers wait on a response until something is sent. */
export function holdHead(response: NodeResponse): void {
  holdHints(response);
  response.writeHead = (status: number, ...rest: unknown[]) => headOnly(response, status, rest);
  response.flushHeaders = () => undefined;
}

/** What a host gives to `writeHead`, as if it had been set one by one. */
function headOnly<Response extends NodeResponse>(
  response: Response,
  status: number,
  rest: readonly unknown[],
): Response {
  response.statusCode = status;
  const headers = rest.find((each) => typeof each === 'object' && each !== null);
  for (const [name, value] of headerPairs(headers)) response.setHeader(name, value);
  return response;
}

/** Sends an answer in place of everything that was set on a response. */
export function sendAnswer(
  response: NodeResponse,
  { status, headers, body }: FinalAnswer,
  end: (chunk: string | Uint8Array, encoding: 'utf8', callback?: () => void) => unknown = response.end.bind(response),
  callback?: () => void,
): void {
  setHead(response, status, headers);
  const content = typeof body === 'string' ? sendable(body) : (body ?? '');
  // RFC 9110, 8.6: no Content-Length where the status says that there is no content.
  if (status !== 204 && status !== 304) response.setHeader('content-length', Buffer.byteLength(content));
  end(content, 'utf8', callback);
}

/** Status and headers in place of all that were set. */
export function setHead(response: NodeResponse, status: number, headers: FinalAnswer['headers']): void {
  for (const name of response.getHeaderNames()) {
    if (!Object.hasOwn(headers, name) && !STAYS.test(name)) response.removeHeader(name);
  }
  response.statusCode = status;
  if (Object.hasOwn(response, 'statusMessage')) response.statusMessage = '';
  for (const [name, value] of Object.entries(headers))
    response.setHeader(name, typeof value === 'string' ? value : [...value]);
}

/** What the host set for the browser's sake goes with every answer. */
const STAYS = /^(?:access-control-|vary$|strict-transport-security$|x-request-id$)/;

export function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
}

export function callbackIn(args: readonly unknown[]): (() => void) | undefined {
  return args.find((each): each is () => void => typeof each === 'function');
}

function headerPairs(headers: unknown): readonly (readonly [string, string | number | string[]])[] {
  if (Array.isArray(headers)) {
    const flat = headers.flat() as (string | number)[];
    return flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), flat[index + 1] ?? ''] as const] : []));
  }
  return Object.entries((headers ?? {}) as OutgoingHttpHeaders).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
}

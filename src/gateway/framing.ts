import type { IncomingMessage } from 'node:http';

/**
 * Transfer codings besides chunked are read in different ways by different servers (RFC 9112, 6.1 and 11.2), and so is any
 * of a client that speaks HTTP/1.0, which knows of none.
 */
export function endsInOneWay({ headers, socket, httpVersion }: IncomingMessage): boolean {
  const { 'transfer-encoding': coding } = headers;
  if (coding !== undefined && httpVersion !== '1.1') return false;
  return !socket.destroyed && (coding === undefined || coding.toLowerCase() === 'chunked');
}

/** Headers of which Node keeps the first and drops the others, where somebody in front may have looked at the last. */
const SINGLE = new Set(['host', 'authorization', 'content-type', 'content-length', 'if-modified-since']);

/** Whether every header that says one thing is there once (RFC 9110, 5.3; RFC 9112, 3.2 for Host). */
export function saysOneThing({ rawHeaders }: IncomingMessage): boolean {
  const seen = new Set<string>();
  return rawHeaders.every((text, index) => {
    const name = index % 2 === 0 ? text.toLowerCase() : '';
    if (!SINGLE.has(name)) return true;
    const isFirst = !seen.has(name);
    seen.add(name);
    return isFirst;
  });
}

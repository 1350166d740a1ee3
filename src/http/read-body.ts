import type { IncomingMessage } from 'node:http';
import type { Body } from './guard.js';

/** Reads the body of a request up to a number of bytes. What is too large is not read to its end. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return 'too-large';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) return 'too-large';
    chunks.push(chunk);
  }
  return { bytes: Buffer.concat(chunks) };
}

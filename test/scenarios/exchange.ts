// Sends requests exactly as they are written, over connections that are kept.
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { Face } from './faces.js';

export interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export interface Outgoing {
  readonly method: string;
  /** Below the base. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** A client that keeps its connections; close it, or the process stays. */
export class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 8 });

  async send({ origin, prefix }: Face, { method, path, headers, body }: Outgoing): Promise<Received> {
    const { hostname, port } = new URL(origin);
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          agent: this.#agent,
          host: hostname,
          port,
          method,
          path: `${prefix}${path}`,
          headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const { statusCode: status = 0, headers: received } = response;
            resolve({ status, headers: received, text: Buffer.concat(chunks).toString() });
          });
          response.on('error', reject);
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Writes bytes to a socket and reads what comes back until it is closed. */
export async function sendRaw({ origin }: Face, text: string): Promise<Received> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const received = Buffer.concat(chunks).toString();
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0);
      const blank = received.indexOf('\r\n\r\n');
      resolve({ status, headers: {}, text: blank === -1 ? '' : received.slice(blank + 4) });
    });
  });
}

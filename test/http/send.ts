import { request as httpRequest } from 'node:http';
import type { Host } from './hosts.js';

type Json = Readonly<Record<string, unknown>>;

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Json;
}

export interface Sent {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Sends a request with the path exactly as given: fetch would tidy it up. */
export async function send(
  host: Pick<Host, 'base'>,
  path: string,
  { method = 'GET', token, headers = {}, body }: Sent = {},
): Promise<Answered> {
  const url = new URL(host.base);
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: url.hostname,
        port: url.port,
        method,
        path: path.startsWith('raw:') ? path.slice(4) : `/fhir${path}`,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(text !== undefined && {
            'content-type': 'application/fhir+json',
            'content-length': String(Buffer.byteLength(text)),
          }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const received = Buffer.concat(chunks).toString();
          let json: Json = {};
          try {
            json = JSON.parse(received) as Json;
          } catch {
            // Then it is none.
          }
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: received, json });
        });
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(text);
  });
}

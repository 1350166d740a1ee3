import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { TestServer } from '../http-server.js';
import { startServer } from '../http-server.js';
import type { TestKey } from './keys.js';

/** A client's own server for its key set, which can be told what to answer. */
export interface KeySetHost {
  readonly url: string;
  /** Headers of every fetch so far. */
  readonly fetches: IncomingHttpHeaders[];
  /** What it answers from now on. */
  answer: (response: ServerResponse) => void;
  publish(keys: readonly unknown[], headers?: Record<string, string>): void;
  close(): Promise<void>;
}

export async function startKeySetHost(...keys: readonly TestKey[]): Promise<KeySetHost> {
  const fetches: IncomingHttpHeaders[] = [];
  const server: TestServer = await startServer((request, response) => {
    fetches.push(request.headers);
    host.answer(response);
  });
  const host: KeySetHost = {
    url: `${server.origin}/jwks.json`,
    fetches,
    answer: () => undefined,
    publish(members, headers = { 'cache-control': 'max-age=600' }) {
      host.answer = (response) => {
        response.writeHead(200, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify({ keys: members }));
      };
    },
    close: () => server.close(),
  };
  host.publish(keys.map(({ jwk }) => jwk));
  return host;
}

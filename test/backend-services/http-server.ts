import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it arrived. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface TestServer {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly origin: string;
  readonly seen: SeenRequest[];
  close(): Promise<void>;
}

export type TestListener = (request: SeenRequest, response: Parameters<RequestListener>[1]) => unknown;

/** A real HTTP server on a port of its own, which remembers what it was asked. */
export async function startServer(listener: TestListener): Promise<TestServer> {
  const seen: SeenRequest[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const arrived = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
      seen.push(arrived);
      void Promise.resolve(listener(arrived, response));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // An assertion that fails before the server is closed must not keep the run from its end.
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

export function sendJson(
  response: Parameters<TestListener>[1],
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): unknown {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  return response.end(JSON.stringify(body));
}

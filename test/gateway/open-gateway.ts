// A gateway on 127.0.0.1, in front of whatever listener plays upstream.
import type { IncomingHttpHeaders, RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { connect, createServer as createSocketServer } from 'node:net';
import type { GatewayOptions, Gateway } from '../../src/gateway/index.js';
import { createGateway } from '../../src/gateway/index.js';
import type { SMARTHandler } from '../../src/index.js';
import { BASE, closed, listening, originOf } from '../http/clinic.js';
import type { Host } from '../http/hosts.js';

export interface OpenGateway extends Host {
  readonly gateway: Gateway;
  readonly port: number;
}

/** What upstream saw of a request. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Fake {
  readonly base: string;
  readonly seen: Seen[];
  readonly server: Server;
  readonly close: () => Promise<void>;
}

/** Upstream under the path `/upstream/r4`, which answers as it is told; it remembers what it was asked. */
export async function fakeUpstream(answer: RequestListener): Promise<Fake> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  await listening(server);
  return { base: `${originOf(server)}/upstream/r4`, seen, server, close: () => closed(server) };
}

/** Upstream that says exactly these bytes to every request, and leaves or stays. */
export async function rawUpstream(say: (socket: Socket) => void): Promise<Omit<Fake, 'server' | 'seen'>> {
  const sockets = new Set<Socket>();
  const server = createSocketServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      say(socket);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { base: `http://127.0.0.1:${port}/upstream/r4`, close };
}

export async function openGateway(
  handler: SMARTHandler,
  upstream: { readonly base: string },
  options: Partial<GatewayOptions> = {},
): Promise<OpenGateway> {
  const gateway = createGateway(handler, {
    baseUrl: BASE,
    fhirVersion: '4.0.1',
    upstream: upstream.base,
    drainTimeoutMs: 0,
    ...options,
  });
  const { port } = await gateway.listen({ port: 0 });
  return { gateway, port, base: `http://127.0.0.1:${port}/fhir`, close: () => gateway.close() };
}

/** Says these bytes to a port, and gives what comes back until the other side leaves, or `ms` have passed. */
export async function say(port: number, text: string, ms = 5000): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    };
    const timer = setTimeout(done, ms);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', done);
    socket.on('error', done);
  });
}

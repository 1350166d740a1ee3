// The same clinic behind each of the hosts: Express 4, Express 5, Fastify, the gateway.
import { createRequire } from 'node:module';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import express from 'express';
import fastify from 'fastify';
import { createGateway } from '../../src/gateway/index.js';
import type { ExpressMiddleware, ExpressRequest } from '../../src/http/express.js';
import { smartFhirExpress } from '../../src/http/express.js';
import type { SmartFhirFastifyOptions } from '../../src/http/fastify.js';
import { smartFhirFastify } from '../../src/http/fastify.js';
import type { GuardOptions } from '../../src/http/guard.js';
import type { SMARTHandler } from '../../src/index.js';
import type { Clinic } from './clinic.js';
import { clinicUpstream } from '../gateway/upstreams.js';
import { BASE, closed, listening, originOf } from './clinic.js';

export interface Host {
  /** `http://127.0.0.1:PORT/fhir` */
  readonly base: string;
  readonly close: () => Promise<void>;
}

/** Serves what the clinic does not; false for what is none of its business. @param path Below the base. */
export type Beside = (path: string, request: IncomingMessage, response: ServerResponse, body: unknown) => boolean;

export type OpenHost = (
  clinic: Clinic,
  handler: SMARTHandler,
  options?: Partial<GuardOptions>,
  beside?: Beside,
) => Promise<Host>;

/** Under its own name beside Express 5; it has no types there. */
const express4 = createRequire(import.meta.url)('express4') as () => App;

const METADATA = { resourceType: 'CapabilityStatement', status: 'active', kind: 'instance' };

type Reply = ServerResponse & { status(code: number): Reply; json(body: unknown): void };
interface App {
  use(...handlers: unknown[]): unknown;
}

function expressHost(createApp: () => App, parser?: (app: App) => void): OpenHost {
  return async (clinic, handler, options = {}, beside = () => false) => {
    const app = createApp();
    parser?.(app);
    const guard: ExpressMiddleware = smartFhirExpress(handler, { baseUrl: BASE, fhirVersion: '4.0.1', ...options });
    app.use('/fhir', guard);
    app.use('/fhir', (request: ExpressRequest & { path: string }, response: Reply, next: (error: unknown) => void) => {
      if (request.path === '/metadata') {
        response.json(METADATA);
        return;
      }
      if (beside(request.url ?? '', request, response, request.body)) return;
      clinic
        .execute(request.method ?? '', request.url ?? '', request.body, request.headers)
        .then(({ status, resource }) => {
          response.status(status).json(resource);
        }, next);
    });
    return host(await listening(createServer(app as unknown as RequestListener)));
  };
}

function host(server: Server): Host {
  return { base: `${originOf(server)}/fhir`, close: () => closed(server) };
}

const fastifyHost: OpenHost = async (clinic, handler, options = {}, beside = () => false) => {
  const app = fastify();
  const plugin = smartFhirFastify as unknown as (instance: unknown, options: SmartFhirFastifyOptions) => Promise<void>;
  await app.register(
    async (fhir) => {
      await fhir.register(plugin as never, { handler, baseUrl: BASE, fhirVersion: '4.0.1', ...options } as never);
      fhir.get('/metadata', async () => METADATA);
      for (const path of ['/', '/*']) {
        fhir.all(path, async (request, reply) => {
          const { method, url = '' } = request.raw;
          const below = url.replace(/^\/fhir/, '');
          if (beside(below, request.raw, reply.raw, request.body)) return reply.hijack();
          const { status, resource } = await clinic.execute(method ?? '', below, request.body, request.headers);
          return reply
            .code(status)
            .header('content-type', 'application/json; charset=utf-8')
            .send(JSON.stringify(resource));
        });
      }
    },
    { prefix: '/fhir' },
  );
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { base: `${originOf(app.server)}/fhir`, close: () => app.close() };
};

const gatewayHost: OpenHost = async (clinic, handler, options = {}, beside = () => false) => {
  const upstream = await clinicUpstream(clinic, undefined, beside);
  const gateway = createGateway(handler, {
    baseUrl: BASE,
    fhirVersion: '4.0.1',
    ...options,
    upstream: upstream.base,
    drainTimeoutMs: 0,
  });
  const { port } = await gateway.listen({ port: 0 });
  const close = async (): Promise<void> => {
    await gateway.close();
    await upstream.close();
  };
  return { base: `http://127.0.0.1:${port}/fhir`, close };
};

export const HOSTS: Readonly<Record<string, OpenHost>> = {
  'Express 5': expressHost(express),
  'Express 4': expressHost(express4),
  'Express 5 behind a body parser': expressHost(express, (app) => {
    app.use(express.json({ type: ['application/json', 'application/fhir+json', 'application/*+json'] }));
    app.use(express.urlencoded({ extended: false }));
  }),
  Fastify: fastifyHost,
  'the gateway': gatewayHost,
};

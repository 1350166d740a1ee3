// A process of its own with the servers that are loaded: each guarded, and each as it would be without.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import express, { type Express, type Response } from 'express';
import omit from 'lodash/omit.js';
import { Pool } from 'undici';
import { createGateway } from '../../src/gateway/index.js';
import { smartFhirExpress } from '../../src/http/express.js';
import type { SMARTHandler } from '../../src/index.js';
import { BASE, CONFIG, handlerFor, searchset } from './clinic.js';
import { cpuTime } from './rounds.js';

export interface Addresses {
  readonly plain: string;
  readonly guarded: string;
  /** The same two for a host that prints its resources itself, and sends a text. */
  readonly plainText: string;
  readonly guardedText: string;
  readonly proxy: string;
  readonly gateway: string;
}

const PATH = new URL(BASE).pathname;

interface Answering {
  /** Milliseconds that the server waits for its store. */
  readonly delay: number;
  /** Whether it prints its resources itself, where most leave that to `response.json`. */
  readonly text: boolean;
}

/** A FHIR server in Express that has its resources in memory, or waits for them. */
function fhirServer({ delay, text }: Answering, guard?: (app: Express) => unknown): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  guard?.(app);
  const { entry } = JSON.parse(searchset(200)) as { readonly entry: readonly { readonly resource: Resource }[] };
  const own = entry
    .map(({ resource }) => resource)
    .filter(({ resourceType, subject }) => resourceType === 'Observation' && subject?.reference === 'Patient/p0');
  const found = {
    resourceType: 'Bundle',
    type: 'searchset',
    total: 50,
    entry: Array.from({ length: 50 }, (_, n) => ({ resource: own[n % own.length], search: { mode: 'match' } })),
  };
  const answer = (response: Response, resource: unknown): void => {
    response.type('application/fhir+json');
    const send = (): unknown => (text ? response.send(JSON.stringify(resource)) : response.json(resource));
    if (delay === 0) send();
    else setTimeout(send, delay);
  };
  app.get(`${PATH}/Observation/:id`, (_request, response) => {
    answer(response, own[0]);
  });
  app.get(`${PATH}/Observation`, (_request, response) => {
    answer(response, found);
  });
  return app as RequestListener;
}

interface Resource {
  readonly resourceType: string;
  readonly subject?: { readonly reference?: string };
}

/** The proxy that is left of the gateway without its guard: undici, and streams. */
function bareProxy(upstream: string): RequestListener {
  const pool = new Pool(new URL(upstream).origin, { connections: 64 });
  return (incoming, outgoing) => {
    const headers = omit(incoming.headers, ['host', 'connection']);
    void pool
      .request({ method: 'GET', path: incoming.url ?? '/', headers })
      .then(async ({ statusCode, headers: answered, body }) => {
        outgoing.writeHead(statusCode, answered);
        await pipeline(body, outgoing);
      })
      .catch(() => {
        outgoing.destroy();
      });
  };
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`;
}

async function start(jwksEndpoint: string, delay: number): Promise<Addresses> {
  const handler = (): SMARTHandler => handlerFor('patient', {}, { ...CONFIG, jwksEndpoint });
  const options = { baseUrl: BASE, fhirVersion: '4.0.1' };
  const guard = (app: Express): unknown => app.use(PATH, smartFhirExpress(handler(), options));
  const plain = await listen(fhirServer({ delay, text: false }));
  const guarded = await listen(fhirServer({ delay, text: false }, guard));
  const plainText = await listen(fhirServer({ delay, text: true }));
  const guardedText = await listen(fhirServer({ delay, text: true }, guard));
  const gateway = createGateway(handler(), { ...options, upstream: plain });
  return {
    plain,
    guarded,
    plainText,
    guardedText,
    proxy: await listen(bareProxy(plain)),
    gateway: await listen((request, response) => void gateway.handle(request, response)),
  };
}

export interface ServerOrder {
  readonly jwksEndpoint: string;
  /** Milliseconds that the server waits for its store. */
  readonly delay: number;
}

process.on('message', (order: ServerOrder | 'cpu') => {
  if (order === 'cpu') process.send?.(cpuTime());
  else void start(order.jwksEndpoint, order.delay).then((addresses) => process.send?.(addresses));
});

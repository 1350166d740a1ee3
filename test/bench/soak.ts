// A gateway under load for as long as one likes: keys are rotated, the authorization server goes away and comes back, and
// every answer is read. Ends with 1 if anything was let through, failed, or grew.
//
//     npx tsx test/bench/soak.ts [REQUESTS] [CONNECTIONS]      default 20000 requests at 32 connections
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { CryptoKey } from 'jose';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { Pool } from 'undici';
import { createGateway } from '../../src/gateway/index.js';
import { SMARTHandler } from '../../src/index.js';
import { BASE, CONFIG, ISSUER } from './clinic.js';

type Json = Readonly<Record<string, unknown>>;

/** In the child process: the gateway, which tells how large its heap is when it is asked. */
async function serveGateway(upstream: string, jwksEndpoint: string): Promise<void> {
  const config = { ...CONFIG, jwksEndpoint };
  const token = { jwks: { maxAgeMs: 1000, cooldownMs: 1000 } };
  const handler = new SMARTHandler(config, BASE, '4.0.1', [], [], false, { token });
  const gateway = createGateway(handler, { baseUrl: BASE, fhirVersion: '4.0.1', upstream, jwksEndpoint });
  const { port } = await gateway.listen({ port: 0 });
  process.on('message', (message) => {
    if (message === 'end') {
      void gateway.close().then(() => process.exit(0));
      return;
    }
    globalThis.gc?.();
    globalThis.gc?.();
    const { heapUsed, rss, external } = process.memoryUsage();
    process.send?.({ heapUsed, rss, external });
  });
  // Whoever soaks has gone, for whatever reason.
  process.on('disconnect', () => process.exit(1));
  process.send?.({ port });
}

/** Publishes its keys on one port, whatever else happens. */
class RotatingIssuer {
  #keys: { readonly kid: string; readonly key: CryptoKey; readonly jwk: Json }[] = [];
  #server: Server | undefined;
  #port = 0;
  #made = 0;
  /** Rises when a key is no longer published: older tokens may be refused from then on. */
  epoch = 0;

  async open(): Promise<void> {
    this.#server = createServer((_request, response) => {
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ keys: this.#keys.map(({ jwk }) => jwk) }));
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}/jwks`;
  }

  /** Publishes a key beside the others; tokens are signed with the first. */
  async publish(): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const kid = `k${(this.#made += 1)}`;
    this.#keys.push({ kid, key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } });
  }

  /** Takes the oldest key away. */
  retire(): void {
    this.#keys.shift();
    this.epoch += 1;
  }

  async token(scope: string, claims: Json, forged?: CryptoKey): Promise<string> {
    const [first] = this.#keys;
    if (!first) throw new Error('no key');
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ iss: ISSUER, aud: BASE, sub: 'x', client_id: 'x', iat: now, exp: now + 600, scope, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: first.kid, typ: 'at+jwt' })
      .sign(forged ?? first.key);
  }
}

const secretOf = (owner: string): string => `SECRET-${owner}`;
const PEOPLE = ['alice', 'bob', 'carol'];

const observation = (owner: string, n: number): Json => ({
  resourceType: 'Observation',
  id: `${owner}-${n}`,
  meta: { versionId: '1' },
  status: 'final',
  code: { text: 'x' },
  subject: { reference: `Patient/${owner}` },
  note: [{ text: secretOf(owner) }],
});

/** A FHIR server that answers whoever asks whatever they ask, with everybody's resources in every search. */
function upstreamServer(): Server {
  const all = PEOPLE.flatMap((owner) => [1, 2, 3, 4, 5].map((n) => observation(owner, n)));
  const byId = new Map(all.map((each) => [each['id'], each]));
  return createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { host = '' } = request.headers;
      const path = (request.url ?? '').replace(/^\/fhir/, '').split('?')[0] ?? '';
      const id = /^\/Observation\/([a-z][a-z0-9-]+)$/.exec(path)?.[1];
      const entry = all.map((resource) => ({
        fullUrl: `http://${host}/fhir/Observation/${String(resource['id'])}`,
        resource,
      }));
      const answer = (): unknown => {
        if (path === '/metadata')
          return { resourceType: 'CapabilityStatement', status: 'active', rest: [{ mode: 'server' }] };
        if (id !== undefined)
          return request.method === 'GET' ? byId.get(id) : JSON.parse(Buffer.concat(chunks).toString());
        if (request.method === 'POST' && path === '') {
          const sent = JSON.parse(Buffer.concat(chunks).toString()) as { entry: { request: { url: string } }[] };
          const results = sent.entry.map((each) => ({
            resource: byId.get(each.request.url.split('/')[1] ?? ''),
            response: { status: '200' },
          }));
          return { resourceType: 'Bundle', type: 'batch-response', entry: results };
        }
        return {
          resourceType: 'Bundle',
          type: 'searchset',
          total: entry.length,
          link: [{ relation: 'self', url: `http://${host}/fhir` }],
          entry,
        };
      };
      const resource = answer();
      response.statusCode = resource === undefined ? 404 : 200;
      response.setHeader('content-type', 'application/fhir+json').setHeader('etag', 'W/"1"');
      response.end(JSON.stringify(resource ?? { resourceType: 'OperationOutcome', issue: [] }));
    });
  });
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly owner: string | undefined;
  /** What may come back, besides 401 for a token whose key has gone. */
  readonly allowed: readonly number[];
  readonly kind: 'good' | 'forged' | 'expired' | 'none';
}

function pick<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)] as T;
}

function nextRequest(): Asked {
  const owner = pick(PEOPLE);
  const other = pick(PEOPLE.filter((each) => each !== owner));
  const n = 1 + Math.floor(Math.random() * 5);
  const own = { owner, kind: 'good' } as const;
  const entry = [owner, other].map((each) => ({ request: { method: 'GET', url: `Observation/${each}-${n}` } }));
  const batch = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry });
  const put = (patient: string): string => JSON.stringify({ ...observation(patient, n), status: 'amended' });
  return pick<Asked>([
    { ...own, method: 'GET', path: `/Observation/${owner}-${n}`, allowed: [200] },
    { ...own, method: 'GET', path: `/Observation/${owner}-${n}`, allowed: [200] },
    { ...own, method: 'GET', path: `/Observation/${other}-${n}`, allowed: [403] },
    { ...own, method: 'GET', path: `/Observation/nobody-${n}`, allowed: [404] },
    { ...own, method: 'GET', path: '/Observation?status=final', allowed: [200] },
    { ...own, method: 'POST', path: '/Observation/_search', body: 'status=final', allowed: [200] },
    { ...own, method: 'PUT', path: `/Observation/${owner}-${n}`, body: put(owner), allowed: [200] },
    { ...own, method: 'PUT', path: `/Observation/${other}-${n}`, body: put(other), allowed: [403] },
    { ...own, method: 'POST', path: '', body: batch, allowed: [200] },
    { ...own, method: 'GET', path: `/Patient/%2e%2e/Observation/${other}-${n}`, allowed: [400] },
    { owner: undefined, kind: 'good', method: 'GET', path: '/Observation', allowed: [200] },
    { owner: undefined, kind: 'none', method: 'GET', path: `/Observation/${owner}-${n}`, allowed: [401] },
    { owner: undefined, kind: 'none', method: 'GET', path: '/metadata', allowed: [200] },
    { owner, kind: 'forged', method: 'GET', path: `/Observation/${owner}-${n}`, allowed: [401] },
    { owner, kind: 'expired', method: 'GET', path: `/Observation/${owner}-${n}`, allowed: [401] },
  ]);
}

/** Tokens that are used again and again, and made anew now and then. */
class Tokens {
  readonly #made = new Map<string, { readonly token: string; readonly epoch: number }>();
  readonly #issuer: RotatingIssuer;
  readonly #foreign: CryptoKey;

  constructor(issuer: RotatingIssuer, foreign: CryptoKey) {
    this.#issuer = issuer;
    this.#foreign = foreign;
  }

  async of({ owner, kind }: Asked): Promise<{ readonly token: string | undefined; readonly epoch: number }> {
    const { epoch } = this.#issuer;
    if (kind === 'none') return { token: undefined, epoch };
    const name = `${kind} ${owner ?? ''} ${Math.floor(Math.random() * 50)}`;
    const known = this.#made.get(name);
    if (known?.epoch === epoch && Math.random() > 0.05) return known;
    const claims = owner === undefined ? {} : { launch_response_patient: `Patient/${owner}` };
    const scope = owner === undefined ? 'system/*.cruds' : 'patient/*.cruds';
    const late = kind === 'expired' ? { iat: 1, exp: 2 } : {};
    const token = await this.#issuer.token(
      scope,
      { ...claims, ...late },
      kind === 'forged' ? this.#foreign : undefined,
    );
    const made = { token, epoch };
    this.#made.set(name, made);
    return made;
  }
}

async function soak(total: number, connections: number): Promise<boolean> {
  const issuer = new RotatingIssuer();
  await issuer.publish();
  await issuer.open();
  const upstream = upstreamServer();
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const upstreamBase = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/fhir`;
  const child = fork(fileURLToPath(import.meta.url), [upstreamBase, issuer.endpoint], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
    env: { ...process.env, SOAK_ROLE: 'gateway' },
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 });
  const { privateKey: foreign } = await generateKeyPair('ES256');
  const tokens = new Tokens(issuer, foreign);

  const statuses = new Map<number, number>();
  const latencies: number[] = [];
  const violations: string[] = [];
  let started = 0;

  const one = async (): Promise<void> => {
    const asked = nextRequest();
    const { token, epoch } = await tokens.of(asked);
    const isForm = asked.path.endsWith('_search');
    const began = performance.now();
    const { statusCode, headers, body } = await pool.request({
      method: asked.method,
      path: `${new URL(BASE).pathname}${asked.path}`,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(asked.body !== undefined && {
          'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/fhir+json',
        }),
      },
      body: asked.body ?? null,
    });
    const text = await body.text();
    latencies.push(performance.now() - began);
    statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
    // The key of a token may have been taken away between its making and now.
    const isOld = epoch < issuer.epoch && statusCode === 401;
    const seen = PEOPLE.filter((owner) => text.includes(secretOf(owner)));
    const open = statusCode !== 200 || asked.kind !== 'good' ? [] : asked.owner === undefined ? PEOPLE : [asked.owner];
    const leaked = seen.filter((owner) => !open.includes(owner));
    const wrong = !asked.allowed.includes(statusCode) && !isOld;
    const inner = text.includes(upstreamBase) || 'set-cookie' in headers;
    if (leaked.length > 0 || wrong || inner) {
      violations.push(
        `${asked.kind} ${asked.owner ?? '-'} ${asked.method} ${asked.path}: ${statusCode} ${leaked.join()}`,
      );
    }
  };

  const worker = async (until: number): Promise<void> => {
    while (started < until) {
      started += 1;
      await one();
    }
  };
  const run = async (until: number): Promise<void> => {
    await Promise.all(Array.from({ length: connections }, () => worker(until)));
  };
  const heaps: number[] = [];
  const measure = async (label: string): Promise<void> => {
    child.send('measure');
    const [{ heapUsed, rss }] = (await once(child, 'message')) as [{ heapUsed: number; rss: number }];
    heaps.push(heapUsed);
    console.log(
      `${label}: heap ${mib(heapUsed)} MiB, resident ${mib(rss)} MiB, ${started} requests, ${violations.length} violations`,
    );
  };

  const began = performance.now();
  await run(Math.floor(total * 0.1));
  await measure('warm');
  const step = (part: number): Promise<void> => run(Math.floor(total * part));
  await step(0.3);
  await measure('before the rotation');
  // As it is done: the new key is published, then used, then the old one is taken away; all of it under load.
  await issuer.publish();
  await Promise.all([step(0.4), new Promise((resolve) => setTimeout(resolve, 1500))]);
  issuer.retire();
  await step(0.6);
  await measure('after the rotation');
  await issuer.close();
  await step(0.7);
  await measure('without the authorization server');
  await issuer.open();
  await step(0.85);
  await measure('with it again');
  await step(1);
  await measure('at the end');
  const seconds = (performance.now() - began) / 1000;

  latencies.sort((a, b) => a - b);
  const at = (part: number): string => (latencies[Math.floor(latencies.length * part)] ?? 0).toFixed(1);
  console.log(
    `${latencies.length} requests at ${connections} connections in ${seconds.toFixed(0)} s: ${Math.round(latencies.length / seconds)}/s`,
  );
  console.log(`latency in ms: median ${at(0.5)}, 99% ${at(0.99)}, longest ${at(0.999999)}`);
  console.log(
    `statuses: ${[...statuses]
      .sort()
      .map(([status, count]) => `${status} × ${count}`)
      .join(', ')}`,
  );
  const [warm = 0] = heaps;
  const grown = (heaps.at(-1) ?? 0) - warm;
  const isFlat = grown < 16 * 1024 * 1024;
  console.log(`heap since it was warm: ${grown < 0 ? '' : '+'}${mib(grown)} MiB (${isFlat ? 'flat' : 'NOT FLAT'})`);
  for (const each of violations.slice(0, 20)) console.log(`VIOLATION ${each}`);
  await pool.close();
  await ended(child);
  upstream.closeAllConnections();
  upstream.close();
  await issuer.close();
  return violations.length === 0 && isFlat;
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.send('end');
  await exit;
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

const [, , first = '20000', second = '32'] = process.argv;
if (process.env['SOAK_ROLE'] === 'gateway') await serveGateway(first, second);
else process.exitCode = (await soak(Number(first), Number(second))) ? 0 : 1;

import { createServer, request } from 'node:http';
import { expect } from 'chai';
import { Agent } from 'undici';
import type { GatewayEvent } from '../../src/gateway/index.js';
import { createGateway } from '../../src/gateway/index.js';
import type { SMARTHandler } from '../../src/index.js';
import { BASE, Issuer, closed, listening, originOf } from '../http/clinic.js';
import { send } from '../http/send.js';
import { fakeUpstream, openGateway, rawUpstream, say } from './open-gateway.js';

const alices = JSON.stringify({ resourceType: 'Patient', id: 'alice' });

describe('the life of a gateway', () => {
  let issuer: Issuer;
  let handler: SMARTHandler;
  let alice: string;

  before(async () => {
    issuer = await Issuer.open();
    handler = issuer.handler();
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
  });

  after(() => issuer.close());

  const slowly = async (ms: number): ReturnType<typeof fakeUpstream> =>
    fakeUpstream((_request, response) => {
      setTimeout(() => {
        response.setHeader('content-type', 'application/fhir+json').end(alices);
      }, ms);
    });

  it('ends when the requests that it took are answered, and takes no more meanwhile', async () => {
    const upstream = await slowly(300);
    const gateway = await openGateway(handler, upstream, { drainTimeoutMs: 5000 });
    const running = send(gateway, '/Patient/alice', { token: alice });
    while (upstream.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const ended = gateway.close();
    const late = await send(gateway, '/Patient/alice', { token: alice }).catch((error: unknown) => error);
    expect(late).to.be.an('error');
    const answer = await running;
    expect([answer.status, answer.headers['connection']]).to.deep.equal([200, 'close']);
    await ended;
    await upstream.close();
  });

  it('ends all the same when a request takes too long', async () => {
    const upstream = await rawUpstream(() => undefined);
    const gateway = await openGateway(handler, upstream, { drainTimeoutMs: 100 });
    const running = send(gateway, '/Patient/alice', { token: alice }).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const started = performance.now();
    await gateway.close();
    expect(performance.now() - started).to.be.below(15_000);
    expect(await running).to.be.an('error');
    await upstream.close();
  });

  it('breaks off what upstream does for a client that has gone', async () => {
    let left = 0;
    const upstream = await fakeUpstream((_request, response) => {
      response.on('close', () => (left += 1));
    });
    const events: GatewayEvent[] = [];
    const gateway = await openGateway(handler, upstream, { onRequest: (event) => events.push(event) });
    const client = request(`${gateway.base}/Patient/alice`, { headers: { authorization: `Bearer ${alice}` } });
    client.on('error', () => undefined);
    client.end();
    while (upstream.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    client.destroy();
    for (let waited = 0; (left === 0 || events.length === 0) && waited < 400; waited += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(left).to.equal(1);
    expect(events).to.have.length(1);
    expect(events[0]).to.include({ status: undefined, failure: 'ERR_CLIENT_GONE' });
    await gateway.close();
    await upstream.close();
  });

  it('takes so many requests at a time, and says of one more that it is one too many', async () => {
    const upstream = await slowly(200);
    const gateway = await openGateway(handler, upstream, { maxConcurrentRequests: 2 });
    const answers = await Promise.all([1, 2, 3, 4].map(() => send(gateway, '/Patient/alice', { token: alice })));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 200, 503, 503]);
    expect(answers.find(({ status }) => status === 503)?.headers).to.include({ 'retry-after': '1' });
    expect((await send(gateway, '/Patient/alice', { token: alice })).status).to.equal(200);
    await gateway.close();
    await upstream.close();
  });

  it('serves behind a server of the host, with a dispatcher of the host, and closes neither', async () => {
    const upstream = await slowly(0);
    const dispatcher = new Agent();
    const options = { baseUrl: BASE, fhirVersion: '4.0.1', upstream: upstream.base, dispatcher, drainTimeoutMs: 100 };
    const gateway = createGateway(handler, options);
    const server = await listening(createServer((incoming, response) => void gateway.handle(incoming, response)));
    const host = { base: originOf(server), close: () => closed(server) };
    expect((await send(host, '/Patient/alice', { token: alice })).status).to.equal(200);
    await gateway.close();
    expect(server.listening).to.equal(true);
    expect((await send(host, '/Patient/alice', { token: alice })).status).to.equal(503);
    const { statusCode } = await dispatcher.request({
      origin: new URL(upstream.base).origin,
      path: '/',
      method: 'GET',
    });
    expect(statusCode).to.equal(200);
    await host.close();
    await dispatcher.close();
    await upstream.close();
  });

  it('listens once, and tells when it cannot', async () => {
    const upstream = await slowly(0);
    const gateway = await openGateway(handler, upstream);
    const failed = await gateway.gateway.listen().catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(TypeError);
    const second = createGateway(handler, { baseUrl: BASE, fhirVersion: '4.0.1', upstream: upstream.base });
    const inUse = await second.listen({ port: gateway.port }).catch((error: unknown) => error);
    expect(inUse).to.include({ code: 'EADDRINUSE' });
    await second.close();
    await gateway.close();
    await upstream.close();
  });

  it('tells a listener what became of each request, and is not held up by one that fails', async () => {
    const upstream = await slowly(20);
    const events: GatewayEvent[] = [];
    const gateway = await openGateway(handler, upstream, {
      onRequest: (event) => {
        events.push(event);
        throw new Error('full disk');
      },
    });
    const paths = ['/Patient/alice', '/Patient/bob', '/metadata', 'raw:/health/live', '/Patient/b%20b'];
    for (const path of paths) await send(gateway, path, { token: alice });
    await send(gateway, '/Patient/alice');
    for (let waited = 0; events.length < 6 && waited < 100; waited += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const told = events.map(({ operation, resourceType, status, answeredBy, failure }) => [
      operation,
      resourceType,
      status,
      answeredBy,
      failure,
    ]);
    expect(told).to.deep.equal([
      ['read', 'Patient', 200, 'upstream', undefined],
      [undefined, undefined, 502, 'gateway', 'ERR_UPSTREAM_MALFORMED'],
      [undefined, undefined, 502, 'gateway', 'ERR_UPSTREAM_MALFORMED'],
      ['health', undefined, 200, 'gateway', undefined],
      [undefined, undefined, 400, 'guard', undefined],
      [undefined, undefined, 401, 'guard', undefined],
    ]);
    const [first] = events;
    expect(first?.upstreamMs).to.be.above(10);
    expect(first?.durationMs).to.be.at.least(first?.upstreamMs ?? 0);
    expect(JSON.stringify(events)).to.not.match(/alice|bob|Bearer|eyJ/);
    await gateway.close();
    await upstream.close();
  });

  it('serves all the same when a tracer fails, wherever it does', async () => {
    const upstream = await slowly(0);
    const fail = (): never => {
      throw new Error('no tracer');
    };
    const span = { headers: {}, run: <T>(inside: () => T): T => inside(), end: () => undefined };
    const late = {
      ...span,
      run: <T>(inside: () => T): T => {
        inside();
        return fail();
      },
    };
    for (const start of [fail, () => ({ ...span, run: fail }), () => late, () => ({ ...span, end: fail })]) {
      const gateway = await openGateway(handler, upstream, { tracing: { start } });
      upstream.seen.length = 0;
      expect((await send(gateway, '/Patient/alice', { token: alice })).status).to.equal(200);
      expect(upstream.seen).to.have.length(1);
      await gateway.close();
    }
    await upstream.close();
  });

  describe('health', () => {
    it('is told without a token: alive, and ready with an upstream and keys', async () => {
      const upstream = await slowly(0);
      const gateway = await openGateway(handler, upstream, { jwksEndpoint: issuer.jwksEndpoint });
      const live = await send(gateway, 'raw:/health/live');
      expect([live.status, live.json]).to.deep.equal([200, { status: 'up' }]);
      const ready = await send(gateway, 'raw:/health/ready');
      expect([ready.status, ready.json]).to.deep.equal([200, { status: 'up', upstream: 'up', keys: 'up' }]);
      expect(ready.headers).to.include({ 'cache-control': 'no-store' });
      expect((await send(gateway, 'raw:/health/other')).status).to.equal(404);
      expect((await send(gateway, 'raw:/health/live', { method: 'DELETE' })).status).to.equal(405);
      expect((await send(gateway, 'raw:/health/live', { method: 'HEAD' })).text).to.equal('');
      await gateway.close();
      await upstream.close();
    });

    it('is not ready without upstream, nor before the keys were seen once; asks others once for many', async () => {
      const upstream = await fakeUpstream((_request, response) => {
        response.writeHead(500).end();
      });
      const gateway = await openGateway(handler, upstream, { jwksEndpoint: issuer.jwksEndpoint });
      const answers = await Promise.all(Array.from({ length: 20 }, () => send(gateway, 'raw:/health/ready')));
      expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([503]));
      expect(answers[0]?.json).to.deep.equal({ status: 'down', upstream: 'down', keys: 'up' });
      expect(upstream.seen).to.have.length(1);
      await gateway.close();
      await upstream.close();
      const well = await slowly(0);
      const keyless = await openGateway(handler, well, { jwksEndpoint: 'http://127.0.0.1:1/jwks' });
      const unready = await send(keyless, 'raw:/health/ready');
      expect([unready.status, unready.json['keys']]).to.deep.equal([503, 'down']);
      await keyless.close();
      await well.close();
    });

    it('takes keys of whatever Content-Type, as the verification of tokens does', async () => {
      const upstream = await slowly(0);
      const keys = await fakeUpstream((_request, response) => {
        response.end('{"keys":[]}');
      });
      const gateway = await openGateway(handler, upstream, { jwksEndpoint: `${keys.base}/jwks` });
      expect((await send(gateway, 'raw:/health/ready')).json).to.deep.equal({
        status: 'up',
        upstream: 'up',
        keys: 'up',
      });
      for (const { close } of [gateway, upstream, keys]) await close();
    });

    it('has another path, or none', async () => {
      const upstream = await slowly(0);
      const other = await openGateway(handler, upstream, { healthPath: '/ops/health' });
      expect((await send(other, 'raw:/ops/health/live')).status).to.equal(200);
      expect((await send(other, 'raw:/health/live')).status).to.equal(404);
      await other.close();
      const none = await openGateway(handler, upstream, { healthPath: false });
      expect((await send(none, 'raw:/health/live')).status).to.equal(404);
      await none.close();
      await upstream.close();
    });
  });

  it('a client that leaves while it is answered ends nothing but itself', async () => {
    const upstream = await slowly(0);
    const gateway = await openGateway(handler, upstream);
    const half = `GET /fhir/Patient/alice HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice}\r\n\r\n`;
    await Promise.all(Array.from({ length: 20 }, (_each, index) => say(gateway.port, half, index)));
    expect((await send(gateway, '/Patient/alice', { token: alice })).status).to.equal(200);
    await gateway.close();
    await upstream.close();
  });
});

import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { SMARTHandler } from '../../src/index.js';
import { Issuer } from '../http/clinic.js';
import { send } from '../http/send.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

const BIG = 9_000_000;

describe('clients that do not read what a gateway answers', () => {
  let issuer: Issuer;
  let handler: SMARTHandler;
  let alice: string;
  const sockets: Socket[] = [];

  before(async () => {
    issuer = await Issuer.open();
    handler = issuer.handler();
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
  });

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  after(() => issuer.close());

  const big = (): ReturnType<typeof fakeUpstream> =>
    fakeUpstream(({ url = '' }, response) => {
      response.setHeader('content-type', 'application/fhir+json');
      const statement = { resourceType: 'CapabilityStatement', status: 'active', description: 'x'.repeat(BIG) };
      const patient = { resourceType: 'Patient', id: 'alice' };
      response.end(JSON.stringify(url.includes('/metadata') ? statement : patient));
    });
  /** Asks for much, and reads no more of it than that it has begun. */
  const ask = (port: number): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('GET /fhir/metadata HTTP/1.1\r\nHost: x\r\n\r\n'));
      socket.once('readable', () => {
        resolve(socket);
      });
      socket.on('error', () => undefined);
      sockets.push(socket);
    });
  /** Reads what is there until the other side leaves. */
  const rest = (socket: Socket): Promise<number> =>
    new Promise((resolve) => {
      let size = 0;
      socket.on('data', (chunk: Buffer) => (size += chunk.length));
      socket.on('close', () => {
        resolve(size);
      });
      socket.resume();
    });
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  it('keep nobody else from being served', async () => {
    const upstream = await big();
    const gateway = await openGateway(handler, upstream, { maxConcurrentRequests: 2 });
    await send(gateway, '/metadata');
    for (let count = 0; count < 5; count += 1) await ask(gateway.port);
    for (let count = 0; count < 3; count += 1) {
      expect((await send(gateway, '/Patient/alice', { token: alice })).status).to.equal(200);
    }
    expect((await send(gateway, '/metadata')).text).to.have.length.above(BIG);
    await gateway.close();
    await upstream.close();
  });

  it('are so many, and the one that has waited the longest has to go', async () => {
    const upstream = await big();
    let ended = 0;
    const gateway = await openGateway(handler, upstream, { maxConcurrentRequests: 2, onRequest: () => (ended += 1) });
    const first = await ask(gateway.port);
    const second = await ask(gateway.port);
    const third = await ask(gateway.port);
    // Nobody reads, so what ends now has been broken off.
    for (let waited = 0; ended === 0 && waited < 1000; waited += 1) await pause(10);
    expect(ended).to.equal(1);
    expect(await rest(first)).to.be.below(BIG);
    second.resume();
    third.resume();
    const sizes: number[] = [0, 0];
    [second, third].forEach((socket, index) => {
      socket.on('data', (chunk: Buffer) => (sizes[index] = (sizes[index] ?? 0) + chunk.length));
    });
    for (let waited = 0; sizes.some((size) => size < BIG) && waited < 400; waited += 1) await pause(10);
    for (const size of sizes) expect(size).to.be.above(BIG);
    await gateway.close();
    await upstream.close();
  });

  it('have so much time to do it', async () => {
    const upstream = await big();
    let ended = 0;
    const gateway = await openGateway(handler, upstream, { sendTimeoutMs: 300, onRequest: () => (ended += 1) });
    const socket = await ask(gateway.port);
    // Nobody reads, so it ends by the time that is up.
    for (let waited = 0; ended === 0 && waited < 1000; waited += 1) await pause(10);
    expect(ended).to.equal(1);
    expect(await rest(socket)).to.be.below(BIG);
    await gateway.close();
    await upstream.close();
  });
});

describe('clients without a token', () => {
  it('do not wait for what upstream says of its search parameters', async () => {
    const issuer = await Issuer.open();
    // It says nothing at all.
    const upstream = await fakeUpstream(() => undefined);
    const gateway = await openGateway(issuer.handler(), upstream, { narrowSearch: {}, upstreamTimeoutMs: 15_000 });
    const started = performance.now();
    for (const token of [undefined, 'nonsense']) {
      const sent = token === undefined ? {} : { token };
      expect((await send(gateway, '/Observation', sent)).status).to.equal(401);
    }
    expect(performance.now() - started).to.be.below(14_000);
    expect(upstream.seen).to.deep.equal([]);
    await gateway.close();
    await upstream.close();
    await issuer.close();
  });
});

import { expect } from 'chai';
import { BASE, Issuer } from '../http/clinic.js';
import type { Answered, Sent } from '../http/send.js';
import { send } from '../http/send.js';
import type { Fake, OpenGateway } from './open-gateway.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

type Json = Readonly<Record<string, unknown>>;

describe('a bulk data export through a gateway', () => {
  let issuer: Issuer;
  let upstream: Fake;
  let gateway: OpenGateway;
  /** Holds back the answer to a poll. */
  let held: Promise<void>;
  let broken: boolean;

  before(async () => {
    issuer = await Issuer.open();
    upstream = await fakeUpstream(({ method, url = '' }, response) => {
      const below = url.replace('/upstream/r4', '');
      if (below.startsWith('/$export') && broken) response.socket?.destroy();
      else if (below.startsWith('/$export'))
        response.writeHead(202, { 'content-location': `${upstream.base}/job/1` }).end();
      else if (method === 'DELETE') response.writeHead(202).end();
      else {
        const file = (type: string): Json => ({ type, url: `${upstream.base}/files/${type}`, count: 98765 });
        const manifest = {
          transactionTime: '2026-01-01T00:00:00Z',
          requiresAccessToken: true,
          output: [file('Observation'), file('Patient')],
          error: [file('OperationOutcome')],
        };
        void held.then(() => response.setHeader('content-type', 'application/json').end(JSON.stringify(manifest)));
      }
    });
  });

  beforeEach(() => {
    held = Promise.resolve();
    broken = false;
    upstream.seen.length = 0;
  });

  afterEach(() => gateway.close());

  after(async () => {
    await upstream.close();
    await issuer.close();
  });

  const open = async (handler = issuer.handler()): Promise<void> => {
    gateway = await openGateway(handler, upstream, { bulkData: {} });
  };
  const ask = (path: string, token: string, sent: Sent = {}): Promise<Answered> =>
    send(gateway, path, { ...sent, token });
  const start = async (token: string): Promise<string> => {
    const { status, headers } = await ask('/$export?_type=Observation,Patient', token);
    expect(status).to.equal(202);
    return String(headers['content-location']).slice(BASE.length);
  };
  const counts = ({ json }: Answered): readonly unknown[] =>
    ['output', 'error'].flatMap((list) => (json[list] as readonly Json[]).map(({ type, count }) => [type, count]));

  it('counts the resources of a file for those alone who get all of them', async () => {
    await open();
    const all = await issuer.token('system/*.rs');
    const some = await issuer.token('system/Observation.rs system/Patient.rs');
    expect(counts(await ask(await start(all), all))).to.deep.equal([
      ['Observation', 98765],
      ['Patient', 98765],
      ['OperationOutcome', 98765],
    ]);
    expect(counts(await ask(await start(some), some))).to.deep.equal([
      ['Observation', 98765],
      ['Patient', 98765],
      ['OperationOutcome', undefined],
    ]);
    await gateway.close();
    // A rule of the host's takes lines away.
    await open(issuer.handler({ narrow: () => true }));
    expect(counts(await ask(await start(all), all))).to.deep.equal([
      ['Observation', undefined],
      ['Patient', undefined],
      ['OperationOutcome', undefined],
    ]);
  });

  it('stays ended, although somebody was asking about it meanwhile', async () => {
    await open();
    const token = await issuer.token('system/*.rs');
    const path = await start(token);
    let letGo = (): void => undefined;
    held = new Promise((resolve) => {
      letGo = resolve;
    });
    const poll = ask(path, token);
    while (!upstream.seen.some(({ url }) => url.endsWith('/job/1')))
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await ask(path, token, { method: 'DELETE' })).status).to.equal(202);
    letGo();
    expect((await poll).status).to.equal(404);
    expect((await ask(path, token)).status).to.equal(404);
  });

  it('is started once, even where the connection breaks', async () => {
    await open();
    const token = await issuer.token('system/*.rs');
    // A connection that is there already, as one that upstream has closed meanwhile.
    await start(token);
    upstream.seen.length = 0;
    broken = true;
    expect((await ask('/$export?_type=Patient', token)).status).to.equal(502);
    expect(upstream.seen).to.have.length(1);
  });
});

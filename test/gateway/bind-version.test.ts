import { expect } from 'chai';
import type { GatewayOptions } from '../../src/gateway/index.js';
import type { SMARTHandlerOptions } from '../../src/index.js';
import { Issuer } from '../http/clinic.js';
import type { Answered, Sent } from '../http/send.js';
import { send } from '../http/send.js';
import type { Fake, OpenGateway, Seen } from './open-gateway.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

type Json = Readonly<Record<string, unknown>>;

const patients = (id: string): Json => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { text: 'x' },
  subject: { reference: 'Patient/alice' },
});

describe('a write through a gateway and the state by which it was judged', () => {
  let issuer: Issuer;
  let upstream: Fake;
  let gateway: OpenGateway;
  let alice: string;
  let system: string;

  before(async () => {
    issuer = await Issuer.open();
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
    system = await issuer.token('system/*.cruds');
    // a… are stored in version 1, n… are not, d… were deleted.
    upstream = await fakeUpstream(({ method, url = '' }, response) => {
      const [, type = '', id = ''] = url.replace('/upstream/r4', '').split(/[/?]/);
      response.setHeader('content-type', 'application/fhir+json');
      if (type === '') {
        const sent = JSON.parse(upstream.seen.at(-1)?.body ?? '{}') as { entry: readonly unknown[] };
        const entry = sent.entry.map(() => ({ response: { status: '200' } }));
        response.end(JSON.stringify({ resourceType: 'Bundle', type: 'batch-response', entry }));
        return;
      }
      const status = method !== 'GET' ? 200 : id.startsWith('d') ? 410 : id.startsWith('n') ? 404 : 200;
      if (status === 200) response.setHeader('etag', 'W/"1"');
      response.statusCode = status;
      const outcome = { resourceType: 'OperationOutcome', issue: [] };
      response.end(JSON.stringify(status === 200 ? { ...patients(id), resourceType: type } : outcome));
    });
  });

  beforeEach(() => {
    upstream.seen.length = 0;
  });

  afterEach(() => gateway.close());

  after(async () => {
    await upstream.close();
    await issuer.close();
  });

  const open = async (
    options: Partial<GatewayOptions> = {},
    about: Partial<SMARTHandlerOptions> = {},
  ): Promise<void> => {
    gateway = await openGateway(issuer.handler(about), upstream, options);
  };
  const put = (id: string, headers: Record<string, string> = {}, token = alice): Promise<Answered> =>
    send(gateway, `/Observation/${id}`, { method: 'PUT', token, headers, body: patients(id) });
  const batch = (type: string, entry: readonly Json[], token = alice): Promise<Answered> =>
    send(gateway, '', { method: 'POST', token, body: { resourceType: 'Bundle', type, entry } } satisfies Sent);
  const entryOf = (method: string, url: string, more: Json = {}): Json => {
    const id = /\/(\w+)/.exec(url)?.[1] ?? '';
    return { request: { method, url, ...more }, ...(method === 'PUT' && { resource: patients(id) }) };
  };
  const writes = (): readonly Seen[] => upstream.seen.filter(({ method }) => method !== 'GET');
  const sentEntries = (): readonly Json[] =>
    (JSON.parse(writes().at(-1)?.body ?? '{"entry":[]}') as { entry: { request: Json }[] }).entry.map(
      ({ request }) => request,
    );
  const statuses = (answer: Answered): readonly unknown[] =>
    (answer.json['entry'] as { response: Json }[]).map(({ response }) => response['status']);

  it("the client's own condition does not put another version in the place of the one that was judged", async () => {
    await open();
    for (const own of ['W/"7"', '"7", W/"8"', 'W/"11"', '1']) {
      for (const method of ['PUT', 'DELETE']) {
        const body = method === 'PUT' ? { body: patients('a1') } : {};
        const sent = { method, token: alice, headers: { 'if-match': own }, ...body };
        const { status } = await send(gateway, '/Observation/a1', sent);
        expect(status, `${method} ${own}`).to.be.oneOf([400, 412]);
      }
    }
    expect(writes()).to.deep.equal([]);
  });

  it('is executed in the version that was judged alone, whatever else the client would take', async () => {
    await open();
    for (const own of ['W/"7", W/"1"', '"1"', 'W/"1"', '*']) {
      expect((await put('a1', { 'if-match': own })).status, own).to.equal(200);
      expect(writes().at(-1)?.headers['if-match'], own).to.equal('W/"1"');
    }
  });

  it('an entry of a batch is bound, too, with parameters about its form and with a condition of its own', async () => {
    await open();
    const answer = await batch('batch', [
      entryOf('PUT', 'Observation/a1?_pretty=true'),
      entryOf('PUT', 'Observation/a2', { ifMatch: 'W/"7"' }),
      entryOf('DELETE', 'Observation/a3', { ifMatch: 'W/"1"' }),
      entryOf('PUT', 'Observation/n1'),
      entryOf('DELETE', 'Observation/a4', { ifMatch: 'W/"7"' }),
    ]);
    expect(sentEntries()).to.deep.equal([
      { method: 'PUT', url: 'Observation/a1?_pretty=true', ifMatch: 'W/"1"' },
      { method: 'DELETE', url: 'Observation/a3', ifMatch: 'W/"1"' },
      { method: 'PUT', url: 'Observation/n1', ifNoneMatch: '*' },
    ]);
    expect(statuses(answer)).to.deep.equal(['200', '412', '200', '200', '412']);
  });

  it('a Bundle that is handed to an operation or stored is no batch, whatever its entries look like', async () => {
    await open();
    const entries = [
      undefined,
      [],
      [{ resource: patients('a2') }],
      [entryOf('PUT', 'Observation/a2', { ifMatch: 'W/"7"' })],
    ];
    for (const entry of entries) {
      for (const [method, path] of [
        ['POST', '/Observation/a1/$everything'],
        ['PUT', '/Bundle/a1'],
      ] as const) {
        const body = { resourceType: 'Bundle', id: 'a1', type: 'collection', ...(entry && { entry }) };
        const { status } = await send(gateway, path, { method, token: system, body });
        const about = `${method} ${path} ${JSON.stringify(entry)}`;
        expect(status, about).to.equal(200);
        expect(JSON.parse(writes().at(-1)?.body ?? 'null'), about).to.deep.equal(body);
      }
    }
  });

  it('a transaction, or a batch of nothing else, with an entry for another version is 412', async () => {
    await open();
    const own = entryOf('PUT', 'Observation/a2', { ifMatch: 'W/"7"' });
    expect((await batch('transaction', [entryOf('PUT', 'Observation/a1'), own])).status).to.equal(412);
    expect((await batch('batch', [own])).status).to.equal(412);
    expect(writes()).to.deep.equal([]);
  });

  it('what was not there when it was judged must not be there when it is made', async () => {
    await open();
    expect((await put('n1')).status).to.equal(200);
    expect(writes().at(-1)?.headers).to.include({ 'if-none-match': '*' }).and.not.have.property('if-match');
    for (const own of ['*', 'W/"1"']) expect((await put('n1', { 'if-match': own })).status).to.equal(412);
    expect(writes()).to.have.length(1);
  });

  it('is bound to absence or to nothing as the options say', async () => {
    await open({ bindsAbsence: false });
    await put('n1');
    await put('a1');
    expect(writes().map(({ headers }) => [headers['if-none-match'], headers['if-match']])).to.deep.equal([
      [undefined, undefined],
      [undefined, 'W/"1"'],
    ]);
    await gateway.close();
    await open({ bindsVersion: false });
    await put('n1');
    await put('a1', { 'if-match': 'W/"7"' });
    const [made, changed] = writes().slice(-2);
    expect(made?.headers).to.not.have.property('if-none-match');
    expect(changed?.headers).to.include({ 'if-match': 'W/"7"' });
  });

  describe('that was deleted', () => {
    it('is brought back by those alone who may write all of the type', async () => {
      await open();
      expect((await put('d1')).status).to.equal(403);
      expect((await send(gateway, '/Observation/d1', { method: 'DELETE', token: alice })).status).to.equal(403);
      expect(writes()).to.deep.equal([]);
      expect((await put('d1', {}, system)).status).to.equal(200);
      expect(writes().at(-1)?.headers).to.include({ 'if-none-match': '*' });
    });

    it('is not brought back by what holds of any resource without elements', async () => {
      const narrow = (): boolean => true;
      await open({}, { narrow });
      expect((await put('d1', {}, system)).status).to.equal(403);
      await gateway.close();
      await open({ hideForbidden: true });
      expect((await put('d1')).status).to.equal(404);
      expect(writes()).to.deep.equal([]);
    });

    it('is no part of a batch either', async () => {
      await open();
      const entries = [entryOf('PUT', 'Observation/d1'), entryOf('PUT', 'Observation/a1')];
      expect(statuses(await batch('batch', entries))).to.deep.equal(['403', '200']);
      expect(sentEntries()).to.deep.equal([{ method: 'PUT', url: 'Observation/a1', ifMatch: 'W/"1"' }]);
      expect((await batch('transaction', entries)).status).to.equal(403);
      expect(statuses(await batch('batch', entries, system))).to.deep.equal(['200', '200']);
    });
  });
});

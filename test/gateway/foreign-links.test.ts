import { expect } from 'chai';
import type { GatewayOptions } from '../../src/gateway/index.js';
import { BASE, Issuer } from '../http/clinic.js';
import { send } from '../http/send.js';
import type { Fake, OpenGateway } from './open-gateway.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

type Json = Readonly<Record<string, unknown>>;

/** A name of upstream's that nobody told the gateway. */
const INNER = 'http://fhir-internal.example.net:8080/hapi';

describe('names of upstream in what it answers', () => {
  let issuer: Issuer;
  let upstream: Fake;
  let gateway: OpenGateway;
  let alice: string;
  let system: string;
  let answer: (base: string) => Json;

  before(async () => {
    issuer = await Issuer.open();
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
    system = await issuer.token('system/*.cruds');
    upstream = await fakeUpstream((_request, response) => {
      response.setHeader('content-type', 'application/fhir+json').end(JSON.stringify(answer(upstream.base)));
    });
  });

  afterEach(() => gateway.close());

  after(async () => {
    await upstream.close();
    await issuer.close();
  });

  const open = async (options: Partial<GatewayOptions> = {}): Promise<void> => {
    gateway = await openGateway(issuer.handler(), upstream, options);
  };
  const observation = (id: string): Json => ({
    resourceType: 'Observation',
    id,
    status: 'final',
    code: { text: 'x' },
    subject: { reference: 'Patient/alice' },
  });
  const searchset = (base: string): Json => ({
    resourceType: 'Bundle',
    type: 'searchset',
    link: [
      { relation: 'self', url: `${base}/Observation` },
      { relation: 'first', url: `${INNER}?_getpages=x` },
    ],
    entry: [
      { fullUrl: `${INNER}/Observation/1`, resource: observation('1'), search: { mode: 'match' } },
      {
        fullUrl: `${base}/Observation/2`,
        resource: observation('2'),
        link: [{ relation: 'self', url: `${INNER}/Observation/2` }],
      },
      { fullUrl: 'urn:uuid:8b0c3f9a-4a43-4ac8-9f2e-2ac70a86c2a2', resource: observation('3') },
      { fullUrl: '//fhir-internal.example.net/hapi/Observation/4', resource: observation('4') },
    ],
  });

  it('are no links and no fullUrls of a search', async () => {
    answer = searchset;
    await open();
    for (const token of [alice, system]) {
      const { status, text, json } = await send(gateway, '/Observation', { token });
      expect([status, text.includes('internal')]).to.deep.equal([200, false]);
      const entries = json['entry'] as readonly Json[];
      expect(entries.map(({ fullUrl }) => fullUrl)).to.deep.equal([
        undefined,
        `${BASE}/Observation/2`,
        'urn:uuid:8b0c3f9a-4a43-4ac8-9f2e-2ac70a86c2a2',
        undefined,
      ]);
      expect(entries.map(({ resource }) => (resource as Json)['id'])).to.deep.equal(['1', '2', '3', '4']);
      expect((json['link'] as readonly Json[]).map(({ relation }) => relation)).to.deep.equal(['self']);
    }
  });

  it('are no locations of a batch, nor in a search in it', async () => {
    const batch = {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        { request: { method: 'POST', url: 'Observation' }, resource: observation('x') },
        { request: { method: 'POST', url: 'Observation' }, resource: observation('y') },
        { request: { method: 'POST', url: 'Observation' }, resource: observation('z') },
        { request: { method: 'GET', url: 'Observation' } },
      ],
    };
    const made = (location: string): Json => ({ response: { status: '201 Created', location, etag: 'W/"1"' } });
    answer = (base) => ({
      resourceType: 'Bundle',
      type: 'batch-response',
      link: [{ relation: 'self', url: INNER }],
      entry: [
        made(`${INNER}/Observation/5/_history/1`),
        made(`${base}/Observation/6/_history/1`),
        made('Observation/7/_history/1'),
        { resource: searchset(base), response: { status: '200' } },
      ],
    });
    await open();
    const { status, text, json } = await send(gateway, '', { method: 'POST', token: system, body: batch });
    expect([status, text.includes('internal')]).to.deep.equal([200, false]);
    const responses = (json['entry'] as { response: Json }[]).map(({ response }) => response);
    expect(responses.map(({ location }) => location)).to.deep.equal([
      undefined,
      `${BASE}/Observation/6/_history/1`,
      'Observation/7/_history/1',
      undefined,
    ]);
    expect(responses.map(({ etag }) => etag)).to.deep.equal(['W/"1"', 'W/"1"', 'W/"1"', undefined]);
  });

  it('stay in what somebody wrote: a Bundle that is stored is read as it is', async () => {
    const stored = { ...searchset('https://elsewhere.example.org'), id: 'b' };
    answer = () => stored;
    await open();
    expect((await send(gateway, '/Bundle/b', { token: system })).json).to.deep.equal(stored);
  });

  describe('are not told everybody in /metadata', () => {
    const statement = (base: string): Json => ({
      resourceType: 'CapabilityStatement',
      url: `${base}/metadata`,
      status: 'active',
      kind: 'instance',
      text: { status: 'generated', div: '<div>Engine 6.1.0-vulnerable</div>' },
      software: { name: 'Engine', version: '6.1.0-vulnerable' },
      implementation: { description: `Engine on ${base}`, url: base },
      instantiates: [`${base}/CapabilityStatement/x`, 'http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server'],
      rest: [
        {
          mode: 'server',
          documentation: `at ${base}`,
          operation: [{ name: 'everything', definition: `${base}/OperationDefinition/everything` }],
          resource: [
            {
              type: 'Observation',
              interaction: [{ code: 'read', documentation: `see ${new URL(base).host}` }],
              searchParam: [{ name: 'patient', type: 'reference', definition: `${base}/SearchParameter/x` }],
            },
          ],
        },
      ],
    });

    const told = (json: Json): void => {
      const rest = (json['rest'] as readonly Json[])[0] ?? {};
      expect(json)
        .to.include({ url: `${BASE}/metadata`, status: 'active' })
        .and.not.have.any.keys('software', 'text');
      expect(json['implementation']).to.deep.equal({ description: 'FHIR server', url: BASE });
      expect(json['instantiates']).to.deep.equal([
        `${BASE}/CapabilityStatement/x`,
        'http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server',
      ]);
      expect(rest).to.not.have.property('documentation');
      expect(rest['operation']).to.deep.equal([
        { name: 'everything', definition: `${BASE}/OperationDefinition/everything` },
      ]);
      expect(rest['resource']).to.deep.equal([
        {
          type: 'Observation',
          interaction: [{ code: 'read' }],
          searchParam: [{ name: 'patient', type: 'reference', definition: `${BASE}/SearchParameter/x` }],
        },
      ]);
    };

    it('neither those that the gateway knows', async () => {
      answer = statement;
      await open();
      const { text, json } = await send(gateway, '/metadata');
      expect(text).to.not.include(new URL(upstream.base).host).and.not.include('6.1.0');
      told(json);
    });

    it('nor the one that the statement itself gives', async () => {
      for (const name of [INNER, 'http://fhir/fhir', 'http://localhost:8080/fhir']) {
        answer = () => statement(name);
        await open();
        const { text, json } = await send(gateway, '/metadata');
        expect(text).to.not.include(new URL(name).host === 'fhir' ? '//fhir/' : new URL(name).host);
        const [rest] = json['rest'] as readonly Json[];
        expect(rest).to.not.have.property('documentation');
        expect(json['instantiates']).to.include('http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server');
        expect(json['url']).to.equal(`${BASE}/metadata`);
        await gateway.close();
      }
      await open();
    });
  });
});

import { expect } from 'chai';
import type { GatewayOptions } from '../../src/gateway/index.js';
import type { SMARTHandler } from '../../src/index.js';
import { BASE, Issuer } from '../http/clinic.js';
import { send } from '../http/send.js';
import type { Fake, OpenGateway } from './open-gateway.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

type Json = Readonly<Record<string, unknown>>;

const MODIFIED = 'Sun, 01 Nov 2026 10:00:00 GMT';

/** Answers from a table of resources; what is not there is not found. */
function serve(resources: () => Readonly<Record<string, unknown>>, headers: Readonly<Record<string, string>> = {}) {
  return fakeUpstream((request, response) => {
    const path = (request.url ?? '').replace('/upstream/r4', '').split('?')[0] ?? '';
    const resource =
      request.method === 'POST' && path === '/Observation' ? { resourceType: 'Observation' } : resources()[path];
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.statusCode =
      resource === undefined ? 404 : request.method === 'POST' && path === '/Observation' ? 201 : 200;
    response
      .setHeader('content-type', 'application/fhir+json')
      .end(JSON.stringify(resource ?? { resourceType: 'OperationOutcome', issue: [] }));
  });
}

describe('what a gateway forwards', () => {
  let issuer: Issuer;
  let handler: SMARTHandler;
  let alice: string;
  let system: string;
  let upstream: Fake;
  let gateway: OpenGateway;
  let resources: Record<string, unknown>;

  const observation = (patient: string, more: Json = {}): Json => ({
    resourceType: 'Observation',
    id: 'o1',
    status: 'final',
    code: { text: 'x' },
    subject: { reference: `Patient/${patient}` },
    ...more,
  });

  const open = async (options: Partial<GatewayOptions> = {}, headers: Readonly<Record<string, string>> = {}) => {
    upstream = await serve(() => resources, {
      etag: 'W/"7"',
      'last-modified': MODIFIED,
      server: 'secret/1.0',
      'set-cookie': 'a=b',
      'x-powered-by': 'upstream',
      'cache-control': 'public, max-age=3600',
      'strict-transport-security': 'max-age=1',
      ...headers,
    });
    gateway = await openGateway(handler, upstream, options);
  };

  before(async () => {
    issuer = await Issuer.open();
    handler = issuer.handler();
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
    system = await issuer.token('system/*.cruds');
  });

  beforeEach(() => {
    resources = { '/Observation/o1': observation('alice'), '/Observation/o2': observation('bob', { id: 'o2' }) };
  });

  afterEach(async () => {
    await gateway.close();
    await upstream.close();
  });

  after(() => issuer.close());

  it('is what was judged, and nothing of what the client said besides', async () => {
    await open();
    const headers = {
      accept: '*/*',
      cookie: 'session=1',
      'x-forwarded-host': 'evil.example.org',
      'x-custom': 'x',
      'user-agent': 'client',
      connection: 'keep-alive, x-custom',
      te: 'trailers',
      forwarded: 'for=1',
      'if-none-match': 'W/"0"',
      'if-modified-since': 'Sun, 01 Nov 2020 10:00:00 GMT',
      range: 'bytes=0-1',
    };
    const answer = await send(gateway, '/Observation/o1?_pretty=true', { token: alice, headers });
    expect(answer.status).to.equal(200);
    expect(upstream.seen).to.have.length(1);
    const { url, headers: seen } = upstream.seen[0]!;
    expect(url).to.equal('/upstream/r4/Observation/o1?_pretty=true');
    const { 'x-request-id': requestId, ...others } = seen;
    expect(requestId).to.match(/^[0-9a-f-]{36}$/);
    expect(others).to.deep.equal({
      host: new URL(upstream.base).host,
      connection: 'keep-alive',
      accept: 'application/fhir+json',
      'accept-encoding': 'identity',
    });
    expect(answer.headers['x-request-id']).to.equal(requestId);
  });

  it("never the client's token, unless that is what the options say; and the gateway's own headers", async () => {
    await open({ upstreamHeaders: { Authorization: 'Basic Z3c6cw==', 'X-Tenant': 't' } });
    await send(gateway, '/Observation/o1', { token: alice });
    expect(upstream.seen[0]?.headers).to.include({ authorization: 'Basic Z3c6cw==', 'x-tenant': 't' });
    await gateway.close();
    await upstream.close();
    await open({ forwardAuthorization: true });
    await send(gateway, '/Observation/o1', { token: alice });
    expect(upstream.seen[0]?.headers.authorization).to.equal(`Bearer ${alice}`);
  });

  it("the gateway's own headers in place of the client's, in whatever spelling they are worked out", async () => {
    await open({ forwardAuthorization: true, upstreamHeaders: () => ({ Authorization: 'Basic Z3c6cw==' }) });
    expect((await send(gateway, '/Observation/o1', { token: alice })).status).to.equal(200);
    expect(upstream.seen.map(({ headers }) => headers.authorization)).to.deep.equal(['Basic Z3c6cw==']);
  });

  it('headers that are worked out for each request; when that fails, nothing is sent', async () => {
    let calls = 0;
    const upstreamHeaders = async (): Promise<Record<string, string>> => {
      calls += 1;
      if (calls > 1) throw new Error('no token today');
      return { authorization: `Bearer ${calls}` };
    };
    await open({ upstreamHeaders });
    expect((await send(gateway, '/Observation/o1', { token: alice })).status).to.equal(200);
    const failed = await send(gateway, '/Observation/o1', { token: alice });
    expect([failed.status, failed.text.includes('today')]).to.deep.equal([502, false]);
    expect(upstream.seen.map(({ headers }) => headers.authorization)).to.deep.equal(['Bearer 1']);
  });

  it("comes back with upstream's ETag, and without its cookies, its name and its hints to caches", async () => {
    await open();
    const { headers } = await send(gateway, '/Observation/o1', { token: alice });
    expect(headers).to.include({ etag: 'W/"7"', 'last-modified': MODIFIED, 'cache-control': 'private, no-cache' });
    expect(headers).to.not.have.any.keys('set-cookie', 'server', 'x-powered-by', 'strict-transport-security');
  });

  it('a 304 is for those alone who may see the resource, and upstream is asked for all of it', async () => {
    await open();
    const conditions: readonly Record<string, string>[] = [
      { 'if-none-match': 'W/"7"' },
      { 'if-none-match': '"1", W/"7"' },
      { 'if-modified-since': MODIFIED },
      { 'if-modified-since': 'Sun, 01 Nov 2026 10:00:01 GMT' },
    ];
    for (const headers of conditions) {
      const own = await send(gateway, '/Observation/o1', { token: alice, headers });
      expect([own.status, own.text], JSON.stringify(headers)).to.deep.equal([304, '']);
      expect(own.headers).to.include({ etag: 'W/"7"' }).and.not.have.property('content-type');
      const other = await send(gateway, '/Observation/o2', { token: alice, headers });
      expect(other.status).to.equal(403);
      expect(other.headers).to.not.have.any.keys('etag', 'last-modified');
    }
    const stale: readonly Record<string, string>[] = [
      { 'if-none-match': 'W/"6"' },
      { 'if-modified-since': 'Sun, 01 Nov 2026 09:59:59 GMT' },
      { 'if-modified-since': 'yesterday' },
      // RFC 9110, 13.1.3: If-None-Match goes first.
      { 'if-none-match': 'W/"6"', 'if-modified-since': MODIFIED },
    ];
    for (const headers of stale) {
      expect((await send(gateway, '/Observation/o1', { token: alice, headers })).status).to.equal(200);
    }
    for (const { headers } of upstream.seen) expect(headers).to.not.have.any.keys('if-none-match', 'if-modified-since');
  });

  it('Prefer goes on for what it may ask, If-Match and If-None-Exist where they belong', async () => {
    await open();
    const prefer = 'return=minimal, respond-async, handling=strict; wait=1';
    const body = observation('alice');
    const put = { method: 'PUT', body, token: alice, headers: { prefer, 'if-match': '"3", W/"7"' } };
    await send(gateway, '/Observation/o1', put);
    expect(upstream.seen.at(-1)?.headers).to.include({
      prefer: 'return=minimal, handling=strict',
      'if-match': 'W/"7"',
      'content-type': 'application/fhir+json',
    });
    const post = { method: 'POST', body, token: system, headers: { 'if-none-exist': '?identifier=a|b&status=final' } };
    await send(gateway, '/Observation', post);
    expect(upstream.seen.at(-1)?.headers).to.include({ 'if-none-exist': 'identifier=a%7Cb&status=final' });
    await send(gateway, '/Observation/o1', { token: alice, headers: { 'if-match': 'W/"3"' } });
    expect(upstream.seen.at(-1)?.headers).to.not.have.property('if-match');
  });

  it('a write is bound to the version by which it was judged', async () => {
    await open();
    const patch = [{ op: 'replace', path: '/status', value: 'amended' }];
    const json = { 'content-type': 'application/json-patch+json' };
    await send(gateway, '/Observation/o1', { method: 'PUT', token: alice, body: observation('alice') });
    await send(gateway, '/Observation/o1', { method: 'PATCH', token: alice, body: patch, headers: json });
    await send(gateway, '/Observation/o1', { method: 'DELETE', token: alice, headers: { 'if-match': '*' } });
    const writes = upstream.seen.filter(({ method }) => method !== 'GET');
    expect(writes.map(({ method, headers }) => [method, headers['if-match']])).to.deep.equal([
      ['PUT', 'W/"7"'],
      ['PATCH', 'W/"7"'],
      ['DELETE', 'W/"7"'],
    ]);
    expect(writes[1]?.headers['content-type']).to.equal('application/json-patch+json');
    await gateway.close();
    await upstream.close();
    await open({ bindsVersion: false });
    await send(gateway, '/Observation/o1', { method: 'DELETE', token: alice });
    expect(upstream.seen.at(-1)).to.have.property('method', 'DELETE');
    expect(upstream.seen.at(-1)?.headers).to.not.have.property('if-match');
  });

  it('a merge patch is one, even with a type in it', async () => {
    await open();
    const headers = { 'content-type': 'application/merge-patch+json' };
    const body = { resourceType: 'Observation', status: 'amended' };
    await send(gateway, '/Observation/o1', { method: 'PATCH', token: alice, body, headers });
    expect(upstream.seen.at(-1)?.headers['content-type']).to.equal('application/merge-patch+json');
    expect(JSON.parse(upstream.seen.at(-1)?.body ?? '')).to.deep.equal(body);
  });

  it('entries of a batch are bound to their versions, too', async () => {
    resources['/'] = { resourceType: 'Bundle', type: 'batch-response', entry: [] };
    resources[''] = resources['/'];
    await open();
    const entry = [
      { resource: observation('alice'), request: { method: 'PUT', url: 'Observation/o1' } },
      { request: { method: 'GET', url: 'Observation/o1' } },
      { request: { method: 'DELETE', url: 'Observation/o2' } },
    ];
    await send(gateway, '', { method: 'POST', token: alice, body: { resourceType: 'Bundle', type: 'batch', entry } });
    const sent = JSON.parse(upstream.seen.at(-1)?.body ?? '') as { entry: { request: Json }[] };
    expect(upstream.seen.at(-1)).to.include({ method: 'POST', url: '/upstream/r4' });
    expect(sent.entry.map(({ request }) => request)).to.deep.equal([
      { method: 'PUT', url: 'Observation/o1', ifMatch: 'W/"7"' },
      { method: 'GET', url: 'Observation/o1' },
    ]);
  });

  it('a HEAD is a GET to upstream', async () => {
    await open();
    const answer = await send(gateway, '/Observation/o1', { method: 'HEAD', token: alice });
    expect([answer.status, answer.text, upstream.seen[0]?.method]).to.deep.equal([200, '', 'GET']);
    expect((await send(gateway, '/Observation/o2', { method: 'HEAD', token: alice })).status).to.equal(403);
  });

  it('a search by POST is one, with its parameters in the form', async () => {
    resources['/Observation/_search'] = { resourceType: 'Bundle', type: 'searchset', entry: [] };
    await open();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = `subject=${encodeURIComponent(`${BASE}/Patient/alice`)}&status=final`;
    await send(gateway, '/Observation/_search?code=a%7Cb', { method: 'POST', token: alice, headers, body });
    expect(upstream.seen.at(-1)).to.include({ method: 'POST', url: '/upstream/r4/Observation/_search' });
    const sent = new URLSearchParams(upstream.seen.at(-1)?.body);
    expect([...sent]).to.deep.equal([
      ['code', 'a|b'],
      ['subject', `${upstream.base}/Patient/alice`],
      ['status', 'final'],
    ]);
  });

  it('where something was made is told under the public base, or not at all', async () => {
    const cases: readonly (readonly [string, string | undefined])[] = [
      ['BASE/Observation/o9/_history/1', `${BASE}/Observation/o9/_history/1`],
      ['/upstream/r4/Observation/o9', `${BASE}/Observation/o9`],
      ['Observation/o9', `${BASE}/Observation/o9`],
      ['4_0_1/Observation/o9', `${BASE}/Observation/o9`],
      ['http://elsewhere.example.org/Observation/o9', undefined],
      ['//elsewhere.example.org/Observation/o9', undefined],
      ['/other/Observation/o9', undefined],
      ['http://[', undefined],
    ];
    for (const [location, expected] of cases) {
      upstream = await fakeUpstream((_request, response) => {
        response.writeHead(201, { location: location.replace('BASE', upstream.base) }).end();
      });
      gateway = await openGateway(handler, upstream);
      const body = observation('alice');
      const { status, headers } = await send(gateway, '/Observation', { method: 'POST', token: alice, body });
      expect([status, headers['location']], location).to.deep.equal([201, expected]);
      await gateway.close();
      await upstream.close();
    }
    await open();
  });
});

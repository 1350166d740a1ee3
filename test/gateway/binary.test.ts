import { expect } from 'chai';
import type { GatewayOptions } from '../../src/gateway/index.js';
import type { SMARTHandlerOptions, ScopeRule } from '../../src/index.js';
import { SMARTHandler } from '../../src/index.js';
import { BASE, Issuer } from '../http/clinic.js';
import type { Answered, Sent } from '../http/send.js';
import { send } from '../http/send.js';
import type { Fake, OpenGateway } from './open-gateway.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

type Json = Readonly<Record<string, unknown>>;

const PDF = 'secret content';
const data = Buffer.from(PDF).toString('base64');

describe('a Binary behind a gateway', () => {
  let issuer: Issuer;
  let handler: SMARTHandler;
  let alice: string;
  let upstream: Fake;
  let gateway: OpenGateway;
  /** What upstream does when it is asked for the content of a Binary. */
  let raw: {
    type?: string;
    status?: number;
    etag?: string | null;
    body?: string | Buffer;
    headers?: Record<string, string>;
  };
  /** Whether upstream leaves out the data where it is asked for a summary. */
  let summarises: boolean;
  /** The ETag of a Binary in JSON. */
  let etag: string | undefined;
  /** What happens between the answer with the elements and the next one. */
  let meanwhile: () => void;
  const resources: Record<string, Json> = {};

  const binary = (id: string, context: string | undefined, more: Json = {}): void => {
    resources[`/Binary/${id}`] = {
      resourceType: 'Binary',
      id,
      contentType: 'application/pdf',
      ...(context !== undefined && { securityContext: { reference: context } }),
      data,
      ...more,
    };
  };

  before(async () => {
    issuer = await Issuer.open();
    handler = issuer.handler();
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
    upstream = await fakeUpstream((request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      const path = url.pathname.replace('/upstream/r4', '').replace(/\/_history\/\d+$/, '');
      const resource = resources[path];
      const isJson = request.headers.accept === 'application/fhir+json';
      if (!isJson && path.startsWith('/Binary/')) {
        response.statusCode = raw.status ?? 200;
        if (raw.etag !== null) response.setHeader('etag', raw.etag ?? 'W/"1"');
        response.setHeader('content-type', raw.type ?? 'application/pdf');
        for (const [name, value] of Object.entries(raw.headers ?? {})) response.setHeader(name, value);
        response.end(raw.body ?? PDF);
        return;
      }
      const { data: content, ...summary } = resource ?? {};
      const shown = summarises && url.searchParams.get('_summary') === 'true' ? summary : { ...summary, data: content };
      response.statusCode = resource ? 200 : 404;
      response.setHeader('content-type', 'application/fhir+json');
      if (etag !== undefined) response.setHeader('etag', etag);
      response.end(JSON.stringify(resource ? shown : { resourceType: 'OperationOutcome', issue: [] }));
      if (path.startsWith('/Binary/')) meanwhile();
    });
    gateway = await openGateway(handler, upstream);
    for (const owner of ['alice', 'bob']) {
      resources[`/DocumentReference/${owner}`] = {
        resourceType: 'DocumentReference',
        id: owner,
        subject: { reference: `Patient/${owner}` },
      };
      binary(`doc-of-${owner}`, `DocumentReference/${owner}`);
      binary(`of-${owner}`, `Patient/${owner}`);
    }
    binary('absolute', `${upstream.base}/DocumentReference/alice`);
    binary('public', `${BASE}/DocumentReference/alice`);
    binary('foreign', 'http://elsewhere.example.org/DocumentReference/alice');
    binary('of-nobody', undefined);
    binary('of-nothing', 'DocumentReference/none');
    binary('of-binary', 'Binary/of-alice');
    binary('odd', 'Patient/alice', { contentType: 'text/html\r\nx: y' });
    binary('page', 'Patient/alice', { contentType: 'text/html' });
  });

  beforeEach(() => {
    raw = {};
    etag = 'W/"1"';
    meanwhile = () => undefined;
    summarises = true;
    upstream.seen.length = 0;
  });

  after(async () => {
    await gateway.close();
    await upstream.close();
    await issuer.close();
  });

  /** Another gateway in front of the same upstream, until the test ends. */
  const open = async (by: SMARTHandler): Promise<OpenGateway> => {
    const other = await openGateway(by, upstream);
    others.push(other);
    return other;
  };
  const others: OpenGateway[] = [];
  afterEach(async () => {
    for (const other of others.splice(0)) await other.close();
  });

  const get = (id: string, accept: string | undefined, token = alice, more: Sent = {}): Promise<Answered> =>
    send(gateway, `/Binary/${id}`, { token, headers: accept === undefined ? {} : { accept }, ...more });

  const OPEN = ['of-alice', 'doc-of-alice', 'absolute', 'public'];
  const CLOSED = ['of-bob', 'doc-of-bob', 'foreign', 'of-nobody', 'of-nothing', 'of-binary'];

  it('is open to whom its securityContext is open, as a resource', async () => {
    for (const id of OPEN) {
      const answer = await get(id, 'application/fhir+json');
      expect([answer.status, answer.json['data']], id).to.deep.equal([200, data]);
      expect(answer.headers).to.include({ etag: 'W/"1"', 'cache-control': 'private, no-cache' });
    }
    for (const id of CLOSED) {
      const answer = await get(id, undefined);
      expect([answer.status, answer.text.includes(data)], id).to.deep.equal([403, false]);
    }
    expect((await get('none', undefined)).status).to.equal(404);
  });

  it('names its context under the public base', async () => {
    const { json } = await get('absolute', 'application/fhir+json');
    expect(json).to.have.nested.property('securityContext.reference', `${BASE}/DocumentReference/alice`);
  });

  it('is open as what it holds in the same cases, streamed in a second request', async () => {
    for (const id of OPEN) {
      upstream.seen.length = 0;
      const answer = await get(id, 'application/pdf, image/*;q=0.5');
      expect([answer.status, answer.text], id).to.deep.equal([200, PDF]);
      expect(answer.headers).to.include({
        'content-type': 'application/pdf',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
        'cache-control': 'private, no-cache',
        etag: 'W/"1"',
      });
      const asked = upstream.seen.filter(({ url }) => url.includes('/Binary/')).map(({ headers }) => headers.accept);
      expect(asked).to.deep.equal(['application/fhir+json', 'application/pdf']);
    }
    upstream.seen.length = 0;
    for (const id of CLOSED) {
      const answer = await get(id, 'application/pdf');
      expect([answer.status, answer.text.includes(PDF)], id).to.deep.equal([403, false]);
      expect(upstream.seen.filter(({ headers }) => headers.accept === 'application/pdf')).to.deep.equal([]);
    }
  });

  it('is taken out of the resource where upstream sends the data along', async () => {
    summarises = false;
    const answer = await get('doc-of-alice', 'application/pdf');
    expect([answer.status, answer.text, answer.headers['content-type']]).to.deep.equal([200, PDF, 'application/pdf']);
    expect(upstream.seen.filter(({ headers }) => headers.accept === 'application/pdf')).to.deep.equal([]);
    expect((await get('doc-of-bob', 'application/pdf')).status).to.equal(403);
  });

  it('its versions are judged alike', async () => {
    const read = (path: string): Promise<Answered> =>
      send(gateway, `/Binary/${path}/_history/2`, { token: alice, headers: { accept: 'application/pdf' } });
    expect((await read('doc-of-alice')).text).to.equal(PDF);
    expect(upstream.seen.filter(({ url }) => url.includes('/Binary/doc-of-alice/_history/2'))).to.have.length(2);
    expect((await read('doc-of-bob')).status).to.equal(403);
  });

  it('a HEAD has no body', async () => {
    for (const accept of ['application/pdf', 'application/fhir+json']) {
      const own = await get('doc-of-alice', accept, alice, { method: 'HEAD', headers: { accept } });
      expect([own.status, own.text], accept).to.deep.equal([200, '']);
      const other = await get('doc-of-bob', accept, alice, { method: 'HEAD', headers: { accept } });
      expect([other.status, other.text], accept).to.deep.equal([403, '']);
    }
  });

  it('has to be what the client takes, and of a kind that is one', async () => {
    expect((await get('of-alice', 'image/png')).status).to.equal(406);
    expect((await get('odd', 'text/html')).status).to.equal(406);
    raw = { type: 'application/octet-stream' };
    const odd = await get('odd', 'application/octet-stream, text/html');
    expect([odd.status, odd.headers['content-type']]).to.deep.equal([200, 'application/octet-stream']);
    raw = { type: 'text/html; charset=utf-8' };
    const page = await get('page', 'text/html');
    expect(page.headers['content-security-policy']).to.equal("sandbox; default-src 'none'");
  });

  it('needs a grant for Binary and for its context, of the same identity', async () => {
    const patient = { launch_response_patient: 'Patient/alice' };
    const cases: readonly (readonly [string, Json, number])[] = [
      ['patient/Binary.r patient/DocumentReference.r', patient, 200],
      ['patient/Binary.r', patient, 403],
      ['patient/DocumentReference.r', patient, 403],
      ['patient/Binary.r system/DocumentReference.r', patient, 403],
      ['patient/Binary.r user/DocumentReference.r', { ...patient, fhirUser: 'Practitioner/dr' }, 403],
      ['patient/Binary.r patient/DocumentReference.c', patient, 403],
      ['system/Binary.r', {}, 200],
      ['user/Binary.r', { fhirUser: 'Practitioner/dr' }, 200],
    ];
    for (const [scope, claims, status] of cases) {
      const token = await issuer.token(scope, claims);
      expect((await get('doc-of-alice', 'application/pdf', token)).status, scope).to.equal(status);
    }
  });

  it('shows its labels to a rule of the host, whatever its context is', async () => {
    const asked: unknown[] = [];
    const narrow: SMARTHandlerOptions['narrow'] = ({ resourceType, resource, interaction }) => {
      if (resourceType === 'Binary') asked.push(interaction);
      const { meta } = resource as { readonly meta?: { readonly security?: readonly unknown[] } };
      return !meta?.security?.length;
    };
    const meta = { security: [{ code: 'R' }] };
    const labelled = ['labelled', 'labelled-of-alice'];
    binary('labelled', 'DocumentReference/alice', { meta });
    binary('labelled-of-alice', 'Patient/alice', { meta });
    binary('unlabelled', 'DocumentReference/alice', { meta: { versionId: '1' } });
    const labels = await open(issuer.handler({ narrow }));
    for (const summary of [true, false]) {
      summarises = summary;
      for (const accept of ['application/fhir+json', 'application/pdf']) {
        for (const version of ['', '/_history/2']) {
          for (const id of [...labelled, 'unlabelled']) {
            const answer = await send(labels, `/Binary/${id}${version}`, { token: alice, headers: { accept } });
            const about = `${id}${version} as ${accept}`;
            expect(answer.status, about).to.equal(labelled.includes(id) ? 403 : 200);
            expect(answer.text.includes(PDF) || answer.text.includes(data), about).to.equal(id === 'unlabelled');
          }
        }
      }
    }
    expect(asked).to.include.members(['read', 'vread']);
  });

  it('its versions need a grant for versions, of the identity whose it is', async () => {
    const read: ScopeRule['patient']['read'] = ['read'];
    const rule = { ...issuer.config.scopeRule, patient: { read, write: [] } };
    const config = { ...issuer.config, scopeRule: rule };
    const gated = await open(new SMARTHandler(config, BASE, '4.0.1', [], []));
    const token = await issuer.token('patient/*.read user/Binary.read', {
      launch_response_patient: 'Patient/alice',
      fhirUser: 'Practitioner/dr',
    });
    const headers = { accept: 'application/fhir+json' };
    expect((await send(gated, '/Binary/doc-of-alice', { token, headers })).status).to.equal(200);
    expect((await send(gated, '/Binary/doc-of-alice/_history/2', { token, headers })).status).to.equal(403);
  });

  it('what comes in the second request has to be what was judged in the first', async () => {
    const wrong: readonly (typeof raw)[] = [
      { type: 'text/html' },
      { status: 500 },
      { status: 302 },
      { status: 206 },
      { headers: { 'content-encoding': 'gzip' } },
    ];
    for (const each of wrong) {
      raw = { ...each, body: 'other content' };
      const answer = await get('of-alice', 'application/pdf, text/html');
      expect([answer.status, answer.text.includes('other')], JSON.stringify(each)).to.deep.equal([502, false]);
    }
  });

  it('is of the version that was judged, or is judged again', async () => {
    const cases: readonly (readonly [string | undefined, string | null])[] = [
      [undefined, 'W/"2"'],
      [undefined, null],
      ['W/"1"', null],
      ['W/"1"', 'W/"2"'],
    ];
    for (const [first, second] of cases) {
      etag = first;
      raw = { etag: second, body: 'SECRET' };
      const unchanged = await get('of-alice', 'application/pdf');
      expect([unchanged.status, unchanged.text], String(second)).to.deep.equal([200, PDF]);
      // Somebody makes it bob's while alice is reading it.
      binary('moving', 'Patient/alice');
      meanwhile = () => {
        binary('moving', 'Patient/bob');
      };
      expect((await get('moving', 'application/pdf')).status).to.equal(403);
      meanwhile = () => undefined;
    }
    // What has no data in it, and no ETag, is nothing that could be told from another version.
    resources['/Binary/empty'] = {
      resourceType: 'Binary',
      id: 'empty',
      securityContext: { reference: 'Patient/alice' },
    };
    etag = undefined;
    expect((await get('empty', 'application/octet-stream')).status).to.equal(502);
  });

  it('a version is what it is, with an ETag or without', async () => {
    etag = undefined;
    raw = { etag: null };
    const headers = { accept: 'application/pdf' };
    const answer = await send(gateway, '/Binary/doc-of-alice/_history/2', { token: alice, headers });
    expect([answer.status, answer.text]).to.deep.equal([200, PDF]);
    expect(upstream.seen.filter(({ url }) => url.includes('/Binary/'))).to.have.length(2);
  });

  it('is not held in memory, and breaks off where it is too large', async () => {
    const options: Partial<GatewayOptions> = { maxResponseBytes: 2048, maxBinaryBytes: 4 * 1024 * 1024 };
    const small = await openGateway(handler, upstream, options);
    const read = (): Promise<Answered> =>
      send(small, '/Binary/of-alice', { token: alice, headers: { accept: 'application/pdf' } });
    raw = { body: Buffer.alloc(3 * 1024 * 1024, 'x') };
    expect((await read()).text).to.have.length(3 * 1024 * 1024);
    raw = { body: Buffer.alloc(5 * 1024 * 1024, 'x') };
    expect(await read().catch((error: unknown) => error)).to.be.an('error');
    await small.close();
  });
});

import { expect } from 'chai';
import { thenFollowed } from '../../src/gateway/then-followed.js';
import type { Admission, Admitted, FinalAnswer, Guard, GuardRequest } from '../../src/http/guard.js';
import { createGuard } from '../../src/http/guard.js';
import type { SMARTHandler } from '../../src/index.js';
import { ConfigError } from '../../src/index.js';
import { BASE, Issuer } from './clinic.js';

type Json = Readonly<Record<string, unknown>>;

const JSON_TYPE = { 'content-type': 'application/fhir+json' };
const patient = (id: string): Json => ({ resourceType: 'Patient', id });
const observation = (id: string, owner: string): Json => ({
  resourceType: 'Observation',
  id,
  subject: { reference: `Patient/${owner}` },
});
const nothing: GuardRequest['body'] = async () => ({ bytes: new Uint8Array() });

describe('a guard', () => {
  let issuer: Issuer;
  let handler: SMARTHandler;
  let guard: Guard;
  let alice: string;
  let system: string;

  before(async () => {
    issuer = await Issuer.open();
    handler = issuer.handler();
    guard = createGuard(handler, { baseUrl: BASE, fhirVersion: '4.0.1' });
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'alice' });
    system = await issuer.token('system/*.cruds');
  });

  after(() => issuer.close());

  async function admit(url: string, token = alice, more: Partial<GuardRequest> = {}): Promise<Admitted> {
    const headers = { authorization: `Bearer ${token}`, ...more.headers };
    const admission = await guard.admit({ method: 'GET', url: `/fhir${url}`, body: nothing, ...more, headers });
    if (admission.verdict !== 'admitted') throw new Error(`${url} was not admitted`);
    return admission;
  }

  async function answer(
    url: string,
    token: string,
    body: unknown,
    headers: Json = {},
    status = 200,
  ): Promise<FinalAnswer> {
    const { judgeResponse } = await admit(url, token);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return judgeResponse({ status, headers: { ...JSON_TYPE, ...(headers as Record<string, string>) }, body: text });
  }

  const bodyOf = ({ body }: FinalAnswer): Json => JSON.parse(String(body)) as Json;

  it('hands on one spelling of the request, without what would keep the answer from being judged', async () => {
    const headers = {
      'if-none-match': '"1"',
      range: 'bytes=0-1',
      prefer: 'respond-async, return=minimal',
      accept: '*/*',
    };
    const { execute } = await admit('/Observation?code=http://l|1&_format=json&name=a+b', system, { headers });
    expect(execute.url).to.equal('/fhir/Observation?code=http%3A%2F%2Fl%7C1&name=a%20b');
    expect(execute.headers).to.include({ accept: 'application/fhir+json', prefer: 'return=minimal' });
    for (const name of ['if-none-match', 'if-modified-since', 'range', 'if-range', 'if-none-exist']) {
      expect(execute.headers).to.have.property(name, undefined);
    }
  });

  it('judges at once where there is nothing to wait for, and never otherwise than later', async () => {
    const requests: readonly Partial<GuardRequest>[] = [
      { url: '/Patient/alice' },
      { url: '/Patient/bob' },
      { url: '/Observation?patient=alice&_count=2&subject.name=x' },
      { url: '/Observation?patient=alice&_count=2' },
      { url: '/Observation/_history' },
      { url: '/Patient/alice/_history/1', method: 'HEAD' },
      { url: '/Practitioner?_total=accurate&_format=xml' },
      { url: '/Practitioner', headers: { accept: 'text/html' } },
      { url: '/Patient/alice', headers: { 'content-length': '2' } },
      { url: '/Patient/alice?access_token=x' },
      { url: '/Nothing' },
      { url: '/metadata' },
      { url: '/Patient', method: 'OPTIONS' },
    ];
    // It has no method of the handler's own, so that each question waits.
    const waiting = thenFollowed(handler, async () => undefined);
    const later = createGuard(waiting, { baseUrl: BASE, fhirVersion: '4.0.1' });
    const resource = { ...patient('alice'), meta: { versionId: '1' } };
    const told = async (admission: Admission): Promise<unknown> => {
      if (admission.verdict !== 'admitted') return admission;
      const { judgeResponse, judgeAtOnce, ...rest } = admission;
      const response = { status: 200, headers: JSON_TYPE, body: { value: resource } };
      return [rest, await (judgeAtOnce?.(response) ?? judgeResponse(response))];
    };
    // Known from here on.
    await admit('/Patient/alice');
    await admit('/Patient/alice', system);
    const statuses: Record<string, readonly unknown[]> = {};
    for (const [who, token] of Object.entries({ alice, system, stranger: 'no-token', nobody: undefined })) {
      for (const { url = '', headers = {}, ...more } of requests) {
        const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
        const request = {
          method: 'GET',
          body: nothing,
          ...more,
          url: `/fhir${url}`,
          headers: { ...authorization, ...headers },
        };
        const now = guard.admitDirectly(request);
        if (who !== 'stranger') expect(now, url).to.not.be.instanceOf(Promise);
        const then = await told(await later.admit(request));
        expect(await told(await now), `${who} ${url}`).to.deep.equal(then);
        const status = Array.isArray(then)
          ? (then[1] as FinalAnswer).status
          : (then as { answer?: FinalAnswer }).answer?.status;
        statuses[who] = [...(statuses[who] ?? []), status];
      }
    }
    expect(statuses).to.deep.equal({
      alice: [200, 403, 403, 403, 403, 200, 406, 406, 400, 400, 404, undefined, undefined],
      system: [200, 403, 403, 403, 403, 200, 406, 406, 400, 400, 404, undefined, undefined],
      stranger: [401, 401, 401, 401, 401, 401, 401, 401, 401, 400, 404, undefined, undefined],
      nobody: [401, 401, 401, 401, 401, 401, 401, 401, 401, 400, 404, undefined, undefined],
    });
  });

  it('waits for a body, and for what is stored', async () => {
    const asked: string[] = [];
    const lookup = (type: string, id: string): unknown => {
      asked.push(`${type}/${id}`);
      return patient(id);
    };
    await admit('/Patient/alice');
    const authorization = `Bearer ${alice}`;
    const call = { method: 'GET', url: '/fhir/Patient/alice/$everything', headers: { authorization }, body: nothing };
    const waiting = guard.admitDirectly({ ...call, lookup });
    expect(waiting).to.be.instanceOf(Promise);
    expect(await waiting).to.have.property('verdict', 'admitted');
    expect(asked).to.deep.equal(['Patient/alice']);
    const body = async (): Promise<{ bytes: Uint8Array }> => ({
      bytes: Buffer.from(JSON.stringify(observation('o', 'bob'))),
    });
    const headers = { authorization, ...JSON_TYPE };
    const write = guard.admitDirectly({ method: 'POST', url: '/fhir/Observation', headers, body });
    expect(write).to.be.instanceOf(Promise);
    expect(await write).to.have.nested.property('answer.status', 403);
    const broken = guard.admitDirectly({
      method: 'POST',
      url: '/fhir/Observation',
      headers,
      body: () => Promise.reject(new Error('aborted')),
    });
    expect(await broken).to.have.nested.property('answer.status', 500);
  });

  it('sends a long answer as it was judged, whoever writes to the bytes of it afterwards', async () => {
    const note = [{ text: 'x'.repeat(20_000) }];
    const text = JSON.stringify({ ...observation('o', 'alice'), note });
    for (const body of [text, Buffer.from(text), { value: JSON.parse(text) as unknown }]) {
      const { judgeResponse } = await admit('/Observation/o');
      const answered = await judgeResponse({ status: 200, headers: JSON_TYPE, body });
      if (Buffer.isBuffer(body)) body.fill(0x20);
      expect(answered.status).to.equal(200);
      expect(String(answered.body)).to.equal(text);
    }
  });

  it('refuses what throws, at once as well', async () => {
    await admit('/Patient/alice');
    const headers = Object.defineProperty({ authorization: `Bearer ${alice}` }, 'accept', {
      get: () => {
        throw new Error('x');
      },
    });
    const admission = guard.admitDirectly({ method: 'GET', url: '/fhir/Patient/alice', headers, body: nothing });
    expect(admission).to.have.nested.property('answer.status', 500);
  });

  it('answers If-None-Match itself, after the judgement', async () => {
    const asked = { headers: { 'if-none-match': '"0", W/"1"' } };
    const response = (id: string): Parameters<Admitted['judgeResponse']>[0] => ({
      status: 200,
      headers: { ...JSON_TYPE, etag: 'W/"1"' },
      body: JSON.stringify(patient(id)),
    });
    const own = await (await admit('/Patient/alice', alice, asked)).judgeResponse(response('alice'));
    expect([own.status, own.body, own.headers['etag']]).to.deep.equal([304, undefined, 'W/"1"']);
    const other = await (await admit('/Patient/bob', alice, asked)).judgeResponse(response('bob'));
    expect(other.status).to.equal(403);
    expect(other.headers).to.not.have.property('etag');
  });

  it('refuses another resource than the one that was asked for', async () => {
    expect((await answer('/Patient/bob', alice, patient('alice'))).status).to.equal(403);
    expect((await answer('/Patient/alice', alice, observation('alice', 'alice'))).status).to.equal(403);
  });

  it('R8: of a list it keeps what may be seen, and no count, no validator and no text of the rest', async () => {
    const entry = [{ resource: observation('1', 'alice') }, { resource: observation('2', 'bob') }];
    const link = ['self', 'next', 'last'].map((relation) => ({ relation, url: `https://x?${relation}` }));
    const bundle = {
      resourceType: 'Bundle',
      type: 'searchset',
      total: 40,
      link,
      entry,
      issues: patient('bob'),
      signature: 'x',
    };
    const judged = await answer('/Observation', alice, bundle, {
      etag: '"1"',
      'last-modified': 'x',
      'x-request-id': 'y',
      'x-total-count': '40',
      link: '<x>; rel="last"',
    });
    expect(bodyOf(judged)).to.deep.equal({
      resourceType: 'Bundle',
      type: 'searchset',
      link: link.slice(0, 1),
      entry: entry.slice(0, 1),
    });
    expect(judged.headers).to.include({ 'x-request-id': 'y' });
    expect(judged.headers).to.not.have.any.keys('etag', 'last-modified', 'x-total-count', 'link');
    expect(bodyOf(await answer('/Observation', system, bundle))).to.include({ total: 40 });
  });

  it('R8: an include goes with the match that brought it', async () => {
    const practitioner = (id: string): Json => ({ resourceType: 'Practitioner', id });
    const performed = (owner: string, by: string): Json => ({
      ...observation(`of-${owner}`, owner),
      performer: [{ reference: `Practitioner/${by}` }],
    });
    const token = await issuer.token('patient/Observation.rs system/Practitioner.rs', {
      launch_response_patient: 'alice',
    });
    const entry = [
      { resource: performed('alice', 'dr1'), search: { mode: 'match' } },
      { resource: performed('bob', 'dr2'), search: { mode: 'match' } },
      ...['dr1', 'dr2'].map((id) => ({ resource: practitioner(id), search: { mode: 'include' } })),
    ];
    const bundle = { resourceType: 'Bundle', type: 'searchset', entry };
    const judged = await answer('/Observation?_include=Observation:performer', token, bundle);
    expect(bodyOf(judged)['entry']).to.deep.equal([entry[0], entry[2]]);
  });

  it('R8: what refers to a match stays where it was asked for, and only there', async () => {
    const token = await issuer.token('patient/Observation.rs system/Organization.rs system/PractitionerRole.rs', {
      launch_response_patient: 'alice',
    });
    const organization = { reference: 'Organization/o1' };
    const performed = (owner: string, performer: Json): Json => ({
      ...observation(owner, owner),
      performer: [performer],
    });
    const entry = [
      { resource: performed('alice', organization), search: { mode: 'match' } },
      { resource: performed('bob', { reference: 'PractitionerRole/psychiatrist' }), search: { mode: 'match' } },
      { resource: { resourceType: 'Organization', id: 'o1' }, search: { mode: 'include' } },
      { resource: { resourceType: 'PractitionerRole', id: 'psychiatrist', organization }, search: { mode: 'include' } },
    ];
    const bundle = { resourceType: 'Bundle', type: 'searchset', entry };
    const url = '/Observation?_include=Observation:performer';
    expect(bodyOf(await answer(url, token, bundle))['entry']).to.deep.equal([entry[0], entry[2]]);
    const reverse = `${url}&_revinclude:iterate=PractitionerRole:organization`;
    expect(bodyOf(await answer(reverse, token, bundle))['entry']).to.deep.equal([entry[0], entry[2], entry[3]]);
  });

  it("an include comes whole: without its patient a device would be everybody's", async () => {
    const handler = issuer.handler({ membership: { sharedTypes: ['Device'] } });
    const shared = createGuard(handler, { baseUrl: BASE, fhirVersion: '4.0.1' });
    const ask = async (url: string, scope: string): Promise<string> => {
      const token = await issuer.token(scope, { fhirUser: 'Practitioner/dr', launch_response_patient: 'alice' });
      const headers = { authorization: `Bearer ${token}` };
      const admission = await shared.admit({ method: 'GET', url: `/fhir${url}`, headers, body: nothing });
      return admission.verdict === 'admitted' ? admission.execute.url : admission.verdict;
    };
    const both = 'user/Patient.rs patient/Device.rs';
    const including = '/Patient?_revinclude=Device%3Apatient';
    expect(await ask(`${including}&_summary=true&_elements=id`, both)).to.equal(`/fhir${including}`);
    expect(await ask(`${including}&_summary=true`, 'user/*.rs')).to.equal(`/fhir${including}&_summary=true`);
    expect(await ask('/Patient?_summary=true', both)).to.equal('/fhir/Patient?_summary=true');
  });

  it('of an entry it keeps what is about its resource, whether others were dropped or not', async () => {
    const beside = {
      link: [{ relation: 'alternate', url: 'https://x?identifier=SECRET' }],
      response: { status: '200', outcome: { resourceType: 'OperationOutcome', text: 'SECRET' } },
      request: { method: 'PUT', url: 'Patient?identifier=SECRET', ifNoneExist: 'identifier=SECRET' },
    };
    const own = { resource: observation('1', 'alice'), ...beside };
    for (const entry of [[own], [own, { resource: observation('2', 'bob'), ...beside }]]) {
      const judged = await answer('/Observation', alice, { resourceType: 'Bundle', type: 'searchset', entry });
      expect(bodyOf(judged)['entry']).to.deep.equal([
        { resource: own.resource, response: { status: '200' }, request: { method: 'PUT' } },
      ]);
    }
  });

  it('a count stays for whom may see all that is counted, and is not asked for others', async () => {
    const bundle = { resourceType: 'Bundle', type: 'searchset', total: 40 };
    expect(bodyOf(await answer('/Observation?_summary=count', system, bundle))).to.include({ total: 40 });
    expect((await admit('/Observation?_summary=count')).execute.url).to.equal('/fhir/Observation');
    expect(bodyOf(await answer('/Observation?_summary=count', alice, bundle))).to.not.have.property('total');
  });

  it('refuses what it cannot judge: other media, repeated names, other types, parts, redirects, nothing', async () => {
    const cases: readonly (readonly [unknown, Json, number])[] = [
      ['<Patient/>', { 'content-type': 'application/fhir+xml' }, 200],
      ['{"resourceType":"Patient","id":"bob","id":"alice"}', {}, 200],
      [patient('alice'), { 'content-encoding': 'gzip' }, 200],
      [patient('alice'), {}, 206],
      [patient('alice'), {}, 202],
      [patient('alice'), { location: 'https://x' }, 302],
      ['', {}, 200],
      ['[]', {}, 200],
    ];
    for (const [body, headers, status] of cases) {
      const judged = await answer('/Patient/alice', alice, body, headers, status);
      expect(judged.status, JSON.stringify([body, headers, status])).to.equal(403);
      expect(judged.headers).to.not.have.property('location');
    }
    expect((await answer('/Observation', alice, patient('alice'))).status).to.equal(403);
  });

  it('lets pass other media to whom may read every resource of the type', async () => {
    const judged = await answer('/Binary/b', system, 'PDF', { 'content-type': 'application/pdf' });
    expect([judged.status, String(judged.body), judged.headers['content-type']]).to.deep.equal([
      200,
      'PDF',
      'application/pdf',
    ]);
    expect((await answer('/Binary/b', alice, 'PDF', { 'content-type': 'application/pdf' })).status).to.equal(403);
  });

  it("keeps of the server's errors status, severity and code, whatever their body is", async () => {
    const issue = [
      { severity: 'error', code: 'conflict', diagnostics: 'bob', details: { text: 'bob' }, expression: ['bob'] },
    ];
    const judged = await answer(
      '/Patient/alice',
      alice,
      { resourceType: 'OperationOutcome', id: 'bob', issue },
      {},
      409,
    );
    expect(bodyOf(judged)).to.deep.equal({
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'error', code: 'conflict' }],
    });
    const page = await answer(
      '/Patient/alice',
      alice,
      '<pre>bob</pre>',
      { 'content-type': 'text/html', 'www-authenticate': 'Basic' },
      500,
    );
    expect([page.status, bodyOf(page)['resourceType']]).to.deep.equal([500, 'OperationOutcome']);
    expect(String(page.body)).to.not.include('bob');
    expect(page.headers).to.not.have.property('www-authenticate');
    expect((await answer('/Patient/alice', alice, patient('alice'), {}, 400)).body).to.not.include('alice');
  });

  it('leaves out of the answer to a write what the caller may not read, and says that it is done', async () => {
    const body: GuardRequest['body'] = async () => ({ bytes: Buffer.from(JSON.stringify(observation('1', 'alice'))) });
    const blind = await issuer.token('system/Observation.c');
    for (const [token, shown] of [
      [alice, true],
      [blind, false],
    ] as const) {
      const { judgeResponse } = await admit('/Observation', token, { method: 'POST', headers: JSON_TYPE, body });
      const judged = await judgeResponse({
        status: 201,
        headers: { ...JSON_TYPE, location: 'x' },
        body: JSON.stringify(observation('1', 'alice')),
      });
      expect([judged.status, judged.headers['location'], judged.body !== undefined]).to.deep.equal([201, 'x', shown]);
    }
  });

  it('a claim named like a member of an answer is no answer', async () => {
    const token = await issuer.token('patient/*.rs', {
      launch_response_patient: 'alice',
      status: 200,
      body: {},
      refused: {},
      verdict: 'public',
    });
    expect((await admit('/Patient/alice', token)).verdict).to.equal('admitted');
    expect((await answer('/Patient/bob', token, patient('bob'))).status).to.equal(403);
  });

  it('never rejects: a lookup that fails refuses', async () => {
    const failing = createGuard(issuer.handler(), {
      baseUrl: BASE,
      fhirVersion: '4.0.1',
      lookup: () => {
        throw new Error('secret');
      },
    });
    const headers = { authorization: `Bearer ${system}` };
    const admission = await failing.admit({ method: 'DELETE', url: '/fhir/Patient/alice', headers, body: nothing });
    expect(admission).to.have.nested.property('answer.status', 500);
    expect(JSON.stringify(admission)).to.not.include('secret');
  });

  it('looks up what the entries of a Bundle write eight at a time, and answers for the first that is refused', async () => {
    let inFlight = 0;
    let most = 0;
    const looked: string[] = [];
    const lookup = async (_type: string, id: string): Promise<unknown> => {
      looked.push(id);
      inFlight += 1;
      most = Math.max(most, inFlight);
      // The first of those that are refused is the last to be known.
      await new Promise((resolve) => setTimeout(resolve, id === '3' ? 60 : 5));
      inFlight -= 1;
      return observation(id, id === '3' || id === '5' ? 'bob' : 'alice');
    };
    const options = { baseUrl: BASE, fhirVersion: '4.0.1', lookup, explain: true };
    const bundling = createGuard(issuer.handler(), options);
    const ask = (type: string): ReturnType<Guard['admit']> => {
      const entry = Array.from({ length: 40 }, (_, n) => ({
        resource: observation(String(n), 'alice'),
        request: { method: 'PUT', url: `Observation/${n}` },
      }));
      const parsed = { resourceType: 'Bundle', type, entry };
      const headers = { authorization: `Bearer ${alice}`, ...JSON_TYPE };
      return bundling.admit({ method: 'POST', url: '/fhir', headers, body: async () => ({ parsed }) });
    };
    const batch = await ask('batch');
    expect(most).to.equal(8);
    expect(looked).to.deep.equal(Array.from({ length: 40 }, (_, n) => String(n)));
    if (batch.verdict !== 'admitted' || !batch.execute.body || !('json' in batch.execute.body))
      throw new Error('refused');
    const executed = (batch.execute.body.json as { entry: readonly { resource: Json }[] }).entry;
    expect(executed.map(({ resource }) => resource['id'])).to.deep.equal(
      looked.filter((id) => id !== '3' && id !== '5'),
    );
    looked.length = 0;
    const transaction = await ask('transaction');
    expect(transaction).to.have.nested.property('answer.status', 403);
    // Nobody begins another one when the answer is known.
    expect(looked.length).to.be.within(6, 20);
  });

  it('explains to clients only where it is told to', async () => {
    const options = { baseUrl: BASE, fhirVersion: '4.0.1' };
    const token = await issuer.token('patient/Observation.rs', { launch_response_patient: 'alice' });
    const texts: string[] = [];
    for (const explain of [false, true]) {
      const request = {
        method: 'GET',
        url: '/fhir/Patient/alice',
        headers: { authorization: `Bearer ${token}` },
        body: nothing,
      };
      texts.push(JSON.stringify(await createGuard(issuer.handler(), { ...options, explain }).admit(request)));
    }
    expect(texts[0]).to.not.include('another resource type');
    expect(texts[1]).to.include('patient/Observation.rs');
  });

  it('tells clients what is wrong with their request or their token, where it explains', async () => {
    const expired = await issuer.token('patient/*.cruds', { exp: 1 });
    const wrong: readonly (readonly [string, string, Partial<GuardRequest>])[] = [
      ['read in more than one way', '/Patient/%2e%2e', {}],
      ['no such resource type', '/Nobody/1', {}],
      ['does not know this method', '/Patient/alice', { method: 'POST' }],
      ['application/fhir+json', '/Patient/alice', { headers: { accept: 'text/html' } }],
      ['Authorization header alone', '/Patient/alice?access_token=x', {}],
      ['ERR_TOKEN_EXPIRED', '/Patient/alice', { headers: { authorization: `Bearer ${expired}` } }],
    ];
    for (const [text, url, more] of wrong) {
      for (const explain of [false, true]) {
        const explaining = createGuard(issuer.handler(), { baseUrl: BASE, fhirVersion: '4.0.1', explain });
        const headers = { authorization: `Bearer ${alice}`, ...more.headers };
        const admission = await explaining.admit({
          method: 'GET',
          url: `/fhir${url}`,
          body: nothing,
          ...more,
          headers,
        });
        const told = admission.verdict === 'refused' ? String(admission.answer.body) : '';
        expect(told, `${url} ${String(explain)}`).to.include('OperationOutcome');
        expect(told.includes(text), `${url} ${String(explain)}`).to.equal(explain);
        expect(told).to.not.include(expired);
      }
    }
  });

  it('checks its options', () => {
    const good = { baseUrl: BASE, fhirVersion: '4.0.1' };
    const bad: readonly (readonly [string, object])[] = [
      ['baseUrl', { baseUrl: 'fhir.example.org' }],
      ['basePath', { basePath: '/fhir/' }],
      ['basePath', { basePath: '/a/../b' }],
      ['fhirVersion', { fhirVersion: '4' }],
      ['maxBodyBytes', { maxBodyBytes: 1 }],
      ['lookup', { lookup: {} }],
    ];
    for (const [key, options] of bad) {
      expect(() => createGuard(issuer.handler(), { ...good, ...options }), key)
        .to.throw(ConfigError)
        .with.property('key', key);
    }
    expect(createGuard(issuer.handler(), good).settings.basePath).to.equal('/fhir');
  });
});

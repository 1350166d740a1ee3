// An upstream that resumes searches by a name of its own, as HAPI does.
import { expect } from 'chai';
import type { GatewayOptions } from '../../src/gateway/index.js';
import { BASE, Issuer } from '../http/clinic.js';
import type { Answered, Sent } from '../http/send.js';
import { send } from '../http/send.js';
import type { Fake, OpenGateway } from './open-gateway.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

type Json = Readonly<Record<string, unknown>>;

const KEY = 'a secret of more than thirty-two characters';

describe('pages that upstream has by a name of its own', () => {
  let issuer: Issuer;
  let upstream: Fake;
  let gateway: OpenGateway;
  let alice: string;
  let bob: string;
  let system: string;
  /** What was found, by the name under which it is resumed. */
  const found = new Map<string, readonly Json[]>();

  const observation = (id: string, owner: string): Json => ({
    resourceType: 'Observation',
    id,
    status: 'final',
    code: { text: 'x' },
    subject: { reference: `Patient/${owner}` },
  });
  const stored = Array.from({ length: 10 }, (_, n) => observation(`${n}`, n % 2 === 0 ? 'alice' : 'bob'));

  /** Two resources a page. */
  const page = (name: string, offset: number, base: string, type: string): Json => {
    const all = found.get(name) ?? [];
    const at = (start: number): string =>
      `${base}?_getpages=${name}&_getpagesoffset=${start}&_count=2&_pretty=true&_bundletype=${type}`;
    return {
      resourceType: 'Bundle',
      type,
      total: all.length,
      link: [
        { relation: 'self', url: at(offset) },
        ...(offset + 2 < all.length ? [{ relation: 'next', url: at(offset + 2) }] : []),
        ...(offset > 0 ? [{ relation: 'previous', url: at(offset - 2) }] : []),
      ],
      entry: all.slice(offset, offset + 2).map((resource) => ({
        fullUrl: `${base}/Observation/${String(resource['id'])}`,
        resource,
        ...(type === 'searchset' && { search: { mode: 'match' } }),
      })),
    };
  };

  before(async () => {
    issuer = await Issuer.open();
    alice = await issuer.token('patient/*.rs', { launch_response_patient: 'alice', sub: 'alice' });
    bob = await issuer.token('patient/*.rs', { launch_response_patient: 'bob', sub: 'bob' });
    system = await issuer.token('system/*.rs', { sub: 'backend' });
    upstream = await fakeUpstream(({ url = '' }, response) => {
      response.setHeader('content-type', 'application/fhir+json');
      const { base, seen } = upstream;
      const asked = new URL(url, base);
      const form = new URLSearchParams(seen.at(-1)?.body);
      const parameters = new URLSearchParams([...asked.searchParams, ...form]);
      const resumed = parameters.get('_getpages');
      if (resumed !== null && !found.has(resumed)) {
        response.statusCode = 410;
        response.end(JSON.stringify({ resourceType: 'OperationOutcome', issue: [{ diagnostics: 'expired' }] }));
        return;
      }
      if (resumed !== null) {
        const type = parameters.get('_bundletype') ?? '';
        response.end(JSON.stringify(page(resumed, Number(parameters.get('_getpagesoffset')), base, type)));
        return;
      }
      const isHistory = asked.pathname.endsWith('/_history');
      const patient = parameters.getAll('patient').at(-1)?.replace('Patient/', '');
      const name = `search-${found.size}`;
      const versions = Array.from({ length: 5 }, () => observation('0', 'alice'));
      const matches = stored.filter(
        ({ subject }) => patient === undefined || (subject as Json)['reference'] === `Patient/${patient}`,
      );
      found.set(name, isHistory ? versions : matches);
      response.end(JSON.stringify(page(name, 0, base, isHistory ? 'history' : 'searchset')));
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

  const open = async (options: Partial<GatewayOptions> = {}): Promise<void> => {
    gateway = await openGateway(issuer.handler(), upstream, options);
  };
  const ask = (path: string, token: string, sent: Sent = {}): Promise<Answered> =>
    send(gateway, path, { token, ...sent });
  const linkOf = ({ json }: Answered, relation: string): string | undefined => {
    const links = (json['link'] ?? []) as readonly Json[];
    const url = links.find((link) => link['relation'] === relation)?.['url'] as string | undefined;
    return url?.replace(BASE, '');
  };
  const idsIn = ({ json }: Answered): readonly unknown[] =>
    ((json['entry'] ?? []) as readonly { readonly resource: Json }[]).map(({ resource }) => resource['id']);
  const follow = async (first: Answered, token: string, sent: Sent = {}): Promise<readonly Answered[]> => {
    const pages = [first];
    for (let next = linkOf(first, 'next'); next !== undefined && pages.length < 10;) {
      const one = await ask(next, token, sent);
      expect(one.status).to.equal(200);
      pages.push(one);
      next = linkOf(one, 'next');
    }
    return pages;
  };

  it('are followed by who asked for them, to the end and back', async () => {
    await open();
    const pages = await follow(await ask('/Observation?patient=alice', alice), alice);
    expect(pages.map(idsIn)).to.deep.equal([['0', '2'], ['4', '6'], ['8']]);
    // As for any search of several pages.
    expect(pages.some(({ json }) => 'total' in json)).to.equal(false);
    expect(pages.map(({ text }) => /_getpages|127\.0\.0\.1/.test(text))).to.deep.equal([false, false, false]);
    expect(idsIn(await ask(linkOf(pages[2]!, 'previous') ?? '', alice))).to.deep.equal(['4', '6']);
    expect(idsIn(await ask(linkOf(pages[1]!, 'self') ?? '', alice))).to.deep.equal(['4', '6']);
    expect(upstream.seen.map(({ url }) => url.replace(/search-\d+/, 'N')).slice(0, 3)).to.deep.equal([
      '/upstream/r4/Observation?patient=alice',
      '/upstream/r4?_getpages=N&_getpagesoffset=2&_count=2&_pretty=true&_bundletype=searchset',
      '/upstream/r4?_getpages=N&_getpagesoffset=4&_count=2&_pretty=true&_bundletype=searchset',
    ]);
    const head = await ask(linkOf(pages[0]!, 'next') ?? '', alice, { method: 'HEAD' });
    expect([head.status, head.text]).to.deep.equal([200, '']);
  });

  it('belong to their caller: nobody else learns so much as how many there are', async () => {
    await open();
    const next = linkOf(await ask('/Observation?patient=alice', alice), 'next') ?? '';
    const others = {
      bob,
      system,
      'the same patient by another client': await issuer.token('patient/*.rs', {
        launch_response_patient: 'alice',
        sub: 'alice',
        client_id: 'another',
      }),
      'the same user for another patient': await issuer.token('patient/*.rs user/*.rs', {
        launch_response_patient: 'bob',
        sub: 'alice',
      }),
    };
    upstream.seen.length = 0;
    for (const [name, token] of Object.entries(others)) {
      const { status, json } = await ask(next, token);
      expect([status, json['resourceType']], name).to.deep.equal([410, 'OperationOutcome']);
    }
    expect((await send(gateway, next)).status).to.equal(401);
    // By another token of theirs, as long as that opens the search.
    const later = await issuer.token('patient/Observation.rs', { launch_response_patient: 'alice', sub: 'alice' });
    expect(idsIn(await ask(next, later))).to.deep.equal(['4', '6']);
    const less = await issuer.token('patient/Condition.rs', { launch_response_patient: 'alice', sub: 'alice' });
    expect((await ask(next, less)).status).to.equal(403);
    expect(upstream.seen).to.have.length(1);
  });

  it('are those that upstream linked, and no others', async () => {
    await open();
    const next = linkOf(await ask('/Observation?patient=alice', alice), 'next') ?? '';
    const sealed = Buffer.from(next.replace(/.*=/, ''), 'base64url');
    const asked = (bytes: Uint8Array): string =>
      `/Observation?_gatewaypage=${Buffer.from(bytes).toString('base64url')}`;
    const flipped = (at: number): Buffer => Buffer.from(sealed.map((byte, index) => (index === at ? byte ^ 1 : byte)));
    upstream.seen.length = 0;
    const forged = [
      ...[0, 16, 40, sealed.length - 17, sealed.length - 1].map((at) => asked(flipped(at))),
      ...[1, 16, 32, 33, sealed.length - 1].map((length) => asked(sealed.subarray(0, length))),
      asked(Buffer.concat([sealed, Buffer.from('x')])),
      asked(Buffer.from(JSON.stringify(['/fhir/Observation', '/Observation?patient=bob']))),
      '/Observation?_gatewaypage=',
      `${next}.`,
      next.replace('/Observation', '/Condition'),
      next.replace('/Observation', ''),
      `${next}&_count=100`,
    ];
    for (const path of forged) {
      const { status } = await ask(path, alice);
      // What is no search at all is refused as such.
      expect(status, path).to.be.oneOf([410, 403]);
    }
    for (const [method, status] of [
      ['POST', [400, 403, 415]],
      ['DELETE', [400, 403]],
      ['PUT', [400, 403]],
    ] as const) {
      expect((await ask(next, alice, { method })).status, method).to.be.oneOf(status);
    }
    expect(upstream.seen).to.deep.equal([]);
    // Not even for who may see everything: upstream might not know the parameter, and begin at the first page.
    expect((await ask(forged[0] ?? '', system)).status).to.equal(410);
    expect(upstream.seen).to.deep.equal([]);
  });

  it('have links that cannot be mixed with other parameters, by whoever may ask for anything', async () => {
    await open();
    const next = linkOf(await ask('/Observation?status=final', system), 'next') ?? '';
    upstream.seen.length = 0;
    const [path = '', query = ''] = next.split('?');
    const mixed = [`_count=1&${query}`, `_format=json&${query}`, query.replace('page', 'pag%65'), `${query}&${query}`];
    for (const each of mixed) expect((await ask(`${path}?${each}`, system)).status, each).to.be.oneOf([400, 410]);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const posted = await ask(`${path}/_search`, system, { method: 'POST', body: query, headers });
    expect([posted.status, upstream.seen]).to.deep.equal([410, []]);
    expect((await ask(next, system)).status).to.equal(200);
  });

  it('are of the search that was judged, not of what the same question has become', async () => {
    const user = 'Practitioner/dr';
    const many = await issuer.token('user/*.rs patient/*.rs', {
      launch_response_patient: 'alice',
      fhirUser: user,
      sub: 'dr',
    });
    const few = await issuer.token('user/Practitioner.rs patient/*.rs', {
      launch_response_patient: 'alice',
      fhirUser: user,
      sub: 'dr',
    });
    const narrowSearch = { mode: 'compartment', supports: { Observation: ['patient'] } } as const;
    await open({ narrowSearch });
    const whole = await ask('/Observation?status=final', many);
    // An administrator, by the one token: then nothing is narrowed.
    expect(idsIn(whole)).to.deep.equal(['0', '1']);
    const self = linkOf(whole, 'self') ?? '';
    expect((await ask(self, many)).status).to.equal(200);
    const narrowed = await ask('/Observation?status=final', few);
    expect(idsIn(narrowed)).to.deep.equal(['0', '2']);
    expect((await ask(self, few)).status).to.equal(410);
    await gateway.close();
    await open({ pageLinkKey: KEY });
    const wide = linkOf(await ask('/Observation?status=final', alice), 'self') ?? '';
    expect((await ask(wide, alice)).status).to.equal(200);
    await gateway.close();
    await open({ pageLinkKey: KEY, narrowSearch });
    expect((await ask(wide, alice)).status).to.equal(410);
  });

  it('say nothing of what was asked, and keep how it was asked for', async () => {
    await open();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = 'patient=alice&identifier=SSN-123';
    const next = linkOf(await ask('/Observation/_search', alice, { method: 'POST', body, headers }), 'next') ?? '';
    const told = Buffer.from(next.replace(/.*=/, ''), 'base64url').toString('latin1');
    expect(`${next} ${told}`).to.not.match(/SSN|patient|search-|getpages|alice/);
    const accept = { headers: { accept: 'text/html' } };
    const formatted = await follow(await ask('/Observation?patient=alice&_format=json', alice, accept), alice, accept);
    expect(formatted.flatMap(idsIn)).to.deep.equal(['0', '2', '4', '6', '8']);
  });

  it("are linked where all that is found is the caller's", async () => {
    await open();
    const mixed = await ask('/Observation?status=final', alice);
    expect([idsIn(mixed), linkOf(mixed, 'next')]).to.deep.equal([['0'], undefined]);
    const all = await follow(await ask('/Observation?status=final', system), system);
    expect(all.flatMap(idsIn)).to.deep.equal(stored.map(({ id }) => id));
  });

  it('are filtered, whatever upstream says that they hold', async () => {
    await open();
    const next = linkOf(await ask('/Observation?patient=alice', alice), 'next') ?? '';
    const name = [...found.keys()].at(-1) ?? '';
    found.set(name, stored);
    const { status, text, json } = await ask(next, alice);
    expect([status, text.includes('bob'), (json['entry'] as readonly unknown[]).length]).to.deep.equal([200, false, 1]);
    found.delete(name);
    const gone = await ask(next, alice);
    expect([gone.status, gone.text.includes('expired')]).to.deep.equal([410, false]);
  });

  it('of a narrowed search are of the narrowed one, and their links do not grow', async () => {
    await open({ narrowSearch: { mode: 'compartment', supports: { Observation: ['patient'] } } });
    const pages = await follow(await ask('/Observation?status=final', alice), alice);
    expect(pages.flatMap(idsIn)).to.deep.equal(['0', '2', '4', '6', '8']);
    const lengths = pages.flatMap((one) => linkOf(one, 'next')?.length ?? []);
    expect(new Set(lengths).size).to.equal(1);
  });

  it('of a posted search and of a history are asked for in the same way', async () => {
    await open();
    const form = {
      method: 'POST',
      body: 'patient=alice',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    };
    const posted = await follow(await ask('/Observation/_search', alice, form), alice);
    expect(posted.flatMap(idsIn)).to.deep.equal(['0', '2', '4', '6', '8']);
    const history = await follow(await ask('/Observation/0/_history', alice), alice);
    expect(history.map(({ json }) => (json['entry'] as readonly unknown[]).length)).to.deep.equal([2, 2, 1]);
  });

  it('are read by all instances with the same key, and by no other', async () => {
    await open({ pageLinkKey: KEY });
    const next = linkOf(await ask('/Observation?patient=alice', alice), 'next') ?? '';
    const statuses: number[] = [];
    for (const pageLinkKey of [KEY, `${KEY}.`, undefined]) {
      await gateway.close();
      await open(pageLinkKey === undefined ? {} : { pageLinkKey });
      statuses.push((await ask(next, alice)).status);
    }
    await gateway.close();
    // Another server, whose gateway was given the same.
    await open({ pageLinkKey: KEY, baseUrl: 'https://other.example.org/fhir' });
    statuses.push((await ask(next, await issuer.token('system/*.rs', { sub: 'alice' }))).status);
    expect(statuses).to.deep.equal([200, 410, 410, 410]);
    expect(next).to.not.include(KEY);
  });
});

describe('links that repeat the search', () => {
  it("stay as upstream wrote them, and what leads elsewhere is nobody's page", async () => {
    const issuer = await Issuer.open();
    const token = await issuer.token('patient/*.rs', { launch_response_patient: 'alice' });
    const urls = [
      '/Observation?patient=alice&_count=2&_offset=2',
      '/Observation?_page=2&patient=alice',
      '/Observation/?patient=alice&_offset=4',
    ];
    const odd = ['/../admin?x=1', '//elsewhere?x=1', '/Observation/%2e%2e?x=1', '/Observation?ct=1#there'];
    const upstream = await fakeUpstream((_request, response) => {
      response.setHeader('content-type', 'application/fhir+json');
      const link = [...urls, ...odd].map((url) => ({ relation: 'next', url: `${upstream.base}${url}` }));
      response.end(JSON.stringify({ resourceType: 'Bundle', type: 'searchset', link, entry: [] }));
    });
    const gateway = await openGateway(issuer.handler(), upstream);
    const { json } = await send(gateway, '/Observation?patient=alice', { token });
    const links = (json['link'] as readonly Json[]).map(({ url }) => url);
    for (const url of urls) expect(links).to.include(`${BASE}${url}`);
    expect(JSON.stringify(links)).to.not.include('_gatewaypage');
    await gateway.close();
    await upstream.close();
    await issuer.close();
  });
});

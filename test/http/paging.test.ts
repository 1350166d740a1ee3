import { expect } from 'chai';
import type { Admitted, Guard, GuardOptions } from '../../src/http/guard.js';
import { createGuard } from '../../src/http/guard.js';
import { BASE, Issuer } from './clinic.js';

type Json = Readonly<Record<string, unknown>>;

const observation = (id: string, owner: string): Json => ({
  resourceType: 'Observation',
  id,
  subject: { reference: `Patient/${owner}` },
});

/** hole-13, hole-35: what is on which page, and whether there is another one, tells of resources that are not shown. */
describe('pages', () => {
  let issuer: Issuer;
  let alice: string;
  let laboratory: string;
  let system: string;

  before(async () => {
    issuer = await Issuer.open();
    const context = { launch_response_patient: 'Patient/alice' };
    alice = await issuer.token('patient/*.cruds', context);
    laboratory = await issuer.token('patient/Observation.rs?category=laboratory', context);
    system = await issuer.token('system/*.rs');
  });

  after(() => issuer.close());

  const guardWith = (options: Partial<GuardOptions> = {}): Guard =>
    createGuard(issuer.handler(), { baseUrl: BASE, fhirVersion: '4.0.1', ...options });

  const admit = async (guard: Guard, token: string, url: string): Promise<Admitted> => {
    const body = (): Promise<{ bytes: Uint8Array }> => Promise.resolve({ bytes: new Uint8Array() });
    const headers = { authorization: `Bearer ${token}` };
    const admission = await guard.admit({ method: 'GET', url: `/fhir${url}`, body, headers });
    if (admission.verdict !== 'admitted') throw new Error(`${url} was not admitted`);
    return admission;
  };

  /** What is asked of the server, and the links of its answer that come through. */
  const asked = async (
    token: string,
    url: string,
    found: readonly Json[],
    options: Partial<GuardOptions> = {},
  ): Promise<{ readonly url: string; readonly links: readonly unknown[]; readonly total: unknown }> => {
    const { execute, judgeResponse } = await admit(guardWith(options), token, url);
    const link = ['self', 'next', 'previous', 'last'].map((relation) => ({ relation, url: `https://x/?${relation}` }));
    const entry = found.map((resource) => ({ resource, search: { mode: 'match' } }));
    const bundle = { resourceType: 'Bundle', type: 'searchset', total: 7, link, entry };
    const type = { 'content-type': 'application/fhir+json' };
    const { body } = await judgeResponse({ status: 200, headers: type, body: JSON.stringify(bundle) });
    const judged = JSON.parse(String(body)) as { link: { relation: string }[]; total?: unknown };
    const { link: links, total } = judged;
    return { url: execute.url, links: links.map(({ relation }) => relation), total };
  };

  const OWN = observation('1', 'alice');
  const BOBS = observation('2', 'bob');

  for (const url of [
    '/Observation?_count=1&_sort=date',
    '/Observation?_count=1&_sort=-date&_id=1,2',
    '/Observation?patient=bob&_count=1&_sort=date',
    '/Observation?patient=alice,bob&_count=1',
    '/Observation?patient=alice&patient=bob&_count=1',
    '/Observation?patient:missing=false&_count=1&_offset=3',
    '/Observation?patient:identifier=x&_count=1',
    '/Observation?patient=Patient/alice2&_count=1',
    '/Observation?patient=https://other.example/Patient/alice&_count=1',
    '/Patient/bob/Observation?_count=1',
    '/Observation/_history?_count=1',
  ]) {
    it(`are not made of what nobody bounded: ${url}`, async () => {
      for (const found of [[OWN], [BOBS], []]) {
        const answer = await asked(alice, url, found);
        expect(answer.url).to.not.match(/_count|_sort|_offset/);
        expect(answer.links).to.deep.equal(['self']);
        expect(answer.total).to.equal(undefined);
      }
    });
  }

  for (const url of [
    '/Observation?patient=alice&_count=1&_sort=date',
    '/Observation?patient=Patient/alice&_count=1&_sort=date',
    `/Observation?patient=${BASE}/Patient/alice&_count=1&_sort=date`,
    '/Observation?subject=Patient/alice&code=x&_count=1&_sort=date',
    '/Patient/alice/Observation?_count=1&_sort=date',
  ]) {
    it(`are made of the caller's own: ${url}`, async () => {
      const answer = await asked(alice, url, [OWN]);
      expect(answer.url).to.include('_count=1').and.to.include('_sort=date');
      expect(answer.links).to.deep.equal(['self', 'next', 'previous']);
    });
  }

  it('are noticed where the server tells how many there are, and links to none', async () => {
    const { judgeResponse } = await admit(guardWith(), alice, '/Observation');
    const bundle = { resourceType: 'Bundle', type: 'searchset', total: 7, entry: [{ resource: OWN }] };
    const headers = { 'content-type': 'application/fhir+json' };
    const { body } = await judgeResponse({ status: 200, headers, body: JSON.stringify(bundle) });
    expect(JSON.parse(String(body))).to.not.have.property('total');
  });

  it('end where the server finds more than it was asked for', async () => {
    expect((await asked(alice, '/Observation?patient=alice&_count=1', [OWN, BOBS])).links).to.deep.equal(['self']);
  });

  it('are made where the guard narrows a search', async () => {
    const narrowSearch = { mode: 'compartment', supports: { Observation: ['patient'] } } as const;
    const answer = await asked(alice, '/Observation?_count=1', [OWN], { narrowSearch });
    expect(answer.url).to.include('patient=Patient%2Falice').and.to.include('_count=1');
    expect(answer.links).to.deep.equal(['self', 'next', 'previous']);
    const other = await asked(alice, '/Observation?patient:missing=false&_count=1', [OWN], { narrowSearch });
    expect([other.url.includes('_count'), other.links]).to.deep.equal([false, ['self']]);
  });

  it('tell of other results than the scope names, so a granular scope has none', async () => {
    const found = { ...OWN, category: [{ coding: [{ code: 'laboratory' }] }] };
    expect((await asked(laboratory, '/Observation?patient=alice&_count=1', [found])).links).to.deep.equal(['self']);
  });

  it('are for whoever may see everything, and for all where the host accepts what they tell', async () => {
    expect((await asked(system, '/Observation?_count=1', [BOBS])).links).to.include('last');
    const answer = await asked(alice, '/Observation?_count=1', [OWN, BOBS], { paging: 'any' });
    expect([answer.url.includes('_count=1'), answer.links]).to.deep.equal([true, ['self', 'next', 'previous']]);
  });

  it('of a compartment do not tell whether somebody exists, where that is to be hidden', async () => {
    const headers = { authorization: `Bearer ${alice}` };
    const body = (): Promise<{ bytes: Uint8Array }> => Promise.resolve({ bytes: new Uint8Array() });
    const guard = guardWith({ hideForbidden: true });
    for (const id of ['bob', 'nobody']) {
      const url = `/fhir/Patient/${id}/Observation`;
      const admission = await guard.admit({ method: 'GET', url, body, headers });
      expect(admission.verdict === 'refused' && admission.answer.status).to.equal(404);
    }
    expect((await admit(guard, alice, '/Patient/alice/Observation')).verdict).to.equal('admitted');
  });
});

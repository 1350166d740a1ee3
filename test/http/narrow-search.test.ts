import { expect } from 'chai';
import type { GuardOptions } from '../../src/http/guard.js';
import { createGuard } from '../../src/http/guard.js';
import type { NarrowSearchOptions } from '../../src/http/narrow-search.js';
import { searchParametersOf } from '../../src/http/narrow-search.js';
import type { DecisionEvent, SMARTHandlerOptions } from '../../src/index.js';
import { ConfigError } from '../../src/index.js';
import { BASE, Issuer } from './clinic.js';

describe('a guard that narrows searches', () => {
  let issuer: Issuer;
  let alice: string;

  before(async () => {
    issuer = await Issuer.open();
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'alice' });
  });
  after(() => issuer.close());

  const supports = { Observation: ['code', 'patient'], Encounter: ['patient', '_id'], Patient: ['_id'] };

  /** What the server is asked to execute. */
  async function executed(
    url: string,
    narrowSearch: NarrowSearchOptions | undefined,
    more: { token?: string; form?: string; options?: SMARTHandlerOptions } = {},
  ): Promise<string> {
    const options: GuardOptions = { baseUrl: BASE, fhirVersion: '4.0.1', ...(narrowSearch && { narrowSearch }) };
    const guard = createGuard(issuer.handler(more.options), options);
    const admission = await guard.admit({
      method: more.form === undefined ? 'GET' : 'POST',
      url: `/fhir${url}`,
      headers: {
        authorization: `Bearer ${more.token ?? alice}`,
        ...(more.form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      body: async () => ({ bytes: Buffer.from(more.form ?? '') }),
    });
    if (admission.verdict !== 'admitted') throw new Error(`${url} was not admitted`);
    const { body } = admission.execute;
    const form = body && 'form' in body ? ` ${JSON.stringify(body.form)}` : '';
    return `${admission.execute.url.slice('/fhir'.length)}${form}`;
  }

  it('leaves a search as it is without the option, and where the server does not know the parameter', async () => {
    expect(await executed('/Encounter', undefined)).to.equal('/Encounter');
    expect(await executed('/Encounter', { supports: {} })).to.equal('/Encounter');
    expect(await executed('/Encounter', { supports: { Encounter: ['status'] } })).to.equal('/Encounter');
    expect(await executed('/Encounter', { supports: () => false })).to.equal('/Encounter');
  });

  it('adds the parameter that loses nothing, to the form of a POST as well', async () => {
    expect(await executed('/Encounter?status=planned', { supports })).to.equal(
      '/Encounter?status=planned&patient=Patient%2Falice',
    );
    expect(await executed('/Encounter/_search', { supports: () => true }, { form: 'status=planned' })).to.equal(
      '/Encounter/_search [["status","planned"],["patient","Patient/alice"]]',
    );
  });

  it('adds another only where it is told to', async () => {
    expect(await executed('/Observation', { supports })).to.equal('/Observation');
    expect(await executed('/Observation', { supports, mode: 'exact' })).to.equal('/Observation');
    expect(await executed('/Observation', { supports, mode: 'compartment' })).to.equal(
      '/Observation?patient=Patient%2Falice',
    );
    expect(await executed('/Patient', { supports, mode: 'compartment' })).to.equal('/Patient?_id=alice');
  });

  it('leaves alone whoever asks by the parameter already, and whoever may see more', async () => {
    for (const url of ['/Encounter?patient=Patient%2Fbob', '/Encounter?patient%3APatient=bob']) {
      expect(await executed(url, { supports })).to.equal(url);
    }
    const token = await issuer.token('patient/*.rs system/Encounter.rs', { launch_response_patient: 'alice' });
    expect(await executed('/Encounter', { supports }, { token })).to.equal('/Encounter');
    expect(await executed('/Encounter/e1', { supports })).to.equal('/Encounter/e1');
  });

  it('narrows the searches in a batch as well', async () => {
    const guard = createGuard(issuer.handler(), { baseUrl: BASE, fhirVersion: '4.0.1', narrowSearch: { supports } });
    const entry = [{ request: { method: 'GET', url: 'Encounter?status=planned' } }];
    const admission = await guard.admit({
      method: 'POST',
      url: '/fhir',
      headers: { authorization: `Bearer ${alice}`, 'content-type': 'application/fhir+json' },
      body: async () => ({ bytes: Buffer.from(JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry })) }),
    });
    if (admission.verdict !== 'admitted') throw new Error('not admitted');
    expect(admission.execute.body).to.deep.equal({
      json: {
        resourceType: 'Bundle',
        type: 'batch',
        entry: [{ request: { method: 'GET', url: 'Encounter?status=planned&patient=Patient%2Falice' } }],
      },
    });
  });

  it('reads from a CapabilityStatement what a server follows', () => {
    const searchParam = [{ name: 'patient' }, { name: 'code' }, { type: 'token' }];
    const rest = [
      { mode: 'client', resource: [{ type: 'Observation', searchParam: [{ name: 'subject' }] }] },
      { mode: 'server', resource: [{ type: 'Observation', searchParam }, { type: 'Patient' }, {}] },
    ];
    expect(searchParametersOf({ resourceType: 'CapabilityStatement', rest })).to.deep.equal({
      Observation: ['patient', 'code'],
      Patient: [],
    });
    for (const nothing of [undefined, null, 'x', { rest: 1 }, { rest: [null] }]) {
      expect(searchParametersOf(nothing)).to.deep.equal({});
    }
  });

  it('refuses options that mean nothing', () => {
    for (const narrowSearch of [{}, { supports: 1 }, { supports: { Patient: 'x' } }, { supports, mode: 'all' }, true]) {
      const options = { baseUrl: BASE, fhirVersion: '4.0.1', narrowSearch } as unknown as GuardOptions;
      expect(() => createGuard(issuer.handler(), options), JSON.stringify(narrowSearch)).to.throw(
        ConfigError,
        'narrowSearch.',
      );
    }
  });

  it('a question about a whole type is asked without an event of its own', async () => {
    const events: DecisionEvent[] = [];
    const handler = issuer.handler({ onDecision: (event) => void events.push(event) });
    const guard = createGuard(handler, { baseUrl: BASE, fhirVersion: '4.0.1' });
    const token = await issuer.token('system/Binary.rs');
    const headers = { authorization: `Bearer ${token}` };
    const nothing = async (): Promise<{ bytes: Uint8Array }> => ({ bytes: new Uint8Array() });
    const admission = await guard.admit({ method: 'GET', url: '/fhir/Binary/b', headers, body: nothing });
    if (admission.verdict !== 'admitted') throw new Error('not admitted');
    const pdf = { status: 200, headers: { 'content-type': 'application/pdf' }, body: 'x' };
    expect((await admission.judgeResponse(pdf)).status).to.equal(200);
    expect(events.map(({ method }) => method)).to.deep.equal(['authenticate', 'decide']);
  });
});

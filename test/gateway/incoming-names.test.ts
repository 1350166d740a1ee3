import { expect } from 'chai';
import type { SMARTHandler } from '../../src/index.js';
import { BASE, Issuer } from '../http/clinic.js';
import type { Answered } from '../http/send.js';
import { send } from '../http/send.js';
import type { Fake } from './open-gateway.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

/** Whoever knows where upstream is could name what is there so that a rule does not know it again. */
describe('names of upstream in what a client sends', () => {
  let issuer: Issuer;
  let handler: SMARTHandler;
  let token: string;

  before(async () => {
    issuer = await Issuer.open();
    // Nobody may refer to bob.
    handler = issuer.handler({ narrow: (context) => !JSON.stringify(context).includes(`${BASE}/Patient/bob`) });
    token = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
  });
  after(() => issuer.close());

  const stored = { resourceType: 'Observation', id: 'o1', subject: { reference: 'Patient/alice' } };
  const done = { resourceType: 'Bundle', type: 'batch-response', entry: [{ response: { status: '200' } }] };

  async function sending(
    path: string,
    method: string,
    bodyOf: (upstream: string) => string,
    contentType?: string,
  ): Promise<Answered & { readonly reached: Fake['seen'] }> {
    const upstream = await fakeUpstream((request, response) => {
      response.writeHead(200, { 'content-type': 'application/fhir+json' });
      response.end(JSON.stringify(request.method === 'POST' ? done : stored));
    });
    const gateway = await openGateway(handler, upstream);
    try {
      const headers = contentType === undefined ? {} : { 'content-type': contentType };
      const answer = await send(gateway, path, { token, method, body: bodyOf(upstream.base), headers });
      return { ...answer, reached: upstream.seen.filter((seen) => seen.method !== 'GET') };
    } finally {
      await gateway.close();
      await upstream.close();
    }
  }

  const focus = (value: string): object[] => [{ op: 'add', path: '/focus', value: [{ reference: value }] }];
  const batch = (patch: string): string =>
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        {
          resource: {
            resourceType: 'Binary',
            contentType: 'application/json-patch+json',
            data: Buffer.from(patch).toString('base64'),
          },
          request: { method: 'PATCH', url: 'Observation/o1' },
        },
      ],
    });

  for (const [who, isAllowed] of [
    ['bob', false],
    ['carol', true],
  ] as const) {
    it(`are known again in a resource: ${who}`, async () => {
      const body = (upstream: string): string =>
        JSON.stringify({ ...stored, focus: [{ reference: `${upstream}/Patient/${who}` }] });
      const { status, reached } = await sending('/Observation/o1', 'PUT', body);
      expect([status, reached.length]).to.deep.equal(isAllowed ? [200, 1] : [403, 0]);
    });

    it(`are known again in a patch: ${who}`, async () => {
      const body = (upstream: string): string => JSON.stringify(focus(`${upstream}/Patient/${who}`));
      const { status, reached } = await sending('/Observation/o1', 'PATCH', body, 'application/json-patch+json');
      expect([status, reached.length]).to.deep.equal(isAllowed ? [200, 1] : [403, 0]);
    });

    it(`are known again in a patch in a batch: ${who}`, async () => {
      const body = (upstream: string): string => batch(JSON.stringify(focus(`${upstream}/Patient/${who}`)));
      const { json, reached } = await sending('', 'POST', body);
      const { entry } = json as { readonly entry: readonly { readonly response: { readonly status: string } }[] };
      expect([entry[0]?.response.status, reached.length]).to.deep.equal(isAllowed ? ['200', 1] : ['403', 0]);
    });
  }

  it('do not get past in a crowd of numbers whose digits have to be kept', async () => {
    const crowd = '1.0,'.repeat(60_000);
    const { status, reached } = await sending(
      '/Observation/o1',
      'PUT',
      (upstream) =>
        `{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/alice"},` +
        `"focus":[{"reference":"${upstream}/Patient/bob"}],"x":[${crowd}1.0]}`,
    );
    expect([status, reached]).to.deep.equal([413, []]);
    const patched = await sending('', 'POST', (upstream) =>
      batch(JSON.stringify(focus(`${upstream}/Patient/bob`)).replace(/\}\]$/, `,"x":[${crowd}1.0]}]`)),
    );
    expect([JSON.stringify(patched.json).includes('"400"'), patched.reached]).to.deep.equal([true, []]);
  });

  it('nor do numbers change their digits, up to so many', async () => {
    const text = `{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/alice"},"x":[${'1.0,'.repeat(49_000)}-2.50]}`;
    const { status, reached } = await sending('/Observation/o1', 'PUT', () => text);
    expect(status).to.equal(200);
    expect(reached.map(({ body }) => body === text)).to.deep.equal([true]);
  });
});

import { expect } from 'chai';
import type { SMARTHandler } from '../../src/index.js';
import { BASE, Issuer } from '../http/clinic.js';
import { send } from '../http/send.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

/** FHIR R4, 2.24.0.1: the precision of a decimal is significant. */
describe('decimals through the gateway', () => {
  let issuer: Issuer;
  let handler: SMARTHandler;
  let token: string;

  before(async () => {
    issuer = await Issuer.open();
    handler = issuer.handler();
    token = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
  });

  after(() => issuer.close());

  const observation = (base: string, id = 'o1'): string =>
    `{"resourceType":"Observation","id":"${id}","subject":{"reference":"${base}/Patient/alice"},` +
    '"valueQuantity":{"value":70.00,"unit":"1.0, 2.0"},"component":[{"valueDecimal":0.10},{"valueInteger":12345678901234567890}]}';

  /** What upstream is sent, and what the client gets: each under its own names. */
  const exchange = async (
    path: string,
    answer: (base: string) => string,
    sent: Parameters<typeof send>[2] = {},
    created = 200,
  ): Promise<{ readonly received: string; readonly answered: string; readonly upstream: string }> => {
    const upstream = await fakeUpstream((request, response) => {
      const isStored = request.method === 'GET' && request.url?.endsWith('/Observation/o1') === true;
      response.writeHead(request.method === 'POST' ? created : 200, { 'content-type': 'application/fhir+json' });
      response.end(isStored ? observation(upstream.base) : answer(upstream.base));
    });
    const gateway = await openGateway(handler, upstream);
    try {
      const { status, text } = await send(gateway, path, { token, ...sent });
      expect(status, text).to.equal(created);
      const received = upstream.seen.find(({ method }) => method !== 'GET')?.body ?? '';
      return { received, answered: text, upstream: upstream.base };
    } finally {
      await gateway.close();
      await upstream.close();
    }
  };

  it('are read as upstream has them', async () => {
    const { answered } = await exchange('/Observation/o1', observation);
    expect(answered).to.equal(observation(BASE));
  });

  it('are found as upstream has them', async () => {
    const searchset = (base: string): string =>
      `{"resourceType":"Bundle","type":"searchset","entry":[{"resource":${observation(base)},"search":{"mode":"match","score":1.0}}]}`;
    const { answered } = await exchange('/Observation', searchset);
    expect(answered).to.include(observation(BASE)).and.to.include('"score":1.0');
  });

  it('are created as the client has them', async () => {
    const sent = `{"resourceType":"Observation","id":"x","valueQuantity":{"value":1.50},"subject":{"reference":"Patient/alice"},"extra":1e400}`;
    const { received } = await exchange('/Observation', observation, { method: 'POST', body: sent }, 201);
    expect(received).to.equal(sent.replace('"id":"x",', ''));
  });

  it('are written as the client has them', async () => {
    const sent = { method: 'PUT', body: observation(BASE) };
    const { received, answered, upstream } = await exchange('/Observation/o1', observation, sent);
    expect(received).to.equal(observation(upstream));
    expect(answered).to.equal(observation(BASE));
  });
});

// Whoever has put another method in the place of a handler's is asked about everything, by callers that are known already too.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import express from 'express';
import sinon from 'sinon';
import { DeniedError } from '../../src/denied-error.js';
import { smartFhirExpress } from '../../src/http/express.js';
import type { Admission, FinalAnswer, Guard } from '../../src/http/guard.js';
import { createGuard } from '../../src/http/guard.js';
import { SMARTHandler, TokenError } from '../../src/index.js';
import { deny } from '../../src/access/decision.js';
import { BASE, Issuer, closed, listening, originOf } from './clinic.js';
import { send } from './send.js';

const REFUSED = deny({ code: 'host-rule' });
const refusing = {
  authenticate: () => Promise.reject(new TokenError('ERR_TOKEN_EXPIRED')),
  decide: () => Promise.resolve(REFUSED),
  authorizeSearch: () =>
    Promise.resolve({ decision: REFUSED, parameters: [], removed: [], filters: [], narrowings: [], partial: true }),
  filterBundle: () => Promise.reject(new DeniedError(REFUSED)),
} as const;
type Method = keyof typeof refusing;

const WAYS: Readonly<Record<string, (handler: SMARTHandler, name: Method) => SMARTHandler>> = {
  'in a subclass': (handler, name) => {
    class Other extends SMARTHandler {}
    Object.assign(Other.prototype, { [name]: refusing[name] });
    // So that it knows the same tokens.
    return Object.setPrototypeOf(handler, Other.prototype) as SMARTHandler;
  },
  'by a proxy': (handler, name) =>
    new Proxy(handler, {
      get: (target, member) => {
        if (member === name) return refusing[name];
        const found: unknown = Reflect.get(target, member, target);
        return typeof found === 'function' ? (found.bind(target) as unknown) : found;
      },
    }),
  'on an instance': (handler, name) => Object.assign(handler, { [name]: refusing[name] }),
  'on the prototype': (handler, name) => {
    sinon.stub(SMARTHandler.prototype, name).callsFake(refusing[name] as never);
    return handler;
  },
};

describe('a handler with a method of the host', () => {
  let issuer: Issuer;
  let alice: string;

  before(async () => {
    issuer = await Issuer.open();
    alice = await issuer.token('patient/*.rs', { launch_response_patient: 'alice' });
  });
  after(() => issuer.close());
  afterEach(() => {
    sinon.restore();
  });

  const admitted = (guard: Guard, url: string): Admission | Promise<Admission> =>
    guard.admitDirectly({
      method: 'GET',
      url: `/fhir${url}`,
      headers: { authorization: `Bearer ${alice}` },
      body: async () => ({ bytes: new Uint8Array() }),
    });

  async function answered(guard: Guard, url: string, value: unknown): Promise<FinalAnswer> {
    const admission = await admitted(guard, url);
    if (admission.verdict === 'refused') return admission.answer;
    if (admission.verdict === 'public') throw new Error('nobody asked for that');
    const response = { status: 200, headers: { 'content-type': 'application/fhir+json' }, body: { value } };
    return admission.judgeAtOnce?.(response) ?? admission.judgeResponse(response);
  }

  const own = { resourceType: 'Patient', id: 'alice' };
  const bundle = { resourceType: 'Bundle', type: 'searchset', entry: [{ resource: own }] };
  const READ = ['/Patient/alice', own] as const;
  const SEARCH = ['/Patient?_id=alice', bundle] as const;
  const HISTORY = ['/Patient/alice/_history', { ...bundle, type: 'history' }] as const;
  const ASKED: Readonly<Record<Method, readonly (readonly [string, unknown])[]>> = {
    authenticate: [READ, SEARCH, HISTORY],
    decide: [READ, HISTORY],
    authorizeSearch: [SEARCH],
    filterBundle: [SEARCH, HISTORY],
  };

  for (const [way, replaced] of Object.entries(WAYS)) {
    for (const [name, requests] of Object.entries(ASKED) as [Method, (typeof ASKED)[Method]][]) {
      it(`is asked by it: ${name} ${way}`, async () => {
        const handler = issuer.handler();
        const options = { baseUrl: BASE, fhirVersion: '4.0.1' };
        const plain = createGuard(handler, options);
        // Known from here on.
        await admitted(plain, '/Patient/alice');
        for (const [url, value] of requests) {
          expect(admitted(plain, url)).to.not.be.instanceOf(Promise);
          expect((await answered(plain, url, value)).status).to.equal(200);
        }
        const guard = createGuard(replaced(handler, name), options);
        for (const [url, value] of requests) {
          const status = { authenticate: 401, decide: 403, authorizeSearch: 403, filterBundle: 500 }[name];
          expect((await answered(guard, url, value)).status, url).to.equal(status);
        }
      });
    }
  }

  it('may give a promise of any kind, and throw on the spot', async () => {
    const handler = issuer.handler();
    const decide = handler.decide.bind(handler);
    const guard = createGuard(handler, { baseUrl: BASE, fhirVersion: '4.0.1' });
    const foreign = (request: Parameters<typeof decide>[0]): unknown => ({
      then: (...then: Parameters<Promise<unknown>['then']>) => decide(request).then(...then),
    });
    handler.decide = foreign as typeof handler.decide;
    for (let turn = 0; turn < 2; turn += 1) expect((await answered(guard, ...READ)).status).to.equal(200);
    handler.decide = () => {
      throw new Error('x');
    };
    expect((await answered(guard, ...READ)).status).to.equal(500);
  });

  it('asks nobody else for its promises', async () => {
    const guard = createGuard(issuer.handler(), { baseUrl: BASE, fhirVersion: '4.0.1' });
    const { Promise: native } = globalThis;
    class Other<T> extends native<T> {}
    try {
      globalThis.Promise = Other;
      for (let turn = 0; turn < 2; turn += 1) expect((await answered(guard, ...READ)).status).to.equal(200);
    } finally {
      globalThis.Promise = native;
    }
  });

  it('is asked about what is answered, not only about what is asked', async () => {
    const handler = issuer.handler();
    const decide = handler.decide.bind(handler);
    // Only who sees the resource can refuse it.
    handler.decide = async (request) => (request.resource === undefined ? decide(request) : REFUSED);
    const guard = createGuard(handler, { baseUrl: BASE, fhirVersion: '4.0.1' });
    for (let turn = 0; turn < 2; turn += 1) expect((await answered(guard, ...READ)).status).to.equal(403);
  });

  it('is asked about the answers to requests that were under way before', async () => {
    const handler = issuer.handler();
    const asked = sinon.spy();
    const decide = handler.decide.bind(handler);
    const filterBundle = handler.filterBundle.bind(handler);
    const replaced: Partial<SMARTHandler> = {
      decide: async (request) => (asked(), decide(request)),
      filterBundle: async (request) => (asked(), filterBundle(request)),
    };
    const guard = createGuard(handler, { baseUrl: BASE, fhirVersion: '4.0.1' });
    for (const [[url, value], name] of [
      [READ, 'decide'],
      [SEARCH, 'filterBundle'],
      [HISTORY, 'filterBundle'],
    ] as const) {
      const admission = await admitted(guard, url);
      if (admission.verdict !== 'admitted') throw new Error(url);
      const response = { status: 200, headers: { 'content-type': 'application/fhir+json' }, body: { value } };
      expect(admission.judgeAtOnce?.(response)?.status, url).to.equal(200);
      Object.assign(handler, { [name]: replaced[name] });
      expect(admission.judgeAtOnce?.(response), url).to.equal(undefined);
      expect(asked.callCount, url).to.equal(0);
      expect((await admission.judgeResponse(response)).status, url).to.equal(200);
      expect(asked.callCount, url).to.equal(1);
      asked.resetHistory();
      Reflect.deleteProperty(handler, name);
    }
  });

  it('is asked in its own time: what becomes of a value meanwhile is not sent', async () => {
    const handler = issuer.handler();
    const decide = handler.decide.bind(handler);
    const app = express();
    app.use('/fhir', smartFhirExpress(handler, { baseUrl: BASE, fhirVersion: '4.0.1' }));
    let starts = false;
    app.use('/fhir', (_request, response) => {
      if (starts) handler.decide = (request) => sleep(5).then(() => decide(request));
      const value = { ...own };
      response.json(value);
      value.id = 'bob';
    });
    const server = await listening(createServer(app));
    try {
      for (starts of [false, true]) {
        const { status, json } = await send({ base: `${originOf(server)}/fhir` }, '/Patient/alice', { token: alice });
        expect([status, json]).to.deep.equal([200, own]);
      }
    } finally {
      await closed(server);
    }
  });

  it('a value that can be read only once fails, and the host hears of it', async () => {
    const handler = issuer.handler();
    const decide = handler.decide.bind(handler);
    handler.decide = async (request) => decide(request);
    const app = express();
    // It would be read for that, too.
    app.disable('etag');
    app.use('/fhir', smartFhirExpress(handler, { baseUrl: BASE, fhirVersion: '4.0.1' }));
    app.use('/fhir', (_request, response) => {
      let reads = 0;
      response.json({
        resourceType: 'Patient',
        get id() {
          if ((reads += 1) > 1) throw new Error('read before');
          return 'alice';
        },
      });
    });
    const heard: unknown[] = [];
    app.use(((error, _request, response, next) => {
      heard.push((error as Error).message);
      if (response.headersSent) next(error);
      else response.status(500).json({ resourceType: 'OperationOutcome', issue: [] });
    }) satisfies express.ErrorRequestHandler);
    const server = await listening(createServer(app));
    try {
      const { status } = await send({ base: `${originOf(server)}/fhir` }, '/Patient/alice', { token: alice });
      expect([status, heard]).to.deep.equal([500, ['read before']]);
    } finally {
      await closed(server);
    }
  });
});

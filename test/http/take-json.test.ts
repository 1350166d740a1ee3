// What a host gives to response.json is judged as it is, and sent as Express would send it.
import { createRequire } from 'node:module';
import { createServer, type RequestListener } from 'node:http';
import { expect } from 'chai';
import express from 'express';
import { smartFhirExpress } from '../../src/http/express.js';
import { BASE, Issuer, closed, listening, originOf } from './clinic.js';
import type { Answered } from './send.js';
import { send } from './send.js';

type Json = Readonly<Record<string, unknown>>;
type Response = express.Response;

const patient = (id: string, more: Json = {}): Json => ({ resourceType: 'Patient', id, ...more });
const observation = (id: string, owner: string): Json => ({
  resourceType: 'Observation',
  id,
  subject: { reference: `Patient/${owner}` },
});

const VERSIONS = {
  'Express 5': express,
  'Express 4': createRequire(import.meta.url)('express4') as typeof express,
};

for (const [name, version] of Object.entries(VERSIONS)) {
  describe(`response.json of ${name}`, () => {
    let issuer: Issuer;
    let alice: string;

    before(async () => {
      issuer = await Issuer.open();
      alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'alice' });
    });
    after(() => issuer.close());

    /** What a client gets from a server that answers in this way. */
    async function answered(
      path: string,
      answer: (response: Response) => unknown,
      setUp: (app: express.Express) => void = () => undefined,
      headers: Readonly<Record<string, string>> = {},
      sent: { readonly method?: string; readonly body?: Json } = {},
    ): Promise<Answered> {
      const app = version();
      // Else Express writes errors to the console.
      app.set('env', 'test');
      setUp(app);
      app.use('/fhir', smartFhirExpress(issuer.handler(), { baseUrl: BASE, fhirVersion: '4.0.1' }));
      app.use('/fhir', (_request, response) => {
        answer(response);
      });
      const server = await listening(createServer(app as unknown as RequestListener));
      try {
        return await send({ base: `${originOf(server)}/fhir` }, path, { token: alice, headers, ...sent });
      } finally {
        await closed(server);
      }
    }

    it('is judged, and answers the chain', async () => {
      let chained: unknown;
      const own = await answered('/Patient/alice', (response) => {
        chained = response.status(200).json(patient('alice')) === response;
      });
      expect([own.status, own.json, chained]).to.deep.equal([200, patient('alice'), true]);
      expect(own.headers['content-type']).to.equal('application/fhir+json; charset=utf-8');
      expect(Number(own.headers['content-length'])).to.equal(Buffer.byteLength(own.text));
      const other = await answered('/Patient/bob', (response) => response.json(patient('bob')));
      expect([other.status, other.text.includes('bob')]).to.deep.equal([403, false]);
      // send() of an object is json() in Express.
      const sent = await answered('/Patient/bob', (response) => response.send(patient('bob')));
      expect(sent.status).to.equal(403);
    });

    it('a list is filtered, whatever comes after it', async () => {
      const entry = [{ resource: observation('1', 'alice') }, { resource: observation('2', 'bob') }];
      const list = await answered('/Observation?patient=alice', (response) => {
        response.json({ resourceType: 'Bundle', type: 'searchset', entry });
        response.end(JSON.stringify(patient('bob')));
        response.json(patient('bob'));
      });
      expect(list.json['entry']).to.deep.equal([entry[0]]);
      expect(list.text).to.not.include('bob');
    });

    it('what makes its own JSON is judged by that', async () => {
      class Stored {
        readonly resourceType = 'Patient';
        readonly id = 'alice';
        toJSON(): Json {
          return patient('bob');
        }
      }
      const odd: readonly unknown[] = [
        new Stored(),
        Object.assign(patient('alice'), { toJSON: () => patient('bob') }),
        Object.defineProperty(patient('alice'), 'toJSON', { value: () => patient('bob') }),
      ];
      for (const value of odd) {
        expect((await answered('/Patient/alice', (response) => response.json(value))).status).to.equal(403);
      }
      const dated = patient('alice', { meta: { lastUpdated: new Date(0), source: undefined } });
      expect((await answered('/Patient/alice', (response) => response.json(dated))).json).to.deep.equal(
        patient('alice', { meta: { lastUpdated: '1970-01-01T00:00:00.000Z' } }),
      );
    });

    it('what a host makes of its value afterwards changes nothing, or is judged', async () => {
      for (const path of ['/Patient/alice', '/Patient/bob']) {
        const { status, text } = await answered(path, (response) => {
          const value = patient('bob', { name: [{ family: 'secret' }] });
          response.json(value);
          Object.assign(value, patient('alice'), { name: [] });
        });
        expect([status, text.includes('secret')], path).to.deep.equal([403, false]);
      }
    });

    it('what a host makes of a list afterwards changes nothing, whether something was left out or not', async () => {
      for (const others of [[], [observation('hidden', 'bob')]]) {
        const entry = [observation('a', 'alice'), ...others].map((resource) => ({
          resource,
          search: { mode: 'match' },
        }));
        const bundle = { resourceType: 'Bundle', type: 'searchset', total: entry.length, entry: [...entry] };
        const { json } = await answered('/Observation?patient=alice', (response) => {
          const [first] = entry;
          response.json(bundle);
          bundle.entry.push({ resource: observation('late', 'bob'), search: { mode: 'match' } });
          if (first) Object.assign(first.resource, { id: 'changed', subject: { reference: 'Patient/bob' } });
        });
        const shown = (json as { entry: { resource: Json }[] }).entry.map(({ resource }) => resource);
        expect(shown).to.deep.equal([observation('a', 'alice')]);
      }
    });

    it('what a host makes of the answer to a write afterwards changes nothing, though it is judged later', async () => {
      for (const [owner, shown] of [
        ['alice', true],
        ['bob', false],
      ] as const) {
        const { text } = await answered(
          '/Observation',
          (response) => {
            const value = { ...observation('w', owner), note: [{ text: 'as it was' }] };
            response.status(201).json(value);
            Object.assign(value, observation('w', 'alice'), { note: [{ text: 'SECRET' }] });
          },
          undefined,
          {},
          { method: 'POST', body: observation('w', 'alice') },
        );
        expect([text.includes('as it was'), text.includes('SECRET')]).to.deep.equal([shown, false]);
      }
    });

    it("what the host's replacer makes of it is judged, and sent", async () => {
      const swap = (app: express.Express): unknown =>
        app.set('json replacer', (key: string, value: unknown) => (key === 'id' ? 'bob' : value));
      expect((await answered('/Patient/alice', (response) => response.json(patient('alice')), swap)).status).to.equal(
        403,
      );
      const strip = (app: express.Express): unknown => app.set('json replacer', ['resourceType', 'id']);
      const named = patient('alice', { name: [{ family: 'x' }] });
      expect((await answered('/Patient/alice', (response) => response.json(named), strip)).json).to.deep.equal(
        patient('alice'),
      );
    });

    it('has the ETag that Express makes, or the one that the host set, or none', async () => {
      const made = await answered('/Patient/alice', (response) => response.json(patient('alice')));
      expect(made.headers['etag']).to.match(/^W\//);
      const asked = { 'if-none-match': String(made.headers['etag']) };
      const again = await answered('/Patient/alice', (response) => response.json(patient('alice')), undefined, asked);
      expect([again.status, again.text]).to.deep.equal([304, '']);
      const set = await answered('/Patient/alice', (response) => response.set('ETag', 'W/"7"').json(patient('alice')));
      expect(set.headers['etag']).to.equal('W/"7"');
      const none = await answered(
        '/Patient/alice',
        (response) => response.json(patient('alice')),
        (app) => app.disable('etag'),
      );
      expect(none.headers).to.not.have.property('etag');
      const list = await answered('/Observation?patient=alice', (response) =>
        response.json({ resourceType: 'Bundle', type: 'searchset', entry: [] }),
      );
      expect(list.headers).to.not.have.property('etag');
    });

    it('what the host calls something else than JSON, or encoded, is nothing that could be judged', async () => {
      const text = await answered('/Patient/alice', (response) => response.type('text/plain').json(patient('alice')));
      expect(text.status).to.equal(403);
      const encoded = await answered('/Patient/alice', (response) =>
        response.set('Content-Encoding', 'gzip').json(patient('alice')),
      );
      expect(encoded.status).to.equal(403);
      const begun = await answered('/Patient/alice', (response) => {
        response.type('application/fhir+json').write('[');
        response.json(patient('alice'));
      });
      expect(begun.status).to.equal(403);
    });

    it('null is an answer without a resource', async () => {
      expect((await answered('/Patient/alice', (response) => response.json(null))).status).to.equal(403);
    });
  });
}

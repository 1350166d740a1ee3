// Whatever a host puts before, behind or around the guard: what leaves is what was judged.
import { createRequire } from 'node:module';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { Http2Session } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import express from 'express';
import fastify from 'fastify';
import type { ExpressMiddleware, ExpressRequest } from '../../src/http/express.js';
import { smartFhirExpress } from '../../src/http/express.js';
import { smartFhirFastify } from '../../src/http/fastify.js';
import { BASE, Issuer, closed, listening, originOf } from './clinic.js';
import type { Answered, Sent } from './send.js';
import { send } from './send.js';

type Json = Readonly<Record<string, unknown>>;
type Handler = (request: ExpressRequest, response: express.Response, next: () => void) => unknown;

const patient = (id: string): Json => ({ resourceType: 'Patient', id });
const isMine = ({ status, text }: Answered): readonly unknown[] => [status, text.includes('bob')];

const VERSIONS = {
  'Express 5': express,
  'Express 4': createRequire(import.meta.url)('express4') as typeof express,
};

for (const [name, version] of Object.entries(VERSIONS)) {
  describe(`what is held in ${name}`, () => {
    let issuer: Issuer;
    let guard: ExpressMiddleware;
    let alice: string;

    before(async () => {
      issuer = await Issuer.open();
      guard = smartFhirExpress(issuer.handler(), { baseUrl: BASE, fhirVersion: '4.0.1' });
      alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'alice' });
    });
    after(() => issuer.close());

    /** What a client gets from an application with these handlers under the base path, in order. */
    async function answered(path: string, ...handlers: readonly unknown[]): Promise<Answered> {
      const app = version();
      // Else Express writes errors to the console.
      app.set('env', 'test');
      for (const handler of handlers) app.use('/fhir', handler as express.Handler);
      const server = await listening(createServer(app as unknown as RequestListener));
      try {
        return await send({ base: `${originOf(server)}/fhir` }, path, { token: alice });
      } finally {
        await closed(server);
      }
    }

    it('goes on with the connection after a refusal, but for a body that nobody reads', async () => {
      const app = version();
      app.use('/fhir', guard as unknown as express.Handler);
      app.use('/fhir', (_request, response) => void response.json(patient('alice')));
      const server = await listening(createServer(app as unknown as RequestListener));
      const host = { base: `${originOf(server)}/fhir` };
      try {
        const connectionAfter = async (path: string, sent: Sent = {}): Promise<unknown> => {
          const { status, headers } = await send(host, path, {
            token: alice,
            ...sent,
            headers: { connection: 'keep-alive', ...sent.headers },
          });
          return [status, headers['connection']];
        };
        expect(await connectionAfter('/Patient/alice')).to.deep.equal([200, 'keep-alive']);
        // Known by now, so that all of this is refused before the request has been read to its end.
        expect(await connectionAfter('/Patient/bob')).to.deep.equal([403, 'keep-alive']);
        expect(await connectionAfter('/Nothing')).to.deep.equal([404, 'keep-alive']);
        expect(await connectionAfter('/Observation?subject.name=x')).to.deep.equal([403, 'keep-alive']);
        expect(await connectionAfter('/Nothing', { method: 'POST', body: patient('bob') })).to.deep.equal([
          404,
          'close',
        ]);
        expect(await connectionAfter('/Patient/alice', { body: patient('bob') })).to.deep.equal([400, 'close']);
      } finally {
        await closed(server);
      }
    });

    it('hands on what is thrown behind it, once, where nobody else catches it', async () => {
      const fresh = smartFhirExpress(issuer.handler(), { baseUrl: BASE, fhirVersion: '4.0.1' });
      const errors: unknown[] = [];
      const server = await listening(
        createServer((request, response) => {
          const asked = Object.assign(request, { originalUrl: request.url ?? '', baseUrl: '/fhir' });
          fresh(asked, response, (error) => {
            if (error === undefined) throw new Error('behind the guard');
            errors.push(error);
            response.statusCode = 500;
            response.end();
          });
        }),
      );
      try {
        // Of a token that nobody knows yet, and then of one that is known.
        for (let turn = 1; turn <= 3; turn += 1) {
          const { status } = await send({ base: `${originOf(server)}/fhir` }, '/Patient/alice', { token: alice });
          expect(status).to.equal(500);
          expect(errors.map(String)).to.deep.equal(Array.from({ length: turn }, () => 'Error: behind the guard'));
        }
      } finally {
        await closed(server);
      }
    });

    it('hands on nothing that the host says of its own connection to another server', async () => {
      const relaying: Handler = (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/fhir+json', connection: 'keep-alive, x-secret' });
        response.end(JSON.stringify(patient('alice')));
      };
      for (const path of ['/Patient/alice', '/Patient/bob']) {
        const { headers } = await answered(path, guard, relaying);
        expect(String(headers['connection'])).to.not.match(/keep-alive, |x-secret/);
      }
    });

    const ANSWERS: Readonly<Record<string, (response: express.Response, body: Json) => unknown>> = {
      json: (response, body) => response.json(body),
      send: (response, body) => response.type('application/fhir+json').send(JSON.stringify(body)),
      end: (response, body) => {
        response.setHeader('content-type', 'application/fhir+json');
        response.end(JSON.stringify(body));
      },
      'writeHead, flushHeaders, write and end': (response, body) => {
        response.writeHead(200, { 'content-type': 'application/fhir+json' });
        response.flushHeaders();
        const text = JSON.stringify(body);
        response.write(text.slice(0, 5));
        response.write(Buffer.from(text.slice(5)), () => response.end());
      },
    };

    for (const [how, answer] of Object.entries(ANSWERS)) {
      it(`is judged in an application behind the guard: ${how}`, async () => {
        const mounted = (id: string): express.Express => {
          const inner = version();
          inner.use((_request, response) => void answer(response, patient(id)));
          const outer = version();
          // Each application changes the prototype of what it is given.
          outer.use(inner);
          return outer;
        };
        expect(isMine(await answered('/Patient/alice', guard, mounted('alice')))).to.deep.equal([200, false]);
        expect(isMine(await answered('/Patient/alice', guard, mounted('bob')))).to.deep.equal([403, false]);
      });

      it(`is judged behind a guarded application that passes it on: ${how}`, async () => {
        const inner = version();
        inner.use(guard as unknown as express.Handler);
        const behind: Handler = (_request, response) => answer(response, patient('bob'));
        expect(isMine(await answered('/Patient/alice', inner, behind))).to.deep.equal([403, false]);
      });

      it(`is judged twice behind two guards: ${how}`, async () => {
        const own: Handler = (_request, response) => answer(response, patient('alice'));
        const other: Handler = (_request, response) => answer(response, patient('bob'));
        expect(isMine(await answered('/Patient/alice', guard, guard, own))).to.deep.equal([200, false]);
        expect(isMine(await answered('/Patient/alice', guard, guard, other))).to.deep.equal([403, false]);
      });

      it(`goes through what stood before the guard: ${how}`, async () => {
        const sent: string[] = [];
        const before: Handler = (_request, response, next) => {
          const [writeHead, end] = [response.writeHead.bind(response), response.end.bind(response)];
          Object.assign(response, {
            writeHead: (...args: unknown[]): unknown => {
              response.setHeader('x-before', 'was here');
              return Reflect.apply(writeHead, response, args) as unknown;
            },
            end: (...args: unknown[]): unknown => {
              sent.push(String(args[0]));
              return Reflect.apply(end, response, args) as unknown;
            },
          });
          next();
        };
        const own: Handler = (_request, response) => answer(response, patient('alice'));
        const other: Handler = (_request, response) => answer(response, patient('bob'));
        const shown = await answered('/Patient/alice', before, guard, own);
        expect([shown.status, shown.json, shown.headers['x-before']]).to.deep.equal([
          200,
          patient('alice'),
          'was here',
        ]);
        expect(isMine(await answered('/Patient/alice', before, guard, other))).to.deep.equal([403, false]);
        expect(sent.join('')).to.not.include('bob');
      });

      it(`has no headers of what stands behind the guard and never saw the answer: ${how}`, async () => {
        // As compressions do: they decide when the head is written, and take what is written then.
        const behind: Handler = (_request, response, next) => {
          const [writeHead, end] = [response.writeHead.bind(response), response.end.bind(response)];
          let encodes = false;
          Object.assign(response, {
            writeHead: (...args: unknown[]): unknown => {
              encodes = true;
              response.setHeader('content-encoding', 'gzip');
              return Reflect.apply(writeHead, response, args) as unknown;
            },
            end: (chunk: unknown, ...rest: unknown[]): unknown => {
              response.writeHead(response.statusCode);
              const given = chunk === undefined ? undefined : encodes ? gzipSync(chunk as string) : chunk;
              return Reflect.apply(end, response, [given, ...rest]) as unknown;
            },
          });
          next();
        };
        const own: Handler = (_request, response) => answer(response, patient('alice'));
        const { status, headers, text } = await answered('/Patient/alice', guard, behind, own);
        expect(headers).to.not.have.property('content-encoding');
        // What came encoded could not be judged; response.json was taken before.
        expect(status).to.equal(how === 'json' ? 200 : 403);
        expect(JSON.parse(text)).to.be.an('object');
      });
    }

    it("a host's own json, on the response itself, is taken or judged", async () => {
      const helper: Handler = (_request, response, next) => {
        Object.assign(response, { json: (body: unknown) => response.end(JSON.stringify(body)) });
        next();
      };
      for (const id of ['alice', 'bob']) {
        const own: Handler = (_request, response) => response.json(patient(id));
        const { status, text } = await answered('/Patient/alice', helper, guard, own);
        expect([status, text.includes('bob')], id).to.deep.equal([id === 'alice' ? 200 : 403, false]);
      }
    });

    it('nothing that comes after the end leaves, though something in front of the guard ends late', async () => {
      const late: Handler = (_request, response, next) => {
        const end = response.end.bind(response) as (...args: unknown[]) => unknown;
        // As a session does that is stored first.
        Object.assign(response, { end: (...args: unknown[]) => (setTimeout(() => end(...args), 40), response) });
        next();
      };
      const secret = JSON.stringify(patient('bob'));
      for (const id of ['alice', 'bob']) {
        const own: Handler = (_request, response) => {
          response.json(patient(id));
          for (const ms of [0, 5, 20, 60]) setTimeout(() => response.write(secret), ms);
        };
        const { status, text } = await answered('/Patient/alice', late, guard, own);
        expect([status, text.includes('"bob"')], id).to.deep.equal([id === 'alice' ? 200 : 403, false]);
      }
    });

    it('what Node does not take ends the request, and not the process', async () => {
      const odd: readonly Handler[] = [
        (_request, response) =>
          Object.defineProperty(response, 'statusCode', { value: undefined }).json(patient('alice')),
        (_request, response) => {
          response.statusCode = 20;
          response.json(patient('alice'));
        },
      ];
      for (const own of odd) {
        const failed = await answered('/Patient/alice', guard, own).catch(() => undefined);
        expect(failed?.text ?? '').to.not.include('Patient');
      }
      const trailing: Handler = (_request, response) => {
        response.setHeader('Trailer', 'x-sum');
        response.addTrailers({ 'x-sum': 'bob' });
        response.json(patient('alice'));
      };
      const { status, headers, json } = await answered('/Patient/alice', guard, trailing);
      expect([status, json, headers['trailer']]).to.deep.equal([200, patient('alice'), undefined]);
      const throwing: Handler = (_request, response, next) => {
        Object.assign(response, {
          writeHead: () => {
            throw new Error('a listener of the host');
          },
        });
        next();
      };
      const own: Handler = (_request, response) => response.json(patient('alice'));
      expect(await answered('/Patient/alice', throwing, guard, own).catch(() => 'broken off')).to.equal('broken off');
    });

    it('no hints go ahead of it', async () => {
      const hinting: Handler = (_request, response) => {
        response.writeEarlyHints({ link: '</fhir/Patient/bob>; rel=preload' }, () => response.json(patient('alice')));
      };
      expect((await answered('/Patient/alice', guard, hinting)).json).to.deep.equal(patient('alice'));
    });

    it('a host may change what it answered, at once or in a moment', async () => {
      for (const path of ['/Patient/alice', '/Patient?_id=alice']) {
        for (const steps of [0, 1, 2, 3, 4, 5, 8]) {
          const own: Handler = async (_request, response) => {
            const stored: Record<string, unknown> = { ...patient('alice') };
            const found = { resourceType: 'Bundle', type: 'searchset', total: 1, entry: [{ resource: stored }] };
            response.set('ETag', 'W/"1"').json(path.includes('?') ? found : stored);
            for (let step = 0; step < steps; step += 1) await Promise.resolve();
            Object.assign(stored, { id: 'bob', name: 'bob' });
            found.entry.push({ resource: { id: 'bob' } });
          };
          const { status, text } = await answered(path, guard, own);
          expect([status, text.includes('alice'), text.includes('bob')], `${path} ${steps}`).to.deep.equal([
            200,
            true,
            false,
          ]);
        }
      }
    });

    it("a host's query that is fixed in its place is the one that was judged all the same", async () => {
      const seen: unknown[] = [];
      const look: Handler = (request, response) => {
        seen.push({ ...(request as unknown as { readonly query: Json }).query });
        response.json({ resourceType: 'Bundle', type: 'searchset', entry: [] });
      };
      const fixed: Handler = (request, _response, next) => {
        Object.defineProperty(request, 'query', { value: { _summary: 'count' }, writable: true });
        next();
      };
      const frozen: Handler = (request, _response, next) => {
        Object.defineProperty(request, 'query', { value: { _summary: 'count' } });
        next();
      };
      // Express 4 has its own, which can be replaced.
      const { status } = await answered('/Observation?patient=alice', fixed, guard, look);
      expect(status).to.equal(200);
      expect(seen).to.deep.equal([{ patient: 'alice' }]);
      const refused = await answered('/Observation?patient=alice', frozen, guard, look);
      if (name === 'Express 5') expect([refused.status, seen.length]).to.deep.equal([500, 1]);
    });

    it('the request is the one that was judged: query, body and headers', async () => {
      const seen: unknown[] = [];
      const look: Handler = (request, response) => {
        const { query } = request as unknown as { readonly query: Json };
        seen.push([request.method, request.url, { ...query }, request.body]);
        response.json({ resourceType: 'Bundle', type: 'searchset', entry: [] });
      };
      const early: Handler = (request, _response, next) => {
        // A parser of the host's that came first, and read what was asked.
        Object.defineProperty(request, 'query', { value: { _summary: 'count', secret: '1' }, configurable: true });
        next();
      };
      await answered('/Observation?patient=alice&_format=json', guard, look);
      await answered('/Observation?_format=json', guard, look);
      await answered('/Observation', early, guard, look);
      expect(seen).to.deep.equal([
        ['GET', '/Observation?patient=alice', { patient: 'alice' }, undefined],
        ['GET', '/Observation', {}, undefined],
        ['GET', '/Observation', {}, undefined],
      ]);
    });
  });
}

describe('what is held in Fastify over HTTP/2', () => {
  it('is judged, and sent', async () => {
    const issuer = await Issuer.open();
    const alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'alice' });
    const app = fastify({ http2: true });
    await app.register(
      async (fhir) => {
        const options = { handler: issuer.handler(), baseUrl: BASE, fhirVersion: '4.0.1' };
        await fhir.register(smartFhirFastify as never, options as never);
        fhir.get('/Patient/:id', async (request, reply) => {
          const { id } = request.params as { readonly id: string };
          if (id === 'trailed') reply.trailer('x-sum', async () => 'SECRET');
          return reply.send(patient('alice'));
        });
      },
      { prefix: '/fhir' },
    );
    const address = await app.listen({ host: '127.0.0.1', port: 0 });
    const session = connectHttp2(address);
    try {
      const headers = { authorization: `Bearer ${alice}` };
      const own = await get(session, { ':path': '/fhir/Patient/alice', ...headers });
      expect([own.status, JSON.parse(own.text)]).to.deep.equal([200, patient('alice')]);
      const other = await get(session, { ':path': '/fhir/Patient/bob', ...headers });
      expect(other.status).to.equal(403);
      const trailed = await get(session, { ':path': '/fhir/Patient/trailed', ...headers });
      expect([trailed.status, trailed.trailers]).to.deep.equal([403, undefined]);
    } finally {
      session.close();
      await app.close();
      await issuer.close();
    }
  });

  function get(
    session: Http2Session & { request?: unknown },
    headers: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly text: string; readonly trailers: unknown }> {
    const stream = (session as ReturnType<typeof connectHttp2>).request(headers);
    return new Promise((resolve, reject) => {
      let status = 0;
      let text = '';
      let trailers: unknown;
      stream.setEncoding('utf8');
      stream.on('response', (answer) => (status = Number(answer[':status'])));
      stream.on('trailers', (given: Json) => (trailers = given['x-sum']));
      stream.on('data', (piece: string) => (text += piece));
      stream.on('close', () => {
        resolve({ status, text, trailers });
      });
      stream.on('error', reject);
      stream.end();
    });
  }
});

import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { GatewayEvent, GatewayOptions } from '../../src/gateway/index.js';
import type { SMARTHandler } from '../../src/index.js';
import { Issuer, secretOf } from '../http/clinic.js';
import type { Answered, Sent } from '../http/send.js';
import { send } from '../http/send.js';
import { fakeUpstream, openGateway, rawUpstream } from './open-gateway.js';

/** What an upstream says that nobody may see. */
const SECRET = secretOf('bob');

const alices = { resourceType: 'Patient', id: 'alice', name: [{ family: 'A' }] };
const json = 'application/fhir+json';

interface Outcome {
  readonly answer: Answered;
  readonly failure: string | undefined;
}

describe('an upstream that answers what it should not', () => {
  let issuer: Issuer;
  let handler: SMARTHandler;
  let alice: string;
  let system: string;

  before(async () => {
    issuer = await Issuer.open();
    handler = issuer.handler();
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
    system = await issuer.token('system/*.cruds');
  });

  after(() => issuer.close());

  const through = async (
    upstream: { readonly base: string; readonly close: () => Promise<void> },
    {
      path = '/Patient/alice',
      options = {},
      ...sent
    }: Sent & { path?: string; options?: Partial<GatewayOptions> } = {},
  ): Promise<Outcome> => {
    const events: GatewayEvent[] = [];
    const gateway = await openGateway(handler, upstream, { ...options, onRequest: (event) => events.push(event) });
    try {
      const answer = await send(gateway, path, { token: alice, ...sent });
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { answer, failure: events.at(-1)?.failure };
    } finally {
      await gateway.close();
      await upstream.close();
    }
  };

  const saying = async (
    status: number,
    headers: Readonly<Record<string, string>>,
    body: string | Buffer = '',
    sent: Parameters<typeof through>[1] = {},
  ): Promise<Outcome> => {
    const upstream = await fakeUpstream((_request, response) => {
      response.writeHead(status, headers).end(body);
    });
    return through(upstream, sent);
  };

  const isFailure = ({ answer, failure }: Outcome, status: number, code: string): void => {
    expect([answer.status, failure], answer.text).to.deep.equal([status, code]);
    expect(answer.json).to.have.property('resourceType', 'OperationOutcome');
    expect(answer.text).to.not.include('SECRET');
    expect(answer.headers['cache-control']).to.equal('no-store');
  };

  const text = JSON.stringify({ ...alices, text: SECRET });

  it('is not the gateway', async () => {
    const { answer } = await saying(200, { 'content-type': json }, text);
    expect([answer.status, answer.json['id']]).to.deep.equal([200, 'alice']);
  });

  const malformed: readonly (readonly [string, number, Readonly<Record<string, string>>, string | Buffer])[] = [
    ['no content type', 200, {}, text],
    ['another content type', 200, { 'content-type': 'text/html' }, `<html>${SECRET}</html>`],
    ['XML', 200, { 'content-type': 'application/fhir+xml' }, `<Patient>${SECRET}</Patient>`],
    ['gzip', 200, { 'content-type': json, 'content-encoding': 'gzip' }, gzipSync(text)],
    ['br that is none', 200, { 'content-type': json, 'content-encoding': 'br' }, text],
    ['truncated JSON', 200, { 'content-type': json }, text.slice(0, -1)],
    ['two resources', 200, { 'content-type': json }, `${text}${text}`],
    ['a byte order mark', 200, { 'content-type': json }, `\ufeff${text}`],
    ['bytes that are no UTF-8', 200, { 'content-type': json }, Buffer.concat([Buffer.from(text), Buffer.from([0xff])])],
    ['a name twice', 200, { 'content-type': json }, text.replace('"id":"alice"', '"id":"bob","id":"alice"')],
    ['a million brackets', 200, { 'content-type': json }, '['.repeat(1_000_000)],
    ['a text', 200, { 'content-type': json }, `"${SECRET}"`],
    ['a list', 200, { 'content-type': json }, `[${text}]`],
    ['null', 200, { 'content-type': json }, 'null'],
    ['nothing', 200, { 'content-type': json }, ''],
    ['204', 204, {}, ''],
    [
      'another type',
      200,
      { 'content-type': json },
      JSON.stringify({ ...alices, resourceType: 'Person', text: SECRET }),
    ],
    ['another id', 200, { 'content-type': json }, JSON.stringify({ ...alices, id: 'bob', text: SECRET })],
    [
      'an outcome that all is well',
      200,
      { 'content-type': json },
      JSON.stringify({ resourceType: 'OperationOutcome', issue: [{ diagnostics: SECRET }] }),
    ],
    [
      'a Bundle',
      200,
      { 'content-type': json },
      JSON.stringify({ resourceType: 'Bundle', entry: [{ resource: alices }], text: SECRET }),
    ],
  ];
  for (const [name, status, headers, body] of malformed) {
    it(`a read that is answered with ${name} is 502, for whoever asks`, async () => {
      isFailure(await saying(status, headers, body), 502, 'ERR_UPSTREAM_MALFORMED');
      isFailure(await saying(status, headers, body, { token: system }), 502, 'ERR_UPSTREAM_MALFORMED');
    });
  }

  it('a part of a resource, or one that is still to come, is refused', async () => {
    for (const status of [202, 206, 203]) {
      const { answer } = await saying(status, { 'content-type': json }, JSON.stringify({ ...alices, id: 'alice' }));
      expect(answer.status).to.be.oneOf([203, 403]);
    }
  });

  it('a write that may be done later, or in part, is no refused one', async () => {
    const body = { resourceType: 'Observation', status: 'final', subject: { reference: 'Patient/alice' } };
    for (const status of [202, 203, 206]) {
      const sent = { path: '/Observation', method: 'POST', body };
      isFailure(await saying(status, { 'content-type': json }, '', sent), 502, 'ERR_UPSTREAM_MALFORMED');
    }
    const entry = [{ request: { method: 'POST', url: 'Observation' }, resource: body }];
    const batch = { path: '', method: 'POST', body: { resourceType: 'Bundle', type: 'batch', entry } };
    const result = JSON.stringify({ resourceType: 'Bundle', type: 'batch-response', entry: [] });
    isFailure(await saying(202, { 'content-type': json }, result, batch), 502, 'ERR_UPSTREAM_MALFORMED');
  });

  it('tells when to come back by a number or a date, or not at all', async () => {
    const told = ['5', 'Sun, 22 Nov 2026 12:00:00 GMT'];
    const others = ['-1', '1e3', 'soon: ask Dr. Bob', '5; x', '<script>', '12345678901'];
    for (const after of [...told, ...others]) {
      const { answer } = await saying(429, { 'content-type': json, 'retry-after': after }, '');
      expect([answer.status, answer.headers['retry-after']], after).to.deep.equal([
        429,
        told.includes(after) ? after : undefined,
      ]);
    }
  });

  it('has so much time for all that a batch has to look up', async () => {
    let asked = 0;
    const upstream = await fakeUpstream((_request, response) => {
      asked += 1;
      setTimeout(() => response.writeHead(404, { 'content-type': json }).end('{}'), 50);
    });
    const entry = Array.from({ length: 400 }, (_each, index) => ({
      request: { method: 'DELETE', url: `Observation/x${index}` },
    }));
    const body = { resourceType: 'Bundle', type: 'batch', entry };
    const sent = { path: '', method: 'POST', body, options: { upstreamTimeoutMs: 500 } };
    isFailure(await through(upstream, sent), 504, 'ERR_UPSTREAM_TIMEOUT');
    // Eight at a time, for ten times 50 ms.
    expect(asked).to.be.within(1, 88);
  });

  it('a search that is answered with anything but a Bundle is 502', async () => {
    const search = { path: '/Observation' };
    for (const body of [text, JSON.stringify({ resourceType: 'Parameters', text: SECRET }), '{}']) {
      isFailure(await saying(200, { 'content-type': json }, body, search), 502, 'ERR_UPSTREAM_MALFORMED');
    }
  });

  it('redirects are not followed, wherever they lead', async () => {
    let asked = 0;
    const other = await fakeUpstream((_request, response) => {
      asked += 1;
      response.writeHead(200, { 'content-type': json }).end(text);
    });
    for (const status of [300, 301, 302, 303, 307, 308]) {
      const location = `${other.base}/Patient/alice`;
      isFailure(await saying(status, { location, 'content-type': json }, text), 502, 'ERR_UPSTREAM_REDIRECT');
    }
    isFailure(await saying(304, { etag: 'W/"1"' }), 502, 'ERR_UPSTREAM_REDIRECT');
    await other.close();
    expect(asked).to.equal(0);
  });

  it("its errors keep their status, and lose their texts; the gateway's own credentials are not the client's fault", async () => {
    for (const status of [400, 403, 404, 409, 410, 412, 422, 500, 501, 503]) {
      const { answer } = await saying(
        status,
        { 'content-type': 'text/html', 'retry-after': '3' },
        `<h1>${SECRET}</h1>`,
      );
      expect([answer.status, answer.text.includes('SECRET')]).to.deep.equal([status, false]);
      expect(answer.json).to.have.property('resourceType', 'OperationOutcome');
      expect(answer.headers['retry-after']).to.equal('3');
    }
    for (const status of [401, 407]) {
      isFailure(await saying(status, { 'www-authenticate': 'Basic realm="inner"' }), 502, 'ERR_UPSTREAM_CREDENTIALS');
    }
  });

  it('a header that comes twice, where one is expected, makes an answer none', async () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\n';
    const answers = [
      `${head}location: /a\r\nlocation: /b\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
      `${head}content-type: text/plain\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
      `${head}content-length: ${text.length}\r\ncontent-length: 5\r\n\r\n${text}`,
      `${head}content-length: ${text.length}\r\ntransfer-encoding: chunked\r\n\r\n${text}`,
      `${head}x: y\r\n z\r\n\0: a\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
    ];
    for (const said of answers) {
      const { answer } = await through(await rawUpstream((socket) => socket.end(said)));
      expect([answer.status, answer.text.includes('SECRET')], said.slice(0, 120)).to.deep.equal([502, false]);
    }
  });

  it('what is no HTTP, what breaks off, and what answers before the answer, is 502', async () => {
    const head = `HTTP/1.1 200 OK\r\ncontent-type: ${json}\r\n`;
    const said: readonly string[] = [
      '',
      'SSH-2.0-OpenSSH_9.2\r\n',
      'HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n',
      'HTTP/1.1 99 X\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n',
      `${head}content-length: ${text.length + 1}\r\n\r\n${text}`,
      `${head}transfer-encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n`,
      `${head}transfer-encoding: chunked\r\n\r\nzz\r\n${text}\r\n`,
      head.slice(0, 30),
    ];
    for (const bytes of said) {
      const outcome = await through(await rawUpstream((socket) => socket.end(bytes)));
      expect(outcome.answer.status, bytes.slice(0, 60)).to.equal(502);
      expect(outcome.answer.text).to.not.include('SECRET');
    }
  });

  it('an early hint says nothing to anybody', async () => {
    const hint = `HTTP/1.1 103 Early Hints\r\nlink: <${SECRET}>\r\n\r\n`;
    const last = `HTTP/1.1 200 OK\r\ncontent-type: ${json}\r\ncontent-length: ${JSON.stringify(alices).length}\r\n\r\n`;
    const bytes = `${hint}${last}${JSON.stringify(alices)}`;
    const { answer } = await through(await rawUpstream((socket) => socket.end(bytes)));
    expect([answer.status, answer.json['id'], 'link' in answer.headers]).to.deep.equal([200, 'alice', false]);
  });

  it('an answer is bounded in size, said or not', async () => {
    const big = JSON.stringify({ ...alices, text: 'x'.repeat(10 * 1024 * 1024) });
    const options = { maxResponseBytes: 1024 * 1024 };
    isFailure(await saying(200, { 'content-type': json }, big, { options }), 502, 'ERR_UPSTREAM_TOO_LARGE');
    let sent = 0;
    const endless = await fakeUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': json });
      const more = (): void => {
        if (response.destroyed) return;
        sent += 65_536;
        response.write(' '.repeat(65_536), more);
      };
      more();
    });
    isFailure(await through(endless, { options }), 502, 'ERR_UPSTREAM_TOO_LARGE');
    expect(sent).to.be.below(32 * 1024 * 1024);
    const { answer } = await saying(200, { 'content-type': json }, big);
    expect(answer.text.length).to.be.above(10 * 1024 * 1024);
  });

  it('an answer is bounded in time: to begin, to go on, and on the whole', async () => {
    const options = { upstreamTimeoutMs: 200 };
    const silent = await rawUpstream(() => undefined);
    isFailure(await through(silent, { options }), 504, 'ERR_UPSTREAM_TIMEOUT');
    const stuck = await rawUpstream((socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${json}\r\n`));
    isFailure(await through(stuck, { options }), 504, 'ERR_UPSTREAM_TIMEOUT');
    const dripping = await rawUpstream((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${json}\r\ntransfer-encoding: chunked\r\n\r\n`);
      const timer = setInterval(() => socket.write('1\r\n \r\n'), 20);
      socket.on('close', () => {
        clearInterval(timer);
      });
    });
    isFailure(await through(dripping, { options }), 504, 'ERR_UPSTREAM_TIMEOUT');
  });

  it('an upstream that is not there is 502', async () => {
    const upstream = await fakeUpstream(() => undefined);
    await upstream.close();
    isFailure(await through({ ...upstream, close: async () => undefined }), 502, 'ERR_UPSTREAM_UNREACHABLE');
  });

  it('a write is not tried when what is stored cannot be looked up, and says so', async () => {
    const methods: string[] = [];
    const upstream = await fakeUpstream((request, response) => {
      methods.push(request.method ?? '');
      response.writeHead(200, { 'content-type': 'text/html' }).end(SECRET);
    });
    isFailure(await through(upstream, { method: 'DELETE' }), 502, 'ERR_UPSTREAM_MALFORMED');
    expect(methods).to.deep.equal(['GET']);
    const other = JSON.stringify({ ...alices, id: 'bob' });
    isFailure(
      await saying(200, { 'content-type': json }, other, { method: 'DELETE', token: system }),
      502,
      'ERR_UPSTREAM_MALFORMED',
    );
  });

  it('a read that meets a connection that upstream has just closed is tried once more, a write never', async () => {
    let connections = 0;
    const upstream = (): ReturnType<typeof rawUpstream> =>
      rawUpstream((socket) => {
        connections += 1;
        if (connections === 1) {
          socket.destroy();
          return;
        }
        const body = JSON.stringify(alices);
        socket.end(`HTTP/1.1 200 OK\r\ncontent-type: ${json}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      });
    expect((await through(await upstream())).answer.status).to.equal(200);
    expect(connections).to.equal(2);
    connections = 0;
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const search = { method: 'POST', path: '/Patient/_search', headers: form, body: 'active=true' };
    // It is answered, if with what is no Bundle.
    expect((await through(await upstream(), search)).failure).to.equal('ERR_UPSTREAM_MALFORMED');
    expect(connections).to.equal(2);
    connections = 0;
    const body = { resourceType: 'Observation', status: 'final', subject: { reference: 'Patient/alice' } };
    const { answer } = await through(await upstream(), { method: 'POST', path: '/Observation', body });
    expect([answer.status, connections]).to.deep.equal([502, 1]);
  });
});

import { expect } from 'chai';
import type { SMARTHandler } from '../../src/index.js';
import { Clinic, Issuer, secretOf } from '../http/clinic.js';
import type { OpenGateway } from './open-gateway.js';
import { openGateway, say } from './open-gateway.js';
import type { RunningUpstream } from './upstreams.js';
import { clinicUpstream } from './upstreams.js';

describe('a gateway that is spoken to in bytes', () => {
  let issuer: Issuer;
  let clinic: Clinic;
  let handler: SMARTHandler;
  let upstream: RunningUpstream;
  let gateway: OpenGateway;
  let alice: string;
  let system: string;
  const reached: string[] = [];

  before(async () => {
    issuer = await Issuer.open();
    clinic = await Clinic.open();
    handler = issuer.handler();
    alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
    system = await issuer.token('system/*.cruds');
    upstream = await clinicUpstream(clinic, ({ method = '', url = '' }) => reached.push(`${method} ${url}`));
    gateway = await openGateway(handler, upstream, {
      headersTimeoutMs: 200,
      requestTimeoutMs: 400,
      keepAliveTimeoutMs: 200,
    });
  });

  beforeEach(() => {
    reached.length = 0;
  });

  after(async () => {
    await gateway.close();
    await upstream.close();
    await issuer.close();
  });

  const ask = (line: string, token: string, ...headers: readonly string[]): Promise<string> =>
    say(
      gateway.port,
      [line, 'Host: fhir.example.org', `Authorization: Bearer ${token}`, 'Connection: close', ...headers, '', ''].join(
        '\r\n',
      ),
    );

  it('serves what is plain', async () => {
    const answer = await ask('GET /fhir/Patient/bob HTTP/1.1', system);
    expect(answer)
      .to.match(/^HTTP\/1\.1 200 /)
      .and.include(secretOf('bob'));
    expect(reached).to.deep.equal(['GET /upstream/r4/Patient/bob']);
  });

  const targets = [
    '//Patient/bob',
    '/fhir//Patient/bob',
    '/fhir/Patient//bob',
    '/fhir/Patient%2Fbob',
    '/fhir/Patient/%62ob',
    '/fhir/%50atient/bob',
    '/fhir/./Patient/bob',
    '/fhir/../fhir/Patient/bob',
    '/fhir/Patient/alice/../bob',
    '/fhir/Patient/alice/%2e%2e/bob',
    '/fhir/Patient/alice/..%2fbob',
    '/fhir/Patient/alice/..%5cbob',
    '/fhir/Patient/alice\\..\\bob',
    '/fhir/Patient/bob/',
    '/fhir/Patient/bob;x=y',
    '/fhir/Patient;x=y/bob',
    '/fhir/Patient/bob#x',
    '/fhir/Patient/bob%00',
    '/fhir/Patient/bob%20',
    '/fhir/Patient/bob.json',
    '/fhir/patient/bob',
    '/FHIR/Patient/bob',
    '/upstream/r4/Patient/bob',
    '/Patient/bob',
    'http://fhir.example.org/fhir/Patient/bob',
    'http://127.0.0.1/upstream/r4/Patient/bob',
    'fhir/Patient/bob',
    '*',
    '/fhir/Patient/x$export',
    '/fhir/Patient/bob/_search',
    '/fhir/Patient/_search/bob',
    '/fhir/_search/Patient',
    '/fhir/Patient/bob/_history/',
    '/fhir/Patient/bob?_format=xml',
    '/fhir/Patient/bob?_format=json&_format=xml',
    '/fhir/Patient/bob?_method=DELETE',
    '/fhir/Patient?_id=alice;_id=bob',
    '/fhir/Patient?%5fid=bob&_id',
    '/fhir/Patient?_id=%ff',
    '/fhir/Patient?a[b]=c',
    '/fhir/Patient/b\u00f6b',
  ];
  for (const target of targets) {
    it(`never asks upstream for ${JSON.stringify(target)}`, async () => {
      for (const token of [alice, system]) {
        const answer = await ask(`GET ${target} HTTP/1.1`, token);
        if (target === '/fhir/Patient/bob.json') {
          // An id like any other.
          expect(answer).to.match(/^HTTP\/1\.1 404 /);
          continue;
        }
        expect(answer).to.match(/^HTTP\/1\.1 4\d\d /);
        expect(answer).to.not.include('SECRET');
        expect(reached).to.deep.equal([]);
      }
    });
  }

  it('takes methods as they are spelt, and no header for another one', async () => {
    for (const method of ['get', 'Get', 'TRACE', 'PROPFIND', 'PURGE', 'LINK', 'SEARCH']) {
      const answer = await ask(`${method} /fhir/Patient/bob HTTP/1.1`, system);
      expect(answer, method).to.match(/^HTTP\/1\.1 (?:4\d\d|501) /);
    }
    for (const header of ['X-HTTP-Method-Override: DELETE', 'X-Original-URL: /fhir/Patient/bob', 'X-Rewrite-URL: /x']) {
      expect(await ask('GET /fhir/Patient/bob HTTP/1.1', system, header), header).to.match(/^HTTP\/1\.1 400 /);
    }
    expect(reached).to.deep.equal([]);
  });

  it('reads where a request ends in one way, or not at all', async () => {
    const smuggled = `GET /fhir/Patient/bob HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${system}\r\n\r\n`;
    const token = `Authorization: Bearer ${alice}`;
    const heads = [
      `GET /fhir/Patient/alice HTTP/1.1\r\nHost: x\r\n${token}\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
      `GET /fhir/Patient/alice HTTP/1.1\r\nHost: x\r\n${token}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `POST /fhir/Patient HTTP/1.1\r\nHost: x\r\n${token}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `POST /fhir/Patient HTTP/1.1\r\nHost: x\r\n${token}\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n${smuggled}`,
      `POST /fhir/Patient HTTP/1.1\r\nHost: x\r\n${token}\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `POST /fhir/Patient HTTP/1.1\r\nHost: x\r\n${token}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `GET /fhir/Patient/alice HTTP/1.1\r\n${token}\r\n\r\n`,
      `GET /fhir/Patient/alice HTTP/1.1\r\nHost: x\r\nHost: y\r\n${token}\r\n\r\n`,
      `GET /fhir/Patient/alice HTTP/1.1\r\nHost: x\r\n${token}\r\n${token}\r\n\r\n`,
      `GET /fhir/Patient/alice HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n${token}\r\n\r\n`,
      `GET /fhir/Patient/alice HTTP/1.1\nHost: x\n${token}\n\n`,
      `GET /fhir/Patient/alice\r\n\r\n`,
      `CONNECT fhir.example.org:443 HTTP/1.1\r\nHost: x\r\n${token}\r\n\r\n`,
    ];
    for (const head of heads) {
      const answer = await say(gateway.port, head, 600);
      expect(answer, head.slice(0, 150)).to.not.include('SECRET');
      expect(answer, head.slice(0, 150)).to.not.match(/^HTTP\/1\.1 [25]/);
    }
    expect(reached).to.deep.equal([]);
  });

  it('reads nothing of a client that speaks HTTP/1.0 and sends in chunks', async () => {
    const form = 'Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked';
    const token = `Authorization: Bearer ${system}`;
    const search = `POST /fhir/Observation/_search HTTP/1.0\r\nHost: x\r\n${token}\r\nConnection: keep-alive\r\n${form}\r\n\r\n8\r\ncode=a|b\r\n0\r\n\r\n`;
    const next = `GET /fhir/Patient/bob HTTP/1.1\r\nHost: x\r\n${token}\r\n\r\n`;
    expect(await say(gateway.port, search + next, 600)).to.equal('');
    expect(reached).to.deep.equal([]);
  });

  it('answers requests that come in one piece in their order, each by its own token', async () => {
    const one = (token: string, last: boolean): string =>
      `GET /fhir/Patient/bob HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;
    const answer = await say(gateway.port, one(system, false) + one(alice, false) + one(system, true));
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).to.deep.equal(['200', '403', '200']);
  });

  it('holds no connection open for a client that sends slowly, or sends nothing', async () => {
    const started = performance.now();
    const idle = await Promise.all([
      say(gateway.port, 'GET /fhir/Patient/alice HTTP/1.1\r\nHost:', 20_000),
      say(
        gateway.port,
        `POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nAuthorization: Bearer ${alice}\r\nContent-Length: 100\r\n\r\n{`,
        20_000,
      ),
      say(gateway.port, 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n', 20_000),
    ]);
    expect(performance.now() - started).to.be.below(15_000);
    expect(idle[0]).to.match(/^HTTP\/1\.1 408 /);
    expect(idle[2]).to.match(/^HTTP\/1\.1 200 /);
    expect(reached).to.deep.equal([]);
  });

  it('reads no more of a body than it may, and no second request behind it', async () => {
    const small = await openGateway(handler, upstream, { maxBodyBytes: 2048 });
    const head = `POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nAuthorization: Bearer ${alice}\r\n`;
    const chunk = `1000\r\n${' '.repeat(4096)}\r\n`;
    const answers = await Promise.all([
      say(small.port, `${head}Content-Length: 1000000\r\n\r\n${' '.repeat(10_000)}`),
      say(small.port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}0\r\n\r\n`),
      say(small.port, `GET /fhir/Patient/alice HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
      say(small.port, `GET /fhir/Patient/${'a'.repeat(9000)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    ]);
    await small.close();
    expect(answers.map((answer) => /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])).to.deep.equal(['413', '413', '431', '414']);
    expect(reached).to.deep.equal([]);
  });
});

import { expect } from 'chai';
import { discover } from '../../../src/backend-services/client/discover.js';
import type { TestListener, TestServer } from '../http-server.js';
import { sendJson, startServer } from '../http-server.js';
import { thrown } from '../thrown.js';

describe('backend-services/client/discover', () => {
  let server: TestServer;
  let answer: TestListener;
  const options = { fetch, timeoutMs: 2000, maxBytes: 10_000, allowInsecureLoopback: true };

  before(async () => {
    server = await startServer((request, response) => answer(request, response));
  });
  after(() => server.close());
  beforeEach(() => {
    server.seen.length = 0;
    answer = (_, response) => sendJson(response, 200, { token_endpoint: 'https://as.example/token', other: 1 });
  });

  it('C4: appends the well-known path to the FHIR base', async () => {
    for (const base of ['/apis/fhir', '/apis/fhir/', '']) await discover(`${server.origin}${base}`, options);
    expect(server.seen.map(({ method, url }) => `${method} ${url}`)).to.deep.equal([
      'GET /apis/fhir/.well-known/smart-configuration',
      'GET /apis/fhir/.well-known/smart-configuration',
      'GET /.well-known/smart-configuration',
    ]);
    expect(server.seen[0]?.headers.accept).to.equal('application/json');
  });

  it('C5: resolves relative endpoints against the base', async () => {
    const endpoints = {
      'auth/token': `${server.origin}/apis/fhir/auth/token`,
      '/auth/token': `${server.origin}/auth/token`,
      '../auth/token': `${server.origin}/apis/auth/token`,
      './token?tenant=1': `${server.origin}/apis/fhir/token?tenant=1`,
    };
    for (const [text, url] of Object.entries(endpoints)) {
      answer = (_, response) => sendJson(response, 200, { token_endpoint: text });
      expect((await discover(`${server.origin}/apis/fhir`, options)).tokenEndpoint, text).to.equal(url);
    }
  });

  it('hands the document on as it came', async () => {
    const { tokenEndpoint, metadata } = await discover(server.origin, options);
    expect(tokenEndpoint).to.equal('https://as.example/token');
    expect(metadata).to.deep.equal({ token_endpoint: 'https://as.example/token', other: 1 });
  });

  it('C13: refuses http for the base and for the endpoint that it names', async () => {
    expect((await thrown(() => discover('http://fhir.example', options))).code).to.equal('ERR_URL_REFUSED');
    expect((await thrown(() => discover(server.origin, { ...options, allowInsecureLoopback: false }))).code).to.equal(
      'ERR_URL_REFUSED',
    );
    expect(server.seen).to.have.length(0);
    for (const text of [
      'http://as.example/token',
      '//as.example/token',
      'https://a@as.example/token',
      'https://as.example/t#f',
    ]) {
      answer = (_, response) => sendJson(response, 200, { token_endpoint: text });
      expect((await thrown(() => discover(server.origin, options))).code, text).to.equal('ERR_URL_REFUSED');
    }
  });

  it('refuses a token endpoint at another origin than the pinned one', async () => {
    const pinned = { ...options, tokenEndpointOrigin: 'https://other.example' };
    expect((await thrown(() => discover(server.origin, pinned))).code).to.equal('ERR_DISCOVERY_ORIGIN');
    const right = { ...options, tokenEndpointOrigin: 'https://as.example' };
    expect((await discover(server.origin, right)).tokenEndpoint).to.equal('https://as.example/token');
  });

  it('refuses an endpoint that is inside the base as a relative URL, and elsewhere as an absolute one', async () => {
    const answerWith = (text: string) => (): Promise<Response> =>
      Promise.resolve(Response.json({ token_endpoint: text }));
    const bases: readonly (readonly [base: string, scheme: string])[] = [
      ['https://fhir.example/r4', 'https:'],
      ['http://127.0.0.1:1/r4', 'http:'],
    ];
    for (const [base, scheme] of bases) {
      for (const rest of [
        'evil.example/token',
        '/evil.example/token',
        '\\evil.example/token',
        '\tevil.example/token',
      ]) {
        for (const text of [
          `${scheme}${rest}`,
          `  ${scheme}${rest}`,
          `${scheme.toUpperCase()}${rest}`,
          `\n${scheme}${rest}`,
        ]) {
          const pinned = { ...options, fetch: answerWith(text), tokenEndpointOrigin: new URL(base).origin };
          expect((await thrown(() => discover(base, pinned))).code, JSON.stringify(text)).to.equal('ERR_URL_REFUSED');
          const free = { ...options, fetch: answerWith(text) };
          expect((await thrown(() => discover(base, free))).code, JSON.stringify(text)).to.equal('ERR_URL_REFUSED');
        }
      }
    }
  });

  it('writes out an endpoint that is spelt oddly but means one URL', async () => {
    const spellings = {
      '  https://as.example/token\n': 'https://as.example/token',
      'https:\\\\as.example\\token': 'https://as.example/token',
      'https:////as.example/token': 'https://as.example/token',
      'HTTPS://AS.example/x/../token': 'HTTPS://AS.example/x/../token',
    };
    for (const [text, url] of Object.entries(spellings)) {
      const fetchOne = (): Promise<Response> => Promise.resolve(Response.json({ token_endpoint: text }));
      const found = await discover('https://fhir.example/r4', { ...options, fetch: fetchOne });
      expect(found.tokenEndpoint, JSON.stringify(text)).to.equal(url);
    }
  });

  it('does not follow redirects', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      answer = (_, response) => {
        response.writeHead(status, { location: `${server.origin}/elsewhere` });
        response.end();
      };
      expect(await thrown(() => discover(server.origin, options))).to.include({ code: 'ERR_REDIRECT', status });
    }
    expect(server.seen.every(({ url }) => url !== '/elsewhere')).to.equal(true);
  });

  it('refuses a fetch that followed a redirect by itself', async () => {
    answer = ({ url }, response) => {
      if (url === '/elsewhere') return sendJson(response, 200, { token_endpoint: 'https://evil.example/token' });
      response.writeHead(302, { location: '/elsewhere' });
      response.end();
      return undefined;
    };
    const following = {
      ...options,
      fetch: (url: string, init: RequestInit) => fetch(url, { ...init, redirect: 'follow' }),
    };
    expect((await thrown(() => discover(server.origin, following))).code).to.equal('ERR_REDIRECT');
  });

  it('refuses every other answer with ERR_DISCOVERY', async () => {
    const answers: Record<string, TestListener> = {
      404: (_, response) => sendJson(response, 404, {}),
      500: (_, response) => sendJson(response, 500, { token_endpoint: 'https://as.example/token' }),
      204: (_, response) => response.writeHead(204).end(),
      HTML: (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      'a list': (_, response) => sendJson(response, 200, ['https://as.example/token']),
      null: (_, response) => sendJson(response, 200, null),
      'no endpoint': (_, response) => sendJson(response, 200, { authorization_endpoint: 'https://as.example/a' }),
      'an endpoint that is no string': (_, response) =>
        sendJson(response, 200, { token_endpoint: ['https://as.example'] }),
      'an empty endpoint': (_, response) => sendJson(response, 200, { token_endpoint: '' }),
    };
    for (const [name, listener] of Object.entries(answers)) {
      answer = listener;
      expect((await thrown(() => discover(server.origin, options))).code, name).to.equal('ERR_DISCOVERY');
    }
  });

  it('reads no more than the bound, whatever Content-Length says, compressed or not', async () => {
    const { gzipSync } = await import('node:zlib');
    const body = JSON.stringify({ token_endpoint: 'https://as.example/token', padding: 'x'.repeat(20_000) });
    const answers: TestListener[] = [
      (_, response) => response.writeHead(200).end(body),
      (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body)),
      (_, response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write('x'.repeat(1000)), 1);
        response.on('close', () => {
          clearInterval(timer);
        });
      },
    ];
    for (const listener of answers) {
      answer = listener;
      expect((await thrown(() => discover(server.origin, options))).code).to.equal('ERR_RESPONSE_TOO_LARGE');
    }
  });

  it('waits no longer than the bound: for headers, for the body, for a fetch that ignores its signal', async () => {
    const bounds = { ...options, timeoutMs: 60 };
    answer = () => undefined;
    expect((await thrown(() => discover(server.origin, bounds))).code).to.equal('ERR_TIMEOUT');
    answer = (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 5);
      response.on('close', () => {
        clearInterval(timer);
      });
    };
    expect((await thrown(() => discover(server.origin, bounds))).code).to.equal('ERR_TIMEOUT');
    const deaf = { ...bounds, fetch: () => new Promise<Response>(() => undefined) };
    expect((await thrown(() => discover(server.origin, deaf))).code).to.equal('ERR_TIMEOUT');
  });

  it('says ERR_NETWORK when nobody is there', async () => {
    const gone = await startServer(() => undefined);
    await gone.close();
    const error = await thrown(() => discover(gone.origin, options));
    expect(error.code).to.equal('ERR_NETWORK');
    expect(error.cause).to.be.instanceOf(Error);
  });
});

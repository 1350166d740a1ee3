import { inspect } from 'node:util';
import { expect } from 'chai';
import { createBackendServicesClient } from '../../../src/backend-services/client/create.js';
import type {
  BackendServicesClient,
  BackendServicesClientOptions,
} from '../../../src/backend-services/client/create.js';
import type { TestListener, TestServer } from '../http-server.js';
import { sendJson, startServer } from '../http-server.js';
import { ecKey } from '../test-keys.js';
import { thrown } from '../thrown.js';
import type { SmartServer } from './token-server.js';
import { startSmartServer } from './token-server.js';

describe('backend-services/client/create', () => {
  let server: SmartServer;
  let foreign: TestServer;
  let options: BackendServicesClientOptions;
  /** Milliseconds since 1970, moved by the tests. */
  let time: number;

  before(async () => {
    foreign = await startServer((_, response) => sendJson(response, 200, { foreign: true }));
  });
  after(() => foreign.close());
  beforeEach(async () => {
    const key = await ecKey();
    server = await startSmartServer(key);
    foreign.seen.length = 0;
    time = 1_709_157_663_000;
    options = {
      fhirBaseUrl: server.fhirBase,
      clientId: 'gateway',
      privateKey: key.privatePem,
      scope: ['system/Patient.rs', 'system/Immunization.cruds'],
      allowInsecureLoopback: true,
      retryDelayMs: 1,
      now: () => time,
    };
  });
  afterEach(() => server.close());

  const create = (more: Partial<BackendServicesClientOptions> = {}): BackendServicesClient =>
    createBackendServicesClient({ ...options, ...more });
  const status =
    (code: number, body: unknown = {}, headers: Record<string, string> = {}): TestListener =>
    (_, response) =>
      sendJson(response, code, body, headers);
  const invalidToken = status(401, {}, { 'www-authenticate': 'Bearer realm="fhir", error="invalid_token"' });

  describe('getToken', () => {
    it('C8: posts exactly scope, grant_type, client_assertion_type and client_assertion, without Authorization', async () => {
      await create().getToken();
      const [{ request, form } = expect.fail('no token request')] = server.tokenRequests;
      expect([...form.keys()].sort()).to.deep.equal([
        'client_assertion',
        'client_assertion_type',
        'grant_type',
        'scope',
      ]);
      expect(form.get('grant_type')).to.equal('client_credentials');
      expect(form.get('client_assertion_type')).to.equal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      expect(form.get('scope')).to.equal('system/Patient.rs system/Immunization.cruds');
      expect(request.method).to.equal('POST');
      expect(request.headers['content-type']).to.match(/^application\/x-www-form-urlencoded/);
      expect(request.headers.accept).to.equal('application/json');
      expect(request.headers).not.to.have.property('authorization');
      expect(request.headers).not.to.have.property('cookie');
    });

    it('C7: the assertion names the token endpoint as a string and lives at most 300 s', async () => {
      await create({ assertionLifetimeSeconds: 300 }).getToken();
      const { payload, header } = server.tokenRequests[0]!;
      expect(payload).to.include({ iss: 'gateway', sub: 'gateway', aud: server.tokenEndpoint, exp: time / 1000 + 300 });
      expect(header).to.deep.equal({ alg: 'ES384', kid: (await ecKey()).kid, typ: 'JWT' });
    });

    it('C6: names the jku that is registered', async () => {
      const jku = 'https://client.example/jwks.json';
      await create({ jku }).getToken();
      expect(server.tokenRequests[0]?.header).to.include({ jku });
    });

    it('uses the audience to the letter as discovery wrote it, and posts there', async () => {
      const text = `${server.origin}/x/../auth/token?tenant=%7e1`;
      server.configuration = { token_endpoint: text };
      await create().getToken();
      const { payload, request } = server.tokenRequests[0]!;
      expect(payload.aud).to.equal(text);
      expect(request.url).to.equal('/auth/token?tenant=%7e1');
    });

    it('posts an assertion to no server that a discovery names in a spelling with two meanings', async () => {
      const sent: string[] = [];
      for (const text of ['https:evil.example/token', 'https:/evil.example/token', ' https:evil.example/token']) {
        const client = create({
          fhirBaseUrl: 'https://fhir.example/r4',
          tokenEndpointOrigin: 'https://fhir.example',
          fetch: (url) => {
            sent.push(url);
            return Promise.resolve(Response.json({ token_endpoint: text }));
          },
        });
        expect((await thrown(() => client.getToken())).code, text).to.equal('ERR_URL_REFUSED');
      }
      expect(new Set(sent)).to.deep.equal(new Set(['https://fhir.example/r4/.well-known/smart-configuration']));
    });

    it('works with a token endpoint alone, and discovers nothing then', async () => {
      delete (options as { fhirBaseUrl?: string }).fhirBaseUrl;
      const client = create({ tokenEndpoint: server.tokenEndpoint });
      expect((await client.getToken()).accessToken).to.equal('token-1');
      expect(server.seen).to.have.length(1);
      for (const call of [() => client.fetch('Patient/1'), () => client.getConfiguration()]) {
        expect(await thrown(call)).to.include({ code: 'ERR_CONFIG', key: 'fhirBaseUrl' });
      }
    });

    it('keeps a token until shortly before it expires', async () => {
      const client = create({ renewBeforeSeconds: 30 });
      const first = await client.getToken();
      expect(first).to.include({
        accessToken: 'token-1',
        tokenType: 'Bearer',
        expiresIn: 300,
        expiresAt: time + 300_000,
      });
      time += 269_000;
      expect((await client.getToken()).accessToken).to.equal('token-1');
      time += 1000;
      expect((await client.getToken()).accessToken).to.equal('token-2');
      expect(server.tokenRequests).to.have.length(2);
      expect(server.seen.filter(({ url }) => url.includes('well-known'))).to.have.length(1);
    });

    it('keeps a token that lives less than twice the margin for half its life', async () => {
      server.tokenBody = { expires_in: 20 };
      const client = create({ renewBeforeSeconds: 30 });
      await client.getToken();
      time += 9000;
      expect((await client.getToken()).accessToken).to.equal('token-1');
      time += 1000;
      expect((await client.getToken()).accessToken).to.equal('token-2');
    });

    it('never keeps a token that is expired when it arrives, nor one for longer than a day', async () => {
      server.tokenBody = { expires_in: 0 };
      const client = create();
      expect([(await client.getToken()).accessToken, (await client.getToken()).accessToken]).to.deep.equal([
        'token-1',
        'token-2',
      ]);
      server.tokenBody = { expires_in: 1e15 };
      expect((await client.getToken()).expiresIn).to.equal(86_400);
    });

    it('takes 300 s for a token without expires_in', async () => {
      server.tokenBody = { expires_in: undefined };
      expect((await create().getToken()).expiresIn).to.equal(300);
    });

    it('asks once for many callers at a time', async () => {
      const client = create();
      const tokens = await Promise.all(Array.from({ length: 50 }, () => client.getToken()));
      expect(new Set(tokens.map(({ accessToken }) => accessToken))).to.deep.equal(new Set(['token-1']));
      expect(server.tokenRequests).to.have.length(1);
    });

    it('fails for all callers at a time, and asks anew for the next', async () => {
      server.tokenAnswers.push(status(400, { error: 'invalid_client' }));
      const client = create();
      const outcomes = await Promise.allSettled([client.getToken(), client.getToken(), client.getToken()]);
      expect(outcomes.map((outcome) => outcome.status)).to.deep.equal(['rejected', 'rejected', 'rejected']);
      expect(server.tokenRequests).to.have.length(1);
      expect((await client.getToken()).accessToken).to.equal('token-1');
    });

    it('C9: after 503 it tries again with a new jti', async () => {
      server.tokenAnswers.push(status(503));
      expect((await create().getToken()).accessToken).to.equal('token-1');
      const jtis = server.tokenRequests.map(({ payload }) => payload.jti);
      expect(jtis).to.have.length(2);
      expect(new Set(jtis).size).to.equal(2);
    });

    it('C9: no two token requests share a jti, whatever led to them', async () => {
      const client = create({ retries: 3 });
      server.tokenAnswers.push(status(503), status(429), (_, response) => response.destroy());
      await client.getToken();
      server.fhirAnswers.push(invalidToken);
      await client.fetch('Patient/1');
      time += 1_000_000;
      await client.getToken();
      const jtis = server.tokenRequests.map(({ payload }) => payload.jti);
      expect(jtis).to.have.length(6);
      expect(new Set(jtis).size).to.equal(6);
    });

    it('waits as Retry-After says, and gives up at once where that is too long', async () => {
      const client = create({ maxRetryDelayMs: 1000 });
      server.tokenAnswers.push(status(503, {}, { 'retry-after': '1' }));
      const started = performance.now();
      await client.getToken();
      expect(performance.now() - started).to.be.greaterThan(990);
      time += 1_000_000;
      server.tokenAnswers.push(status(503, {}, { 'retry-after': '2' }));
      const error = await thrown(() => client.getToken());
      expect(error).to.include({ code: 'ERR_TOKEN_REQUEST', status: 503, retryAfterSeconds: 2 });
    });

    it('does not repeat what the server refused', async () => {
      for (const code of [400, 401, 403, 404, 500]) {
        server.tokenRequests.length = 0;
        server.tokenAnswers.push(status(code, { error: 'invalid_client' }));
        expect(await thrown(() => create({ retries: 5 }).getToken())).to.include({
          code: 'ERR_TOKEN_REQUEST',
          status: code,
        });
        expect(server.tokenRequests, String(code)).to.have.length(1);
      }
    });

    it('goes on with a token that is still good while the server is away, and not when it says no', async () => {
      const client = create({ retries: 0 });
      await client.getToken();
      time += 280_000;
      server.tokenAnswers.push(status(503));
      expect((await client.getToken()).accessToken).to.equal('token-1');
      server.tokenAnswers.push(status(400, { error: 'unauthorized_client' }));
      expect((await thrown(() => client.getToken())).code).to.equal('ERR_TOKEN_REQUEST');
      time += 20_000;
      server.tokenAnswers.push(status(503));
      expect((await thrown(() => client.getToken())).code).to.equal('ERR_TOKEN_REQUEST');
    });

    it('does not go on with a token that expired while the server was away', async () => {
      const client = create({ retries: 0 });
      await client.getToken();
      time += 299_000;
      server.tokenAnswers.push((request, response) => {
        time += 1000;
        return status(503)(request, response);
      });
      expect((await thrown(() => client.getToken())).code).to.equal('ERR_TOKEN_REQUEST');
    });

    it('C10: takes token_type in any case, and no other type', async () => {
      for (const type of ['bearer', 'Bearer', 'BEARER']) {
        server.tokenBody = { token_type: type };
        expect((await create().getToken()).tokenType, type).to.equal('Bearer');
      }
      for (const type of ['mac', 'DPoP', 'N_A']) {
        server.tokenBody = { token_type: type };
        expect((await thrown(() => create().getToken())).code, type).to.equal('ERR_TOKEN_TYPE');
      }
    });

    it('C10: ignores fields that it does not know', async () => {
      server.tokenBody = { id_token: 'no JWT', refresh_token: 5, patient: '1', unknown: { deep: [] } };
      expect((await create().getToken()).accessToken).to.equal('token-1');
    });

    it('C10: reports scopes that were narrowed, and widened, by their meaning', async () => {
      server.tokenBody = { scope: 'system/Immunization.* system/Patient.read' };
      expect(await create().getToken()).to.deep.include({
        scope: 'system/Immunization.* system/Patient.read',
        narrowed: [],
        widened: [],
      });
      server.tokenBody = { scope: 'system/Patient.rs system/Immunization.rs' };
      expect(await create().getToken()).to.deep.include({ narrowed: ['system/Immunization.cruds'], widened: [] });
      server.tokenBody = { scope: 'system/Patient.* system/Immunization.cruds' };
      expect(await create().getToken()).to.deep.include({ narrowed: [], widened: ['system/Patient.*'] });
      server.tokenBody = { scope: undefined };
      expect(await create().getToken()).to.deep.include({
        scope: 'system/Patient.rs system/Immunization.cruds',
        narrowed: [],
      });
    });

    it('refuses answers without a usable token', async () => {
      const bodies: Record<string, unknown>[] = [
        { access_token: undefined },
        { access_token: '' },
        { access_token: 5 },
        { access_token: 'two words' },
        { access_token: 'line\r\nX-Injected: 1' },
        { access_token: 'ünicode' },
        { token_type: undefined },
        { token_type: 1 },
        { expires_in: 'soon' },
        { expires_in: -1 },
        { scope: ['system/Patient.rs'] },
      ];
      for (const body of bodies) {
        server.tokenBody = body;
        expect((await thrown(() => create().getToken())).code, JSON.stringify(body)).to.equal('ERR_TOKEN_RESPONSE');
      }
      const noJson: TestListener = (_, response) => response.writeHead(200).end('token');
      for (const listener of [noJson, status(200, []), status(200, null), status(200, 'token')]) {
        server.tokenAnswers.push(listener);
        expect((await thrown(() => create().getToken())).code).to.equal('ERR_TOKEN_RESPONSE');
      }
      server.tokenAnswers.push(status(201, { access_token: 'a', token_type: 'Bearer', expires_in: 300 }));
      expect((await thrown(() => create().getToken())).code).to.equal('ERR_TOKEN_REQUEST');
    });

    it('tells status, error and error_description of a refusal', async () => {
      server.tokenAnswers.push(
        status(
          401,
          { error: 'invalid_client', error_description: 'unknown key' },
          { 'www-authenticate': 'Basic realm="as"' },
        ),
      );
      const error = await thrown(() => create().getToken());
      expect(error).to.include({
        code: 'ERR_TOKEN_REQUEST',
        status: 401,
        error: 'invalid_client',
        error_description: 'unknown key',
      });
      expect(error.message).to.include('401').and.to.include('invalid_client').and.to.include('unknown key');
      server.tokenAnswers.push((_, response) =>
        response.writeHead(400, { 'content-type': 'text/html' }).end('<h1>No</h1>'),
      );
      expect(await thrown(() => create().getToken())).to.include({ status: 400, error: undefined });
    });

    it('never lets the assertion, the key or a token into an error', async () => {
      const { privatePem } = await ecKey();
      const echo: TestListener = ({ body }, response) => {
        const assertion = new URLSearchParams(body).get('client_assertion') ?? '';
        const [header, payload, signature] = assertion.split('.');
        sendJson(response, 400, {
          error: `invalid_client ${assertion}`,
          error_description: `assertion ${assertion} has "signature" ${signature} of ${header}.${payload}\r\nX: y\u001b[31m`,
        });
      };
      const failing: TestListener[] = [
        echo,
        status(200, { access_token: 'secret-token', token_type: 'mac' }),
        status(200, { access_token: 'secret-token secret', token_type: 'Bearer' }),
        status(200, { access_token: 'secret-token', token_type: 'Bearer', expires_in: 'x' }),
      ];
      for (const listener of failing) {
        server.tokenRequests.length = 0;
        server.tokenAnswers.push(listener);
        const error = await thrown(() => create().getToken());
        const shown = `${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`;
        const assertion = server.tokenRequests[0]?.form.get('client_assertion') ?? expect.fail('no assertion');
        for (const part of [...assertion.split('.'), 'secret-token', privatePem.split('\n')[1]!])
          expect(shown).not.to.include(part);
      }
      const error = (server.tokenAnswers.push(echo), await thrown(() => create().getToken())) as Error & {
        error_description: string;
      };
      expect(error.error_description).to.match(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,300}$/);
    });

    it('keeps nothing of what a fetch of somebody else throws, which may hold the assertion', async () => {
      const failures: ((url: string, body: string) => unknown)[] = [
        (url, body) =>
          Object.assign(new Error('socket hang up'), { code: 'ECONNRESET', config: { url, data: body }, body }),
        (_, body) => Object.assign(new Error(`cannot send ${body}`), { code: 'ECONNRESET' }),
        (_, body) => new Error('failed', { cause: Object.assign(new Error(body), { code: 'ECONNRESET', body }) }),
        (_, body) => ({ code: 'ECONNRESET', request: [{ body }] }),
      ];
      for (const failure of failures) {
        let assertion = '';
        const client = create({
          retries: 0,
          fetch: (url, init) => {
            if (url.includes('well-known')) return fetch(url, init);
            const body = new URLSearchParams(init.body as URLSearchParams).toString();
            assertion = new URLSearchParams(body).get('client_assertion') ?? '';
            throw failure(url, body);
          },
        });
        const error = await thrown(() => client.getToken());
        expect(error).to.include({ code: 'ERR_NETWORK' });
        expect(error.cause).to.include({ code: 'ECONNRESET' });
        const shown = `${inspect(error, { depth: 10, showHidden: true })}${JSON.stringify(error)}`;
        expect(assertion.split('.')).to.have.length(3);
        for (const part of assertion.split('.')) expect(shown).not.to.include(part);
      }
    });

    it('C13: refuses http unless the loopback interface was opted in', async () => {
      for (const wrong of [
        { fhirBaseUrl: 'http://fhir.example/r4' },
        { fhirBaseUrl: 'https://fhir.example', tokenEndpoint: 'http://as.example/token' },
        { jku: 'http://client.example/jwks.json' },
      ]) {
        expect((await thrown(() => create(wrong))).code, JSON.stringify(wrong)).to.equal('ERR_URL_REFUSED');
      }
      expect((await thrown(() => create({ allowInsecureLoopback: false }))).code).to.equal('ERR_URL_REFUSED');
      server.configuration = { token_endpoint: 'http://as.example/token' };
      expect((await thrown(() => create().getToken())).code).to.equal('ERR_URL_REFUSED');
    });

    it('does not follow a redirect of the token endpoint with the assertion', async () => {
      for (const code of [301, 302, 307, 308]) {
        server.tokenAnswers.push((_, response) =>
          response.writeHead(code, { location: `${foreign.origin}/token` }).end(),
        );
        expect(await thrown(() => create().getToken())).to.include({ code: 'ERR_REDIRECT', status: code });
      }
      expect(foreign.seen).to.have.length(0);
    });

    it('bounds the token request in time and size', async () => {
      server.tokenAnswers.push(() => undefined);
      expect((await thrown(() => create({ timeoutMs: 100, retries: 0 }).getToken())).code).to.equal('ERR_TIMEOUT');
      server.tokenAnswers.push(status(200, { access_token: 'x'.repeat(300_000), token_type: 'Bearer' }));
      expect((await thrown(() => create().getToken())).code).to.equal('ERR_RESPONSE_TOO_LARGE');
    });

    it('pins the origin of the token endpoint that was discovered first', async () => {
      const client = create({ discoveryMaxAgeSeconds: 600 });
      await client.getToken();
      server.configuration = { token_endpoint: `${foreign.origin}/token` };
      time += 599_000;
      expect((await client.getToken()).accessToken).to.equal('token-2');
      time += 601_000;
      expect((await thrown(() => client.getToken())).code).to.equal('ERR_DISCOVERY_ORIGIN');
      expect(foreign.seen).to.have.length(0);
      const told = create({ tokenEndpointOrigin: server.origin });
      expect((await thrown(() => told.getToken())).code).to.equal('ERR_DISCOVERY_ORIGIN');
    });
  });

  describe('fetch', () => {
    it('sends the token to URLs inside the FHIR base, relative ones too', async () => {
      const client = create();
      for (const url of [
        'Patient/1',
        './Patient/1',
        `${server.fhirBase}/Patient/1`,
        new URL(`${server.fhirBase}/Patient/1`),
      ]) {
        const response = await client.fetch(url);
        expect(await response.json()).to.deep.equal({ resourceType: 'Patient' });
      }
      expect(server.fhirRequests.map(({ url, headers }) => [url, headers.authorization])).to.deep.equal(
        Array.from({ length: 4 }, () => ['/apis/fhir/Patient/1', 'Bearer token-1']),
      );
      expect(server.fhirRequests[0]?.headers.accept).to.equal('application/fhir+json');
    });

    it('passes method, headers and body on', async () => {
      const body = JSON.stringify({ resourceType: 'Immunization' });
      await create().fetch('Immunization', {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/fhir+json', Prefer: 'return=minimal' },
      });
      expect(server.fhirRequests[0]).to.deep.include({ method: 'POST', body });
      expect(server.fhirRequests[0]?.headers).to.include({
        'content-type': 'application/fhir+json',
        prefer: 'return=minimal',
      });
    });

    it('C11: sends no token to other servers, whatever a link says', async () => {
      const client = create();
      await client.getToken();
      const links = [
        `${foreign.origin}/apis/fhir/Patient?page=2`,
        `//${new URL(foreign.origin).host}/apis/fhir/Patient`,
        `${server.origin}/other/Patient`,
        `${server.fhirBase}/../other/Patient`,
        `${server.fhirBase}/..%2fother`,
        `${server.fhirBase}x/Patient`,
        '/Patient/1',
      ];
      for (const link of links) expect((await client.fetch(link)).status, link).to.equal(200);
      const seen = [...foreign.seen, ...server.fhirRequests];
      expect(seen).to.have.length(links.length);
      for (const { url, headers } of seen) expect(headers, url).not.to.have.property('authorization');
    });

    it('C11: does not carry the token along a redirect', async () => {
      for (const code of [302, 307]) {
        server.fhirAnswers.push((_, response) =>
          response.writeHead(code, { location: `${foreign.origin}/file` }).end(),
        );
        const response = await create().fetch('Binary/1', { redirect: 'follow' });
        expect([response.status, response.headers.get('location')]).to.deep.equal([code, `${foreign.origin}/file`]);
      }
      expect(foreign.seen).to.have.length(0);
    });

    it('C14: on 401 invalid_token it renews once, with one extra token request', async () => {
      const client = create();
      await client.fetch('Patient/1');
      server.fhirAnswers.push(invalidToken);
      expect((await client.fetch('Patient/1')).status).to.equal(200);
      expect(server.tokenRequests).to.have.length(2);
      expect(server.fhirRequests.map(({ headers }) => headers.authorization)).to.deep.equal([
        'Bearer token-1',
        'Bearer token-1',
        'Bearer token-2',
      ]);
    });

    it('C14: a second 401 is handed back, and not tried again', async () => {
      server.fhirAnswers.push(invalidToken, invalidToken);
      const response = await create().fetch('Patient/1');
      expect(response.status).to.equal(401);
      expect(response.headers.get('www-authenticate')).to.include('invalid_token');
      expect(server.tokenRequests).to.have.length(2);
      expect(server.fhirRequests).to.have.length(2);
    });

    it('C14: other refusals renew nothing', async () => {
      const client = create();
      const refusals: TestListener[] = [
        status(401),
        status(401, {}, { 'www-authenticate': 'Bearer realm="fhir"' }),
        status(401, {}, { 'www-authenticate': 'Basic error="invalid_token"' }),
        status(401, {}, { 'www-authenticate': 'Bearer error="invalid_request", error_description="invalid_token"' }),
        status(403, {}, { 'www-authenticate': 'Bearer error="insufficient_scope"' }),
        status(403, {}, { 'www-authenticate': 'Bearer error="invalid_token"' }),
        status(500),
      ];
      for (const refusal of refusals) {
        server.fhirAnswers.push(refusal);
        await client.fetch('Patient/1');
      }
      expect(server.tokenRequests).to.have.length(1);
      expect(server.fhirRequests).to.have.length(refusals.length);
    });

    it('C14: finds the challenge among others', async () => {
      const client = create();
      for (const challenge of [
        'Basic realm="a, b", Bearer realm="x, error=\\"no\\"", error="invalid_token", error_description="expired"',
        'bearer error=invalid_token',
        'Negotiate, BEARER error="invalid_token"',
      ]) {
        server.tokenRequests.length = 0;
        server.fhirAnswers.push(status(401, {}, { 'www-authenticate': challenge }));
        await client.getToken();
        const before = server.tokenRequests.length;
        expect((await client.fetch('Patient/1')).status, challenge).to.equal(200);
        expect(server.tokenRequests.length - before, challenge).to.equal(1);
      }
    });

    it('C14: renews on any 401 where that was asked for', async () => {
      server.fhirAnswers.push(status(401));
      expect((await create({ renewOn: 'any-401' }).fetch('Patient/1')).status).to.equal(200);
      expect(server.tokenRequests).to.have.length(2);
    });

    it('C14: many requests refused at a time renew one token', async () => {
      const client = create();
      await client.getToken();
      server.revoked.add('token-1');
      const responses = await Promise.all(Array.from({ length: 20 }, () => client.fetch('Patient/1')));
      expect(responses.map(({ status: code }) => code)).to.deep.equal(Array.from({ length: 20 }, () => 200));
      expect(server.tokenRequests).to.have.length(2);
    });

    it('C14: a body is sent again, and one that can be sent only once is not', async () => {
      const client = create();
      server.fhirAnswers.push(invalidToken);
      await client.fetch('Immunization', { method: 'POST', body: new URLSearchParams({ a: '1' }) });
      expect(server.fhirRequests.map(({ body }) => body)).to.deep.equal(['a=1', 'a=1']);
      server.fhirAnswers.push(invalidToken);
      const stream = new Blob(['{}']).stream();
      const response = await client.fetch('Immunization', {
        method: 'POST',
        body: stream,
        duplex: 'half',
      });
      expect(response.status).to.equal(401);
      expect(server.fhirRequests).to.have.length(3);
      // The refused token is gone all the same.
      expect((await client.getToken()).accessToken).to.equal('token-3');
    });

    it('refuses an Authorization header of the caller’s own inside the base', async () => {
      const error = await thrown(() => create().fetch('Patient/1', { headers: { Authorization: 'Bearer mine' } }));
      expect(error).to.include({ code: 'ERR_CONFIG', key: 'init.headers' });
      expect(error.message).not.to.include('mine');
      expect(server.fhirRequests).to.have.length(0);
    });

    it('passes the caller’s signal on', async () => {
      server.fhirAnswers.push(() => undefined);
      const error = await thrown(() => create().fetch('Patient/1', { signal: AbortSignal.timeout(50) }));
      expect(error.name).to.equal('TimeoutError');
    });

    it('uses the fetch that it is given', async () => {
      const urls: string[] = [];
      const client = create({
        fetch: (url, init) => {
          urls.push(url);
          return fetch(url, init);
        },
      });
      await client.fetch('Patient/1');
      await client.fetch(foreign.origin);
      expect(urls).to.deep.equal([
        `${server.fhirBase}/.well-known/smart-configuration`,
        server.tokenEndpoint,
        `${server.fhirBase}/Patient/1`,
        `${foreign.origin}/`,
      ]);
    });
  });

  describe('fetchBulkFile', () => {
    const manifest = (
      url: string,
      requiresAccessToken: unknown,
    ): { requiresAccessToken: boolean; output: { url: string }[] } => ({
      requiresAccessToken: requiresAccessToken as boolean,
      output: [{ url: `${server.fhirBase}/other.ndjson` }, { url }],
    });

    it('C12: sends the token if and only if the manifest says so', async () => {
      const client = create();
      const url = `${server.origin}/files/1.ndjson`;
      await client.fetchBulkFile(manifest(url, true), url);
      await client.fetchBulkFile(manifest(url, false), url);
      expect(server.fhirRequests.map(({ headers }) => headers.authorization)).to.deep.equal([
        'Bearer token-1',
        undefined,
      ]);
      expect(server.fhirRequests.map(({ headers }) => headers.accept)).to.deep.equal([
        'application/fhir+ndjson',
        'application/fhir+ndjson',
      ]);
    });

    it('C12: sends none when the manifest says false, even inside the FHIR base', async () => {
      const url = `${server.fhirBase}/files/1.ndjson`;
      await create().fetchBulkFile(manifest(url, false), new URL(url));
      expect(server.fhirRequests[0]?.headers).not.to.have.property('authorization');
      expect(server.tokenRequests).to.have.length(0);
    });

    it('C12, C11: refuses another host until it is listed', async () => {
      const url = `${foreign.origin}/1.ndjson?signature=x`;
      expect((await thrown(() => create().fetchBulkFile(manifest(url, true), url))).code).to.equal(
        'ERR_BULK_FILE_ORIGIN',
      );
      expect(foreign.seen).to.have.length(0);
      await create().fetchBulkFile(manifest(url, false), url);
      await create({ bulkFileOrigins: [foreign.origin] }).fetchBulkFile(manifest(url, true), url);
      expect(foreign.seen.map(({ headers }) => headers.authorization)).to.deep.equal([undefined, 'Bearer token-1']);
    });

    it('C13: fetches no file without TLS, with a token or without', async () => {
      let sent = 0;
      const client = create({
        fetch: (url, init) => {
          sent += 1;
          return fetch(url, init);
        },
      });
      for (const url of [
        'http://files.example/1.ndjson?signature=x',
        'ftp://files.example/1',
        'data:,x',
        'file:///etc/hosts',
      ]) {
        for (const needed of [true, false]) {
          const { code } = await thrown(() => client.fetchBulkFile(manifest(url, needed), url));
          expect(code, url).to.be.oneOf(needed ? ['ERR_BULK_FILE_ORIGIN'] : ['ERR_URL_REFUSED']);
        }
      }
      expect(sent).to.equal(0);
    });

    it('refuses files that the manifest does not list, and manifests that do not say', async () => {
      const client = create();
      const url = `${server.fhirBase}/files/1.ndjson`;
      const wrong: [unknown, string][] = [
        [manifest(url, true), `${server.fhirBase}/files/2.ndjson`],
        [manifest(url, 'true'), url],
        [manifest(url, undefined), url],
        [{ requiresAccessToken: true }, url],
        [{ requiresAccessToken: true, output: 'x', error: [null, {}, { url: 5 }, { url: 'x' }] }, url],
      ];
      for (const [body, file] of wrong) {
        const error = await thrown(() => client.fetchBulkFile(body as { requiresAccessToken: boolean }, file));
        expect(error.code, JSON.stringify(body)).to.equal('ERR_BULK_MANIFEST');
      }
      const error = await thrown(() =>
        client.fetchBulkFile(manifest(url, false), url, { headers: { authorization: 'Bearer x' } }),
      );
      expect(error.key).to.equal('init.headers');
      expect(server.fhirRequests).to.have.length(0);
    });

    it('C14: renews for files, too', async () => {
      const url = `${server.fhirBase}/files/1.ndjson`;
      server.fhirAnswers.push(invalidToken);
      expect((await create().fetchBulkFile(manifest(url, true), url)).status).to.equal(200);
      expect(server.tokenRequests).to.have.length(2);
    });
  });

  describe('options', () => {
    it('names the option that is wrong, and touches no network', async () => {
      const mistakes: [Record<string, unknown>, string][] = [
        [{ fhirBaseUrl: undefined }, 'fhirBaseUrl'],
        [{ fhirBaseUrl: `${server.fhirBase}?x` }, 'fhirBaseUrl'],
        [{ clientId: '' }, 'clientId'],
        [{ scope: '' }, 'scope'],
        [{ scope: [] }, 'scope'],
        [{ scope: ['system/Patient.rs', 'a b'] }, 'scope'],
        [{ scope: 'a"b' }, 'scope'],
        [{ scope: undefined }, 'scope'],
        [{ alg: 'RS384' }, 'alg'],
        [{ assertionLifetimeSeconds: 301 }, 'lifetimeSeconds'],
        [{ timeoutMs: 0 }, 'timeoutMs'],
        [{ timeoutMs: 60_001 }, 'timeoutMs'],
        [{ timeoutMs: '5' }, 'timeoutMs'],
        [{ retries: 6 }, 'retries'],
        [{ retries: Number.NaN }, 'retries'],
        [{ renewBeforeSeconds: -1 }, 'renewBeforeSeconds'],
        [{ retryDelayMs: 60_001 }, 'retryDelayMs'],
        [{ maxRetryDelayMs: -1 }, 'maxRetryDelayMs'],
        [{ discoveryMaxAgeSeconds: 86_401 }, 'discoveryMaxAgeSeconds'],
        [{ tokenEndpointOrigin: 'https://as.example/token' }, 'tokenEndpointOrigin'],
        [{ tokenEndpointOrigin: 'as.example' }, 'tokenEndpointOrigin'],
        [{ bulkFileOrigins: ['https://files.example/x'] }, 'bulkFileOrigins'],
      ];
      for (const [mistake, key] of mistakes) {
        const wrong = { ...options, ...mistake };
        expect(await thrown(() => createBackendServicesClient(wrong)), JSON.stringify(mistake)).to.include({
          code: 'ERR_CONFIG',
          key,
        });
      }
      expect(server.seen).to.have.length(0);
    });

    it('prints and serialises without key and token', async () => {
      const client = create();
      await client.getToken();
      const shown = `${inspect(client, { depth: 9, showHidden: true })}${JSON.stringify(client)}`;
      expect(shown).not.to.include('token-1');
      expect(shown).not.to.include((await ecKey()).privatePem.split('\n')[1]!);
    });
  });
});

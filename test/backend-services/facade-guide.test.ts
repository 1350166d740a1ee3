import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { createBackendServicesClient } from '../../src/backend-services/client/create.js';
import { CLIENT_ASSERTION_TYPE, createClientAssertion } from '../../src/backend-services/client/assertion.js';
import { createJsonFileClientRegistry } from '../../src/backend-services/oidc-provider.js';
import { assertion } from './authorization-server/assertion.js';
import type { RunningServer } from './authorization-server/running-server.js';
import { runServer } from './authorization-server/running-server.js';
import type { TestKey } from './authorization-server/keys.js';
import { expectInvalidClient, expectToken, postForm } from './authorization-server/token-request.js';
import type { FhirServer } from './browser/fhir-server.js';
import { startFhirServer } from './browser/fhir-server.js';
import { commandLine, useDirectory } from '../cli/command-line.js';
import { thrown } from './thrown.js';

/**
 * An immunization facade guide (docs/spec-coverage.md, "Known answers") step by step, with keys in the formats that its programs write.
 * The numbers are those of the steps there.
 */
describe('the immunization facade guide', () => {
  const at = useDirectory();
  let fhir: FhirServer;
  let as: RunningServer;
  let clientId: string;

  // As `RSA.generate(2048)` and `exportKey()` write them, and `openssl genrsa`, and `openssl rsa -pubout`.
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const privatePem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const scope = 'system/Patient.rs system/Observation.rs system/Immunization.cud';

  beforeEach(async () => {
    fhir = await startFhirServer();
    as = await runServer([], { clients: createJsonFileClientRegistry(at('clients.json')), fhirBaseUrl: fhir.base });
    fhir.trust(as.server);
    await writeFile(at('public2.pem'), publicPem);
    clientId = await register(at('public2.pem'));
  });
  afterEach(async () => {
    await as.close();
    await fhir.close();
  });

  async function register(file: string): Promise<string> {
    const keys = ['--jwks', file, '--kid', 'pem-sha256'];
    const argv = ['register', '--registry', at('clients.json'), '--scope', scope, ...keys];
    const { exitCode, stdout, stderr } = await commandLine(argv);
    expect(exitCode, stderr).to.equal(0);
    return stdout.trim();
  }

  async function tokenEndpoint(): Promise<string> {
    const response = await fetch(`${fhir.base}/.well-known/smart-configuration`);
    return ((await response.json()) as { token_endpoint: string }).token_endpoint;
  }

  /** The request of the guide's program: four parameters, and JSON for an answer. */
  async function makeTokenRequest(asked: string, clientAssertion: string) {
    const form = {
      grant_type: 'client_credentials',
      scope: asked,
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      client_assertion: clientAssertion,
    };
    return postForm(await tokenEndpoint(), form, { accept: 'application/json' });
  }

  const sign = async (): Promise<string> =>
    createClientAssertion({
      clientId,
      audience: await tokenEndpoint(),
      privateKey: privatePem,
      kidRule: 'pem-sha256',
      lifetimeSeconds: 300,
    });

  const search = (token: string, query: string): Promise<Response> =>
    fetch(`${fhir.base}/Observation?${query}`, {
      headers: { accept: 'application/json', authorization: `Bearer ${token}` },
    });

  it('guide-1, guide-2: the client authenticates to one server, and shows the other a token only', async () => {
    const token = expectToken(await makeTokenRequest('system/Observation.rs', await sign()));
    expect(new URL(as.token).origin).not.to.equal(new URL(fhir.base).origin);
    expect((await search(String(token['access_token']), 'code=x')).status).to.equal(200);
    // The assertion opens nothing at the FHIR server.
    expect((await search(await sign(), 'code=x')).status).to.equal(401);
  });

  it('guide-3, guide-4, guide-5: a key pair from PKCS#1 and SPKI PEM, as JSON Web Key Set', async () => {
    await writeFile(at('private2.pem'), privatePem, { mode: 0o600 });
    for (const argv of [[at('public2.pem')], ['--from-private', at('private2.pem')]]) {
      const { exitCode, stdout, stderr } = await commandLine(['jwks', ...argv, '--kid', 'pem-sha256']);
      expect(exitCode, stderr).to.equal(0);
      const { keys } = JSON.parse(stdout) as { keys: Record<string, unknown>[] };
      const { n, e } = publicKey.export({ format: 'jwk' });
      expect(keys).to.have.length(1);
      expect(keys[0]).to.include({ kty: 'RSA', e, use: 'sig', alg: 'RS384', n });
      expect(keys[0]!['kid']).to.match(/^[\w-]{16}$/);
    }
  });

  it('guide-6, guide-7, guide-10: the administrator takes PEM or a key set, and gives a UUID', async () => {
    const indented = publicPem.replace(/^/gm, '    ').replaceAll('\n', '\r\n');
    await writeFile(at('pasted.pem'), indented);
    const { stdout } = await commandLine(['jwks', at('public2.pem'), '--kid', 'pem-sha256']);
    await writeFile(at('jwks.json'), stdout);
    const ids = [await register(at('pasted.pem')), await register(at('jwks.json')), clientId];
    for (const id of ids) expect(id).to.match(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    for (const id of ids) {
      clientId = id;
      expectToken(await makeTokenRequest('system/Patient.rs', await sign()));
    }
  });

  it('guide-9: what the administrator permits bounds what is granted, and what is done', async () => {
    const asked = 'system/Patient.cruds system/Immunization.cruds system/Encounter.rs';
    const body = expectToken(await makeTokenRequest(asked, await sign()));
    expect(body['scope']).to.equal('system/Patient.rs system/Immunization.cud');
    const token = String(body['access_token']);
    const ask = async (path: string, method = 'GET') => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' };
      const resource = { resourceType: 'Immunization', status: 'completed', patient: { reference: 'Patient/example' } };
      const init = method === 'GET' ? {} : { body: JSON.stringify(resource) };
      return (await fetch(`${fhir.base}/${path}`, { method, headers, ...init })).status;
    };
    expect([await ask('Patient/example'), await ask('Encounter/example')]).to.deep.equal([200, 403]);
    expect(await ask('Observation/f001'), 'registered, but not asked for').to.equal(403);
    fhir.served.length = 0;
    await ask('Immunization', 'POST');
    expect(fhir.served, 'a vaccination may be written').to.deep.equal(['Immunization']);
    await ask('Patient', 'POST');
    expect(await ask('Immunization')).to.equal(403);
    expect(fhir.served, 'and neither a patient, nor vaccinations read').to.deep.equal(['Immunization']);
  });

  it('guide-11, guide-12: the token endpoint is discovered, and named by an assertion for five minutes', async () => {
    expect(await tokenEndpoint()).to.equal(as.token);
    const claims = decodeJwt(await sign());
    expect(claims).to.include({ iss: clientId, sub: clientId, aud: as.token });
    expect(claims.exp! - claims.iat!).to.equal(300);
    expectToken(await makeTokenRequest('system/Patient.rs', await sign()));
  });

  it('guide-12: an assertion as the program of the guide makes it, without kid and jti, is refused', async () => {
    const key: TestKey = {
      alg: 'RS384',
      kid: 'x',
      privateKey,
      publicKey,
      jwk: { kty: 'RSA' },
      privateJwk: { kty: 'RSA' },
    };
    const exp = Math.floor(Date.now() / 1000) + 300;
    const common = { key, clientId, aud: as.token };
    const asPrinted = assertion({ ...common, header: { kid: undefined }, claims: { jti: undefined, exp } });
    expectInvalidClient(await makeTokenRequest('system/Patient.rs', asPrinted));
    expect(as.refusals()).to.deep.equal(['header-kid']);
    const { stdout } = await commandLine(['inspect', '-', '--aud', as.token], { stdin: asPrinted });
    expect(stdout).to.include('kid-missing').and.to.include('jti-missing').and.not.to.include('lifetime-too-long');
  });

  it('guide-15, guide-17: the request has four parameters, and the answer four members', async () => {
    const body = expectToken(await makeTokenRequest('system/Patient.rs', await sign()));
    expect(body).to.have.all.keys('access_token', 'token_type', 'expires_in', 'scope');
    // The guide's answer has system/Patient.*: more than was asked for.
    expect(body).to.include({ scope: 'system/Patient.rs', expires_in: 300 });
    const keys = createRemoteJWKSet(new URL(as.server.endpoints.jwks));
    const { payload } = await jwtVerify(String(body['access_token']), keys, { issuer: as.origin, audience: fhir.base });
    expect(payload).to.include({ sub: clientId, client_id: clientId, scope: 'system/Patient.rs' });
    expect(payload).to.include.keys('exp', 'iat', 'jti');
  });

  it('guide-16: what is refused comes with status and body, for a program and at the command line', async () => {
    const settings = { fhirBaseUrl: fhir.base, clientId, allowInsecureLoopback: true, scope: 'system/Encounter.rs' };
    const client = createBackendServicesClient({ ...settings, privateKey: privatePem, kidRule: 'pem-sha256' });
    const error = await thrown(() => client.getToken());
    expect(error).to.include({ status: 400, error: 'invalid_scope' }).and.to.have.property('error_description');
    await writeFile(at('private2.pem'), privatePem, { mode: 0o600 });
    const argv = ['--fhir', fhir.base, '--client-id', clientId, '--key', at('private2.pem')];
    const more = ['--scope', 'system/Encounter.rs', '--kid-rule', 'pem-sha256', '--allow-insecure-loopback'];
    const { exitCode, stderr } = await commandLine(['token', ...argv, ...more]);
    expect(exitCode).to.equal(4);
    expect(stderr).to.include('400').and.to.include('invalid_scope');
  });

  it('guide-18: an Observation search with code, order and count, by bearer token', async () => {
    const token = String(expectToken(await makeTokenRequest('system/Observation.rs', await sign()))['access_token']);
    for (const order of ['_sort=-date', '_sort%3Adesc=date']) {
      fhir.served.length = 0;
      const response = await search(token, `code=4548-4&${order}&_count=10`);
      expect(response.status, order).to.equal(200);
      const { entry } = (await response.json()) as { entry: { resource: { resourceType: string } }[] };
      expect(new Set(entry.map(({ resource }) => resource.resourceType))).to.deep.equal(new Set(['Observation']));
      const [executed = ''] = fhir.served;
      const query = new URLSearchParams(executed.split('?')[1]);
      expect([query.get('code'), query.get('_count')]).to.deep.equal(['4548-4', '10']);
      expect(query.get('_sort') ?? query.get('_sort:desc')).to.match(/date$/);
    }
    const other = String(expectToken(await makeTokenRequest('system/Patient.rs', await sign()))['access_token']);
    const refused = await search(other, 'code=4548-4');
    expect(refused.status).to.equal(403);
    expect(refused.headers.get('www-authenticate')).to.include('insufficient_scope');
  });
});

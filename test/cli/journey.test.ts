import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { createBackendServicesClient } from '../../src/backend-services/client/create.js';
import { serveJwks } from '../../src/backend-services/keys/serve.js';
import { createJsonFileClientRegistry } from '../../src/backend-services/oidc-provider.js';
import { close, listen, runServer } from '../backend-services/authorization-server/running-server.js';
import type { RunningServer } from '../backend-services/authorization-server/running-server.js';
import type { TestServer } from '../backend-services/http-server.js';
import { sendJson, startServer } from '../backend-services/http-server.js';
import { commandLine, useDirectory } from './command-line.js';
import type { Outcome } from './command-line.js';

/** The three parties, each a process of its own in life: the client, the authorization server, the FHIR server. */
describe('cli: a client from its keys to its first resource', () => {
  const at = useDirectory();
  let fhir: TestServer;
  let authorization: RunningServer;
  let jwksHost: Server | undefined;
  const revoked = new Set<string>();

  beforeEach(async () => {
    fhir = await startServer(async ({ url, headers }, response) => {
      if (url === '/r4/.well-known/smart-configuration') {
        return sendJson(response, 200, authorization.server.smartConfiguration());
      }
      const keys = createRemoteJWKSet(new URL(`${authorization.origin}/jwks`));
      try {
        const token = headers.authorization?.replace('Bearer ', '') ?? '';
        if (revoked.has(token)) throw new Error('revoked');
        const options = { audience: `${fhir.origin}/r4`, issuer: authorization.server.issuer, typ: 'at+jwt' };
        const { payload } = await jwtVerify(token, keys, options);
        return sendJson(response, 200, {
          resourceType: 'Patient',
          client: payload['client_id'],
          scope: payload['scope'],
        });
      } catch {
        return sendJson(response, 401, {}, { 'www-authenticate': 'Bearer error="invalid_token"' });
      }
    });
    authorization = await runServer([], {
      clients: createJsonFileClientRegistry(at('clients.json')),
      fhirBaseUrl: `${fhir.origin}/r4`,
    });
  });
  afterEach(async () => {
    await fhir.close();
    await authorization.close();
    if (jwksHost !== undefined) await close(jwksHost);
    jwksHost = undefined;
  });

  const ok = (outcome: Outcome): string => {
    expect(outcome.exitCode, outcome.stderr).to.equal(0);
    return outcome.stdout.trim();
  };

  for (const alg of ['RS384', 'ES384'] as const) {
    for (const place of ['jwks', 'jwks-uri'] as const) {
      it(`${alg}, ${place}: keygen → register → token → read → inspect`, async () => {
        ok(await commandLine(['keygen', '--alg', alg, '--bits', '2048', '--out', at('client')]));
        let keys = ['--jwks', at('client.public.pem')];
        if (place === 'jwks-uri') {
          jwksHost = createServer(serveJwks(JSON.parse(await readFile(at('client.jwks.json'), 'utf8'))));
          keys = ['--jwks-uri', `${await listen(jwksHost)}/jwks.json`, '--allow-insecure-loopback'];
        }
        const scope = 'system/Patient.rs system/Immunization.cruds';
        const clientId = ok(
          await commandLine(['register', '--registry', at('clients.json'), '--scope', scope, ...keys]),
        );

        const argv = ['--fhir', `${fhir.origin}/r4`, '--client-id', clientId, '--key', at('client.private.pem')];
        const asked = ['--scope', 'system/Patient.rs system/Observation.rs', '--allow-insecure-loopback'];
        const granted = await commandLine(['token', ...argv, ...asked]);
        const token = ok(granted);
        expect(granted.stderr)
          .to.include('granted system/Patient.rs')
          .and.to.include('not granted in full: system/Observation.rs');

        const response = await fetch(`${fhir.origin}/r4/Patient/1`, { headers: { authorization: `Bearer ${token}` } });
        expect(await response.json()).to.include({ client: clientId, scope: 'system/Patient.rs' });

        await writeFile(at('as.json'), await (await fetch(`${authorization.origin}/jwks`)).text());
        const expected = ['--iss', authorization.server.issuer, '--aud', `${fhir.origin}/r4`, '--client-id', clientId];
        const report = await commandLine(['inspect', '-', '--keys', at('as.json'), ...expected], { stdin: token });
        expect(ok(report)).to.include('kind access-token').and.to.include('signature valid');
      });
    }
  }

  it('C9, C14: the library does the same, and gets over a token that was revoked', async () => {
    ok(await commandLine(['keygen', '--alg', 'ES384', '--out', at('client')]));
    const registration = ['--registry', at('clients.json'), '--scope', 'system/*.rs', '--jwks', at('client.jwks.json')];
    const clientId = ok(await commandLine(['register', ...registration]));
    const client = createBackendServicesClient({
      fhirBaseUrl: `${fhir.origin}/r4`,
      clientId,
      privateKey: await readFile(at('client.private.pem'), 'utf8'),
      scope: 'system/Patient.rs',
      allowInsecureLoopback: true,
    });
    expect(await (await client.fetch('Patient/1')).json()).to.include({ client: clientId });
    const before = await client.getToken();
    revoked.add(before.accessToken);
    expect((await client.fetch('Patient/2')).status).to.equal(200);
    const after = await client.getToken();
    expect(after.accessToken).not.to.equal(before.accessToken);
    expect(after).to.deep.include({ scope: 'system/Patient.rs', narrowed: [], widened: [] });
    expect(authorization.refusals()).to.deep.equal([]);
  });

  it('A19: a client whose key is registered under another kid is refused, and told so', async () => {
    ok(await commandLine(['keygen', '--alg', 'ES384', '--kid', 'pem-sha256', '--out', at('client')]));
    const registration = ['--registry', at('clients.json'), '--scope', 'system/*.rs', '--jwks', at('client.jwks.json')];
    const clientId = ok(await commandLine(['register', ...registration]));
    const argv = ['token', '--fhir', `${fhir.origin}/r4`, '--client-id', clientId, '--key', at('client.private.pem')];
    const asked = ['--scope', 'system/Patient.rs', '--allow-insecure-loopback'];
    const refused = await commandLine([...argv, ...asked]);
    expect(refused.exitCode).to.equal(4);
    expect(refused.stderr).to.include('invalid_client');
    expect(ok(await commandLine([...argv, ...asked, '--kid-rule', 'pem-sha256']))).to.match(/^eyJ/);
  });
});

import { expect } from 'chai';
import type { LaunchResult } from '../../../src/backend-services/oidc-provider.js';
import { createMemoryStore, createStoredClientRegistry } from '../../../src/backend-services/oidc-provider.js';
import { Browser } from './browser.js';
import { formThen } from './interaction-page.js';
import { key } from './keys.js';
import { LaunchingApp, REDIRECT } from './launching-app.js';
import type { RunningServer } from './running-server.js';
import { runServer } from './running-server.js';
import type { Answer } from './token-request.js';
import { expectError, expectInvalidClient, expectToken, postForm, requestToken } from './token-request.js';

const ec = key('ec');
const SECRET = 'a-secret-of-the-resource-server';
const SCOPE = 'launch/patient openid fhirUser patient/*.rs offline_access';

describe('who a client is', () => {
  let as: RunningServer;
  let app: LaunchingApp;
  let result: LaunchResult;
  let failures: unknown[];

  before(async () => {
    const store = createMemoryStore();
    as = await runServer([], {
      store,
      clients: createStoredClientRegistry(store),
      clockToleranceSeconds: 0,
      introspection: { callers: [{ clientId: 'rs', clientSecret: SECRET }] },
      launch: {
        interaction: formThen(
          (interaction) => interaction.complete(result),
          (error) => failures.push(error),
        ),
      },
    });
    const publicApp = {
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [REDIRECT],
      scope: `${SCOPE} __introspect`,
    } as const;
    await as.server.registerClient({ client_id: 'app', ...publicApp });
    await as.server.registerClient({ client_id: 'native', ...publicApp, redirect_uris: ['com.example.app:/callback'] });
    await as.server.registerClient({
      client_id: 'confidential',
      jwks: { keys: [ec.jwk] },
      grant_types: ['authorization_code', 'client_credentials'],
      redirect_uris: [REDIRECT],
      scope: `${SCOPE} system/Patient.rs __introspect`,
    });
    app = new LaunchingApp(as);
  });
  after(() => as.close());
  beforeEach(() => {
    failures = [];
    result = { accountId: 'u1', fhirUser: 'Practitioner/p1', patient: '123' };
  });

  const introspect = (token: unknown, authorization: string): Promise<Answer> =>
    postForm(as.server.endpoints.introspection, { token: String(token) }, { authorization });
  const byResourceServer = `Basic ${Buffer.from(`rs:${SECRET}`).toString('base64')}`;
  const good = { key: ec, clientId: 'confidential' };

  it('A12: an iss that is no text at all is an unknown client, in whatever registry', async () => {
    for (const iss of ['\ud800', 'a\udfffb', 'a\0b', 'é', 'x'.repeat(5000)]) {
      as.events.length = 0;
      expectInvalidClient(await requestToken(as, { ...good, assert: { claims: { iss, sub: iss } } }));
      expect(as.refusals(), JSON.stringify(iss)).to.deep.equal(['unknown-client']);
    }
  });

  it('A37: the token of a user opens introspection to no app, whatever the app is registered for', async () => {
    const tokens = expectToken(await app.launch(`${SCOPE} __introspect`));
    expect(String(tokens['scope']).split(' ')).to.include('__introspect');
    const own = tokens['access_token'];
    const refused = await introspect(own, `Bearer ${String(own)}`);
    expectError(refused, 401, 'invalid_token');
    expect(refused.headers.get('www-authenticate')).to.match(/^Bearer /);
  });

  it("A37: a client's own token opens it for as long as the client is registered for that", async () => {
    const { access_token: own } = expectToken(
      await requestToken(as, { ...good, scope: '__introspect system/Patient.rs' }),
    );
    expect((await introspect(own, `Bearer ${String(own)}`)).body).to.include({ active: true });
    const registered = (await as.registry.find('confidential'))!;
    try {
      await as.registry.replace({ ...registered, scope: `${SCOPE} system/Patient.rs` } as never);
      expectError(await introspect(own, `Bearer ${String(own)}`), 401, 'invalid_token');
    } finally {
      await as.registry.replace(registered as never);
    }
  });

  it('a user cannot be called like a client: their tokens would have one sub', async () => {
    result = { ...result, accountId: 'confidential' };
    const { browser, response } = await app.start(SCOPE);
    expect((await browser.fetch(Browser.location(response).href, { method: 'POST' })).status).to.equal(500);
    expect(failures.map(String)).to.match(/TypeError/);
  });

  it('what was issued to a client that left is not good again for the next one of that id', async () => {
    const registered = (await as.registry.find('app'))!;
    const tokens = expectToken(await app.launch(SCOPE));
    const pending = await app.start(SCOPE);
    const back = await app.finish(pending);
    const visit = await app.start(SCOPE);
    expect((await introspect(tokens['access_token'], byResourceServer)).body).to.include({ active: true });
    const lastSecond = Math.floor(Date.now() / 1000);
    expect(await as.registry.remove('app')).to.equal(true);
    expect((await introspect(tokens['access_token'], byResourceServer)).body).to.deep.equal({ active: false });
    // Times are in seconds.
    while (Math.floor(Date.now() / 1000) <= lastSecond) await new Promise((resolve) => setTimeout(resolve, 20));
    await as.server.registerClient(registered);

    expect((await introspect(tokens['access_token'], byResourceServer)).body).to.deep.equal({ active: false });
    const refresh = { grant_type: 'refresh_token', client_id: 'app', refresh_token: String(tokens['refresh_token']) };
    expectError(await postForm(as.token, refresh), 400, 'invalid_grant');
    expectError(await app.exchange(back, pending), 400, 'invalid_grant');
    expect((await visit.browser.fetch(Browser.location(visit.response).href)).status).to.equal(400);
    const fresh = expectToken(await app.launch(SCOPE));
    expect((await introspect(fresh['access_token'], byResourceServer)).body).to.include({ active: true });
  });

  it('a client that was registered by a clock a little ahead has its tokens all the same', async () => {
    const tolerant = await runServer([], { introspection: { callers: [{ clientId: 'rs', clientSecret: SECRET }] } });
    try {
      for (const [ahead, active] of [
        [4, true],
        [60, false],
      ] as const) {
        const clientId = `ahead-${ahead}`;
        await tolerant.registry.add({
          client_id: clientId,
          jwks: { keys: [ec.jwk] } as never,
          scope: 'system/Patient.rs',
          grant_types: ['client_credentials'],
          token_endpoint_auth_method: 'private_key_jwt',
          redirect_uris: [],
          client_id_issued_at: Math.floor(Date.now() / 1000) + ahead,
        });
        const { access_token: token } = expectToken(await requestToken(tolerant, { key: ec, clientId }));
        const { body } = await postForm(
          tolerant.server.endpoints.introspection,
          { token: String(token) },
          { authorization: byResourceServer },
        );
        expect(body['active'], clientId).to.equal(active);
      }
    } finally {
      await tolerant.close();
    }
  });

  it('A27: the scopes of OpenID Connect are not had under another name', async () => {
    const others = ['openid', 'fhirUser', 'profile', 'offline_access', 'online_access'];
    const renamed = others.map((scope) => `http://smarthealthit.org/fhir/scopes/${scope}`).join(' ');
    const registered = (await as.registry.find('confidential'))!;
    try {
      const scope = `${others.join(' ')} system/*.rs patient/*.rs launch/patient`;
      await as.registry.replace({ ...registered, scope } as never);
      const body = expectToken(await requestToken(as, { ...good, scope: `system/Patient.rs ${renamed}` }));
      expect(body['scope']).to.equal('system/Patient.rs');
      expectError(await requestToken(as, { ...good, scope: renamed }), 400, 'invalid_scope');
    } finally {
      await as.registry.replace(registered as never);
    }
    expect((await app.launch(`openid ${renamed}`)).body['scope']).to.equal('openid');
  });

  it('an origin that is none is not the origin of an app with a scheme of its own', async () => {
    const form = { grant_type: 'authorization_code', client_id: 'native', code: 'x', code_verifier: 'y' };
    const response = await postForm(as.token, form, { origin: 'null' });
    expectError(response, 400, 'invalid_grant');
    expect(response.headers.get('access-control-allow-origin')).to.equal(null);
  });
});

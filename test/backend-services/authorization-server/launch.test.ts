import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import type {
  LaunchInteraction,
  LaunchOptions,
  LaunchResult,
  StateStore,
} from '../../../src/backend-services/oidc-provider.js';
import { createMemoryStore } from '../../../src/backend-services/oidc-provider.js';
import { thrown } from '../thrown.js';
import { assertion } from './assertion.js';
import { Browser } from './browser.js';
import type { Deed } from './interaction-page.js';
import { formThen } from './interaction-page.js';
import { key } from './keys.js';
import type { LaunchParameters, Visit } from './launching-app.js';
import { LaunchingApp, REDIRECT } from './launching-app.js';
import type { RunningServer } from './running-server.js';
import { FHIR_BASE, runServer } from './running-server.js';
import type { Answer } from './token-request.js';
import {
  ASSERTION_TYPE,
  expectError,
  expectInvalidClient,
  expectToken,
  postForm,
  requestToken,
} from './token-request.js';

const ec = key('ec');
const SCOPE = 'launch/patient openid fhirUser patient/*.rs user/Patient.rs offline_access';
const SECRET = 'a-secret-of-the-resource-server';

describe('SMART app launch', () => {
  let as: RunningServer;
  let store: StateStore;
  /** What the user does at the page; each test says. */
  let deed: Deed;
  let seen: LaunchInteraction[];
  let failures: unknown[];
  /** Milliseconds that each call to the store takes. */
  let pause = 0;

  const page = formThen(
    (interaction) => deed(interaction),
    (error) => failures.push(error),
  );
  const launch: LaunchOptions = {
    interaction: (req, res, interaction) => {
      seen.push(interaction);
      return page(req, res, interaction);
    },
  };
  const user: LaunchResult = { accountId: 'u1', fhirUser: 'Practitioner/p1', patient: '123' };

  before(async () => {
    store = createMemoryStore();
    // Slow, as a store on the network is: parallel requests all get past a look-up before the first of them writes.
    const slow = async <T>(call: Promise<T>): Promise<T> => {
      const answer = await call;
      if (pause > 0) await sleep(pause);
      return answer;
    };
    const networked: StateStore = {
      get: (name) => slow(store.get(name)),
      set: (name, value, seconds) => slow(store.set(name, value, seconds)),
      setIfAbsent: (name, value, seconds) => slow(store.setIfAbsent(name, value, seconds)),
      take: (name) => slow(store.take(name)),
      delete: (name) => slow(store.delete(name)),
    };
    as = await runServer(
      [
        {
          client_id: 'app',
          client_name: 'An App',
          token_endpoint_auth_method: 'none',
          grant_types: ['authorization_code', 'refresh_token'],
          redirect_uris: [REDIRECT, 'http://127.0.0.1/native'],
          scope: `${SCOPE} launch launch/encounter patient/Observation.cruds system/Patient.rs`,
        },
        {
          client_id: 'confidential',
          jwks: { keys: [ec.jwk] },
          grant_types: ['authorization_code', 'client_credentials'],
          redirect_uris: [REDIRECT],
          scope: 'launch/patient openid fhirUser patient/*.rs system/*.rs',
        },
        { client_id: 'backend', jwks: { keys: [ec.jwk] }, scope: 'system/*.rs' },
      ],
      { launch, store: networked, path: '/as', introspection: { callers: [{ clientId: 'rs', clientSecret: SECRET }] } },
    );
  });
  after(() => as.close());
  beforeEach(() => {
    seen = [];
    failures = [];
    pause = 0;
    as.events.length = 0;
    deed = (interaction) => interaction.complete(user);
  });

  interface Start {
    readonly clientId?: string;
    readonly scope?: string | undefined;
    readonly browser?: Browser;
    readonly params?: LaunchParameters;
  }

  /** Sends the user to the authorization endpoint. */
  function start({ clientId, scope = SCOPE, params, browser }: Start = {}): Promise<Visit> {
    return new LaunchingApp(as, clientId).start(scope, params, browser);
  }

  /** From the redirect to the interaction page until the app has the user back. */
  async function finish({ browser, response }: Pick<Visit, 'browser' | 'response'>): Promise<URL> {
    const page = Browser.location(response);
    expect(page.pathname).to.match(/^(?:\/as)?\/interaction\//);
    expect((await browser.fetch(page.href)).status).to.equal(200);
    const done = await browser.fetch(page.href, { method: 'POST', body: 'go' });
    expect(done.status).to.equal(303);
    const back = await browser.fetch(Browser.location(done).href);
    expect(back.status).to.equal(303);
    return Browser.location(back);
  }

  async function codeFor(options: Start = {}): Promise<Visit & { readonly back: URL; readonly code: string }> {
    const started = await start(options);
    const back = await finish(started);
    expect(back.searchParams.get('error')).to.equal(null);
    return { ...started, back, code: back.searchParams.get('code') ?? '' };
  }

  function exchange(
    { code, verifier }: { readonly code: string; readonly verifier: string },
    form: Record<string, string | undefined> = {},
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return postForm(
      as.token,
      {
        grant_type: 'authorization_code',
        client_id: 'app',
        redirect_uri: REDIRECT,
        code,
        code_verifier: verifier,
        ...form,
      },
      headers,
    );
  }
  /** What the resource server is told about a token. */
  async function introspected(token: unknown, hint?: string): Promise<Record<string, unknown>> {
    const basic = Buffer.from(`rs:${SECRET}`).toString('base64');
    const { body } = await postForm(
      as.server.endpoints.introspection,
      { token: String(token), token_type_hint: hint },
      { authorization: `Basic ${basic}` },
    );
    return body;
  }
  async function launched(options: Start = {}): Promise<Record<string, unknown>> {
    return expectToken(await exchange(await codeFor(options)));
  }

  it('a public app launches standalone: code, PKCE, patient in the token response, fhirUser in the id_token', async () => {
    const { back, state, verifier, code } = await codeFor();
    expect(`${back.origin}${back.pathname}`).to.equal(REDIRECT);
    expect(back.searchParams.get('state')).to.equal(state);
    expect(back.searchParams.get('iss')).to.equal(as.server.issuer);

    const response = await exchange({ code, verifier });
    const body = expectToken(response);
    expect(response.headers.get('cache-control')).to.equal('no-store');
    expect(response.headers.get('pragma')).to.equal('no-cache');
    expect(body).to.include({ token_type: 'Bearer', expires_in: 3600, patient: '123' });
    expect(new Set(String(body['scope']).split(' '))).to.deep.equal(new Set(SCOPE.split(' ')));

    const keys = createRemoteJWKSet(new URL(as.server.endpoints.jwks));
    const idToken = await jwtVerify(String(body['id_token']), keys, { issuer: as.server.issuer, audience: 'app' });
    expect(idToken.protectedHeader.alg).to.equal('RS256');
    expect(idToken.payload).to.include({ sub: 'u1', fhirUser: `${FHIR_BASE}/Practitioner/p1` });
  });

  it('the access token carries the context for the resource server', async () => {
    const body = await launched();
    const token = String(body['access_token']);
    expect(decodeProtectedHeader(token)).to.include({ typ: 'at+jwt', kid: 'server-ec' });
    expect(decodeJwt(token)).to.include({
      iss: as.server.issuer,
      aud: FHIR_BASE,
      sub: 'u1',
      client_id: 'app',
      scope: body['scope'],
      patient: '123',
      launch_response_patient: 'Patient/123',
      fhirUser: `${FHIR_BASE}/Practitioner/p1`,
    });
  });

  it('A35: introspection echoes launch context, fhirUser, iss and sub', async () => {
    deed = (interaction) =>
      interaction.complete({ ...user, patient: '456', parameters: { need_patient_banner: true } });
    const body = await launched();
    expect(body).to.include({ patient: '456', need_patient_banner: true });
    expect(await introspected(body['access_token'])).to.include({
      active: true,
      client_id: 'app',
      scope: body['scope'],
      patient: '456',
      need_patient_banner: true,
      iss: as.server.issuer,
      sub: 'u1',
      fhirUser: `${FHIR_BASE}/Practitioner/p1`,
    });
  });

  it('a confidential app authenticates at the token endpoint, and only with its own key', async () => {
    const started = await codeFor({ clientId: 'confidential', scope: 'launch/patient openid fhirUser patient/*.rs' });
    const credentials = (by = ec): Record<string, string> => ({
      client_id: 'confidential',
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: assertion({
        key: ec,
        clientId: 'confidential',
        aud: as.token,
        ...(by === ec ? {} : { key: by, header: { kid: ec.kid } }),
      }),
    });
    expectInvalidClient(await exchange(started, { client_id: 'confidential' }));
    expectInvalidClient(await exchange(started, credentials(key('evil'))));
    expect(expectToken(await exchange(started, credentials()))).to.include({ patient: '123' });
    expectToken(await requestToken(as, { key: ec, clientId: 'confidential', scope: 'system/Patient.rs' }));
  });

  it('PKCE is required, S256 only, and checked', async () => {
    for (const params of [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge_method: 'plain' },
    ]) {
      const back = Browser.location((await start({ params })).response);
      expect(back.searchParams.get('error')).to.equal('invalid_request');
    }
    const { code, verifier } = await codeFor();
    expectError(await exchange({ code, verifier: randomBytes(48).toString('base64url') }), 400, 'invalid_grant');
    expectError(await exchange({ code, verifier }, { code_verifier: undefined }), 400, 'invalid_grant');
    expectError(await exchange({ code, verifier }, { redirect_uri: 'http://127.0.0.1/native' }), 400, 'invalid_grant');
    expectToken(await exchange({ code, verifier }));
  });

  it('a code is good once: of ten parallel uses one succeeds, and what came of it is revoked', async () => {
    const started = await codeFor();
    pause = 30;
    const answers = await Promise.all(Array.from({ length: 10 }, () => exchange(started)));
    const good = answers.filter(({ status }) => status === 200);
    expect(good).to.have.length(1);
    answers
      .filter(({ status }) => status !== 200)
      .forEach((bad) => {
        expectError(bad, 400, 'invalid_grant');
      });
    expect(await introspected(good[0]?.body['access_token'])).to.deep.equal({ active: false });
  });

  it('a code is good for its own client only', async () => {
    const started = await codeFor();
    const other = {
      client_id: 'confidential',
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: assertion({ key: ec, clientId: 'confidential', aud: as.token }),
    };
    expectError(await exchange(started, other), 400, 'invalid_grant');
  });

  it('aud must be the FHIR base: missing or another is an error to the app', async () => {
    for (const aud of [undefined, '', 'https://evil.example/r4', `${FHIR_BASE}/x`, `${FHIR_BASE}?x`]) {
      const back = Browser.location((await start({ params: { aud } })).response);
      expect(back.searchParams.get('error'), String(aud)).to.equal('invalid_request');
    }
    expect(Browser.location((await start({ params: { aud: `${FHIR_BASE}/` } })).response).pathname).to.match(
      /interaction/,
    );
  });

  it('scopes are narrowed to the registration before the user is asked, and nothing left is invalid_scope', async () => {
    const { response } = await start({
      scope: 'launch/patient patient/Observation.rs patient/*.cud user/*.cruds online_access',
    });
    const browser = new Browser();
    expect(Browser.location(response).pathname).to.match(/interaction/);
    const again = await start({ browser, scope: 'launch/patient patient/*.cud user/*.cruds online_access' });
    await finish(again);
    expect(seen[0]?.scopes).to.deep.equal(['launch/patient', 'patient/Observation.cud', 'user/Patient.rs']);
    for (const scope of ['user/Encounter.rs', 'nonsense', undefined]) {
      const back = Browser.location((await start({ params: { scope } })).response);
      expect(back.searchParams.get('error')).to.equal('invalid_scope');
    }
  });

  it('what lacks its context is not granted: patient/ without a patient, user/ without a fhirUser, system/ ever', async () => {
    deed = (interaction) => interaction.complete({ accountId: 'u1', fhirUser: 'Practitioner/p1' });
    const noPatient = await launched();
    expect(noPatient['scope']).to.equal('openid fhirUser user/Patient.rs offline_access');
    expect(noPatient).not.to.have.property('patient');

    deed = (interaction) => interaction.complete({ accountId: 'u1', patient: '123' });
    const noUser = await launched();
    expect(noUser['scope']).to.equal('launch/patient openid patient/*.rs offline_access');
    expect(decodeJwt(String(noUser['access_token']))).not.to.have.property('fhirUser');
    expect(decodeJwt(String(noUser['id_token']))).not.to.have.property('fhirUser');

    deed = (interaction) => interaction.complete(user);
    const system = await launched({ scope: 'system/Patient.rs openid' });
    expect(system['scope']).to.equal('openid');
    expect(seen.at(-1)?.scopes).to.deep.equal(['openid']);
  });

  it('context that no scope asks for is not told', async () => {
    const body = await launched({ scope: 'openid' });
    expect(body).not.to.have.property('patient');
    expect(decodeJwt(String(body['access_token']))).not.to.have.any.keys(
      'patient',
      'fhirUser',
      'launch_response_patient',
    );
  });

  it('the user may grant less, and never more than was asked for', async () => {
    deed = (interaction) =>
      interaction.complete({ ...user, scopes: ['launch/patient', 'patient/*.rs', 'user/*.cruds', 'system/*.cruds'] });
    const body = await launched();
    expect(body['scope']).to.equal('launch/patient patient/*.rs');
    expect(body).not.to.have.any.keys('id_token', 'refresh_token');
  });

  it('a user who refuses, or grants nothing, is access_denied for the app', async () => {
    for (const refusal of [
      (interaction: LaunchInteraction) => interaction.deny(),
      (interaction: LaunchInteraction) => interaction.complete({ ...user, scopes: [] }),
    ]) {
      deed = refusal;
      const back = await finish(await start());
      expect(back.searchParams.get('error')).to.equal('access_denied');
      expect(back.searchParams.get('code')).to.equal(null);
    }
  });

  it('EHR launch: the announced context arrives, and the page cannot change it', async () => {
    const announced = { patient: 'ehr-1', encounter: 'enc-1', parameters: { intent: 'review' } };
    const handle = await as.server.createLaunch(announced);
    deed = (interaction) =>
      interaction.complete({ accountId: 'u1', fhirUser: 'https://fhir.example/r4/Practitioner/p1' });
    const body = await launched({ scope: 'launch openid fhirUser patient/*.rs', params: { launch: handle } });
    expect(body).to.include({ patient: 'ehr-1', encounter: 'enc-1', intent: 'review' });
    expect(decodeJwt(String(body['access_token']))).to.include({
      launch_response_patient: 'Patient/ehr-1',
      launch_response_encounter: 'Encounter/enc-1',
    });
    expect(seen[0]).to.include({ needsPatient: false });
    expect(seen[0]?.launch).to.include({ patient: 'ehr-1' });

    deed = (interaction) => interaction.complete({ ...user, patient: 'somebody-else' });
    const another = await as.server.createLaunch(announced);
    const { browser, response } = await start({ scope: 'launch patient/*.rs', params: { launch: another } });
    const page = Browser.location(response);
    expect((await browser.fetch(page.href, { method: 'POST' })).status).to.equal(500);
    expect(failures[0]).to.be.instanceOf(TypeError);
  });

  it('EHR launch: an unknown or foreign launch is an error to the app', async () => {
    const foreign = await as.server.createLaunch({ patient: 'x', clientId: 'confidential' });
    for (const handle of ['unknown', '../x', '__proto__', foreign]) {
      const { response } = await start({ scope: 'launch patient/*.rs', params: { launch: handle } });
      expect(Browser.location(response).searchParams.get('error'), handle).to.equal('invalid_request');
    }
  });

  it('an app that asks for both kinds of launch gets the one it came by', async () => {
    const scope = 'launch launch/patient patient/*.rs';
    for (const handle of [undefined, '']) {
      const body = await launched({ scope, params: { launch: handle } });
      expect(body).to.include({ scope: 'launch/patient patient/*.rs', patient: '123' });
      expect(seen.at(-1)).to.include({ needsPatient: true, launch: undefined });
    }
    const alone = Browser.location((await start({ scope: 'launch' })).response);
    expect(alone.searchParams.get('error')).to.equal('invalid_scope');
    deed = (interaction) => interaction.complete({ accountId: 'u1' });
    const body = await launched({ scope, params: { launch: await as.server.createLaunch({ patient: 'ehr-2' }) } });
    expect(body).to.include({ scope, patient: 'ehr-2' });
  });

  it('a store that fails after the code was taken gives no token, and an answer in JSON', async () => {
    const inner = createMemoryStore();
    let failing = false;
    const flaky: StateStore = {
      ...inner,
      get: (name) => (failing && name.startsWith('launch:') ? Promise.reject(new Error('lost')) : inner.get(name)),
    };
    const other = await runServer(
      [{ client_id: 'app', token_endpoint_auth_method: 'none', redirect_uris: [REDIRECT], scope: SCOPE }],
      { launch, store: flaky },
    );
    const main = as;
    try {
      as = other;
      const started = await codeFor({ scope: 'launch/patient patient/*.rs' });
      failing = true;
      const response = await exchange(started);
      expect(response.status).to.be.within(500, 503);
      expect(response.body).to.have.property('error');
      expect(response.body).not.to.have.property('access_token');
    } finally {
      as = main;
      await other.close();
    }
  });

  it("EHR launch: only the launch's own account may complete it", async () => {
    const announced = await as.server.createLaunch({ patient: 'x', accountId: 'dr-bell' });
    deed = (interaction) => interaction.complete({ accountId: 'dr-who' });
    const started = await start({ scope: 'launch patient/*.rs', params: { launch: announced } });
    const { browser, response } = started;
    expect((await browser.fetch(Browser.location(response).href, { method: 'POST' })).status).to.equal(500);
    expect(failures[0]).to.be.instanceOf(TypeError);
    deed = (interaction) => interaction.complete({ accountId: 'dr-bell' });
    const code = (await finish(started)).searchParams.get('code') ?? '';
    expect(expectToken(await exchange({ ...started, code }))).to.include({ patient: 'x' });
  });

  it('a launch parameter without the launch scope brings no context', async () => {
    const handle = await as.server.createLaunch({ patient: 'ehr-1' });
    const body = await launched({ params: { launch: handle } });
    expect(body).to.include({ patient: '123' });
  });

  it('two launches at once in one browser each get what was decided for them', async () => {
    const browser = new Browser();
    const [first, second] = [await start({ browser }), await start({ browser })];
    const backs: URL[] = [];
    for (const [started, patient] of [
      [first, 'one'],
      [second, 'two'],
    ] as const) {
      deed = (interaction) => interaction.complete({ ...user, accountId: patient, patient });
      // Cookies of the two pages differ by path; the way back is taken while the other is still pending.
      const done = await browser.fetch(Browser.location(started.response).href, { method: 'POST' });
      backs.push(Browser.location(await browser.fetch(Browser.location(done).href)));
    }
    const codes = backs.map((back) => back.searchParams.get('code') ?? '');
    const one = expectToken(await exchange({ code: codes[0]!, verifier: first.verifier }));
    const two = expectToken(await exchange({ code: codes[1]!, verifier: second.verifier }));
    expect([one['patient'], two['patient']]).to.deep.equal(['one', 'two']);
  });

  it('each launch has its own context, in one browser', async () => {
    const browser = new Browser();
    const first = await launched({ browser });
    deed = (interaction) => interaction.complete({ ...user, patient: '789' });
    const second = await launched({ browser });
    expect([first['patient'], second['patient']]).to.deep.equal(['123', '789']);
    expect(decodeJwt(String(first['access_token']))).to.include({ patient: '123' });
  });

  it('another user at the same browser replaces the first', async () => {
    const browser = new Browser();
    await launched({ browser });
    deed = (interaction) => interaction.complete({ accountId: 'u2', fhirUser: 'Practitioner/p2', patient: '2' });
    const second = await launched({ browser });
    expect(decodeJwt(String(second['id_token'])).sub).to.equal('u2');
    expect(decodeJwt(String(second['access_token']))).to.include({ sub: 'u2', patient: '2' });
    expect(browser.setCookies.filter((cookie) => cookie.startsWith('_session'))).to.deep.equal([]);
  });

  it('offline_access brings a refresh token that rotates, keeps the context, and is good once', async () => {
    const body = await launched();
    const refresh = (token: unknown, form: Record<string, string> = {}): Promise<Answer> =>
      postForm(as.token, { grant_type: 'refresh_token', client_id: 'app', refresh_token: String(token), ...form });
    const second = expectToken(await refresh(body['refresh_token']));
    expect(second).to.include({ patient: '123', scope: body['scope'] });
    expect(second['refresh_token']).not.to.equal(body['refresh_token']);
    expect(decodeJwt(String(second['access_token']))).to.include({ launch_response_patient: 'Patient/123' });
    const narrower = expectToken(await refresh(second['refresh_token'], { scope: 'launch/patient patient/*.rs' }));
    expect(narrower['scope']).to.equal('launch/patient patient/*.rs');
    expectError(await refresh(narrower['refresh_token'], { scope: 'user/*.cruds' }), 400, 'invalid_scope');

    // The first one again: stolen by whom, nobody knows, so all of them go.
    expectError(await refresh(body['refresh_token']), 400, 'invalid_grant');
    expectError(await refresh(narrower['refresh_token']), 400, 'invalid_grant');
  });

  it('of ten parallel uses of a refresh token one succeeds', async () => {
    const body = await launched();
    const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token: String(body['refresh_token']) };
    pause = 30;
    const answers = await Promise.all(Array.from({ length: 10 }, () => postForm(as.token, form)));
    expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
  });

  it('a revoked refresh token takes its access tokens along', async () => {
    const body = await launched();
    const revoked = await postForm(as.server.endpoints.revocation, {
      client_id: 'app',
      token: String(body['refresh_token']),
    });
    expect(revoked.status).to.equal(200);
    expect(await introspected(body['access_token'])).to.deep.equal({ active: false });
    const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token: String(body['refresh_token']) };
    expectError(await postForm(as.token, form), 400, 'invalid_grant');
  });

  it('a refresh token is nothing at introspection: a resource server must not take it', async () => {
    const body = await launched();
    expect(await introspected(body['refresh_token'], 'refresh_token')).to.deep.equal({ active: false });
  });

  it('a refresh gives no more than the client is registered for today', async () => {
    const registered = (await as.registry.find('app'))!;
    const body = await launched();
    try {
      await as.registry.replace({ ...registered, scope: 'openid launch/patient patient/*.r offline_access' } as never);
      const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token: String(body['refresh_token']) };
      const after = expectToken(await postForm(as.token, form));
      expect(after['scope']).to.equal('launch/patient openid offline_access');
    } finally {
      await as.registry.replace(registered as never);
    }
  });

  it('an unknown client, or a redirect URI that is not registered, gets a page and no redirect', async () => {
    const hostile = '"><script>alert(1)</script>';
    for (const options of [
      { clientId: 'nobody' },
      { clientId: hostile },
      { params: { redirect_uri: 'https://evil.example/' } },
      { params: { redirect_uri: `${REDIRECT}/x` } },
      { params: { client_id: undefined } },
      { clientId: 'backend' },
      { params: { redirect_uri: 'https://evil.example/', aud: 'https://evil.example' } },
      { scope: 'nonsense', params: { redirect_uri: 'https://evil.example/' } },
    ]) {
      const { response } = await start(options);
      expect(response.headers.get('location')).to.equal(null);
      expect(response.status).to.equal(400);
      expect(response.headers.get('content-type')).to.match(/^text\/html/);
      expect(response.headers.get('content-security-policy')).to.include("default-src 'none'");
      expect(await response.text()).not.to.include('<script');
    }
  });

  it('a repeated parameter is refused', async () => {
    const { response } = await start();
    const url = new URL(response.url);
    for (const name of ['scope', 'client_id', 'aud', 'unknown']) {
      const twice = new URL(url);
      twice.searchParams.append(name, 'x');
      twice.searchParams.append(name, 'y');
      const refused = await new Browser().fetch(twice.href);
      const location = refused.headers.get('location');
      if (location === null) expect(refused.status).to.equal(400);
      else expect(new URL(location).searchParams.get('error'), name).to.equal('invalid_request');
    }
  });

  it('the interaction page belongs to its browser: without its cookie, or with another id, there is nothing', async () => {
    const { browser, response } = await start();
    const page = Browser.location(response).href;
    expect((await new Browser().fetch(page)).status).to.equal(400);
    const other = await start();
    expect((await browser.fetch(Browser.location(other.response).href)).status).to.equal(400);
    const cookie = browser.setCookies.map((line) => line.slice(0, line.indexOf(';'))).join('; ');
    expect((await fetch(Browser.location(other.response).href, { headers: { cookie } })).status).to.equal(400);
    expect((await fetch(page, { headers: { cookie } })).status).to.equal(200);
    expect(seen).to.have.length(1);
  });

  it('cookies are HttpOnly and SameSite, signed, and for a path of their own', async () => {
    const { browser } = await codeFor();
    expect(browser.setCookies.length).to.be.greaterThan(3);
    for (const cookie of browser.setCookies)
      expect(cookie)
        .to.match(/httponly/i)
        .and.match(/samesite=lax/i);
    expect(browser.setCookies.some((cookie) => cookie.includes('.sig='))).to.equal(true);
  });

  const badResults: [string, Partial<Record<keyof LaunchResult, unknown>>][] = [
    ['a patient that is a path', { patient: '../x' }],
    ['a patient that is a reference', { patient: 'Patient/1' }],
    ['a patient called ..', { patient: '..' }],
    ['an encounter with a space', { encounter: 'a b' }],
    ['a fhirUser that is an Organization', { fhirUser: 'Organization/1' }],
    ['a fhirUser without an id', { fhirUser: 'Practitioner/' }],
    ['an account with a line break', { accountId: 'a\nb' }],
    ['an empty account', { accountId: '' }],
    ['a parameter that is the access token', { parameters: { access_token: 'x' } }],
    ['a parameter that is the patient', { parameters: { patient: 'x' } }],
    ['a parameter that is the user', { parameters: { fhirUser: 'Practitioner/x' } }],
    ['a parameter that is a claim of the context', { parameters: { launch_response_patient: 'Patient/x' } }],
    ['a parameter that is a claim of every token', { parameters: { sub: 'x' } }],
    ['a parameter that is a username', { parameters: { username: 'x' } }],
  ];
  for (const [what, result] of badResults) {
    it(`a result with ${what} is a TypeError for the host and grants nothing`, async () => {
      deed = (interaction) => interaction.complete({ ...user, ...result } as LaunchResult);
      const { browser, response } = await start();
      expect((await browser.fetch(Browser.location(response).href, { method: 'POST' })).status).to.equal(500);
      expect(failures[0]).to.be.instanceOf(TypeError);
      expect(as.events.filter(({ type }) => type === 'failure')).to.have.length(1);
    });
  }

  it("the token endpoint answers a browser at the client's own origin, and no other", async () => {
    const fromOwn = await exchange(await codeFor(), {}, { origin: 'https://app.example' });
    expect(fromOwn.headers.get('access-control-allow-origin')).to.equal('https://app.example');
    expect(fromOwn.headers.get('vary')).to.match(/origin/i);
    for (const origin of ['https://evil.example', 'null', 'http://app.example']) {
      const response = await exchange(await codeFor(), {}, { origin });
      expect(response.headers.get('access-control-allow-origin'), origin).to.equal(null);
    }
    const preflight = await fetch(as.token, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(preflight.status).to.equal(204);
    expect(preflight.headers.get('access-control-allow-methods')).to.equal('POST');
    expect(preflight.headers.get('access-control-allow-credentials')).to.equal(null);
  });

  it('behind a proxy that ends TLS, cookies are Secure and redirects stay with the https issuer', async () => {
    const clients = [
      { client_id: 'app', token_endpoint_auth_method: 'none', redirect_uris: [REDIRECT], scope: 'openid' } as const,
    ];
    const proxied = await runServer(clients, { launch, issuer: 'https://as.example/sso' });
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: 'app',
      redirect_uri: REDIRECT,
      scope: 'openid',
      aud: FHIR_BASE,
      code_challenge: createHash('sha256').update('x').digest('base64url'),
      code_challenge_method: 'S256',
    });
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' };
    const url = `${proxied.origin}/sso/authorize?${query.toString()}`;
    const response = await fetch(url, { redirect: 'manual', headers });
    expect(response.headers.get('location')).to.match(/^https:\/\/as\.example\/sso\/interaction\//);
    const cookies = response.headers.getSetCookie();
    expect(cookies.length).to.be.greaterThan(1);
    for (const cookie of cookies)
      expect(cookie)
        .to.match(/; secure/i)
        .and.match(/; path=\/sso\//i);
    await proxied.close();
  });

  it('in Express, paths that are not its own go on to next', async () => {
    const mounted = await runServer([], {
      httpServer: (listener) =>
        createServer((req, res) => {
          listener(req, res, () => res.end('mine'));
        }),
    });
    expect(await (await fetch(`${mounted.origin}/fhir/Patient`)).text()).to.equal('mine');
    expect((await fetch(mounted.token)).status).to.equal(405);
    await mounted.close();
  });

  it('prompt=none never asks, and never grants by itself', async () => {
    const browser = new Browser();
    await launched({ browser });
    const back = Browser.location((await start({ browser, params: { prompt: 'none' } })).response);
    expect(back.searchParams.get('error')).to.be.oneOf(['consent_required', 'interaction_required', 'login_required']);
    expect(back.searchParams.get('code')).to.equal(null);
  });

  it('response types other than code, request objects and resource parameters are refused or without effect', async () => {
    for (const type of ['token', 'id_token', 'code id_token', 'none']) {
      const location = (await start({ params: { response_type: type } })).response.headers.get('location') ?? '';
      expect(location, type).to.match(/error=unsupported_response_type/);
    }
    const request = Browser.location((await start({ params: { request: 'e30.e30.' } })).response);
    expect(request.searchParams.get('error')).to.equal('request_not_supported');
    const body = await launched({ params: { resource: 'https://evil.example/' } });
    expect(decodeJwt(String(body['access_token'])).aud).to.equal(FHIR_BASE);
    expect(body['scope']).to.equal(SCOPE);
  });

  it('a public client gets no token by client credentials, and createLaunch needs launches', async () => {
    const response = await postForm(as.token, {
      grant_type: 'client_credentials',
      client_id: 'app',
      scope: 'system/Patient.rs',
    });
    expectError(response, 400, 'unauthorized_client');
    const backendOnly = await runServer();
    expect(await thrown(() => backendOnly.server.createLaunch({ patient: '1' }))).to.be.instanceOf(TypeError);
    await backendOnly.close();
  });
});

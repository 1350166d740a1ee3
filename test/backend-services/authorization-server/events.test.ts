import { inspect } from 'node:util';
import { expect } from 'chai';
import type { AuthorizationServerEvent, StateStore } from '../../../src/backend-services/oidc-provider.js';
import { createMemoryStore } from '../../../src/backend-services/oidc-provider.js';
import { describeScopes } from '../../../src/backend-services/authorization-server/token/describe-scopes.js';
import { formThen } from './interaction-page.js';
import { key } from './keys.js';
import { LaunchingApp, REDIRECT } from './launching-app.js';
import type { RunningServer, ServerOverrides } from './running-server.js';
import { runServer } from './running-server.js';
import { expectError, expectToken, requestToken } from './token-request.js';

const ec = key('ec');
const PATIENT = 'patient-of-the-test';
const TOKEN = 'eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJ4In0.token-of-the-test';
const APP_SCOPE = 'launch launch/patient patient/*.rs offline_access';

const shown = (events: readonly AuthorizationServerEvent[]): string =>
  inspect(events, { depth: 20, maxStringLength: Infinity, showHidden: true }) + JSON.stringify(events);

/** A server for a backend `c` and an app `app`, whose user is at once done. */
async function withServer(overrides: ServerOverrides, use: (as: RunningServer) => Promise<void>): Promise<void> {
  const clients = [
    {
      client_id: 'c',
      jwks: { keys: [ec.jwk] },
      scope: 'system/*.rs system/Condition.rs?category=problem __introspect',
    },
    {
      client_id: 'app',
      token_endpoint_auth_method: 'none' as const,
      grant_types: ['authorization_code' as const, 'refresh_token' as const],
      redirect_uris: [REDIRECT],
      scope: APP_SCOPE,
    },
  ];
  const interaction = formThen((each) => each.complete({ accountId: 'u1', patient: PATIENT }));
  const as = await runServer(clients, { launch: { interaction }, ...overrides });
  try {
    await use(as);
  } finally {
    await as.close();
  }
}

describe('authorization server: what events tell of scopes', () => {
  it('shows what everybody knows, and counts the rest', () => {
    const cases: [requested: string, known: string, unknown: number][] = [
      ['system/Patient.rs system/*.read', 'system/Patient.rs system/*.read', 0],
      [`system/Observation.rs?subject=Patient/${PATIENT}`, 'system/Observation.rs?...', 0],
      [`system/Observation.rs?${PATIENT}=1 system/Observation.rs?a=b`, 'system/Observation.rs?...', 0],
      ['system/Condition.rs?category=problem', 'system/Condition.rs?category=problem', 0],
      [`${TOKEN} ${PATIENT} openid launch/patient`, 'openid launch/patient', 2],
      [`system/PatientJohnDoe.rs launch/johndoe launch?role=${PATIENT}`, '', 3],
      ['http://smarthealthit.org/fhir/scopes/system/Patient.rs', 'system/Patient.rs', 0],
      ['system/Patient.dus', '', 1],
      ['__introspect', '__introspect', 0],
    ];
    const registered = 'system/*.rs system/Condition.rs?category=problem __introspect';
    for (const [requested, known, unknown] of cases) {
      expect(describeScopes(requested.split(' '), registered), requested).to.deep.equal({ known, unknown });
    }
  });

  it('a request with the text of a stranger in it is told without that text', () =>
    withServer({}, async (as) => {
      const scope = `system/Patient.rs ${TOKEN} system/Observation.rs?subject=Patient/${PATIENT}`;
      expectToken(await requestToken(as, { key: ec, clientId: 'c', scope }));
      expect(as.events).to.deep.equal([
        {
          type: 'scope-narrowed',
          clientId: 'c',
          requested: 'system/Patient.rs system/Observation.rs?...',
          unknown: 1,
          granted: 'system/Patient.rs system/Observation.rs?...',
        },
        {
          type: 'token-issued',
          clientId: 'c',
          grantType: 'client_credentials',
          scope: 'system/Patient.rs system/Observation.rs?...',
        },
      ]);
      expect(shown(as.events)).not.to.include(PATIENT).and.not.to.include('eyJ');
    }));
});

describe('authorization server: what events tell of failures', () => {
  const failures = (as: RunningServer): AuthorizationServerEvent[] =>
    as.events.filter(({ type }) => type === 'failure');

  it('a store that quotes what it was given is named by its fault, wherever the request finds out', async () => {
    const inner = createMemoryStore();
    let broken = false;
    const quoting =
      <A extends [string, ...unknown[]], R>(call: (...args: A) => Promise<R>) =>
      (...args: A): Promise<R> =>
        broken
          ? Promise.reject(Object.assign(new Error(`lost ${args.join(' ')}`), { code: 'ECONNRESET', command: args }))
          : call(...args);
    const store: StateStore = {
      get: quoting((name: string) => inner.get(name)),
      set: quoting((name: string, value: string, seconds?: number) => inner.set(name, value, seconds)),
      setIfAbsent: quoting((name: string, value: string, seconds?: number) => inner.setIfAbsent(name, value, seconds)),
      take: quoting((name: string) => inner.take(name)),
      delete: quoting((name: string) => inner.delete(name)),
    };
    await withServer({ store }, async (as) => {
      const app = new LaunchingApp(as);
      const launch = await as.server.createLaunch({ patient: PATIENT });
      const visit = await app.start(APP_SCOPE);
      const back = await app.finish(visit);
      const interrupted = await app.start(APP_SCOPE);
      as.events.length = 0;
      broken = true;
      expectError(await requestToken(as, { key: ec, clientId: 'c' }), 503, 'temporarily_unavailable');
      expectError(await app.exchange(back, visit), 503, 'temporarily_unavailable');
      expect((await app.start(APP_SCOPE, { launch })).response.status).to.equal(503);
      const page = new URL(interrupted.response.headers.get('location') ?? '', as.origin);
      expect((await interrupted.browser.fetch(page.href)).status).to.equal(503);
      const events = failures(as);
      expect(events).to.have.length.at.least(4);
      for (const event of events) {
        if (event.type !== 'failure') continue;
        expect(event.error).to.include({ name: 'StateStoreError', code: 'ERR_STATE_STORE_UNAVAILABLE' });
        expect(event.error.message).to.equal('the state store failed');
        expect(event.endpoint).to.be.oneOf(['/token', '/authorize', '/interaction', 'provider']);
      }
      const log = shown(as.events);
      for (const secret of [
        PATIENT,
        launch,
        back.searchParams.get('code') ?? '',
        page.pathname.split('/').at(-1) ?? '',
      ]) {
        expect(secret).to.have.length.greaterThan(10);
        expect(log).not.to.include(secret);
      }
      expect(log).not.to.match(/jti-|lost |command/);
    });
  });

  it('a launch record that is damaged is not quoted by the parser', async () => {
    const inner = createMemoryStore();
    let damage = false;
    const get: StateStore['get'] = async (name) => {
      const text = await inner.get(name);
      // As short as what a parser quotes as a whole.
      return damage && /^(?:launch|ehrLaunch)/.test(name) ? `{"p":"${PATIENT}"` : text;
    };
    await withServer({ store: { ...inner, get } }, async (as) => {
      const app = new LaunchingApp(as);
      const launch = await as.server.createLaunch({ patient: PATIENT });
      const visit = await app.start(APP_SCOPE);
      const back = await app.finish(visit);
      damage = true;
      expect((await app.exchange(back, visit)).status).to.equal(500);
      expect((await app.start(APP_SCOPE, { launch })).response.status).to.equal(500);
      const events = failures(as);
      expect(events).to.have.length.at.least(2);
      for (const event of events) if (event.type === 'failure') expect(event.error.name).to.equal('SyntaxError');
      expect(shown(events)).not.to.include(PATIENT);
      // What happened can still be found: the places in the code are told.
      expect(shown(events)).to.include('records.');
    });
  });

  it("the host's own page that fails is named by its error, without its words", () =>
    withServer(
      {
        launch: {
          interaction: () =>
            Promise.reject(Object.assign(new RangeError(`no chart of ${PATIENT}`), { patient: PATIENT })),
        },
      },
      async (as) => {
        const app = new LaunchingApp(as);
        const visit = await app.start(APP_SCOPE);
        const page = new URL(visit.response.headers.get('location') ?? '', as.origin);
        expect((await visit.browser.fetch(page.href)).status).to.equal(500);
        const [event] = failures(as);
        expect(event).to.include({ type: 'failure', endpoint: '/interaction' });
        expect(event?.type === 'failure' && event.error.message).to.equal('RangeError');
        expect(shown(as.events)).not.to.include(PATIENT);
      },
    ));
});

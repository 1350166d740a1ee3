import { inspect } from 'node:util';
import { expect } from 'chai';
import type { Redis } from 'ioredis';
import type { StateStore } from '../../../src/backend-services/oidc-provider.js';
import {
  createMemoryStore,
  createRedisStore,
  createStoredClientRegistry,
} from '../../../src/backend-services/oidc-provider.js';
import type { RedisServer } from '../state/redis-server.js';
import { hasRedis, startRedis } from '../state/redis-server.js';
import { formThen } from './interaction-page.js';
import { key } from './keys.js';
import { LaunchingApp, REDIRECT } from './launching-app.js';
import type { RunningServer, ServerOverrides } from './running-server.js';
import { runServer } from './running-server.js';
import { expectError, expectInvalidClient, expectToken, postForm, requestToken } from './token-request.js';

const ec = key('ec');
const SCOPE = 'launch launch/patient openid patient/*.rs offline_access';
const PATIENT = 'patient-of-the-test';
const available = hasRedis();

/** An app that launches, and a backend; state in the store given. */
function run(store: StateStore, overrides: ServerOverrides = {}): Promise<RunningServer> {
  return runServer(
    [
      {
        client_id: 'app',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: [REDIRECT],
        scope: SCOPE,
      },
      { client_id: 'c', jwks: { keys: [ec.jwk] }, scope: 'system/Patient.rs' },
    ],
    {
      store,
      launch: { interaction: formThen((interaction) => interaction.complete({ accountId: 'u1', patient: PATIENT })) },
      ...overrides,
    },
  );
}

describe('what the store gets to know', () => {
  it('neither codes, nor refresh tokens, nor launches: who reads it cannot use them', async () => {
    const inner = createMemoryStore();
    const written: string[] = [];
    const as = await run({
      ...inner,
      set: (name, value, seconds) => {
        written.push(name, value);
        return inner.set(name, value, seconds);
      },
      setIfAbsent: (name, value, seconds) => {
        written.push(name, value);
        return inner.setIfAbsent(name, value, seconds);
      },
    });
    try {
      const app = new LaunchingApp(as);
      const launch = await as.server.createLaunch({ patient: PATIENT });
      const visit = await app.start(SCOPE, { launch });
      const back = await app.finish(visit);
      const first = expectToken(await app.exchange(back, visit));
      const refresh = (token: unknown): ReturnType<typeof postForm> =>
        postForm(as.token, { grant_type: 'refresh_token', client_id: 'app', refresh_token: String(token) });
      const second = expectToken(await refresh(first['refresh_token']));
      const secrets = {
        launch,
        code: back.searchParams.get('code'),
        first: first['refresh_token'],
        second: second['refresh_token'],
        access: second['access_token'],
      };
      for (const [name, secret] of Object.entries(secrets)) {
        expect(secret).to.be.a('string').with.length.greaterThan(20);
        expect(written.join('\n'), name).not.to.include(String(secret));
      }
      // Used again, the first one takes the second along: nothing of that depends on how they are kept.
      expectError(await refresh(first['refresh_token']), 400, 'invalid_grant');
      expectError(await refresh(second['refresh_token']), 400, 'invalid_grant');
    } finally {
      await as.close();
    }
  });

  it('its keys are short and plain, whatever a stranger sends', async () => {
    const inner = createMemoryStore();
    const names: string[] = [];
    const strict = <T>(name: string, call: () => Promise<T>): Promise<T> => {
      names.push(name);
      // As the interface promises; a store on a file system or memcached has such bounds.
      return /^[\x21-\x7e]{1,255}$/.test(name) ? call() : Promise.reject(new Error('no key'));
    };
    const store: StateStore = {
      get: (name) => strict(name, () => inner.get(name)),
      set: (name, value, seconds) => strict(name, () => inner.set(name, value, seconds)),
      setIfAbsent: (name, value, seconds) => strict(name, () => inner.setIfAbsent(name, value, seconds)),
      take: (name) => strict(name, () => inner.take(name)),
      delete: (name) => strict(name, () => inner.delete(name)),
    };
    const clients = createStoredClientRegistry(store);
    const as = await run(store, { clients });
    try {
      const long = '%'.repeat(255);
      await as.server.registerClient({ client_id: long, jwks: { keys: [ec.jwk] }, scope: 'system/Patient.rs' });
      await as.server.registerClient({
        client_id: 'app',
        token_endpoint_auth_method: 'none',
        redirect_uris: [REDIRECT],
        grant_types: ['authorization_code', 'refresh_token'],
        scope: SCOPE,
      });
      expectToken(await requestToken(as, { key: ec, clientId: long }));
      expectInvalidClient(await requestToken(as, { key: ec, clientId: ' '.repeat(255) }));
      expect(await clients.remove(long)).to.equal(true);
      expectInvalidClient(await requestToken(as, { key: ec, clientId: long }));
      for (const token of ['x'.repeat(40_000), 'a\0b', 'é:ü', ' ']) {
        const refresh = { grant_type: 'refresh_token', client_id: 'app', refresh_token: token };
        expectError(await postForm(as.token, refresh), 400, 'invalid_grant');
        const exchange = {
          grant_type: 'authorization_code',
          client_id: 'app',
          redirect_uri: REDIRECT,
          code: token,
          code_verifier: 'v',
        };
        expectError(await postForm(as.token, exchange), 400, 'invalid_grant');
        expect((await postForm(as.server.endpoints.revocation, { client_id: 'app', token })).status).to.equal(200);
      }
      expect(as.events.filter(({ type }) => type === 'failure')).to.deep.equal([]);
      expect(names.length).to.be.greaterThan(20);
    } finally {
      await as.close();
    }
  });
});

(available ? describe : describe.skip)(
  available ? 'what the log gets to know' : 'what the log gets to know (skipped: redis-server is not installed)',
  () => {
    let redis: RedisServer;
    let connection: Redis;
    before(async function () {
      this.timeout(60_000);
      redis = await startRedis();
      connection = redis.connect();
    });
    after(() => redis.stop());

    it('a Redis that refuses names its reason, and nothing of what it was sent', async () => {
      const as = await run(createRedisStore(connection));
      try {
        const app = new LaunchingApp(as);
        const tokens = expectToken(await app.launch(SCOPE));
        const visit = await app.start(SCOPE);
        const back = await app.finish(visit);
        const launch = await as.server.createLaunch({ patient: PATIENT });
        as.events.length = 0;
        // Full, as a Redis that must not evict will be one day.
        await connection.config('SET', 'maxmemory', '1');
        const refresh = {
          grant_type: 'refresh_token',
          client_id: 'app',
          refresh_token: String(tokens['refresh_token']),
        };
        for (const answer of [
          await postForm(as.token, refresh),
          await app.exchange(back, visit),
          await requestToken(as, { key: ec, clientId: 'c' }),
        ]) {
          // Wherever it is found out: the client may try again.
          expectError(answer, 503, 'temporarily_unavailable');
          expect(answer.body).not.to.have.property('access_token');
        }
        expect((await app.start(SCOPE, { launch })).response.status).to.equal(503);
        const log = inspect(as.events, { depth: Infinity, maxStringLength: Infinity });
        expect(as.events.filter(({ type }) => type === 'failure').length).to.be.at.least(4);
        expect(log).to.include('OOM');
        for (const secret of [tokens['refresh_token'], back.searchParams.get('code'), launch, PATIENT])
          expect(log).not.to.include(String(secret));
        expect(log).not.to.include('smart:');
      } finally {
        await connection.config('SET', 'maxmemory', '0');
        await as.close();
      }
    });
  },
);

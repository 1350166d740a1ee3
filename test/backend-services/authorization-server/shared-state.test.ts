import { createHash, randomBytes } from 'node:crypto';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { StateStore } from '../../../src/backend-services/oidc-provider.js';
import {
  createMemoryStore,
  createRedisStore,
  createSmartAuthorizationServer,
  createStoredClientRegistry,
} from '../../../src/backend-services/oidc-provider.js';
import { Browser } from './browser.js';
import { FHIR_BASE, runServer } from './running-server.js';
import type { RedisServer } from '../state/redis-server.js';
import { hasRedis, startRedis } from '../state/redis-server.js';
import { key, serverKeys } from './keys.js';
import { expectInvalidClient, expectToken, postForm, requestToken, tokenForm } from './token-request.js';

const ISSUER = 'https://as.example';
const REDIRECT = 'https://app.example/callback';
const ec = key('ec');
const good = { key: ec, clientId: 'c' };
const available = hasRedis();

(available ? describe : describe.skip)(
  available ? 'two processes on one Redis' : 'two processes on one Redis (skipped: redis-server is not installed)',
  () => {
    let redis: RedisServer;
    const children: ChildProcess[] = [];
    const origins: string[] = [];

    before(async function () {
      this.timeout(60_000);
      redis = await startRedis();
      const registry = createStoredClientRegistry(createRedisStore(redis.connect()));
      await registry.add({
        client_id: 'app',
        scope: 'launch launch/patient patient/*.rs',
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'none',
        redirect_uris: [REDIRECT],
      });
      await registry.add({
        client_id: 'c',
        jwks: { keys: [ec.jwk] } as never,
        scope: 'system/Patient.rs',
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        redirect_uris: [],
      });
      origins.push(...(await Promise.all([startProcess(), startProcess()])));
    });
    after(async () => {
      for (const child of children) child.disconnect();
      await redis.stop();
    });

    function startProcess(): Promise<string> {
      const script = fileURLToPath(new URL('./shared-state-process.ts', import.meta.url));
      const child = fork(script, [redis.url, ISSUER, JSON.stringify(serverKeys())], {
        execArgv: ['--import', 'tsx'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      children.push(child);
      return new Promise((resolve, reject) => {
        child.once('message', (message) => {
          resolve((message as { origin: string }).origin);
        });
        child.once('exit', (code) => {
          reject(new Error(`the process ended with ${String(code)}`));
        });
      });
    }
    const urlOf = (at: number, path: string): string => `${origins[at % 2]!}${path}`;
    const balanced = { token: `${ISSUER}/token` };

    it('A16: hole-43: a parallel replay of one assertion at both processes is accepted exactly once', async () => {
      for (let round = 0; round < 3; round += 1) {
        const form = tokenForm(balanced, good);
        const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => postForm(urlOf(at, '/token'), form)));
        expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
        answers.filter(({ status }) => status !== 200).forEach(expectInvalidClient);
      }
    });

    it('A16: an assertion used at one process is used up at the other', async () => {
      const form = tokenForm(balanced, good);
      expectToken(await postForm(urlOf(0, '/token'), form));
      expectInvalidClient(await postForm(urlOf(1, '/token'), form));
    });

    it('a launch goes on at whichever process the user comes to, and its code is good once at both', async () => {
      const browser = new Browser();
      let visits = 0;
      // The balancer: each request of the browser goes to the other process.
      const visit = (url: URL, init?: RequestInit): Promise<Response> =>
        browser.fetch(urlOf(visits++, `${url.pathname}${url.search}`), init);
      const verifier = randomBytes(48).toString('base64url');
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: 'app',
        redirect_uri: REDIRECT,
        scope: 'launch/patient patient/*.rs',
        state: randomBytes(16).toString('base64url'),
        aud: FHIR_BASE,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
      });
      const page = Browser.location(await visit(new URL(`${ISSUER}/authorize?${query.toString()}`)));
      expect((await visit(page)).status).to.equal(200);
      const done = Browser.location(await visit(page, { method: 'POST', body: 'go' }));
      const back = Browser.location(await visit(done));
      expect([back.origin, visits]).to.deep.equal(['https://app.example', 4]);
      const form = {
        grant_type: 'authorization_code',
        client_id: 'app',
        redirect_uri: REDIRECT,
        code: back.searchParams.get('code') ?? '',
        code_verifier: verifier,
      };
      const answers = await Promise.all(Array.from({ length: 10 }, (_, at) => postForm(urlOf(at, '/token'), form)));
      const given = answers.filter(({ status }) => status === 200);
      expect(given.map(({ body }) => body['patient'])).to.deep.equal(['123']);
    });

    it('an EHR launch is good once, at both: of parallel requests with it one comes to the page', async () => {
      const store = createRedisStore(redis.connect());
      const ehr = createSmartAuthorizationServer({
        issuer: ISSUER,
        fhirBaseUrl: FHIR_BASE,
        clients: createStoredClientRegistry(store),
        signingKeys: serverKeys(),
        store,
        launch: { interaction: () => undefined },
      });
      for (let round = 0; round < 3; round += 1) {
        const query = new URLSearchParams({
          response_type: 'code',
          client_id: 'app',
          redirect_uri: REDIRECT,
          scope: 'launch patient/*.rs',
          aud: FHIR_BASE,
          launch: await ehr.createLaunch({ patient: '123', clientId: 'app' }),
          code_challenge: createHash('sha256').update('x').digest('base64url'),
          code_challenge_method: 'S256',
        });
        const visits = await Promise.all(
          Array.from({ length: 20 }, (_, at) => new Browser().fetch(urlOf(at, `/authorize?${query.toString()}`))),
        );
        const locations = visits.map((visit) => Browser.location(visit));
        expect(locations.filter(({ pathname }) => pathname.startsWith('/interaction/'))).to.have.length(1);
        expect(locations.filter((url) => url.searchParams.get('error') === 'invalid_request')).to.have.length(19);
      }
    });

    it('A36: a token of one process is active at the other, until a client that leaves takes it along', async () => {
      const token = String(expectToken(await postForm(urlOf(0, '/token'), tokenForm(balanced, good)))['access_token']);
      const caller = { authorization: `Basic ${Buffer.from('rs:a-secret-of-the-resource-server').toString('base64')}` };
      const introspect = (at: number): ReturnType<typeof postForm> =>
        postForm(urlOf(at, '/introspect'), { token }, caller);
      expect((await introspect(1)).body).to.include({ active: true, client_id: 'c' });
      const registry = createStoredClientRegistry(createRedisStore(redis.connect()));
      expect(await registry.remove('c')).to.equal(true);
      for (const at of [0, 1]) expect((await introspect(at)).body).to.deep.equal({ active: false });
      expectInvalidClient(await requestToken({ token: urlOf(0, '/token') }, good));
    });
  },
);

describe('a store that takes requests and never answers', () => {
  const client = { client_id: 'c', jwks: { keys: [ec.jwk] } as never, scope: 'system/Patient.rs' };
  const silent = (): Promise<never> => new Promise(() => undefined);

  it('each call of the state store in turn: 503 in time, and the next request is served', async () => {
    const inner = createMemoryStore();
    let stuck: string | undefined;
    const seen = new Set<string>();
    const step = <T>(name: string, key: string, call: () => Promise<T>): Promise<T> => {
      const called = `${name} ${key.replace(/[-:].*/, '')}`;
      seen.add(called);
      return called === stuck ? silent() : call();
    };
    const store: StateStore = {
      get: (key) => step('get', key, () => inner.get(key)),
      set: (key, value, seconds) => step('set', key, () => inner.set(key, value, seconds)),
      setIfAbsent: (key, value, seconds) => step('setIfAbsent', key, () => inner.setIfAbsent(key, value, seconds)),
      take: (key) => step('take', key, () => inner.take(key)),
      delete: (key) => step('delete', key, () => inner.delete(key)),
    };
    const as = await runServer([client], { store, storeTimeoutMilliseconds: 100 });
    try {
      expectToken(await requestToken(as, good));
      expect([...seen]).to.include('setIfAbsent jti');
      for (const call of [...seen]) {
        stuck = call;
        const startedAt = performance.now();
        const answer = await requestToken(as, good);
        expect([answer.status, answer.body['error']], call).to.deep.equal([503, 'temporarily_unavailable']);
        expect(performance.now() - startedAt, call).to.be.below(5000);
        stuck = undefined;
        expectToken(await requestToken(as, good));
      }
    } finally {
      await as.close();
    }
  });

  (available ? it : it.skip)('a Redis that is stopped: 503 in time, and served again once it runs', async function () {
    this.timeout(60_000);
    const redis = await startRedis();
    const store = createRedisStore(redis.connect(), { timeoutMilliseconds: 200 });
    const clients = createStoredClientRegistry(store);
    const as = await runServer([], { store, clients });
    try {
      await as.server.registerClient(client);
      expectToken(await requestToken(as, good));
      redis.pause();
      const startedAt = performance.now();
      const answers = await Promise.all(Array.from({ length: 5 }, () => requestToken(as, good)));
      expect(answers.map(({ status }) => status)).to.deep.equal([503, 503, 503, 503, 503]);
      expect(performance.now() - startedAt).to.be.below(5000);
      redis.resume();
      expectToken(await requestToken(as, good));
    } finally {
      redis.resume();
      await as.close();
      await redis.stop();
    }
  });
});

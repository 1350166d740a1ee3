import { expect } from 'chai';
import type { Redis } from 'ioredis';
import { createMemoryStore } from '../../src/backend-services/state/memory-store.js';
import { createRedisStore } from '../../src/backend-services/state/redis-store.js';
import type { StateStore } from '../../src/backend-services/state/store.js';
import { createTokenVerifier } from '../../src/token/verifier.js';
import type {
  AnswerStore,
  IntrospectionVerifierOptions,
  TokenEvent,
  TokenVerifier,
  TokenVerifierOptions,
} from '../../src/token/verifier.js';
import { hasRedis, startRedis } from '../backend-services/state/redis-server.js';
import type { RedisServer } from '../backend-services/state/redis-server.js';
import { AUDIENCE, ISSUER, Issuer, codeOf, seconds, until } from './issuer.js';

const MAX_AGE_MS = 10_000;

describe('token/shared-answers: introspection answers for several processes', () => {
  let issuer: Issuer;
  let now: number;
  let events: TokenEvent[];

  function verifier(cache: AnswerStore, more: Partial<IntrospectionVerifierOptions> = {}): TokenVerifier {
    const introspection: TokenVerifierOptions['introspection'] = {
      introspectUrl: issuer.introspectUrl,
      clientId: 'fhir-api',
      clientSecret: 's3cr3t',
      cacheMaxAgeMs: MAX_AGE_MS,
      cacheTimeoutMs: 5_000,
      cache,
      ...more,
    };
    return createTokenVerifier({
      introspection,
      issuer: ISSUER,
      audience: AUDIENCE,
      now: () => now,
      onEvent: (event) => events.push(event),
    });
  }

  /** A store that shows what is in it, and tells when something has come. */
  class OpenStore implements AnswerStore {
    readonly entries = new Map<string, string>();
    readonly lifetimes: number[] = [];
    async get(key: string): Promise<string | undefined> {
      return this.entries.get(key);
    }
    async set(key: string, value: string, expiresInSeconds: number): Promise<void> {
      this.entries.set(key, value);
      this.lifetimes.push(expiresInSeconds);
    }
    get only(): [string, string] {
      expect(this.entries.size).to.equal(1);
      return [...this.entries][0]!;
    }
  }

  const active = (members: Record<string, unknown> = {}): void => {
    issuer.introspection = { body: { active: true, aud: AUDIENCE, ...members } };
  };
  const asked = (): number => issuer.count('/introspect');
  const failures = (): string[] =>
    events.flatMap((event) => (event.type === 'introspection.cache-failed' ? [`${event.action} ${event.reason}`] : []));

  beforeEach(async () => {
    issuer = await Issuer.start();
    active();
    now = Date.now();
    events = [];
  });
  afterEach(() => issuer.close());

  it('takes any state store, by its shape', () => {
    const store: StateStore = createMemoryStore();
    const answers: AnswerStore = store;
    expect(answers).to.equal(store);
  });

  it('asks once for all who share it, and every one of them for what it lacks', async () => {
    const store = createMemoryStore();
    active({ sub: 'somebody', scope: 'user/Patient.rs' });
    const first = await verifier(store).verify('opaque');
    const others = await Promise.all([1, 2, 3].map(() => verifier(store).verify('opaque')));
    expect(asked()).to.equal(1);
    for (const other of others) expect(other).to.deep.equal(first);
    await verifier(store).verify('opaque2');
    expect(asked()).to.equal(2);
  });

  it('keeps nothing anywhere unless cacheMaxAgeMs says so', async () => {
    const store = new OpenStore();
    const careful = verifier(store, { cacheMaxAgeMs: 0 });
    await careful.verify('opaque');
    await careful.verify('opaque');
    expect([asked(), store.entries.size]).to.deep.equal([2, 0]);
  });

  it('serves without a cache of its own, too', async () => {
    const store = createMemoryStore();
    const options = { cacheSize: 0 };
    for (let time = 0; time < 3; time += 1) await verifier(store, options).verify('opaque');
    expect(asked()).to.equal(1);
  });

  it('a revoked token works no longer than cacheMaxAgeMs after it was asked about, whoever heard of it last', async () => {
    const store = new OpenStore();
    const first = verifier(store);
    const second = verifier(store);
    await first.verify('opaque');
    issuer.introspection = { body: { active: false } };
    now += MAX_AGE_MS - 1;
    // Now the second has it in its own memory as well: its time does not begin anew.
    expect(await codeOf(second.verify('opaque'))).to.equal(undefined);
    now += 1;
    for (const each of [first, second, verifier(store)]) {
      expect(await codeOf(each.verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
    }
  });

  it('each verifier keeps to its own cacheMaxAgeMs, however long others may use an answer', async () => {
    const store = new OpenStore();
    await verifier(store, { cacheMaxAgeMs: 3_600_000 }).verify('opaque');
    now += MAX_AGE_MS;
    issuer.introspection = { body: { active: false } };
    expect(await codeOf(verifier(store).verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
  });

  it('hole-42: never beyond exp, neither here nor in the store', async () => {
    now = seconds(now) * 1000;
    active({ exp: now / 1000 + 3 });
    const store = new OpenStore();
    await verifier(store).verify('opaque');
    expect(store.lifetimes).to.deep.equal([3]);
    now += 3_000;
    expect(await codeOf(verifier(store).verify('opaque'))).to.equal('ERR_TOKEN_EXPIRED');
    expect(asked()).to.equal(2);
    expect(store.lifetimes, 'an answer that has expired is not shared').to.have.length(1);
  });

  it('an answer from the future is not used: a clock that is set back must not make it last', async () => {
    const store = new OpenStore();
    await verifier(store).verify('opaque');
    now -= 3_600_000;
    await verifier(store).verify('opaque');
    expect(asked()).to.equal(2);
  });

  it('shares neither refusals nor failures', async () => {
    const store = new OpenStore();
    issuer.introspection = { body: { active: false } };
    expect(await codeOf(verifier(store).verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
    issuer.introspection = { status: 500, body: { active: true } };
    expect(await codeOf(verifier(store).verify('opaque'))).to.equal('ERR_INTROSPECTION_UNAVAILABLE');
    expect(store.entries.size).to.equal(0);
  });

  it('judges a shared answer like a fresh one: audience, issuer and times', async () => {
    const store = createMemoryStore();
    issuer.introspection = { body: { active: true, scope: 'system/*.cruds' } };
    const vouching = verifier(store, { vouchesForAudience: true });
    expect(await codeOf(vouching.verify('opaque'))).to.equal(undefined);
    expect(await codeOf(verifier(store).verify('opaque'))).to.equal('ERR_TOKEN_AUDIENCE');
    expect(asked()).to.equal(1);
  });

  describe('what somebody can do who has the store', () => {
    let store: OpenStore;
    beforeEach(async () => {
      store = new OpenStore();
      active({ sub: 'Miller', patient: 'p-4711', scope: 'patient/*.rs' });
      await verifier(store).verify('opaque-token');
    });
    const claimsOf = async (token: string): Promise<unknown> =>
      (await verifier(store, { cacheSize: 0 }).verify(token)).claims['sub'];

    it('not read whom a token speaks for, nor find a token in it', () => {
      const [key, value] = store.only;
      const texts = [key, value, Buffer.from(value, 'base64url').toString('latin1')].join(' ');
      for (const secret of ['opaque-token', 'Miller', 'p-4711', 'patient/', 's3cr3t']) {
        expect(texts).not.to.include(secret);
      }
      // The plain fingerprint of a token that somebody holds would tell whether it was used.
      expect(key).to.match(/^introspection:[\w-]{43}$/);
    });

    it('not change a bit of an answer', async () => {
      const [key, value] = store.only;
      const bytes = Buffer.from(value, 'base64url');
      for (let index = 0; index < bytes.length; index += 1) {
        const changed = Buffer.from(bytes);
        changed[index]! ^= 1;
        store.entries.set(key, changed.toString('base64url'));
        expect(await claimsOf('opaque-token')).to.equal('Miller');
      }
      expect(asked()).to.equal(1 + bytes.length);
      expect(new Set(failures())).to.deep.equal(new Set(['get foreign']));
    });

    it('not write one of their own, in whatever form', async () => {
      const [key, value] = store.only;
      const forged = { active: true, aud: AUDIENCE, sub: 'Mallory', scope: 'system/*.cruds' };
      const texts = [
        '',
        'x',
        '{}',
        JSON.stringify(forged),
        JSON.stringify([now, forged]),
        Buffer.from(JSON.stringify([now, forged])).toString('base64url'),
        value.slice(0, 20),
        value.slice(0, -4),
        `${value}AAAA`,
        'A'.repeat(1_000_000),
      ];
      for (const text of texts) {
        store.entries.set(key, text);
        expect(await claimsOf('opaque-token'), text.slice(0, 40)).to.equal('Miller');
      }
      expect(asked()).to.equal(1 + texts.length);
      expect(failures()).to.have.length(texts.length);
    });

    it('not move an answer to another token, nor to another client or server', async () => {
      const [name, value] = store.only;
      const kept = [name];
      active({ sub: 'Smith', scope: 'openid' });
      await verifier(store).verify('weak-token');
      const weak = [...store.entries.keys()][1]!;
      store.entries.set(weak, value);
      expect(await claimsOf('weak-token')).to.equal('Smith');
      for (const more of [
        { clientId: 'other' },
        { clientSecret: 'other' },
        { introspectUrl: `${issuer.introspectUrl}?tenant=b` },
      ]) {
        const own = new OpenStore();
        await codeOf(verifier(own, more).verify('opaque-token'));
        expect([...own.entries.keys()], 'another name').not.to.have.members(kept);
        expect(own.entries.size).to.equal(1);
        // Under the name that they look for, it does not open.
        own.entries.set(own.only[0], value);
        const before = issuer.requests.length;
        await codeOf(verifier(own, more).verify('opaque-token'));
        expect(issuer.requests).to.have.length(before + 1);
      }
    });

    it('put back what has been there, but not beyond its time', async () => {
      const kept = new Map(store.entries);
      issuer.introspection = { body: { active: false } };
      now += MAX_AGE_MS;
      for (const [key, value] of kept) store.entries.set(key, value);
      expect(await codeOf(verifier(store).verify('opaque-token'))).to.equal('ERR_INTROSPECTION_INACTIVE');
    });
  });

  describe('a store that fails', () => {
    const failing: Record<string, AnswerStore> = {
      rejects: { get: () => Promise.reject(new Error('opaque')), set: () => Promise.reject(new Error('opaque')) },
      throws: {
        get: () => {
          throw new Error('opaque');
        },
        set: () => {
          throw new Error('opaque');
        },
      },
      'answers with something else': {
        get: () => Promise.resolve({ active: true } as unknown as string),
        set: () => Promise.resolve(),
      },
    };
    for (const [name, store] of Object.entries(failing)) {
      it(`${name}: the introspection server is asked, and has the last word`, async () => {
        const both = verifier(store, { cacheSize: 0 });
        expect(await codeOf(both.verify('opaque'))).to.equal(undefined);
        issuer.introspection = { body: { active: false } };
        expect(await codeOf(both.verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
        expect(failures()[0]).to.match(/^get (?:error|foreign)$/);
        expect(JSON.stringify(events)).not.to.include('opaque');
      });
    }

    it('is silent: waited for once, then left alone for a second', async () => {
      let calls = 0;
      const silent = (): Promise<never> => {
        calls += 1;
        return new Promise(() => undefined);
      };
      const slow = verifier({ get: silent, set: silent }, { cacheSize: 0, cacheTimeoutMs: 20 });
      for (let time = 0; time < 5; time += 1) expect(await codeOf(slow.verify('opaque'))).to.equal(undefined);
      expect([calls, asked()]).to.deep.equal([1, 5]);
      expect(failures()).to.deep.equal(['get timeout']);
      now += 1_000;
      await slow.verify('opaque');
      expect(calls).to.equal(2);
    });

    it('never allows by itself: store and server both down refuse', async () => {
      issuer.introspection = { fault: 'hangup' };
      for (const store of Object.values(failing)) {
        expect(await codeOf(verifier(store).verify('opaque'))).to.equal('ERR_INTROSPECTION_UNAVAILABLE');
      }
    });
  });

  describe('on Redis', function () {
    let redis: RedisServer | undefined;
    before(async function () {
      if (!hasRedis()) this.skip();
      redis = await startRedis();
    });
    after(() => redis?.stop());
    const connect = (): Redis => redis!.connect();
    beforeEach(async () => {
      await connect().flushall();
    });

    it('two processes ask once, and the entry ends with the option or the token', async () => {
      const client = connect();
      active({ exp: seconds(now) + 5 });
      await verifier(createRedisStore(client)).verify('opaque');
      let keys: string[] = [];
      await waitFor(async () => (keys = await client.keys('*')).length === 1);
      await verifier(createRedisStore(connect())).verify('opaque');
      expect(asked()).to.equal(1);
      const lifetime = await client.pttl(keys[0]!);
      expect(lifetime).to.be.within(1, 5_000);
      expect(keys[0]).to.match(/^smart:introspection:[\w-]{43}$/);
      expect(await client.get(keys[0]!)).not.to.include('opaque');
    });

    it('a revoked token works no longer than the option says, in real time', async () => {
      const options = { cacheMaxAgeMs: 300 };
      const [first, second] = [1, 2].map(() => verifier(createRedisStore(connect()), options));
      const started = Date.now();
      now = started;
      await first!.verify('opaque');
      await waitFor(async () => (await connect().dbsize()) === 1);
      issuer.introspection = { body: { active: false } };
      now = Date.now();
      const meanwhile = await codeOf(second!.verify('opaque'));
      if (now < started + 300) expect(meanwhile).to.equal(undefined);
      await new Promise((resolve) => setTimeout(resolve, started + 301 - Date.now()));
      // By Redis's own clock the entry is gone as well.
      await waitFor(async () => (await connect().dbsize()) === 0);
      now = Date.now();
      for (const each of [first!, second!, verifier(createRedisStore(connect()), options)]) {
        expect(await codeOf(each.verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
      }
    });

    it('Redis goes down: tokens are asked about one by one, and revoked ones refused at once', async () => {
      const own = await startRedis();
      const both = verifier(createRedisStore(own.connect()), { cacheSize: 0 });
      await both.verify('opaque');
      await until(() => asked() === 1);
      await own.stop();
      expect(await codeOf(both.verify('opaque'))).to.equal(undefined);
      expect(asked()).to.equal(2);
      expect(failures().at(-1)).to.match(/^get (?:error|timeout)$/);
      issuer.introspection = { body: { active: false } };
      expect(await codeOf(both.verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
    });
  });
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import type { RedisCommands, StateStore } from '../../../src/backend-services/oidc-provider.js';
import {
  createMemoryStore,
  createRedisStore,
  createStoredClientRegistry,
} from '../../../src/backend-services/oidc-provider.js';
import { guardStore } from '../../../src/backend-services/state/store.js';
import { thrown } from '../thrown.js';
import type { RedisServer } from './redis-server.js';
import { hasRedis, startRedis } from './redis-server.js';

const kinds: [string, boolean][] = [
  ['memory', true],
  ['redis', hasRedis()],
];

for (const [kind, available] of kinds) {
  (available ? describe : describe.skip)(
    available ? `state store: ${kind}` : `state store: ${kind} (skipped: redis-server is not installed)`,
    () => {
      let redis: RedisServer | undefined;
      let store: StateStore;

      before(async () => {
        if (kind === 'redis') {
          redis = await startRedis();
          store = createRedisStore(redis.connect());
        } else {
          store = createMemoryStore();
        }
      });
      after(() => redis?.stop());

      it('keeps, replaces and removes text', async () => {
        expect(await store.get('t:a')).to.equal(undefined);
        await store.set('t:a', 'one');
        expect(await store.get('t:a')).to.equal('one');
        await store.set('t:a', 'zwei → €');
        expect(await store.get('t:a')).to.equal('zwei → €');
        await store.delete('t:a');
        await store.delete('t:a');
        expect(await store.get('t:a')).to.equal(undefined);
        await store.set('t:empty', '');
        expect(await store.get('t:empty')).to.equal('');
      });

      it('hole-43: of fifty parallel setIfAbsent one succeeds', async () => {
        const won = await Promise.all(
          Array.from({ length: 50 }, (_, at) => store.setIfAbsent('t:once', String(at), 60)),
        );
        expect(won.filter(Boolean)).to.have.length(1);
        expect(await store.get('t:once')).to.equal(String(won.indexOf(true)));
      });

      it('of fifty parallel take one receives the value', async () => {
        await store.set('t:taken', 'x');
        const taken = await Promise.all(Array.from({ length: 50 }, () => store.take('t:taken')));
        expect(taken.filter((value) => value === 'x')).to.have.length(1);
        expect(await store.get('t:taken')).to.equal(undefined);
      });

      it('forgets when the time has come, and only then', async () => {
        await store.set('t:short', 'x', 0.15);
        expect(await store.setIfAbsent('t:short', 'y', 60)).to.equal(false);
        await sleep(250);
        expect(await store.get('t:short')).to.equal(undefined);
        expect(await store.take('t:short')).to.equal(undefined);
        expect(await store.setIfAbsent('t:short', 'y', 60)).to.equal(true);
      });

      it('refuses lifetimes that are none', async () => {
        for (const seconds of [0, -1, NaN, Infinity]) {
          expect(await thrown(() => store.set('t:x', 'x', seconds))).to.be.instanceOf(TypeError);
          expect(await thrown(() => store.setIfAbsent('t:x', 'x', seconds))).to.be.instanceOf(TypeError);
        }
        expect(await store.get('t:x')).to.equal(undefined);
      });
    },
  );
}

describe('state store: memory, its bound', () => {
  it('refuses what is new when a namespace is full, keeps what is there, and lets others write', async () => {
    const store = createMemoryStore({ maxEntriesPerNamespace: 3 });
    for (const name of ['a', 'b', 'c']) expect(await store.setIfAbsent(`jti:${name}`, '1', 60)).to.equal(true);
    expect(await thrown(() => store.setIfAbsent('jti:d', '1', 60))).to.include({ code: 'ERR_STATE_STORE_FULL' });
    expect(await thrown(() => store.set('jti:d', '1'))).to.include({ code: 'ERR_STATE_STORE_FULL' });
    expect(await store.setIfAbsent('jti:a', '1', 60)).to.equal(false);
    await store.set('jti:a', '2', 60);
    await store.set('Session:x', '1', 60);
    expect(await store.get('Session:x')).to.equal('1');
  });

  it('makes room by forgetting what has expired', async () => {
    const clock = useFakeTimers({ toFake: ['Date'], now: Date.now() });
    try {
      const store = createMemoryStore({ maxEntriesPerNamespace: 2000 });
      for (let at = 0; at < 2000; at += 1) await store.set(`jti:${at}`, '1', 300);
      expect(await thrown(() => store.set('jti:more', '1', 300))).to.include({ code: 'ERR_STATE_STORE_FULL' });
      clock.setSystemTime(Date.now() + 301_000);
      for (let at = 0; at < 2000; at += 1) await store.set(`jti:new-${at}`, '1', 300);
      expect(await store.get('jti:0')).to.equal(undefined);
      expect(await store.get('jti:new-0')).to.equal('1');
    } finally {
      clock.restore();
    }
  });

  it('forgets what has expired in a namespace to which nobody writes any more', async () => {
    const clock = useFakeTimers({ toFake: ['Date'], now: Date.now() });
    try {
      const store = createMemoryStore();
      for (let at = 0; at < 60; at += 1) await store.set(`quiet-${at % 3}:${at}`, '1', 300);
      clock.setSystemTime(Date.now() + 301_000);
      for (let at = 0; at < 60; at += 1) await store.set('busy:1', '1', 300);
      clock.setSystemTime(Date.now() - 301_000);
      // By the clock of then they would still be there.
      for (let at = 0; at < 60; at += 1)
        expect(await store.get(`quiet-${at % 3}:${at}`), String(at)).to.equal(undefined);
    } finally {
      clock.restore();
    }
  });

  it('checks its option', async () => {
    for (const maxEntriesPerNamespace of [0, 1.5, NaN, 10_000_001]) {
      expect(await thrown(() => createMemoryStore({ maxEntriesPerNamespace }))).to.be.instanceOf(TypeError);
    }
  });
});

describe('state store: redis, its answers', () => {
  const answering = (call: RedisCommands['call']): StateStore => createRedisStore({ call });

  it('takes nothing for a yes that is none', async () => {
    for (const answer of [undefined, 'QUEUED', 0, 1, '', [], {}]) {
      const store = answering(() => Promise.resolve(answer));
      expect(await thrown(() => store.setIfAbsent('a:b', '1', 1))).to.include({ code: 'ERR_STATE_STORE_UNAVAILABLE' });
      expect(await thrown(() => store.set('a:b', '1', 1))).to.include({ code: 'ERR_STATE_STORE_UNAVAILABLE' });
    }
    for (const answer of [undefined, 7, [], {}]) {
      const store = answering(() => Promise.resolve(answer));
      expect(await thrown(() => store.get('a:b'))).to.include({ code: 'ERR_STATE_STORE_UNAVAILABLE' });
      expect(await thrown(() => store.take('a:b'))).to.include({ code: 'ERR_STATE_STORE_UNAVAILABLE' });
    }
  });

  it('turns a lost connection into an error that names no key', async () => {
    const store = answering(() => Promise.reject(new Error('ECONNREFUSED')));
    const error = await thrown(() => store.setIfAbsent('jti:secret', '1', 1));
    expect(error).to.include({ code: 'ERR_STATE_STORE_UNAVAILABLE' });
    expect(error.message).not.to.include('secret');
  });

  it('sends one command a call, with its prefix', async () => {
    const sent: unknown[][] = [];
    const store = createRedisStore(
      {
        call: (...command) => {
          sent.push(command);
          return Promise.resolve(command[0] === 'SET' ? 'OK' : null);
        },
      },
      { keyPrefix: 'x:' },
    );
    await store.set('a', '1');
    await store.set('a', '1', 1.5);
    await store.setIfAbsent('a', '1', 2);
    await store.get('a');
    await store.take('a');
    await store.delete('a');
    expect(sent).to.deep.equal([
      ['SET', 'x:a', '1'],
      ['SET', 'x:a', '1', 'PX', 1500],
      ['SET', 'x:a', '1', 'NX', 'PX', 2000],
      ['GET', 'x:a'],
      ['GETDEL', 'x:a'],
      ['DEL', 'x:a'],
    ]);
  });
});

describe('state store: one that never answers', () => {
  const silent = (): Promise<never> => new Promise(() => undefined);
  const calls: Readonly<Record<string, (store: StateStore) => Promise<unknown>>> = {
    get: (store) => store.get('a:secret'),
    set: (store) => store.set('a:secret', '1', 1),
    setIfAbsent: (store) => store.setIfAbsent('a:secret', '1', 1),
    take: (store) => store.take('a:secret'),
    delete: (store) => store.delete('a:secret'),
  };
  const stores: Readonly<Record<string, (timeoutMilliseconds?: number) => StateStore>> = {
    'of somebody else': (timeoutMilliseconds) =>
      guardStore({ get: silent, set: silent, setIfAbsent: silent, take: silent, delete: silent }, timeoutMilliseconds),
    'on Redis': (timeoutMilliseconds) =>
      createRedisStore({ call: silent }, timeoutMilliseconds === undefined ? {} : { timeoutMilliseconds }),
  };

  for (const [name, make] of Object.entries(stores)) {
    it(`${name}: every call ends with the bound, as an error that names no key`, async () => {
      const store = make(60);
      for (const [call, run] of Object.entries(calls)) {
        const startedAt = performance.now();
        const error = await thrown(() => run(store));
        expect(error, call).to.include({ name: 'StateStoreError', code: 'ERR_STATE_STORE_UNAVAILABLE' });
        expect(error.message, call).to.include('60 ms').and.not.include('secret');
        expect(performance.now() - startedAt, call).to.be.within(50, 1500);
      }
    });

    it(`${name}: two seconds are waited where nothing else is said`, async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        let ended = false;
        const call = thrown(() => make().get('a:b')).then((error) => {
          ended = true;
          return error;
        });
        await clock.tickAsync(1999);
        expect(ended).to.equal(false);
        await clock.tickAsync(1);
        expect(await call).to.include({ code: 'ERR_STATE_STORE_UNAVAILABLE' });
        expect(clock.countTimers()).to.equal(0);
      } finally {
        clock.restore();
      }
    });
  }

  it('leaves no timer behind a call that is answered, or fails', async () => {
    const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const answers = [(): Promise<unknown> => Promise.resolve(null), () => Promise.reject(new Error('gone'))];
      for (const call of answers) {
        await Promise.allSettled([createRedisStore({ call }).get('a:b')]);
        expect(clock.countTimers()).to.equal(0);
        const get = call as StateStore['get'];
        await Promise.allSettled([guardStore({ ...createMemoryStore(), get }).get('a:b')]);
        expect(clock.countTimers()).to.equal(0);
      }
    } finally {
      clock.restore();
    }
  });

  it('is no place for clients either: their registry gives up as well', async () => {
    const store: StateStore = { get: silent, set: silent, setIfAbsent: silent, take: silent, delete: silent };
    const registry = createStoredClientRegistry(store, { timeoutMilliseconds: 60 });
    const client = {
      client_id: 'c',
      scope: 'system/Patient.rs',
      grant_types: [],
      token_endpoint_auth_method: 'none' as const,
      redirect_uris: [],
    };
    for (const call of [
      () => registry.find('c'),
      () => registry.add(client),
      () => registry.replace(client),
      () => registry.remove('c'),
    ]) {
      expect(await thrown(call)).to.include({ code: 'ERR_STATE_STORE_UNAVAILABLE' });
    }
  });

  it('what a store throws instead of rejecting is an error of the store as well', async () => {
    const get = (): never => {
      throw new Error('no promise');
    };
    const error = await thrown(() => guardStore({ ...createMemoryStore(), get }).get('a:b'));
    expect(error).to.include({ code: 'ERR_STATE_STORE_UNAVAILABLE' });
  });

  it('the bound is checked as other options are', async () => {
    for (const timeoutMilliseconds of [0, 49, 60_001, NaN, Infinity, '60' as unknown as number]) {
      const made = [
        () => createRedisStore({ call: silent }, { timeoutMilliseconds }),
        () => createStoredClientRegistry(createMemoryStore(), { timeoutMilliseconds }),
      ];
      for (const make of made) expect(await thrown(make), String(timeoutMilliseconds)).to.be.instanceOf(TypeError);
    }
  });
});

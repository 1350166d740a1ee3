import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Redis } from 'ioredis';
import { createRedisStore, createStoredClientRegistry } from '../../src/backend-services/oidc-provider.js';
import { openRegistry } from '../../src/cli/open-registry.js';
import { runServer } from '../backend-services/authorization-server/running-server.js';
import { hasRedis, startRedis } from '../backend-services/state/redis-server.js';
import type { RedisServer } from '../backend-services/state/redis-server.js';
import { ecKey, rsaKey } from '../backend-services/test-keys.js';
import { thrown } from '../backend-services/thrown.js';
import { commandLine, useDirectory } from './command-line.js';
import type { Outcome, Surroundings } from './command-line.js';

describe('cli: register, with the registry on Redis', () => {
  const at = useDirectory();
  let redis: RedisServer | undefined;
  let client: Redis;

  const register = (argv: readonly string[], more: Surroundings = {}): Promise<Outcome> =>
    commandLine(['register', '--scope', 'system/Patient.rs', '--jwks', at('key.pem'), ...argv], more);

  before(async function () {
    if (!hasRedis()) this.skip();
    redis = await startRedis();
    client = redis.connect();
  });
  after(() => redis?.stop());
  beforeEach(async () => {
    await client.flushall();
    await writeFile(at('key.pem'), (await ecKey()).publicPem);
  });

  it('a server sees at once who was registered, by option or by environment, and gives a token', async () => {
    const as = await runServer([], { clients: createStoredClientRegistry(createRedisStore(client)) });
    try {
      await writeFile(at('private.pem'), (await ecKey()).privatePem, { mode: 0o600 });
      const ways: [string[], Surroundings][] = [
        [['--redis', redis!.url], {}],
        [[], { env: { SMART_REDIS_URL: redis!.url } }],
      ];
      for (const [argv, more] of ways) {
        const registered = await register(argv, more);
        expect(registered).to.include({ exitCode: 0, stderr: '' });
        const clientId = registered.stdout.trim();
        expect(clientId).to.match(/^[0-9a-f-]{36}$/);
        const keys = ['--key', at('private.pem'), '--scope', 'system/Patient.rs', '--allow-insecure-loopback'];
        const token = await commandLine(['token', '--token-endpoint', as.token, '--client-id', clientId, ...keys]);
        expect(token.exitCode, token.stderr).to.equal(0);
      }
      expect(await client.dbsize()).to.equal(2);
    } finally {
      await as.close();
    }
  });

  it('keeps to the prefix of the server, and leaves an id that is taken until told to replace it', async () => {
    const argv = ['--redis', redis!.url, '--redis-prefix', 'clinic-a:', '--client-id', 'app'];
    expect((await register(argv)).exitCode).to.equal(0);
    expect(await client.keys('*')).to.deep.equal(['clinic-a:client:app']);
    const before = await client.get('clinic-a:client:app');
    await writeFile(at('key.pem'), (await rsaKey()).publicPem);
    const again = await register(argv);
    expect(again.exitCode).to.equal(3);
    expect(again.stderr).to.include('registered already');
    expect(await client.get('clinic-a:client:app')).to.equal(before);
    expect((await register([...argv, '--replace'])).exitCode).to.equal(0);
    expect(await client.get('clinic-a:client:app')).to.include((await rsaKey()).kid);
  });

  it('of many who take one id at a time, one gets it', async () => {
    const argv = ['--redis', redis!.url, '--client-id', 'app'];
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => register(argv)));
    expect(outcomes.map(({ exitCode }) => exitCode).sort()).to.deep.equal([0, 3, 3, 3, 3, 3]);
  });

  it('checks the client before it goes to Redis', async () => {
    await writeFile(at('key.pem'), (await ecKey()).privatePem);
    expect((await register(['--redis', 'redis://127.0.0.1:1'])).exitCode).to.equal(3);
    expect(await client.dbsize()).to.equal(0);
  });

  it('a password comes by the environment only, and is never shown', async () => {
    await client.config('SET', 'requirepass', 'let-me-in');
    try {
      const url = redis!.url.replace('//', '//:let-me-in@');
      const argument = await register(['--redis', url]);
      expect(argument.exitCode).to.equal(2);
      expect(argument.stderr).to.include('SMART_REDIS_URL');
      expect((await register([], { env: { SMART_REDIS_URL: url } })).exitCode).to.equal(0);
      const wrong = await register([], { env: { SMART_REDIS_URL: url.replace('let-me-in', 'wrong-one') } });
      expect(wrong.exitCode).to.equal(4);
      expect(wrong.stderr).to.match(/127\.0\.0\.1:\d+ refuses this user or password/);
      const none = await register(['--redis', redis!.url]);
      expect(none.exitCode).to.equal(4);
      expect(none.stderr).to.match(/refuses this user or password \(NOAUTH\)/);
      const json = await register(['--json'], { env: { SMART_REDIS_URL: url.replace('let-me-in', 'wrong-one') } });
      expect(JSON.parse(json.stderr)).to.include({ code: 'ERR_STATE_STORE_UNAVAILABLE' });
      for (const { stdout, stderr } of [argument, wrong, none, json]) {
        expect(stdout).to.equal('');
        expect(stderr).not.to.match(/let-me-in|wrong-one/);
      }
      expect(await client.dbsize()).to.equal(1);
    } finally {
      await client.config('SET', 'requirepass', '');
    }
  });

  it('a Redis that is not there: exit code 4, at once', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const { exitCode, stderr } = await register(['--redis', `redis://127.0.0.1:${port}`]);
    expect(exitCode).to.equal(4);
    expect(stderr).to.equal(`error: Redis at 127.0.0.1:${port} cannot be reached (ECONNREFUSED)\n`);
  });
});

describe('cli: where the registry is', () => {
  const at = useDirectory();
  const register = (argv: readonly string[], more: Surroundings = {}): Promise<Outcome> =>
    commandLine(['register', '--scope', 'system/Patient.rs', '--jwks', at('key.pem'), ...argv], more);
  beforeEach(async () => writeFile(at('key.pem'), (await ecKey()).publicPem));

  it('is said once', async () => {
    expect((await register([])).exitCode).to.equal(2);
    expect((await register([], { env: { SMART_REDIS_URL: '' } })).exitCode).to.equal(2);
    const both = await register(['--registry', at('clients.json'), '--redis', 'redis://127.0.0.1']);
    expect(both.exitCode).to.equal(2);
    // What is typed wins over what is in the environment.
    const file = await register(['--registry', at('clients.json')], {
      env: { SMART_REDIS_URL: 'redis://127.0.0.1:1' },
    });
    expect(file.exitCode).to.equal(0);
  });

  it('is a redis: or rediss: URL, and not repeated where it is none', async () => {
    for (const url of ['http://:pa55@redis.example', '127.0.0.1:6379/pa55', 'redis:', 'redis:///pa55', 'pa55']) {
      for (const [argv, env] of [
        [['--redis', url], {}],
        [[], { SMART_REDIS_URL: url }],
      ] as const) {
        const { exitCode, stderr } = await register(argv, { env });
        expect(exitCode, url).to.equal(3);
        expect(stderr).to.include('redis: or rediss: URL').and.not.include('pa55');
      }
    }
  });

  it('says what to install where ioredis is missing, and loads it for nobody else', async () => {
    const missing = (): Promise<never> => Promise.reject(new Error("Cannot find package 'ioredis'"));
    const url = new URL('redis://127.0.0.1:1');
    const error = await thrown(() => openRegistry({ kind: 'redis', url, keyPrefix: undefined }, missing));
    expect(error).to.include({ code: 'ERR_INPUT' });
    expect((error as Error).message).to.include('npm install ioredis');
    await openRegistry({ kind: 'file', path: at('clients.json') }, missing);
  });
});

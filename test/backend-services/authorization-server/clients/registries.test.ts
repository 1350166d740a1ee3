import { chmod, mkdtemp, open, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { restore, stub } from 'sinon';
import type { ClientRegistry, RegisteredClient } from '../../../../src/backend-services/oidc-provider.js';
import {
  createJsonFileClientRegistry,
  createMemoryClientRegistry,
  createMemoryStore,
  createStoredClientRegistry,
} from '../../../../src/backend-services/oidc-provider.js';
import { thrown } from '../../thrown.js';
import { key } from '../keys.js';
import { runServer } from '../running-server.js';
import { expectError, expectInvalidClient, expectToken, requestToken } from '../token-request.js';

const client = (id: string): RegisteredClient => ({
  client_id: id,
  jwks_uri: 'https://keys.example/jwks.json',
  scope: 'system/*.rs',
  grant_types: ['client_credentials'],
  token_endpoint_auth_method: 'private_key_jwt',
  redirect_uris: [],
});

describe('client registries', () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'registry-'));
    file = join(folder, 'clients.json');
  });
  afterEach(() => {
    restore();
    return rm(folder, { recursive: true, force: true });
  });

  const kinds: [string, () => ClientRegistry][] = [
    ['memory', () => createMemoryClientRegistry()],
    ['a state store', () => createStoredClientRegistry(createMemoryStore())],
    ['a JSON file', () => createJsonFileClientRegistry(file)],
  ];
  for (const [kind, create] of kinds) {
    it(`${kind}: adds once, finds, replaces and removes`, async () => {
      const registry = create();
      expect(await registry.find('a')).to.equal(undefined);
      await registry.add(client('a'));
      expect(await registry.find('a')).to.deep.equal(client('a'));
      expect(await thrown(() => registry.add(client('a')))).to.include({ code: 'ERR_CLIENT_EXISTS' });
      await registry.replace({ ...client('a'), scope: 'system/Patient.r' });
      expect(await registry.find('a')).to.include({ scope: 'system/Patient.r' });
      expect(await registry.remove('a')).to.equal(true);
      expect(await registry.remove('a')).to.equal(false);
      expect(await registry.find('a')).to.equal(undefined);
    });

    it(`${kind}: of parallel additions of one id one succeeds, and none of different ids is lost`, async () => {
      const registry = create();
      const same = await Promise.allSettled(Array.from({ length: 8 }, () => registry.add(client('same'))));
      expect(same.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
      await Promise.all(Array.from({ length: 8 }, (_, at) => registry.add(client(`c${at}`))));
      for (let at = 0; at < 8; at += 1) expect(await registry.find(`c${at}`)).to.include({ client_id: `c${at}` });
    });

    it(`${kind}: what has not changed is the same object, so that its keys are read once and not at every request`, async () => {
      const registry = create();
      await registry.add(client('a'));
      const found = await registry.find('a');
      expect(await registry.find('a')).to.equal(found);
      await registry.replace({ ...client('a'), scope: 'system/Patient.r' });
      expect(await registry.find('a')).not.to.equal(found);
    });

    it(`${kind}: a key that is replaced opens nothing more, and the new one at once`, async () => {
      const registry = create();
      const as = await runServer([], { clients: registry });
      const [first, second] = [key('first'), key('second')];
      const withKey = { ...client('a'), jwks_uri: undefined };
      try {
        await registry.add({ ...withKey, jwks: { keys: [first.jwk] } } as never);
        expectToken(await requestToken(as, { key: first, clientId: 'a' }));
        await registry.replace({ ...withKey, jwks: { keys: [second.jwk] } } as never);
        expectInvalidClient(await requestToken(as, { key: first, clientId: 'a' }));
        expectToken(await requestToken(as, { key: second, clientId: 'a' }));
        // The old key under the new one's name.
        await registry.replace({ ...withKey, jwks: { keys: [{ ...second.jwk, kid: first.kid }] } } as never);
        expectInvalidClient(await requestToken(as, { key: first, clientId: 'a' }));
        expect(as.refusals()).to.deep.equal(['key-not-found', 'signature']);
        await registry.remove('a');
        expectInvalidClient(await requestToken(as, { key: second, clientId: 'a' }));
      } finally {
        await as.close();
      }
    });

    it(`${kind}: ids with colons, slashes and inherited names are only ids`, async () => {
      const registry = create();
      for (const id of ['__proto__', 'a:b', 'a%3Ab', '../x', 'client:x', ' ']) {
        expect(await registry.find(id)).to.equal(undefined);
        await registry.add(client(id));
        expect(await registry.find(id)).to.deep.equal(client(id));
      }
    });
  }

  it('a JSON file as an administrator writes it works, and so does an edit of it', async () => {
    const k = key('ec');
    await writeFile(
      file,
      `\uFEFF${JSON.stringify([{ client_id: 'mine', jwks: { keys: [k.jwk] }, scope: 'system/*.rs' }])}`,
    );
    const as = await runServer([], { clients: createJsonFileClientRegistry(file) });
    expectToken(await requestToken(as, { key: k, clientId: 'mine' }));
    expectInvalidClient(await requestToken(as, { key: k, clientId: 'yours' }));
    await writeFile(file, JSON.stringify([{ client_id: 'yours', jwks: { keys: [k.jwk] }, scope: 'system/*.rs' }]));
    expectToken(await requestToken(as, { key: k, clientId: 'yours' }));
    expectInvalidClient(await requestToken(as, { key: k, clientId: 'mine' }));
    await as.close();
  });

  const damages: [string, string][] = [
    ['half of an array', '[{"client_id":"a","client_secret":"do not quote me"'],
    ['an empty file', ''],
    ['an object', '{"client_id":"a"}'],
    ['an entry without an id', '[{"scope":"system/*.rs"}]'],
    ['an entry that is null', '[null]'],
    ['one id twice', '[{"client_id":"a"},{"client_id":"a"}]'],
  ];
  for (const [what, text] of damages) {
    it(`a JSON file that is damaged (${what}) is a clear error, for reads and writes, and loses nothing`, async () => {
      await writeFile(file, text);
      const registry = createJsonFileClientRegistry(file);
      for (const attempt of [
        () => registry.find('a'),
        () => registry.list(),
        () => registry.add(client('b')),
        () => registry.replace(client('b')),
        () => registry.remove('a'),
      ]) {
        const error = await thrown(attempt);
        expect(error).to.include({ code: 'ERR_CLIENT_REGISTRY_DAMAGED' });
        expect(error.message).to.include(file).and.not.include('do not quote me');
      }
      expect(await readFile(file, 'utf8')).to.equal(text);
      expect(await readdir(folder)).to.deep.equal(['clients.json']);
    });
  }

  it('a file that becomes damaged while the server runs refuses everybody with 503, until it is mended', async () => {
    const k = key('ec');
    const text = JSON.stringify([{ client_id: 'c', jwks: { keys: [k.jwk] }, scope: 'system/*.rs' }]);
    await writeFile(file, text);
    const as = await runServer([], { clients: createJsonFileClientRegistry(file) });
    expectToken(await requestToken(as, { key: k, clientId: 'c' }));
    await writeFile(file, text.slice(0, -1));
    expectError(await requestToken(as, { key: k, clientId: 'c' }), 503, 'temporarily_unavailable');
    expect(as.events.find((event) => event.type === 'failure')?.error).to.include({
      code: 'ERR_CLIENT_REGISTRY_DAMAGED',
    });
    await writeFile(file, text);
    expectToken(await requestToken(as, { key: k, clientId: 'c' }));
    await as.close();
  });

  it('a new file is for its owner only; an existing one keeps its mode', async () => {
    const registry = createJsonFileClientRegistry(file);
    await registry.add(client('a'));
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    await chmod(file, 0o640);
    await registry.add(client('b'));
    expect((await stat(file)).mode & 0o777).to.equal(0o640);
    expect(await readdir(folder)).to.deep.equal(['clients.json']);
  });

  it('a write waits for a lock, and gives up with an error that names the file to remove', async () => {
    const registry = createJsonFileClientRegistry(file, { lockTimeoutMilliseconds: 100 });
    await writeFile(`${file}.lock`, '1\n');
    const error = await thrown(() => registry.add(client('a')));
    expect(error).to.include({ code: 'ERR_CLIENT_REGISTRY_LOCKED' });
    expect(error.message).to.include(`${file}.lock`);
    expect(await readdir(folder)).to.deep.equal(['clients.json.lock']);

    const patient = createJsonFileClientRegistry(file);
    const adding = patient.add(client('a'));
    await sleep(50);
    await rm(`${file}.lock`);
    await adding;
    expect(await patient.find('a')).to.deep.equal(client('a'));
  });

  it('a folder that is not there is an error of writing, and is not made', async () => {
    const registry = createJsonFileClientRegistry(join(folder, 'missing', 'clients.json'));
    const error = await thrown(() => registry.add(client('a')));
    expect(error).to.include({ code: 'ERR_CLIENT_REGISTRY_UNWRITABLE' });
    expect(error.message).to.include('cannot write').and.include('ENOENT');
    expect(await readdir(folder)).to.deep.equal([]);
  });

  /** What every file handle inherits from. */
  async function fileHandles(): Promise<{ writeFile: () => Promise<void>; sync: () => Promise<void> }> {
    const handle = await open(folder, 'r');
    await handle.close();
    return Object.getPrototypeOf(handle) as Awaited<ReturnType<typeof fileHandles>>;
  }
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

  for (const [what, nth] of [
    ['the lock', 0],
    ['the new list', 1],
  ] as const) {
    it(`a disk that is full as ${what} is written: the old file stays, no lock and no temporary file`, async () => {
      const registry = createJsonFileClientRegistry(file, { lockTimeoutMilliseconds: 100 });
      await registry.add(client('a'));
      const before = await readFile(file, 'utf8');
      const write = stub(await fileHandles(), 'writeFile');
      write.callThrough();
      write.onCall(nth).rejects(full);
      const error = await thrown(() => registry.add(client('b')));
      expect(write.callCount).to.equal(nth + 1);
      expect(error).to.include({ name: 'ClientRegistryError', code: 'ERR_CLIENT_REGISTRY_UNWRITABLE' });
      expect(error.message).to.include(file).and.include('cannot write').and.include('ENOSPC');
      expect(await readFile(file, 'utf8')).to.equal(before);
      expect(await readdir(folder)).to.deep.equal(['clients.json']);
      restore();
      await registry.add(client('b'));
      expect(await registry.list()).to.have.length(2);
    });
  }

  it('a disk that fails as the new list is flushed: as well', async () => {
    const registry = createJsonFileClientRegistry(file);
    await registry.add(client('a'));
    stub(await fileHandles(), 'sync').rejects(full);
    expect(await thrown(() => registry.replace(client('a')))).to.include({ code: 'ERR_CLIENT_REGISTRY_UNWRITABLE' });
    expect(await readdir(folder)).to.deep.equal(['clients.json']);
  });

  it('a reader never sees half a file, while four processes write', async function () {
    this.timeout(60_000);
    const script = join(folder, 'write.mts');
    const module = new URL(
      '../../../../src/backend-services/authorization-server/clients/json-file-registry.ts',
      import.meta.url,
    );
    await writeFile(
      script,
      `import { createJsonFileClientRegistry } from ${JSON.stringify(module.href)};
      const registry = createJsonFileClientRegistry(process.argv[2], { lockTimeoutMilliseconds: 30000 });
      for (let at = 0; at < 5; at += 1) await registry.add({ ...${JSON.stringify(client(''))}, client_id: process.argv[3] + '-' + at });`,
    );
    const run = promisify(execFile);
    const cwd = fileURLToPath(new URL('../../../..', import.meta.url));
    const writing = new AbortController();
    const reader = createJsonFileClientRegistry(file);
    const reading = (async () => {
      let reads = 0;
      while (!writing.signal.aborted) {
        await reader.list();
        reads += 1;
        await sleep(2);
      }
      return reads;
    })();
    await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => run(process.execPath, ['--import', 'tsx', script, file, name], { cwd })),
    );
    writing.abort();
    expect(await reading).to.be.greaterThan(0);
    expect(await reader.list()).to.have.length(20);
  });

  it('a file that changed within one tick of the clock is read again', async () => {
    const at = new Date('2026-01-01T00:00:00Z');
    await writeFile(file, JSON.stringify([client('a')]));
    await utimes(file, at, at);
    const registry = createJsonFileClientRegistry(file);
    expect(await registry.find('a')).to.include({ client_id: 'a' });
    await writeFile(file, JSON.stringify([client('a'), client('b')]));
    await utimes(file, at, at);
    expect(await registry.find('b')).to.include({ client_id: 'b' });
  });

  it('a damaged entry in a state store is a clear error', async () => {
    const store = createMemoryStore();
    const registry = createStoredClientRegistry(store);
    for (const text of ['{', 'null', '{"client_id":"other"}']) {
      await store.set('client:a', text);
      expect(await thrown(() => registry.find('a'))).to.include({ code: 'ERR_CLIENT_REGISTRY_DAMAGED' });
    }
  });

  it('bounds of the options are checked', async () => {
    for (const lockTimeoutMilliseconds of [-1, NaN, 60_001]) {
      expect(await thrown(() => createJsonFileClientRegistry(file, { lockTimeoutMilliseconds }))).to.be.instanceOf(
        TypeError,
      );
    }
    const twice = [client('a'), client('a')];
    expect(await thrown(() => createMemoryClientRegistry(twice))).to.include({ code: 'ERR_CLIENT_EXISTS' });
  });
});

import { readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { facadeGuide } from '../backend-services/data/published-samples.js';
import { ecKey, rsaKey } from '../backend-services/test-keys.js';
import { commandLine, useDirectory } from './command-line.js';
import type { Outcome } from './command-line.js';

describe('cli: register', () => {
  const at = useDirectory();
  const register = (...argv: string[]): Promise<Outcome> =>
    commandLine(['register', '--registry', at('clients.json'), '--scope', 'system/Patient.rs', ...argv]);
  const registered = async (): Promise<Record<string, unknown>[]> =>
    JSON.parse(await readFile(at('clients.json'), 'utf8')) as Record<string, unknown>[];

  beforeEach(async () => {
    await writeFile(at('rsa.pem'), (await rsaKey()).publicPem);
    await writeFile(at('ec.json'), JSON.stringify({ keys: [(await ecKey()).publicJwk] }));
  });

  it('adds clients with inline keys and with a JWKS URL, and prints the client_id', async () => {
    const first = await register('--jwks', at('rsa.pem'), '--name', 'Gateway');
    expect(first).to.include({ exitCode: 0, stderr: '' });
    expect(first.stdout).to.match(/^[0-9a-f]{8}-[0-9a-f-]{27}\n$/);
    const second = await register('--jwks-uri', 'https://app.example/jwks.json', '--client-id', 'app', '--json');
    expect(JSON.parse(second.stdout)).to.include({ client_id: 'app', jwks_uri: 'https://app.example/jwks.json' });
    const clients = await registered();
    expect(clients).to.have.length(2);
    expect(clients[0]).to.deep.include({
      client_id: first.stdout.trim(),
      client_name: 'Gateway',
      jwks: { keys: [JSON.parse(JSON.stringify((await rsaKey()).publicJwk))] },
      scope: 'system/Patient.rs',
    });
    expect(clients[1]).to.include({ client_id: 'app', scope: 'system/Patient.rs' });
  });

  it('A4, C2: refuses private keys, published keys and weak ones, and leaves no registry behind', async () => {
    const { privatePem } = await rsaKey();
    const files = { private: privatePem, published: facadeGuide.publicPem, none: 'hello '.repeat(20) };
    for (const [name, text] of Object.entries(files)) {
      await writeFile(at(name), text);
      const { exitCode, stdout, stderr } = await register('--jwks', at(name));
      expect([exitCode, stdout], name).to.deep.equal([3, '']);
      expect(stderr).not.to.include(text.slice(40, 60));
    }
    expect(await readdir(dirname(at('x')))).not.to.include('clients.json');
    const allowed = await register('--jwks', at('published'), '--allow-published-key', facadeGuide.thumbprint);
    expect(allowed.exitCode).to.equal(0);
  });

  it('A1, A2: wants one kind of key, by https', async () => {
    expect((await register()).exitCode).to.equal(2);
    expect((await register('--jwks', at('ec.json'), '--jwks-uri', 'https://app.example/j')).exitCode).to.equal(2);
    for (const uri of [
      'http://app.example/jwks.json',
      'https://192.168.1.1/jwks.json',
      'jwks.json',
      'https://a:b@app.example/',
    ]) {
      expect((await register('--jwks-uri', uri)).exitCode, uri).to.equal(3);
    }
    expect((await register('--jwks-uri', 'http://127.0.0.1:1/jwks.json')).exitCode).to.equal(3);
    expect(
      (await register('--jwks-uri', 'http://127.0.0.1:1/jwks.json', '--allow-insecure-loopback')).exitCode,
    ).to.equal(0);
  });

  it('refuses scopes that can never be granted', async () => {
    for (const scope of ['system/Patient.sr', ' ', 'system/patient.rs']) {
      expect((await register('--jwks', at('ec.json'), '--scope', scope)).exitCode, scope).to.equal(3);
    }
  });

  it('warns of scopes that a client by itself is never granted', async () => {
    const scope = 'system/Patient.rs patient/Observation.rs user/*.rs';
    const { exitCode, stderr } = await register('--jwks', at('ec.json'), '--scope', scope);
    expect([exitCode, stderr]).to.deep.equal([
      0,
      'warning: patient/Observation.rs user/*.rs: a client by itself is granted system/ scopes alone\n',
    ]);
  });

  it('refuses an id that is taken, until told to replace it', async () => {
    await register('--jwks', at('ec.json'), '--client-id', 'app');
    const before = await readFile(at('clients.json'), 'utf8');
    const again = await register('--jwks', at('rsa.pem'), '--client-id', 'app');
    expect(again.exitCode).to.equal(3);
    expect(await readFile(at('clients.json'), 'utf8')).to.equal(before);
    expect((await register('--jwks', at('rsa.pem'), '--client-id', 'app', '--replace')).exitCode).to.equal(0);
    const [client, ...others] = await registered();
    expect(others).to.have.length(0);
    expect(JSON.stringify(client)).to.include((await rsaKey()).kid);
  });

  it('leaves a damaged registry as it is', async () => {
    for (const text of ['[{"client_id": "a"', '{}', '[1]', '[{"client_id":"a"},{"client_id":"a"}]', '']) {
      await writeFile(at('clients.json'), text);
      const { exitCode, stderr } = await register('--jwks', at('ec.json'));
      expect(exitCode, text).to.equal(3);
      expect(stderr).to.include('clients.json');
      expect(await readFile(at('clients.json'), 'utf8')).to.equal(text);
    }
  });

  it('loses nothing when many register at a time', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => register('--jwks', at('ec.json'), '--client-id', `app-${index}`)),
    );
    expect(outcomes.map(({ exitCode }) => exitCode)).to.deep.equal(Array.from({ length: 8 }, () => 0));
    expect((await registered()).map((client) => client['client_id']).sort()).to.deep.equal(
      Array.from({ length: 8 }, (_, index) => `app-${index}`),
    );
    expect((await readdir(dirname(at('x')))).sort()).to.deep.equal(['clients.json', 'ec.json', 'rsa.pem']);
  });
});

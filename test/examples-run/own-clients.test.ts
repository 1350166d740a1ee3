import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { after, afterEach, before, describe, it } from 'mocha';
import { APP, registerClientsOf } from '../../docs/examples/fhir-works/clients.js';
import { runServer } from '../backend-services/authorization-server/running-server.js';
import { commandLine } from '../cli/command-line.js';
import { finish, freePortPair, killAll, run, said } from './example-process.js';

describe('The FHIR Works example with clients of your own', function () {
  this.timeout(60_000);
  let folder = '';
  const at = (name: string) => join(folder, name);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-clients-'));
    const made = await commandLine(['keygen', '--alg', 'ES384', '--out', at('mine')]);
    expect(made.exitCode, made.stderr).to.equal(0);
  });
  afterEach(killAll);
  after(() => rm(folder, { recursive: true, force: true }));

  const key = async () => JSON.parse(await readFile(at('mine.jwks.json'), 'utf8')) as object;

  it('registers the clients of SMART_CLIENTS, and guards the records from them as from everybody', async () => {
    const client = { client_id: 'my-program', jwks: await key(), scope: 'system/Observation.rs' };
    await writeFile(at('clients.json'), JSON.stringify([client]));
    const port = await freePortPair();
    const fhir = `http://127.0.0.1:${port}`;
    const example = run('main.ts', [], { PORT: String(port), SMART_CLIENTS: at('clients.json') });
    const finished = finish(example);
    await said(example, 'Still serving');

    const options = ['--fhir', fhir, '--key', at('mine.private.pem'), '--allow-insecure-loopback'];
    const asked = ['--scope', 'system/Observation.cruds system/Patient.rs'];
    const got = (clientId: string) => commandLine(['token', ...options, '--client-id', clientId, ...asked]);
    const { exitCode, stdout, stderr } = await got('my-program');
    expect(exitCode, stderr).to.equal(0);
    expect(stderr).to.include('granted system/Observation.rs, for 300 s');
    const authorization = `Bearer ${stdout.trim()}`;
    const ask = async (path: string, body?: object) => {
      const response = await fetch(`${fhir}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization, 'content-type': 'application/fhir+json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await ask('/Observation')).to.equal(200);
    expect(await ask('/Observation/f001')).to.equal(200);
    expect(await ask('/Patient/example')).to.equal(401);
    const weight = { resourceType: 'Observation', status: 'final', code: { text: 'weight' } };
    expect(await ask('/Observation', weight)).to.equal(401);

    const stranger = await got('another-program');
    expect(stranger.exitCode).to.equal(4);
    expect(stranger.stderr).to.include('invalid_client');

    example.kill('SIGINT');
    expect((await finished).stdout).to.match(/^Clients of your own +my-program /m);
  });

  const damaged: readonly { name: string; content: (jwks: object) => unknown; says: RegExp }[] = [
    { name: 'no JSON', content: () => '[{"client_id": "a",', says: /it is no JSON/ },
    { name: 'no list', content: () => ({ clients: [] }), says: /it is no array of clients/ },
    {
      name: 'an entry without client_id',
      content: (jwks) => [{ jwks, scope: 'system/*.rs' }],
      says: /entry 0 has no client_id/,
    },
    {
      name: 'an entry without scope',
      content: (jwks) => [
        { client_id: 'good', jwks, scope: 'system/*.rs' },
        { client_id: 'bad', jwks },
      ],
      says: /entry 1 of .*clients\.json, client "bad": scope/,
    },
    {
      name: 'an entry without keys',
      content: () => [{ client_id: 'a', scope: 'system/*.rs' }],
      says: /client "a": .*needs jwks or jwks_uri/,
    },
    {
      name: "an entry with the name of the example's own app",
      content: (jwks) => [{ client_id: 'walk-through-app', jwks, scope: 'system/*.rs' }],
      says: /client "walk-through-app": .*registered already/,
    },
  ];
  for (const { name, content, says } of damaged) {
    it(`says in one line what is wrong with a file of clients: ${name}`, async () => {
      const value = content(await key());
      await writeFile(at('clients.json'), typeof value === 'string' ? value : JSON.stringify(value));
      const as = await runServer([APP]);
      const error: unknown = await registerClientsOf(at('clients.json'), (client) => as.server.registerClient(client))
        .then(() => undefined)
        .catch((reason: unknown) => reason);
      await as.close();
      expect(error).to.be.instanceOf(Error);
      expect((error as Error).message)
        .to.match(/^SMART_CLIENTS: [^\n]+$/)
        .and.to.match(says);
    });
  }

  it('does not start with a damaged file, or without the one that was named', async () => {
    await writeFile(at('clients.json'), '[{"client_id": "a",');
    const outcomes = await Promise.all(
      ['clients.json', 'missing.json'].map((name) =>
        finish(run('main.ts', ['--once'], { PORT: '0', SMART_CLIENTS: at(name) })),
      ),
    );
    for (const [index, says] of [/clients\.json is damaged/, /there is no file .*missing\.json/].entries()) {
      const { code, stdout, stderr } = outcomes[index]!;
      expect(stderr)
        .to.match(/^SMART_CLIENTS: [^\n]+\n$/)
        .and.to.match(says);
      expect(stdout).to.equal('');
      expect(code).to.equal(1);
    }
  });
});

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { FULL_RULE } from '../../src/index.js';
import { readRequest } from '../../src/replay/request.js';
import type { Fake } from '../gateway/open-gateway.js';
import { fakeUpstream } from '../gateway/open-gateway.js';
import { BASE, Issuer } from '../http/clinic.js';
import type { Host } from '../http/hosts.js';
import { send } from '../http/send.js';
import { commandLine } from './command-line.js';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

interface Running extends Host {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Sends a signal, and waits for the exit code. */
  readonly end: (signal: NodeJS.Signals) => Promise<unknown>;
}

describe('cli/gateway', function () {
  this.timeout(60_000);
  let directory: string;
  let issuer: Issuer;
  let upstream: Fake;
  let slow: boolean;
  const children: ChildProcess[] = [];

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'gateway-'));
    issuer = await Issuer.open();
    slow = false;
    upstream = await fakeUpstream((request, response) => {
      const id = /Patient\/(\w+)/.exec(request.url ?? '')?.[1];
      setTimeout(
        () => {
          response.setHeader('content-type', 'application/fhir+json');
          response.end(JSON.stringify({ resourceType: 'Patient', id }));
        },
        slow ? 500 : 0,
      );
    });
  });

  afterEach(() => {
    for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  });

  after(async () => {
    rmSync(directory, { recursive: true, force: true });
    await upstream.close();
    await issuer.close();
  });

  function configFile(gateway: Readonly<Record<string, unknown>> | undefined): string {
    const smart = {
      ...issuer.config,
      scopeRule: { patient: FULL_RULE },
      expectedAudValue: { pattern: '^https://fhir\\.example\\.org/fhir$' },
    };
    const file = join(directory, 'gateway.json');
    writeFileSync(file, JSON.stringify({ smart, baseUrl: BASE, fhirVersion: '4.0.1', ...(gateway && { gateway }) }));
    return file;
  }

  async function start(
    gateway: Readonly<Record<string, unknown>> = {},
    more: readonly string[] = [],
  ): Promise<Running> {
    const upstreamHeaders = { 'x-api-key': { env: 'API_KEY' } };
    const file = configFile({ upstream: upstream.base, upstreamHeaders, listen: { port: 0 }, ...gateway });
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'gateway', '--config', file, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, API_KEY: 'k3y' },
    });
    children.push(child);
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
    const base = await new Promise<string>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        said.stderr += chunk.toString();
        const [, url] = /listening on (http:\S+)/.exec(said.stderr) ?? [];
        if (url !== undefined) resolve(`${url}/fhir`);
      });
      child.on('exit', () => {
        reject(new Error(said.stderr));
      });
    });
    const end = async (signal: NodeJS.Signals): Promise<unknown> => {
      const exited = once(child, 'exit');
      child.kill(signal);
      const [code] = (await exited) as [unknown];
      return code;
    };
    const close = async (): Promise<void> => {
      await end('SIGKILL');
    };
    return { base, child, stdout: () => said.stdout, stderr: () => said.stderr, end, close };
  }

  it('guards a server as the file says, with secrets out of the environment, and logs what it decided', async () => {
    const running = await start();
    const token = await issuer.token('patient/*.rs', { launch_response_patient: 'Patient/alice' });
    expect((await send(running, '/Patient/alice', { token })).status).to.equal(200);
    expect((await send(running, '/Patient/bob', { token })).status).to.equal(403);
    expect((await send(running, 'raw:/health/ready')).json).to.deep.equal({ status: 'up', upstream: 'up', keys: 'up' });
    expect(upstream.seen.at(-1)?.headers['x-api-key']).to.equal('k3y');
    expect(await running.end('SIGTERM')).to.equal(0);
    const lines = running
      .stdout()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ event }) => event === 'request').map(({ status }) => status)).to.deep.equal([200, 403, 200]);
    expect(lines.some(({ event, code }) => event === 'decision' && code === 'self')).to.equal(true);
    expect(running.stdout() + running.stderr()).to.not.match(/alice|bob|eyJ|k3y/);
  });

  it('records what it is asked, for compare, and no token', async () => {
    const file = join(directory, 'asked.jsonl');
    writeFileSync(file, '', { mode: 0o644 });
    const running = await start({}, ['--record', file, '--record-resources', 'references']);
    const token = await issuer.token('patient/*.rs', { launch_response_patient: 'Patient/alice' });
    expect((await send(running, '/Patient/alice', { token })).status).to.equal(200);
    expect((await send(running, '/Patient/bob', { token })).status).to.equal(403);
    expect(await running.end('SIGTERM')).to.equal(0);
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    const text = readFileSync(file, 'utf8');
    expect(text).to.not.include('eyJ');
    const asked = text.trim().split('\n').map(readRequest);
    expect(asked.map(({ operation, id }) => `${operation} ${id ?? ''}`)).to.include.members(['read alice', 'read bob']);
    // A file that permits nothing to patients: what the gateway permitted is closed.
    const [older, newer] = [join(directory, 'older.json'), join(directory, 'newer.json')];
    for (const [path, patient] of [
      [older, FULL_RULE],
      [newer, { read: [], write: [] }],
    ] as const) {
      writeFileSync(
        path,
        JSON.stringify({ smart: { ...issuer.config, scopeRule: { patient } }, baseUrl: BASE, fhirVersion: '4.0.1' }),
      );
    }
    const compared = await commandLine(['compare', '--requests', file, older, newer]);
    expect(compared.stdout)
      .to.match(/read Patient\/alice .* closed\n.* allow self by/)
      .and.include('closed: allowed before');
  });

  it('names what it cannot record', async () => {
    const config = ['gateway', '--config', configFile({ upstream: upstream.base, listen: { port: 0 } })];
    const nowhere = await commandLine([...config, '--record', join(directory, 'missing', 'asked.jsonl')]);
    expect([nowhere.exitCode, nowhere.stderr]).to.deep.equal([
      3,
      `error: cannot write ${join(directory, 'missing', 'asked.jsonl')}: ENOENT\n`,
    ]);
    expect((await commandLine([...config, '--record-resources', 'references'])).exitCode).to.equal(2);
    expect((await commandLine([...config, '--record', 'x', '--record-resources', 'some'])).exitCode).to.equal(2);
    const secret = join(directory, 'missing', 'kJ8sQ2vX9dLm4TzR7bWy1NcF6hGp3AeU');
    expect((await commandLine([...config, '--record', secret])).stderr).to.match(/^error: cannot write a file /);
    const link = join(directory, 'link.jsonl');
    symlinkSync('/dev/null', link);
    for (const path of [link, '/dev/null', directory]) {
      const { exitCode, stderr } = await commandLine([...config, '--record', path]);
      expect([exitCode, stderr.startsWith(`error: cannot write ${path}: E`)], path).to.deep.equal([3, true]);
    }
  });

  it('answers what it took before it ends', async () => {
    const running = await start({ log: { level: 'silent' } });
    const token = await issuer.token('patient/*.rs', { launch_response_patient: 'Patient/alice' });
    slow = true;
    const before = upstream.seen.length;
    const answer = send(running, '/Patient/alice', { token });
    while (upstream.seen.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
    const code = running.end('SIGINT');
    expect((await answer).status).to.equal(200);
    expect(await code).to.equal(0);
    slow = false;
    expect(running.stdout()).to.equal('');
  });

  it('says what is wrong with a file, and that an address is taken', async () => {
    const missing = await commandLine(['gateway', '--config', configFile(undefined)]);
    expect([missing.exitCode, missing.stderr]).to.deep.equal([
      3,
      'error: the configuration file needs baseUrl, fhirVersion and the section gateway\n',
    ]);
    const wrong = await commandLine(['gateway', '--config', configFile({ upstream: 'ftp://x', drainTimeoutMs: -1 })]);
    expect(wrong.exitCode).to.equal(3);
    expect(wrong.stderr).to.include('gateway.upstream').and.include('gateway.drainTimeoutMs');
    expect((await commandLine(['gateway'])).exitCode).to.equal(2);
    const { port } = new URL(upstream.base);
    const taken = await commandLine(['gateway', '--config', configFile({ upstream: upstream.base }), '--port', port]);
    expect([taken.exitCode, taken.stderr]).to.deep.equal([
      3,
      'error: cannot listen there: EADDRINUSE; --host and --port take another address\n',
    ]);
  });
});

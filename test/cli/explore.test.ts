import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { run } from '../../src/cli/run.js';
import { smallest } from '../config-file/settings.js';
import { commandLine, useDirectory } from './command-line.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const source = new URL('../../src/', import.meta.url);

describe('smart-fhir-authz explore', () => {
  const file = useDirectory();

  /** Serves until the visit is over. */
  async function visit(
    argv: readonly string[],
    see: (url: string) => Promise<void>,
  ): Promise<{ exitCode: number; stderr: string }> {
    let stderr = '';
    let tell: (url: string) => void = () => undefined;
    const served = new Promise<string>((resolve) => (tell = resolve));
    const exitCode = await run(['explore', '--port', '0', ...argv], {
      stdin: (async function* () {})(),
      stdout: (line) => {
        tell(/http:\S+/.exec(line)?.[0] ?? '');
      },
      stderr: (line) => (stderr += line),
      env: {},
      now: Date.now,
      pages: source,
      untilStopped: async () => see(await served),
    });
    return { exitCode, stderr };
  }

  const configAt = async (url: string): Promise<Record<string, unknown>> =>
    (await fetch(`${url}api/config`)).json() as Promise<Record<string, unknown>>;

  it('serves the page with a configuration for demonstration, until it is told to end', async () => {
    let url = '';
    const { exitCode } = await visit([], async (at) => {
      url = at;
      expect(await configAt(at)).to.include({ name: 'demo' });
      expect(await (await fetch(at)).text()).to.include('<title>Decision explorer</title>');
    });
    expect(exitCode).to.equal(0);
    expect(await fetch(url).catch(() => 'gone')).to.equal('gone');
  });

  it('serves a file, and one that is a SMARTConfig by itself', async () => {
    await writeFile(file('authz.json'), JSON.stringify({ ...smallest(), fhirVersion: '5.0.0' }));
    const whole = await visit(['--config', file('authz.json')], async (url) => {
      expect(await configAt(url)).to.include({ name: 'authz.json', fhirVersion: '5.0.0' });
    });
    expect(whole.exitCode).to.equal(0);
    await writeFile(file('bare.json'), JSON.stringify(smallest().smart));
    const bare = await visit(['--config', file('bare.json'), '--base-url', 'https://x.example/r4'], async (url) => {
      expect(await configAt(url)).to.include({ baseUrl: 'https://x.example/r4', fhirVersion: '4.0.1' });
    });
    expect(bare.exitCode).to.equal(0);
    expect((await visit(['--config', file('bare.json')], async () => undefined)).exitCode).to.equal(2);
  });

  it('says so when its port is taken, or is none', async () => {
    await visit([], async (url) => {
      const taken = await visit(['--port', new URL(url).port], async () => undefined);
      expect(taken.exitCode).to.equal(3);
      expect(taken.stderr).to.include('EADDRINUSE').and.to.include('--port takes another');
    });
    expect((await commandLine(['explore', '--port', '70000'])).exitCode).to.equal(2);
  });

  it('ends by a signal, as a program of its own', async function () {
    this.timeout(30_000);
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'explore', '--port', '0'], {
      cwd: root,
    });
    const ended = once(child, 'exit') as Promise<[number | null]>;
    const errors = text(child.stderr);
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.includes('\n')) break;
    }
    const url = /http:\S+/.exec(said)?.[0] ?? '';
    expect((await fetch(`${url}main.mjs`)).headers.get('content-type')).to.include('text/javascript');
    child.kill('SIGTERM');
    const [code] = await ended;
    expect(await errors).to.equal('');
    expect(code).to.equal(0);
  });
});

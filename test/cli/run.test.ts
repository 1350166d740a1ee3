import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { COMMANDS } from '../../src/cli/commands.js';
import { failureOf } from '../../src/cli/failure.js';
import { facadeGuide } from '../backend-services/data/published-samples.js';
import { commandLine } from './command-line.js';
import type { Outcome } from './command-line.js';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

async function exitOf(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'exit')) as [number];
  return code;
}

async function program(argv: readonly string[], stdin = ''): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...argv], { stdio: 'pipe' });
  child.stdin.end(stdin);
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  return { stdout, stderr, exitCode };
}

describe('cli/run', () => {
  it('lists every command and exit code', async () => {
    for (const argv of [['--help'], ['-h'], ['help']]) {
      const { exitCode, stdout, stderr } = await commandLine(argv);
      expect([exitCode, stderr]).to.deep.equal([0, '']);
      for (const { name, summary } of COMMANDS) expect(stdout).to.include(name).and.to.include(summary);
      expect(stdout).to.include('Exit codes');
    }
    const { exitCode, stderr } = await commandLine([]);
    expect(exitCode).to.equal(2);
    expect(stderr).to.include('Usage');
  });

  it('tells every option of every command, with examples', async () => {
    expect(COMMANDS.map(({ name }) => name)).to.include.members([
      'keygen',
      'jwks',
      'register',
      'assertion',
      'token',
      'inspect',
    ]);
    for (const { name, help, options } of COMMANDS) {
      for (const argv of [
        [name, '--help'],
        [name, 'x', '-h'],
        ['help', name],
      ]) {
        expect(await commandLine(argv), argv.join(' ')).to.deep.equal({ exitCode: 0, stdout: help, stderr: '' });
      }
      for (const option of Object.keys(options)) expect(help, `${name} --${option}`).to.include(`--${option}`);
      expect(help)
        .to.match(/^Usage: smart-fhir-authz /)
        .and.to.include('Example');
      expect(
        help.split('\n').every((line) => line.length <= 120),
        name,
      ).to.equal(true);
    }
  });

  it('answers what it does not understand with 2, and never repeats it', async () => {
    const secret = 'sensitive-value';
    const lines = [
      [secret],
      ['keygen', secret],
      ['keygen', `--${secret}=x`],
      ['keygen', `--bits=${secret}`],
      ['keygen', '--alg', secret],
      ['keygen', '--out'],
      ['keygen', '--force=yes'],
      ['inspect'],
      ['inspect', 'a', secret],
      ['assertion', '--client-id', secret],
      ['token', '--client-id', secret],
      ['register', '--registry', '', '--scope', secret],
      ['jwks'],
    ];
    for (const argv of lines) {
      const { exitCode, stdout, stderr } = await commandLine(argv);
      expect(exitCode, argv.join(' ')).to.equal(2);
      expect(stdout).to.equal('');
      expect(stderr).to.match(/^error: /);
      if (!argv.join(' ').includes(`--${secret}`)) expect(stderr, argv.join(' ')).not.to.include(secret);
    }
    expect((await commandLine(['keygen', '--unheard-of'])).stderr).to.include('unknown option --unheard-of');
    expect((await commandLine(['keygen', '--out'])).stderr).to.include('--out');
  });

  it('refuses a token or key as an argument, wherever it stands, and does not repeat it', async () => {
    const { assertion, accessToken } = facadeGuide;
    const pem = '-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKC';
    for (const argv of [
      ['inspect', assertion],
      ['inspect', `Bearer ${accessToken}`],
      ['inspect', assertion.slice(0, 60)],
      ['inspect', '-', '--client-id', accessToken],
      ['assertion', '--key', pem, '--client-id', 'a', '--aud', 'https://as.example/token'],
      ['inspect', `--${assertion}`],
      [assertion],
    ]) {
      const { exitCode, stdout, stderr } = await commandLine(argv);
      expect(exitCode).to.equal(2);
      expect(stdout + stderr)
        .not.to.include('eyJ')
        .and.not.to.include('MIIE');
    }
  });

  it('says with --json what went wrong, in one line', async () => {
    const { exitCode, stderr } = await commandLine(['inspect', '/nonexistent/file', '--json']);
    expect(exitCode).to.equal(3);
    expect(JSON.parse(stderr)).to.deep.equal({ code: 'ERR_INPUT', message: 'cannot read /nonexistent/file: ENOENT' });
    expect(JSON.parse((await commandLine(['keygen', '--json', '--alg', 'x'])).stderr)).to.include({
      code: 'ERR_USAGE',
    });
  });

  it('answers a fault with 5 and a name, and repeats nothing that it was about', () => {
    const { exitCode, message } = failureOf(new RangeError('the key is secret'));
    expect(exitCode).to.equal(5);
    expect(message).to.include('RangeError').and.not.to.include('secret');
    expect(failureOf('secret').message).not.to.include('secret');
  });

  it('runs as a program: exit code, standard input, a reader that goes away', async function () {
    this.timeout(60_000);
    const inspected = await program(
      ['inspect', '-', '--json', '--at', String(facadeGuide.issuedAt)],
      facadeGuide.assertion,
    );
    expect(inspected.exitCode).to.equal(1);
    expect(inspected.stderr).to.equal('');
    expect(JSON.parse(inspected.stdout)).to.include({ kind: 'client-assertion' });
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const [stderr] = await Promise.all([text(child.stderr), exitOf(child)]);
    expect(stderr).to.equal('');
  });
});

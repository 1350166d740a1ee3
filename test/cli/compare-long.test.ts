// What compare does with recordings that are long, damaged, or not waited for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import merge from 'lodash/merge.js';
import { run } from '../../src/cli/run.js';
import { smallest } from '../config-file/settings.js';
import type { Outcome } from './command-line.js';
import { commandLine, useDirectory } from './command-line.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const read = {
  claims: {
    iss: 'https://idp.example.org',
    aud: 'https://fhir.example.org',
    scope: 'patient/*.rs',
    launch_response_patient: 'p1',
  },
  operation: 'read',
  resourceType: 'Observation',
  id: 'o1',
};
const line = JSON.stringify(read);

interface Printed {
  readonly requests: number;
  readonly complete: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly changes: readonly { readonly line: number; readonly kind: string }[];
  readonly unreadable: readonly { readonly line: number; readonly problem: string }[];
}

describe('smart-fhir-authz compare, with recordings out of the ordinary', function () {
  this.timeout(60_000);
  const file = useDirectory();
  let argv: readonly string[] = [];

  beforeEach(async () => {
    await writeFile(file('old.json'), JSON.stringify(smallest()));
    await writeFile(
      file('new.json'),
      JSON.stringify(merge(smallest(), { smart: { expectedAudValue: 'https://other.example' } })),
    );
    argv = ['compare', '--requests', file('requests.jsonl'), file('old.json'), file('new.json')];
  });

  async function printed(content: string | Buffer, ...options: string[]): Promise<Printed & Outcome> {
    await writeFile(file('requests.jsonl'), content);
    const outcome = await commandLine([...argv, '--json', ...options]);
    return { ...(JSON.parse(outcome.stdout) as Printed), ...outcome };
  }

  it('goes on after damaged lines, and tells which they are', async () => {
    const damaged = Buffer.concat([
      Buffer.from(`\uFEFF${line}\r\n`),
      Buffer.from(`${line.slice(0, 60)}\n`),
      Buffer.from(`${line}${line}\n`),
      Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
      Buffer.from('\u0000\n'),
      Buffer.from(` ${'['.repeat(50_000)}\n`),
      Buffer.from(`{"claims": {}, "operation": "read", "resource": "${'x'.repeat(17 * 1024 * 1024)}"}\n`),
      Buffer.from('\n   \n'),
      Buffer.from('{"claims": {}, "operation": "transaction", "entries": [{"operation": "read", "id": 7}]}\n'),
      Buffer.from(line),
    ]);
    const { unreadable, requests, changes, exitCode, counts } = await printed(damaged);
    expect(unreadable.map(({ line: at, problem }) => `${at} ${problem}`)).to.deep.equal([
      '2 no JSON: at column 50, a string is not closed, or holds a control character or an unknown escape',
      '3 no JSON: at column 190, something stands after the end of the JSON value',
      '4 is not UTF-8',
      '5 no JSON: at column 1, no JSON value stands here',
      '6 no JSON: at column 35, more than 32 levels',
      '7 is longer than 16777216 bytes',
      '10 entries[0].id: must be a string',
    ]);
    expect(requests).to.equal(2);
    expect(changes.map(({ line: at }) => at)).to.deep.equal([1, 11]);
    expect(counts).to.include({ unreadable: 7, closed: 2 });
    expect(exitCode).to.equal(3);
  });

  it('says of how many lines it could not read any, and names no more than it is told to', async () => {
    await writeFile(file('requests.jsonl'), `${line}\n${'x\n'.repeat(1200)}`);
    const { stdout, exitCode } = await commandLine([...argv, '--limit', '2']);
    expect(stdout.match(/cannot be read/g)).to.have.lengthOf(3);
    expect(stdout).to.include('… and 1198 more lines that cannot be read').and.to.include('1200 unreadable');
    expect(exitCode).to.equal(3);
    const { unreadable, counts } = await printed(`${line}\n${'x\n'.repeat(1200)}`);
    expect(unreadable).to.have.lengthOf(1000);
    expect(counts).to.include({ unreadable: 1200 });
  });

  it('says what to do with a file that is compressed, or a folder', async () => {
    await writeFile(file('requests.jsonl'), gzipSync(line));
    const { exitCode, stdout, stderr } = await commandLine([...argv, '--json']);
    expect(stdout).to.equal('');
    expect(stderr).to.include('is compressed').and.to.include('gunzip -c');
    expect(exitCode).to.equal(3);
    const folder = await commandLine(['compare', '--requests', file('.'), file('old.json'), file('new.json')]);
    expect(folder.stderr).to.include('EISDIR');
    expect(folder.exitCode).to.equal(3);
  });

  it('prints an empty report of an empty file', async () => {
    const { changes, requests, exitCode, complete } = await printed('');
    expect({ changes, requests, exitCode, complete }).to.deep.equal({
      changes: [],
      requests: 0,
      exitCode: 0,
      complete: true,
    });
  });

  it('holds no more than a line, however much changes', async () => {
    // What all these decisions say would not fit.
    const scopes = Array.from({ length: 50 }, (_, at) => `patient/Type${at}.rs?${'x'.repeat(200)}`).join(' ');
    const stream = createWriteStream(file('requests.jsonl'));
    const count = 4000;
    for (let at = 0; at < count; at += 1) {
      const claims = { ...read.claims, scope: `${scopes} ${at}` };
      if (!stream.write(`${JSON.stringify({ ...read, claims })}\n`)) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'close');
    const child = spawn(
      process.execPath,
      ['--max-old-space-size=90', '--import', 'tsx', 'src/cli/main.ts', ...argv, '--reasons', '--limit', '1'],
      { cwd: root },
    );
    const [stdout, stderr, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ]);
    // No terminal reads it.
    expect(stderr).to.equal('');
    expect(stdout).to.include(`${count} requests`).and.to.include(`${count} reason`);
    expect(exitCode).to.equal(1);
  });

  for (const [title, options] of [
    ['text', []],
    ['JSON', ['--json']],
  ] as const) {
    it(`ends by Ctrl-C with what was found until then, as ${title}`, async () => {
      const command = ['compare', '--requests', '-', file('old.json'), file('new.json'), ...options];
      const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...command], { cwd: root });
      const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
      const errors = text(child.stderr);
      let said = '';
      child.stdin.write(`${line}\n${line}\n{"claims": `);
      let isTold = false;
      for await (const chunk of child.stdout) {
        said += String(chunk);
        // Nobody types any more: it waits for the rest of the third line. A second Ctrl-C would end it at once.
        if (!isTold && /line(?:": | )2/.test(said)) isTold = child.kill('SIGINT');
      }
      const [code, signal] = await ended;
      expect(await errors).to.equal('');
      expect([code, signal]).to.deep.equal([130, null]);
      if (title === 'text') expect(said).to.include('stopped before the end').and.to.include('2 requests');
      else {
        const { complete, requests, changes } = JSON.parse(said) as Printed;
        expect({ complete, requests }).to.deep.equal({ complete: false, requests: 2 });
        expect(changes).to.have.lengthOf(2);
      }
    });
  }

  it('ends in the midst of a stream that does not', async () => {
    let stop: () => void = () => undefined;
    let stdout = '';
    const exitCode = await run(['compare', '--requests', '-', file('old.json'), file('old.json')], {
      stdin: (async function* () {
        for (let at = 0; ; at += 1) {
          if (at === 100) stop();
          await new Promise(setImmediate);
          yield `${line}\n`;
        }
      })(),
      stdout: (printedText) => (stdout += printedText),
      stderr: () => undefined,
      env: {},
      now: Date.now,
      untilStopped: () => new Promise((resolve) => (stop = resolve)),
    });
    expect(exitCode).to.equal(130);
    expect(stdout).to.match(/stopped before the end.*\n10\d requests/);
  });

  it('tells a terminal how far it is, and nobody else', async () => {
    await writeFile(file('requests.jsonl'), `${line}\n`.repeat(20));
    for (const isTerminal of [true, false]) {
      let now = 0;
      let stderr = '';
      let both = '';
      const exitCode = await run(argv, {
        stdin: (async function* () {})(),
        stdout: (printedText) => (both += printedText),
        stderr: (told) => {
          stderr += told;
          both += told;
        },
        env: {},
        now: () => (now += 100),
        isTerminal,
      });
      expect(exitCode).to.equal(1);
      if (!isTerminal) {
        expect(stderr).to.equal('');
        continue;
      }
      expect(stderr).to.match(/\r\u001b\[K\d+ requests, 100 %…/);
      // What is printed for good stands in lines of its own.
      expect(both).not.to.match(/…line/);
      expect(stderr.endsWith('\r\u001b[K')).to.equal(true);
    }
  });
});

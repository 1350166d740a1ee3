import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { close, listen } from '../../docs/examples/fhir-works/listen.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const children: ChildProcess[] = [];

/** Starts a program of the example, as `npm start` does. */
export function run(file: string, args: string[], env: Record<string, string>): ChildProcess {
  const script = `docs/examples/fhir-works/${file}`;
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  children.push(child);
  return child;
}

export function said(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout!.on('data', (chunk: unknown) => {
      output += String(chunk);
      if (output.includes(words)) resolve();
    });
    child.once('exit', () => {
      reject(new Error(`It ended without saying "${words}"`));
    });
  });
}

export async function finish(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

/** Ends whatever a test has left running. */
export function killAll(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL');
}

/** A free port whose successor is free as well. */
export async function freePortPair(): Promise<number> {
  for (;;) {
    const first = await listen(0, 'first');
    const port = Number(new URL(first.origin).port);
    const second = await listen(port + 1, 'second').catch(() => undefined);
    await close(first.server);
    if (second) {
      await close(second.server);
      return port;
    }
  }
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/cli/run.js';

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly now?: () => number;
}

/** Runs a command line in this process. */
export async function commandLine(
  argv: readonly string[],
  { stdin = '', env = {}, now = Date.now }: Surroundings = {},
): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  const exitCode = await run(argv, {
    stdin: (async function* () {
      if (stdin !== '') yield stdin;
    })(),
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    env,
    now,
  });
  return { exitCode, stdout, stderr };
}

/** A directory of its own for each test of the suite that calls this. */
export function useDirectory(): (name: string) => string {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'smart-fhir-authz-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  return (name) => join(directory, name);
}

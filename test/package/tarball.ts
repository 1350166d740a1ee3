import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const run = promisify(execFile);

/** The directory of the package, without a trailing slash. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** What of package.json the tests look at. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** The package as `npm publish` would send it. */
export interface Tarball {
  /** Path of the .tgz file. */
  readonly file: string;
  /** Directory in which it is unpacked, as npm would do it. */
  readonly unpacked: string;
  /** The paths in it. */
  readonly paths: readonly string[];
  readonly manifest: Manifest;
}

/** What decides what is in the tarball. A change in any of it builds and packs anew. */
const INPUTS = ['src', '.ci', 'docs', 'package.json', 'tsconfig.json', 'README.md', 'CHANGELOG.md', 'LICENSE'];

let packed: Promise<Tarball> | undefined;

/** Builds and packs once for each state of the sources; the result is kept in .cache/. */
export function packTarball(): Promise<Tarball> {
  return (packed ??= pack());
}

async function pack(): Promise<Tarball> {
  const cache = join(root, '.cache', 'package');
  const kept = join(cache, digestOfInputs());
  // Test files run in several processes: one of them packs, the others wait for it.
  while (!existsSync(kept)) {
    const release = take(`${cache}.lock`);
    if (!release) await setTimeout(200);
    else if (existsSync(kept)) release();
    else await packInto(cache, kept).finally(release);
  }
  const unpacked = join(kept, 'unpacked');
  return {
    file: join(kept, 'package.tgz'),
    unpacked,
    paths: filesBelow(unpacked),
    manifest: JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as Manifest,
  };
}

/** Packing takes a minute on a busy machine; a lock that is older was left by a run that was broken off. In milliseconds. */
const STALE_LOCK = 300_000;

/** Takes a lock, a directory that only one can make. Undefined while somebody else has it. */
function take(lock: string): (() => void) | undefined {
  try {
    mkdirSync(join(lock, '..'), { recursive: true });
    mkdirSync(lock);
  } catch {
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - since > STALE_LOCK) rmSync(lock, { recursive: true, force: true });
    return undefined;
  }
  return () => {
    rmSync(lock, { recursive: true, force: true });
  };
}

async function packInto(cache: string, kept: string): Promise<void> {
  const fresh = `${kept}.${process.pid}`;
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(join(fresh, 'unpacked'), { recursive: true });
  await run(process.execPath, [join(root, '.ci', 'build.mjs')], { cwd: root }).catch(failedBuild);
  // The build has run; npm would run it again as prepack.
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', fresh], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  const { filename } = firstOf(JSON.parse(stdout));
  renameSync(join(fresh, filename.replace(/^@/, '').replace('/', '-')), join(fresh, 'package.tgz'));
  await run('tar', ['-xzf', join(fresh, 'package.tgz'), '-C', join(fresh, 'unpacked'), '--strip-components=1']);
  renameSync(fresh, kept);
}

function failedBuild(error: unknown): never {
  const { stdout, stderr } = error as { stdout?: string; stderr?: string };
  throw new Error(`The build failed:\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
}

/** npm prints a list; newer releases print an object by package name. */
function firstOf(printed: unknown): { filename: string } {
  const [first] = Object.values(printed as Record<string, { filename: string }>);
  if (!first) throw new Error('npm pack packed nothing');
  return first;
}

/** The paths of all files below a directory, relative to it, sorted. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(directory, path)).isFile())
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}

function digestOfInputs(): string {
  const digest = createHash('sha256');
  for (const input of INPUTS) {
    const path = join(root, input);
    if (!existsSync(path)) continue;
    const files = statSync(path).isFile() ? [path] : filesBelow(path).map((file) => join(path, file));
    for (const file of files) digest.update(`${file}\0`).update(readFileSync(file)).update('\0');
  }
  return digest.digest('hex').slice(0, 16);
}

/** Writes files into a directory, which is made where it is missing. */
export function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}

import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import type { CommandIo } from './command.js';
import { InputError, systemCode } from './failure.js';

/** Nothing that these commands read is larger. */
const MAX_BYTES = 1_048_576;

/** Owner only: for what must not be read by others. */
export const PRIVATE_MODE = 0o600;
export const PUBLIC_MODE = 0o644;

/** Reads a file, or standard input for `-`. */
export async function readText(file: string, io: CommandIo): Promise<string> {
  if (file === '-') return readStream(io.stdin);
  let size: number;
  try {
    ({ size } = await stat(file));
  } catch (cause) {
    throw cannot('read', file, cause);
  }
  if (size > MAX_BYTES) throw tooLarge(file);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw cannot('read', file, cause);
  }
}

/** Reads a private key, and says so when others can read it, too. */
export async function readPrivateText(file: string, io: CommandIo): Promise<string> {
  const text = await readText(file, io);
  // Windows has no such modes; every file there shows the same.
  if (file !== '-' && process.platform !== 'win32') {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      io.stderr(`warning: ${file} can be read by others (mode ${(mode & 0o777).toString(8)}); chmod 600 it\n`);
    }
  }
  return text;
}

/** Says so when anybody on the machine can change a file that is believed. */
export async function warnIfOpenToAll(file: string, io: CommandIo): Promise<void> {
  if (process.platform === 'win32') return;
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || (found.mode & 0o002) === 0) return;
  io.stderr(`warning: ${file} can be changed by others (mode ${(found.mode & 0o777).toString(8)}); chmod o-w it\n`);
}

async function readStream(stream: CommandIo['stdin']): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk);
    length += bytes.length;
    if (length > MAX_BYTES) throw tooLarge('standard input');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export interface FileToWrite {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/**
 * Writes files that must not exist yet, or with `force` replaces them. Each appears whole or not at all, and with its
 * mode from the first byte on; a replaced file does not hand its own mode, or the place its link points to, to the new.
 *
 * All of them are looked for before the first is written. Where one cannot be written, those before it are taken away
 * again: half of a key pair is none, and the next run would find it in its way. With `force` what was replaced is gone
 * already, so the new ones stay.
 */
export async function writeNew(files: readonly FileToWrite[], force: boolean): Promise<void> {
  if (!force) await refuseExisting(files.map(({ path }) => path));
  const made: string[] = [];
  try {
    for (const file of files) {
      await writeOne(file, force);
      made.push(file.path);
    }
  } catch (cause) {
    if (!force) for (const path of made) await remove(path);
    throw cause;
  }
}

/** For commands whose result could not be had twice: look before it is made. */
export async function refuseExisting(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (await exists(path)) throw new InputError(`${path} exists already; --force replaces it`);
  }
}

async function writeOne({ path, text, mode }: FileToWrite, force: boolean): Promise<void> {
  // Without force the file is opened at its own name, so that one made meanwhile is not replaced.
  const target = force ? `${path}.${randomBytes(6).toString('hex')}.tmp` : path;
  let made = false;
  try {
    const handle = await open(target, 'wx', mode);
    made = true;
    try {
      // The umask may have taken bits away from a public file; a private one has none to lose.
      await handle.chmod(mode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (force) await rename(target, path);
  } catch (cause) {
    // Never one that was there before, or that somebody else made meanwhile.
    if (made) await remove(target);
    throw cannot('write', path, cause);
  }
}

/** Why it is removed is what the user reads about, be it removed or not. */
async function remove(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Says which file cannot be read or written, and why. */
export function cannot(what: 'read' | 'write', given: string, cause: unknown): InputError {
  const code = systemCode(cause);
  const path = looksRandom(given)
    ? 'a file of that name, which is not repeated as it looks like a token or key'
    : given;
  return new InputError(
    code === 'EEXIST' ? `${path} exists already; --force replaces it` : `cannot ${what} ${path}: ${code}`,
  );
}

/** Where a token or key was given for a file's name: a long run of characters of every kind, as no word has it. */
function looksRandom(text: string): boolean {
  const runs = text.match(/[A-Za-z0-9+=]{20,}/g) ?? [];
  return runs.some((run) => [/[A-Z]/, /[a-z]/, /[0-9]/].every((kind) => kind.test(run)));
}

function tooLarge(what: string): InputError {
  return new InputError(`${what} is larger than ${MAX_BYTES} bytes: that is no key and no token`);
}

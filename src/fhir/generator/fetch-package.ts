import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DefinitionPackage } from './packages.js';

/** Tarballs stay here between runs; git ignores the folder. */
const CACHE = fileURLToPath(new URL('../../../.cache/fhir/', import.meta.url));

async function digest(file: string, algorithm: string, encoding: 'base64' | 'hex'): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest(encoding);
}

/** Throws unless the file is, byte for byte, the tarball that the pinned checksums describe. */
export async function verifyTarball(file: string, source: DefinitionPackage): Promise<void> {
  const integrity = `sha512-${await digest(file, 'sha512', 'base64')}`;
  const shasum = await digest(file, 'sha1', 'hex');
  if (integrity !== source.integrity || shasum !== source.shasum) {
    throw new Error(`${source.name}@${source.version}: the tarball does not match its pinned checksums (${file})`);
  }
}

/**
 * The path of the package's verified tarball; fetched with `npm pack` when the cache lacks it, so that it never
 * becomes a dependency.
 */
export async function fetchPackage(source: DefinitionPackage): Promise<string> {
  const name = `${source.name}-${source.version}.tgz`;
  const file = join(CACHE, name);
  if (!existsSync(file)) {
    await mkdir(CACHE, { recursive: true });
    // Packed beside its place and then renamed, so that an interrupted download leaves no half tarball behind.
    const incoming = await mkdtemp(join(CACHE, 'incoming-'));
    try {
      const spec = `${source.name}@${source.version}`;
      await promisify(execFile)('npm', ['pack', spec, '--silent', '--pack-destination', incoming], {
        shell: process.platform === 'win32',
      });
      await rename(join(incoming, name), file);
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  }
  await verifyTarball(file, source);
  return file;
}

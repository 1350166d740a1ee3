import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { parseJson, readTar, readTarball } from '../../../src/fhir/generator/read-tarball.js';

interface Entry {
  readonly name: string;
  readonly prefix?: string;
  readonly kind?: string;
  readonly content?: string;
}

/** A ustar archive, as POSIX.1-1988 describes it. */
function tar(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ name, prefix = '', kind = '0', content = '' }) => {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write(kind, 156);
    header.write('ustar\x0000', 257);
    header.write(prefix, 345);
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

async function* chunks(archive: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < archive.length; at += size) yield await Promise.resolve(archive.subarray(at, at + size));
}

async function read(archive: Buffer, size = archive.length): Promise<[string, string][]> {
  const files: [string, string][] = [];
  for await (const { path, content } of readTar(chunks(archive, size))) files.push([path, content.toString()]);
  return files;
}

const ENTRIES: readonly Entry[] = [
  { name: 'package', kind: '5' },
  { name: 'package/empty.json' },
  { name: 'package/a.json', content: '{"a":"ä"}' },
  { name: 'long.json', prefix: 'package/deep', content: 'x'.repeat(512) },
  { name: 'package/b.json', content: 'y'.repeat(1300), kind: '\0' },
];
const FILES: readonly [string, string][] = [
  ['package/empty.json', ''],
  ['package/a.json', '{"a":"ä"}'],
  ['package/deep/long.json', 'x'.repeat(512)],
  ['package/b.json', 'y'.repeat(1300)],
];

describe('fhir/generator/read-tarball', () => {
  it('reads the regular files, however the stream is cut', async () => {
    const archive = tar(ENTRIES);
    for (const size of [archive.length, 1, 7, 511, 512, 513, 4096]) {
      expect(await read(archive, size), `${size} bytes a chunk`).to.deep.equal(FILES);
    }
  });

  it('reads a gzipped file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tarball-'));
    try {
      const file = join(folder, 'x.tgz');
      await writeFile(file, gzipSync(tar(ENTRIES)));
      const names: string[] = [];
      for await (const { path } of readTarball(file)) names.push(path);
      expect(names).to.deep.equal(FILES.map(([path]) => path));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  async function failure(archive: Buffer): Promise<string> {
    try {
      await read(archive);
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
    return 'no failure';
  }

  it('refuses a truncated archive, unknown kinds of entry, and what is no archive', async () => {
    expect(await failure(tar([{ name: 'a', content: 'x'.repeat(600) }]).subarray(0, 1000))).to.match(/ends inside a$/);
    for (const kind of ['x', 'g', 'L', '1', '2']) {
      expect(await failure(tar([{ name: 'odd', kind }]))).to.equal(`unsupported tar entry of kind ${kind}: odd`);
    }
    expect(await failure(Buffer.from('not an archive '.repeat(100)))).to.match(/^not a tar header/);
  });

  it('parses JSON with and without a byte order mark', () => {
    expect(parseJson(Buffer.from('{"a":1}'))).to.deep.equal({ a: 1 });
    expect(parseJson(Buffer.from('\uFEFF{"a":1}'))).to.deep.equal({ a: 1 });
  });
});

import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

/** One file of an archive. */
export interface ArchiveFile {
  readonly path: string;
  readonly content: Buffer;
}

const BLOCK = 512;

function field(header: Buffer, start: number, length: number): string {
  return (header.toString('utf8', start, start + length).split('\0')[0] ?? '').trim();
}

/**
 * Reads the regular files of a ustar stream one by one. The pax and GNU long-name extensions are refused, not
 * misread: npm needs them only for names that do not fit a ustar header.
 */
export async function* readTar(stream: AsyncIterable<Buffer>): AsyncGenerator<ArchiveFile> {
  const source = stream[Symbol.asyncIterator]();
  let held: Buffer[] = [];
  let size = 0;

  async function take(wanted: number): Promise<Buffer | undefined> {
    while (size < wanted) {
      const next = await source.next();
      if (next.done === true) return undefined;
      held.push(next.value);
      size += next.value.length;
    }
    const all = held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held);
    held = [all.subarray(wanted)];
    size -= wanted;
    return all.subarray(0, wanted);
  }

  for (;;) {
    const header = await take(BLOCK);
    if (header === undefined || header.every((byte) => byte === 0)) return;
    const length = Number.parseInt(field(header, 124, 12), 8);
    const kind = field(header, 156, 1);
    const prefix = field(header, 345, 155);
    const name = field(header, 0, 100);
    if (!Number.isSafeInteger(length)) throw new Error(`not a tar header: ${name}`);
    const content = await take(Math.ceil(length / BLOCK) * BLOCK);
    if (content === undefined) throw new Error(`the archive ends inside ${name}`);
    if (kind === '' || kind === '0') {
      yield { path: prefix === '' ? name : `${prefix}/${name}`, content: content.subarray(0, length) };
    } else if (kind !== '5') {
      throw new Error(`unsupported tar entry of kind ${kind}: ${name}`);
    }
  }
}

/** Reads the regular files of a gzipped tarball one by one, without unpacking it to disk. */
export async function* readTarball(file: string): AsyncGenerator<ArchiveFile> {
  yield* readTar(createReadStream(file).pipe(createGunzip()) as AsyncIterable<Buffer>);
}

/** Parses a JSON file; a few published examples begin with a byte order mark, which JSON.parse refuses. */
export function parseJson(content: Buffer): unknown {
  return JSON.parse(content.toString('utf8').replace(/^\uFEFF/, ''));
}

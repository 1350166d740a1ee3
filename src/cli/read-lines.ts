import { isUtf8 } from 'node:buffer';
import type { CommandIo } from './command.js';

/** A line of a file, or what is the matter with it. */
export type ReadLine =
  { readonly line: number; readonly text: string } | { readonly line: number; readonly problem: string };

/** Bytes of a line: a Bundle of a thousand entries fits. */
const MAX_LINE = 16 * 1024 * 1024;

const LINE_FEED = 0x0a;

/**
 * Splits a stream into lines, numbered from 1, and holds no more of it than one of them. A line that is damaged does not
 * spoil the others.
 */
export async function* readLines(chunks: CommandIo['stdin']): AsyncGenerator<ReadLine> {
  const rest = new Rest();
  let line = 0;
  for await (const chunk of chunks) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      rest.add(bytes.subarray(start, end));
      start = end + 1;
      yield rest.take((line += 1));
    }
    rest.add(bytes.subarray(start));
  }
  if (!rest.isEmpty) yield rest.take(line + 1);
}

/** The part of a line that has come. */
class Rest {
  #parts: Uint8Array[] = [];
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length > MAX_LINE) this.#parts = [];
    else if (bytes.length > 0) this.#parts.push(bytes);
  }

  take(line: number): ReadLine {
    const [bytes, length] = [Buffer.concat(this.#parts), this.#length];
    this.#parts = [];
    this.#length = 0;
    if (length > MAX_LINE) return { line, problem: `is longer than ${MAX_LINE} bytes` };
    // RFC 8259, 8.1: UTF-8. With characters replaced, something else would be decided.
    if (!isUtf8(bytes)) return { line, problem: 'is not UTF-8' };
    return { line, text: bytes.toString('utf8').replace(/^\uFEFF/, '') };
  }
}

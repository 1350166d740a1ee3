import { printExactly } from '../http/exact-numbers.js';
import { parseStrictJson } from '../http/json.js';
import type { BaseUrls } from './base-urls.js';
import { rewriteUrls } from './rewrite.js';
import { UpstreamError } from './upstream-error.js';

/** A resource on one line. In bytes. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

const NEWLINE = 0x0a;

/** The lines of NDJSON under public names, as they come. @throws UpstreamError for a line that is too long. */
export async function* publicLines(
  source: AsyncIterable<Uint8Array>,
  bases: BaseUrls,
): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      yield publicly(Buffer.concat([...held, chunk.subarray(0, end)]), bases);
      held = [];
      size = 0;
    }
    const rest = chunk.subarray(end);
    size += rest.length;
    if (size > MAX_LINE_BYTES) throw new UpstreamError('ERR_UPSTREAM_TOO_LARGE');
    if (rest.length > 0) held.push(rest);
  }
  if (held.length > 0) yield publicly(Buffer.concat(held), bases);
}

/** Whole lines. What is no JSON stays as it is: the guard ends the file there. */
function publicly(lines: Buffer, bases: BaseUrls): Uint8Array {
  const text = lines.toString('utf8');
  if (!bases.mayMention(text)) return lines;
  const renamed = text.split('\n').map((line) => {
    const verdict = line.trim() === '' ? undefined : parseStrictJson(Buffer.from(line), 'exact');
    if (!verdict || !('value' in verdict)) return line;
    const other = rewriteUrls(verdict.value, bases.toPublic);
    return other === verdict.value ? line : printExactly(other);
  });
  return Buffer.from(renamed.join('\n'));
}

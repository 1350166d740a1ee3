import { typeOf } from '../access/judge.js';
import type { Asking } from './asking.js';
import { opensAll } from './asking.js';
import type { JobFile } from './bulk-data.js';
import { parseStrictJson } from './json.js';
import { bareOutcome } from './outcome.js';

/** A resource on one line. In bytes. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** So many lines are judged at a time: few enough to flow, enough that asking costs little. */
const LINES_AT_A_TIME = 64;

/** A file of an export that cannot be judged: it ends here, in the middle, so that nobody takes it for whole. */
export class UnjudgedFileError extends Error {
  readonly code = 'ERR_FILE_UNJUDGED';
}

interface Line {
  readonly text: string;
  readonly resource: unknown;
}

/**
 * The lines of an exported file that the caller may see, as they came: resources of the file's type, if it is one of
 * those that were granted, each judged like one that is read. The texts of errors go to those alone who may see
 * everything. @throws UnjudgedFileError in the midst, for what is no NDJSON.
 *
 * @param types Those that the job was let start for.
 */
export async function* judgedLines(
  asking: Asking,
  { type, list }: JobFile,
  types: readonly string[],
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void, undefined> {
  const judge = list === 'error' ? errorLines : list === 'deleted' ? deletedLines : resourceLines(type);
  let lines: Line[] = [];
  for await (const line of linesOf(source)) {
    lines.push(line);
    if (lines.length < LINES_AT_A_TIME) continue;
    yield* await judge(asking, types, lines);
    lines = [];
  }
  yield* await judge(asking, types, lines);
}

type JudgeLines = (asking: Asking, types: readonly string[], lines: readonly Line[]) => Promise<readonly string[]>;

const resourceLines =
  (type: string): JudgeLines =>
  async ({ handler, about }, types, lines) => {
    if (!types.includes(type)) return [];
    const entry = lines.filter(({ resource }) => typeOf(resource) === type);
    const bundle = { resourceType: 'Bundle', type: 'collection', entry };
    const { bundle: filtered } = await handler.filterBundle({ operation: 'read', bundle, ...about });
    return (filtered['entry'] as readonly Line[]).map(({ text }) => `${text}\n`);
  };

const errorLines: JudgeLines = async (asking, _types, lines) => {
  const whole = opensAll(asking, 'read', 'Resource');
  const outcomes = lines.filter(({ resource }) => typeOf(resource) === 'OperationOutcome');
  return outcomes.map(({ text, resource }) => `${whole ? text : JSON.stringify(bareOutcome(resource))}\n`);
};

/** Bulk Data Access IG 2, Response - Complete Status: transaction Bundles whose entries are deletions. */
const deletedLines: JudgeLines = async ({ handler, about }, types, lines) => {
  const judged: string[] = [];
  for (const { resource } of lines) {
    if (typeOf(resource) !== 'Bundle') continue;
    const { bundle } = await handler.filterBundle({ operation: 'read', bundle: resource, ...about });
    const entry = (bundle['entry'] as readonly { readonly request?: { readonly url?: unknown } }[]).filter(
      ({ request }) => types.includes(String(request?.url).split('/')[0] ?? ''),
    );
    const deletions = entry.map(({ request }) => ({ request: { method: 'DELETE', url: request?.url } }));
    judged.push(`${JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: deletions })}\n`);
  }
  return judged;
};

async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Line, void, undefined> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      pieces.push(chunk.subarray(start, end));
      const line = readLine(pieces);
      if (line) yield line;
      [pieces, size, start] = [[], 0, end + 1];
    }
    const rest = chunk.subarray(start);
    size += rest.length;
    if (size > MAX_LINE_BYTES) throw new UnjudgedFileError('a line is too long');
    if (rest.length > 0) pieces.push(rest);
  }
  const last = readLine(pieces);
  if (last) yield last;
}

function readLine(pieces: readonly Uint8Array[]): Line | undefined {
  const bytes = Buffer.concat(pieces);
  const text = bytes.toString('utf8').trim();
  if (text === '') return undefined;
  const verdict = parseStrictJson(bytes);
  if (!('value' in verdict)) throw new UnjudgedFileError('a line is no JSON that every parser reads alike');
  return { text, resource: verdict.value };
}

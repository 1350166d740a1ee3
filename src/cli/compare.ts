import { createReadStream } from 'node:fs';
import type { ChangeKind, Comparison } from '../replay/compare.js';
import { compareDecisions, printDecision } from '../replay/compare.js';
import type { RecordedRequest } from '../replay/request.js';
import { RequestLineError, readRequest } from '../replay/request.js';
import { Replay } from '../replay/replay.js';
import type { Command, CommandIo } from './command.js';
import { EXIT } from './exit-code.js';
import { InputError } from './failure.js';
import { printJson, printable } from './print.js';
import { SERVER_HELP, SERVER_OPTIONS, readSettings } from './read-settings.js';

export const compare: Command = {
  name: 'compare',
  summary: 'replay recorded requests against an old and a new configuration',
  help: `Usage: smart-fhir-authz compare --requests FILE|- OLD NEW [options]

Decides recorded requests by two configuration files and prints which decisions change, and why.
The requests are lines of JSON, as recordRequests of smart-fhir-authz/replay writes them
(docs/tools.md tells more). They hold claims, never tokens. Nothing is sent anywhere.

Options:
  --requests FILE|-     the recorded requests
${SERVER_HELP}
  --reasons             show also decisions that stay the same for another reason
  --limit N             how many changes to print. Default 50
  --json                print the outcome as JSON, all changes in it

Exit codes:
  0  every decision stays the same
  1  some change
  3  a file cannot be read, or a line is no recorded request

Examples:
  smart-fhir-authz compare --requests requests.jsonl old.json new.json
  smart-fhir-authz compare --requests - old.json new.json --json < requests.jsonl
`,
  options: {
    requests: { type: 'string' },
    ...SERVER_OPTIONS,
    reasons: { type: 'boolean' },
    limit: { type: 'string' },
    json: { type: 'boolean' },
  },
  operands: { min: 2, max: 2, name: 'OLD and NEW' },

  async run(args, io) {
    const [oldFile = '', newFile = ''] = args.operands;
    const requests = args.needed('requests');
    const older = new Replay(await readSettings(oldFile, args, io));
    const newer = new Replay(await readSettings(newFile, args, io));
    const tally = new Tally(args.flag('reasons'));
    let line = 0;
    for await (const text of linesOf(requests, io)) {
      line += 1;
      if (line % 10_000 === 0) io.stderr(`${line} requests…\n`);
      if (text.trim() === '') continue;
      let request: RecordedRequest;
      try {
        request = readRequest(text);
      } catch (error) {
        if (!(error instanceof RequestLineError)) throw error;
        tally.unreadable.push({ line, problem: error.message });
        continue;
      }
      tally.add(line, request, await compareDecisions(request, older, newer));
    }
    if (args.flag('json')) printJson(tally.summary(), io);
    else describe(tally, args.number('limit') ?? 50, io);
    if (tally.unreadable.length > 0) return EXIT.input;
    return tally.changes.length > 0 ? EXIT.defects : EXIT.ok;
  },
};

/** Characters of a line: a Bundle of a thousand entries fits. */
const MAX_LINE = 16 * 1024 * 1024;

async function* linesOf(file: string, io: CommandIo): AsyncGenerator<string> {
  try {
    yield* splitLines(file === '-' ? io.stdin : (createReadStream(file) as CommandIo['stdin']));
  } catch (cause) {
    if (cause instanceof InputError || !(cause instanceof Error) || !('code' in cause)) throw cause;
    throw new InputError(`cannot read ${file}: ${String(cause.code)}`);
  }
}

async function* splitLines(chunks: CommandIo['stdin']): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw new InputError(`a line is longer than ${MAX_LINE} characters`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}

interface Change {
  readonly line: number;
  readonly request: string;
  readonly comparison: Comparison;
}

/** What became of all requests. */
class Tally {
  readonly changes: Change[] = [];
  readonly unreadable: { readonly line: number; readonly problem: string }[] = [];
  readonly #counts = new Map<ChangeKind | 'same', number>();
  readonly #withReasons: boolean;
  requests = 0;

  constructor(withReasons: boolean) {
    this.#withReasons = withReasons;
  }

  add(line: number, request: RecordedRequest, comparison: Comparison): void {
    const { kind } = comparison;
    this.requests += 1;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (kind === 'same' || (kind === 'reason' && !this.#withReasons)) return;
    this.changes.push({ line, request: printRequest(request), comparison });
  }

  count(kind: ChangeKind | 'same'): number {
    return this.#counts.get(kind) ?? 0;
  }

  summary(): object {
    return {
      requests: this.requests,
      counts: Object.fromEntries(KINDS.map((kind) => [kind, this.count(kind)])),
      changes: this.changes.map(({ line, request, comparison }) => ({ line, request, ...comparison })),
      unreadable: this.unreadable,
    };
  }
}

const KINDS = ['same', 'reason', 'opened', 'closed', 'entries', 'query'] as const;

const TITLES: Readonly<Record<ChangeKind, string>> = {
  opened: 'refused before, allowed now',
  closed: 'allowed before, refused now',
  entries: 'other entries of the Bundle are shown',
  query: 'other parameters are taken out of the query',
  reason: 'the same outcome for another reason',
};

function describe(tally: Tally, limit: number, io: CommandIo): void {
  const lines: string[] = [];
  for (const { line, request, comparison } of tally.changes.slice(0, limit)) {
    const { kind, old: before, new: after } = comparison;
    lines.push(`line ${line}  ${request}  ${kind}`, `  old: ${printOutcome(before)}`, `  new: ${printOutcome(after)}`);
  }
  if (tally.changes.length > limit) lines.push(`… and ${tally.changes.length - limit} more; --limit shows them`);
  for (const { line, problem } of tally.unreadable) lines.push(`line ${line}  cannot be read: ${problem}`);
  if (lines.length > 0) lines.push('');
  lines.push(
    `${tally.requests} request${tally.requests === 1 ? '' : 's'}, ${tally.count('same') + tally.count('reason')} decided alike`,
  );
  for (const kind of ['opened', 'closed', 'entries', 'query', 'reason'] as const) {
    if (tally.count(kind) > 0) lines.push(`  ${tally.count(kind)} ${kind}: ${TITLES[kind]}`);
  }
  if (tally.unreadable.length > 0) lines.push(`  ${tally.unreadable.length} unreadable`);
  io.stdout(printable(`${lines.join('\n')}\n`));
}

function printOutcome({ decision, entries, removed = [] }: Comparison['old']): string {
  return [
    printDecision(decision),
    entries && `${entries.filter(Boolean).length} of ${entries.length} entries`,
    removed.length > 0 && `without ${removed.join(', ')}`,
  ]
    .filter(Boolean)
    .join(', ');
}

function printRequest({ operation, resourceType, id }: RecordedRequest): string {
  return [operation, [resourceType, id].filter(Boolean).join('/')].filter(Boolean).join(' ');
}

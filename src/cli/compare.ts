import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { compareDecisions } from '../replay/compare.js';
import type { RecordedRequest } from '../replay/request.js';
import { RequestLineError, readRequest } from '../replay/request.js';
import { Replay } from '../replay/replay.js';
import type { Command, CommandIo } from './command.js';
import type { Report, Unreadable } from './compare-report.js';
import { JsonReport, TextReport } from './compare-report.js';
import type { ExitCode } from './exit-code.js';
import { EXIT } from './exit-code.js';
import { InputError } from './failure.js';
import { cannot } from './files.js';
import { Progress } from './progress.js';
import { readLines } from './read-lines.js';
import { SERVER_HELP, SERVER_OPTIONS, readSettings } from './read-settings.js';

export const compare: Command = {
  name: 'compare',
  summary: 'replay recorded requests against an old and a new configuration',
  help: `Usage: smart-fhir-authz compare --requests FILE|- OLD NEW [options]

Decides recorded requests by two configuration files and prints which decisions change, and why.
The requests are lines of JSON, as recordRequests of smart-fhir-authz/replay writes them
(docs/tools.md tells more). They hold claims, never tokens. Nothing is sent anywhere. The file is read
line by line, however long it is; Ctrl-C ends it with what was found until then.

Options:
  --requests FILE|-     the recorded requests
${SERVER_HELP}
  --reasons             show also decisions that stay the same for another reason
  --limit N             how many changes, and how many unreadable lines, to print. Default 50
  --json                print the outcome as JSON, all changes in it

Exit codes:
  0  every decision stays the same
  1  some change
  3  a file cannot be read, or a line is no recorded request
  130  stopped before the end

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
    const limit = args.number('limit') ?? 50;
    const older = new Replay(await readSettings(oldFile, args, io));
    const newer = new Replay(await readSettings(newFile, args, io));
    const source = await open(requests, io);
    const progress = new Progress(io);
    const report = args.flag('json') ? new JsonReport(io) : new TextReport(io, limit);
    const tally = new Tally(report, progress, args.flag('reasons'));
    try {
      for await (const read of readLines(source.chunks())) {
        if ('problem' in read) tally.unreadable(read);
        else if (read.text.trim() !== '') await tally.compare(read, older, newer);
        if (source.stopped) break;
        progress.tick(() => `${tally.requests} requests${source.share()}…`);
      }
    } catch (cause) {
      if (!source.stopped) {
        // What was found until then is told; a report that was begun is ended.
        if (tally.requests > 0) tally.end(false);
        throw cannotRead(requests, cause);
      }
    }
    tally.end(!source.stopped);
    if (source.stopped) return EXIT.stopped;
    return tally.exitCode();
  },
};

/** What is read, until somebody stops it. */
interface Source {
  readonly chunks: () => CommandIo['stdin'];
  /** How much of it was read, for people. */
  readonly share: () => string;
  readonly stopped: boolean;
}

async function open(file: string, io: CommandIo): Promise<Source> {
  const size = file === '-' ? 0 : await sizeOf(file);
  const stream = file === '-' ? io.stdin : (createReadStream(file) as CommandIo['stdin']);
  let [stopped, length] = [false, 0];
  void io.untilStopped?.().then(() => {
    stopped = true;
    // It may be waiting for somebody to type.
    if (stream instanceof Readable) stream.destroy();
  });
  return {
    async *chunks() {
      for await (const chunk of stream) {
        if (length === 0 && chunk[0] === 0x1f && chunk[1] === 0x8b) {
          throw new InputError(`${file} is compressed: gunzip -c ${file} | smart-fhir-authz compare --requests - …`);
        }
        length += chunk.length;
        yield chunk;
      }
    },
    share: () => (size > 0 ? `, ${Math.min(100, Math.floor((100 * length) / size))} %` : ''),
    get stopped() {
      return stopped;
    },
  };
}

/** Bytes; 0 for a file that cannot be read, which shows when it is. */
async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch {
    return 0;
  }
}

function cannotRead(file: string, cause: unknown): unknown {
  if (cause instanceof InputError || !(cause instanceof Error) || !('code' in cause)) return cause;
  return cannot('read', file, cause);
}

/** Counts what becomes of the requests, and tells of what changes. */
class Tally {
  readonly #report: Report;
  readonly #progress: Progress;
  readonly #withReasons: boolean;
  readonly #counts = { same: 0, reason: 0, opened: 0, closed: 0, entries: 0, query: 0, types: 0 };
  #changes = 0;
  #unreadable = 0;
  requests = 0;

  constructor(report: Report, progress: Progress, withReasons: boolean) {
    this.#report = report;
    this.#progress = progress;
    this.#withReasons = withReasons;
  }

  async compare({ line, text }: { line: number; text: string }, older: Replay, newer: Replay): Promise<void> {
    let request: RecordedRequest;
    try {
      request = readRequest(text);
    } catch (error) {
      if (!(error instanceof RequestLineError)) throw error;
      this.unreadable({ line, problem: error.message });
      return;
    }
    const comparison = await compareDecisions(request, older, newer);
    const { kind } = comparison;
    this.requests += 1;
    this.#counts[kind] += 1;
    if (kind === 'same' || (kind === 'reason' && !this.#withReasons)) return;
    this.#changes += 1;
    this.#progress.clear();
    this.#report.change({ line, request, ...comparison });
  }

  unreadable(unreadable: Unreadable): void {
    this.#unreadable += 1;
    this.#progress.clear();
    this.#report.unreadable(unreadable);
  }

  end(complete: boolean): void {
    this.#progress.clear();
    this.#report.end({
      requests: this.requests,
      unreadable: this.#unreadable,
      counts: this.#counts,
      complete,
    });
  }

  exitCode(): ExitCode {
    if (this.#unreadable > 0) return EXIT.input;
    return this.#changes > 0 ? EXIT.defects : EXIT.ok;
  }
}

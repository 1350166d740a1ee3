import type { ChangeKind, Comparison } from '../replay/compare.js';
import { printDecision } from '../replay/compare.js';
import type { RecordedRequest } from '../replay/request.js';
import type { CommandIo } from './command.js';
import { printable } from './print.js';

/** A decision that changes. */
export interface Change extends Comparison {
  readonly line: number;
  readonly request: RecordedRequest;
}

/** A line that is no recorded request. */
export interface Unreadable {
  readonly line: number;
  readonly problem: string;
}

/** How many requests there were, and what became of them. */
export interface Totals {
  readonly requests: number;
  readonly unreadable: number;
  readonly counts: Readonly<Record<ChangeKind | 'same', number>>;
  /** Whether all was read. */
  readonly complete: boolean;
}

/** Tells of changes as they are found: nothing is kept that grows with the number of requests. */
export interface Report {
  change(change: Change): void;
  unreadable(unreadable: Unreadable): void;
  end(totals: Totals): void;
}

/** For people: so many of each at most. */
export class TextReport implements Report {
  readonly #io: CommandIo;
  readonly #limit: number;
  #changes = 0;
  #unreadable = 0;

  constructor(io: CommandIo, limit: number) {
    this.#io = io;
    this.#limit = limit;
  }

  change({ line, request, kind, old: before, new: after }: Change): void {
    this.#changes += 1;
    if (this.#changes > this.#limit) return;
    this.#print([
      `line ${line}  ${printRequest(request)}  ${kind}`,
      `  old: ${printOutcome(before)}`,
      `  new: ${printOutcome(after)}`,
      ...printEntries(before, after),
    ]);
  }

  unreadable({ line, problem }: Unreadable): void {
    this.#unreadable += 1;
    if (this.#unreadable <= this.#limit) this.#print([`line ${line}  cannot be read: ${problem}`]);
  }

  end({ requests, unreadable, counts, complete }: Totals): void {
    const more = (count: number, what: string): string[] =>
      count > this.#limit ? [`… and ${count - this.#limit} more ${what}; --limit shows them`] : [];
    this.#print([
      ...more(this.#changes, 'changes'),
      ...more(this.#unreadable, 'lines that cannot be read'),
      ...(this.#changes + this.#unreadable > 0 ? [''] : []),
      ...(complete ? [] : ['stopped before the end: what follows is about the requests until then']),
      `${requests} request${requests === 1 ? '' : 's'}, ${counts.same + counts.reason} decided alike`,
      ...KINDS.filter((kind) => counts[kind] > 0).map((kind) => `  ${counts[kind]} ${kind}: ${TITLES[kind]}`),
      ...(unreadable > 0 ? [`  ${unreadable} unreadable`] : []),
    ]);
  }

  #print(lines: readonly string[]): void {
    this.#io.stdout(printable(`${lines.join('\n')}\n`));
  }
}

/** Unreadable lines of which a program is told which they are; of more, how many. */
const MAX_UNREADABLE = 1000;

/** For programs: one JSON object, written piece by piece, whole also when the run is stopped. */
export class JsonReport implements Report {
  readonly #io: CommandIo;
  readonly #unreadable: Unreadable[] = [];
  #changes = 0;

  constructor(io: CommandIo) {
    this.#io = io;
  }

  change({ line, request, kind, old: before, new: after }: Change): void {
    const printed = print({ line, request: printRequest(request), kind, old: before, new: after }, 4);
    this.#io.stdout(`${this.#changes === 0 ? '{\n  "changes": [' : ','}\n    ${printed}`);
    this.#changes += 1;
  }

  unreadable(unreadable: Unreadable): void {
    if (this.#unreadable.length < MAX_UNREADABLE) this.#unreadable.push(unreadable);
  }

  end({ requests, unreadable, counts, complete }: Totals): void {
    const rest = print({ requests, counts: { ...counts, unreadable }, unreadable: this.#unreadable, complete }, 0);
    this.#io.stdout(`${this.#changes === 0 ? '{\n  "changes": [' : '\n  '}],${rest.slice(1)}\n`);
  }
}

function print(value: object, indent: number): string {
  return printable(JSON.stringify(value, null, 2).replaceAll('\n', `\n${' '.repeat(indent)}`));
}

const KINDS = ['opened', 'closed', 'entries', 'query', 'types', 'reason'] as const;

const TITLES: Readonly<Record<ChangeKind, string>> = {
  opened: 'refused before, allowed now',
  closed: 'allowed before, refused now',
  entries: 'other entries of the Bundle are shown or executed',
  query: 'other parameters are taken out of the query',
  types: 'the export may write out other types',
  reason: 'the same outcome for another reason',
};

/** Entries of a batch, or types of an export, that are told one by one. */
const MAX_LISTED = 5;

function printOutcome({ decision, accepted, entry, entries, removed = [], types }: Comparison['old']): string {
  if (accepted === true) return 'the token is accepted; what was asked with it is not recorded';
  return [
    printDecision(decision),
    entry !== undefined && `for entry ${entry}`,
    entries && `${entries.filter(Boolean).length} of ${entries.length} entries`,
    removed.length > 0 && `without ${removed.join(', ')}`,
    types && `${types.length} types${types.length > MAX_LISTED ? '' : `: ${types.join(', ')}`}`,
  ]
    .filter(Boolean)
    .join(', ');
}

/** Why the entries of a batch fare differently. */
function printEntries({ decisions: before = [] }: Comparison['old'], { decisions: after = [] }: Comparison['new']) {
  const changed = before.flatMap((decision, index) => {
    const now = after[index];
    return now === undefined || now.decision === decision.decision
      ? []
      : [`  entry ${index + 1}: old ${printDecision(decision)}; new ${printDecision(now)}`];
  });
  const more = changed.length - MAX_LISTED;
  return [...changed.slice(0, MAX_LISTED), ...(more > 0 ? [`  … and ${more} more entries`] : [])];
}

function printRequest(request: RecordedRequest): string {
  const { operation, resourceType, id, baseUrl, bulkDataAuth, entries } = request;
  return [
    operation === 'authenticate' ? 'token' : operation,
    [resourceType, id].filter(Boolean).join('/'),
    bulkDataAuth && `(${[bulkDataAuth.operation, bulkDataAuth.exportType].filter(Boolean).join(', ')})`,
    entries && `of ${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}`,
    baseUrl !== undefined && `at ${baseUrl}`,
  ]
    .filter(Boolean)
    .join(' ');
}

import type { JsonObject } from '../json-object.js';

/** Milliseconds without a question after which a request is taken for judged. */
const QUIET_MS = 10_000;

/** Requests that are gathered at a time: their parts are in memory, and clients choose how large they are. */
const MAX_OPEN = 100;

/** A question, and the position of the entry that it is about, where the asker tells. */
interface Part {
  readonly entry: number | undefined;
  readonly question: JsonObject;
}

/** A request that is judged by several questions, as far as they came. */
interface Collected {
  readonly head: JsonObject;
  readonly member: 'entries' | 'filters';
  readonly parts: Part[];
  readonly timer: NodeJS.Timeout;
}

/**
 * Gathers the questions that are about one request: the entries of a batch or transaction, the searches of an export. They
 * have the identity in common, an object that stands for one request. Nobody says which question is the last; when none
 * has come for a while, or the answer is judged, the line is written.
 */
export class Collector {
  readonly #write: (line: JsonObject) => void;
  readonly #open = new Map<object, Collected>();

  constructor(write: (line: JsonObject) => void) {
    this.#write = write;
  }

  /** Begins a line that has further questions as its parts. */
  begin(identity: object, member: Collected['member'], head: JsonObject): void {
    this.end(identity);
    const timer = setTimeout(() => {
      this.end(identity);
    }, QUIET_MS);
    // A program that is done does not wait for it.
    timer.unref();
    this.#open.set(identity, { head, member, parts: [], timer });
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size > MAX_OPEN) this.end(oldest);
  }

  /** Whether questions of this identity are parts of a line. */
  collects(identity: object): Collected['member'] | undefined {
    return this.#open.get(identity)?.member;
  }

  /** Adds a question. Several are judged at a time, so that even behind one that is refused others may come. */
  add(identity: object, question: JsonObject, entry: number | undefined): void {
    const collected = this.#open.get(identity);
    if (!collected) return;
    const { parts, timer } = collected;
    timer.refresh();
    const at = parts.findIndex((part) => isAboutSame(part, { entry, question }));
    const known = parts[at];
    if (known) parts[at] = { entry, question: joined(known.question, question) };
    else parts.push({ entry, question });
  }

  /** Writes the line of a request. */
  end(identity: object): void {
    const collected = this.#open.get(identity);
    if (!collected) return;
    clearTimeout(collected.timer);
    this.#open.delete(identity);
    const { head, member, parts } = collected;
    const inOrder = [...parts].sort((a, b) => (a.entry ?? 0) - (b.entry ?? 0)).map(({ question }) => question);
    this.#write(member === 'filters' && parts.length === 0 ? head : { ...head, [member]: inOrder });
  }

  /** Writes all lines that are not complete yet. */
  endAll(): void {
    for (const identity of [...this.#open.keys()]) this.end(identity);
  }
}

/**
 * Whether two questions are about one entry. Where nobody tells, a second question about a deletion is: no Bundle deletes
 * a resource twice (FHIR R4, 3.1.0.11.2).
 */
function isAboutSame({ entry, question }: Part, other: Part): boolean {
  if (entry !== undefined || other.entry !== undefined) return entry === other.entry;
  const isDeletion = question['operation'] === 'delete' && question['id'] !== undefined;
  return isDeletion && ['operation', 'resourceType', 'id'].every((name) => question[name] === other.question[name]);
}

/** The search of a conditional write belongs to it; a deletion is asked about again as one of nothing, which is stricter. */
function joined(first: JsonObject, second: JsonObject): JsonObject {
  return first['conditional'] === true ? { ...first, query: second['query'] } : second;
}

type Json = Readonly<Record<string, unknown>>;

/** Milliseconds without a question after which a request is taken for judged. */
const QUIET_MS = 10_000;

/** A request that is judged by several questions, as far as they came. */
interface Collected {
  readonly head: Json;
  readonly member: 'entries' | 'filters';
  readonly parts: Json[];
  /** A conditional write that was allowed: the search that comes next is its own. */
  condition: Json | undefined;
  timer: NodeJS.Timeout;
}

/**
 * Gathers the questions that are about one request: the entries of a batch or transaction, the searches of an export. They
 * have the identity in common, an object that stands for one request. Nobody says which question is the last; when none
 * has come for a while, or the answer is judged, the line is written.
 */
export class Collector {
  readonly #write: (line: Json) => void;
  readonly #open = new Map<object, Collected>();

  constructor(write: (line: Json) => void) {
    this.#write = write;
  }

  /** Begins a line that has further questions as its parts. */
  begin(identity: object, member: Collected['member'], head: Json): void {
    this.end(identity);
    const timer = setTimeout(() => {
      this.end(identity);
    }, QUIET_MS);
    // A program that is done does not wait for it.
    timer.unref();
    this.#open.set(identity, { head, member, parts: [], condition: undefined, timer });
  }

  /** Whether questions of this identity are parts of a line. */
  collects(identity: object): Collected['member'] | undefined {
    return this.#open.get(identity)?.member;
  }

  /** Adds a question. Two questions about one entry become one. */
  add(identity: object, part: Json, isAllowed: boolean): void {
    const collected = this.#open.get(identity);
    if (!collected) return;
    const { parts, timer, condition } = collected;
    timer.refresh();
    collected.condition = undefined;
    const last = parts.at(-1);
    if (condition !== undefined && part['query'] !== undefined && part['resourceType'] === condition['resourceType']) {
      parts.splice(-1, 1, { ...condition, query: part['query'] });
      return;
    }
    // A deletion of which nobody knows what is stored is asked about again, as one of nothing.
    const isStricter = part['operation'] === 'delete' && part['storedResource'] === null;
    if (isStricter && last !== undefined && isSameTarget(last, part)) parts.pop();
    parts.push(part);
    if (isAllowed && part['conditional'] === true && part['query'] === undefined) collected.condition = part;
  }

  /** Writes the line of a request. */
  end(identity: object): void {
    const collected = this.#open.get(identity);
    if (!collected) return;
    clearTimeout(collected.timer);
    this.#open.delete(identity);
    const { head, member, parts } = collected;
    this.#write(member === 'filters' && parts.length === 0 ? head : { ...head, [member]: parts });
  }

  /** Writes all lines that are not complete yet. */
  endAll(): void {
    for (const identity of [...this.#open.keys()]) this.end(identity);
  }
}

function isSameTarget(a: Json, b: Json): boolean {
  return ['operation', 'resourceType', 'id'].every((name) => a[name] === b[name]);
}

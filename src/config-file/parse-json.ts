/** A place in a text, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A step into a value: the name of a member or the index of an item. */
export type Step = string | number;

/** A text that is no JSON, or one that receivers read differently. The text itself is never quoted: it may hold secrets. */
export class JsonTextError extends Error {
  readonly code = 'ERR_JSON_TEXT';
  readonly problem: string;
  readonly place: Place;

  constructor(problem: string, place: Place) {
    super(`line ${place.line}, column ${place.column}: ${problem}`);
    this.problem = problem;
    this.place = place;
  }
}

/** A parsed text, and where in it each value stands. */
export interface ParsedJson {
  readonly value: unknown;
  /** Where the value at a path stands, or the innermost one around it that is there. */
  placeOf(path: readonly Step[]): Place;
}

/** Levels of objects and lists; no configuration needs as many. */
const MAX_DEPTH = 32;

/**
 * Parses a JSON text that people write by hand: says where it is broken, refuses a name that stands twice (RFC 8259, 4)
 * and remembers where each value stands, so that later complaints can point there.
 *
 * @throws JsonTextError
 */
export function parseJson(text: string): ParsedJson {
  return new Reader(text).read();
}

/** What stands in a text that is no part of JSON, but that people try. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^\/[/*]/, 'JSON has no comments'],
  [/^'/, 'JSON quotes by ", not by an apostrophe'],
  [/^[“”„‟]/, 'this is a typographic quotation mark: JSON quotes by "'],
  [/^\uFEFF/, 'a byte order mark stands here: save the file as UTF-8 without one'],
  [/^(?:True|False|None|undefined|NaN|Infinity)\b/, 'JSON knows true, false and null'],
];

class Reader {
  readonly #text: string;
  readonly #places = new Map<string, number>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): ParsedJson {
    const value = this.#value([]);
    this.#space();
    if (this.#at < this.#text.length) this.#fail('something stands after the end of the JSON value');
    const places = this.#places;
    return {
      value,
      placeOf: (path) => {
        for (let length = path.length; length > 0; length -= 1) {
          const at = places.get(JSON.stringify(path.slice(0, length)));
          if (at !== undefined) return this.#placeAt(at);
        }
        return this.#placeAt(places.get('[]') ?? 0);
      },
    };
  }

  #value(path: readonly Step[]): unknown {
    this.#space();
    if (path.length > MAX_DEPTH) this.#fail(`more than ${MAX_DEPTH} levels`);
    this.#places.set(JSON.stringify(path), this.#at);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(path);
      case '[':
        return this.#list(path);
      case '"':
        return this.#string();
      case undefined:
        return this.#fail('the text ends where a value is expected');
      default:
        return this.#literal();
    }
  }

  #object(path: readonly Step[]): Record<string, unknown> {
    const members: Record<string, unknown> = {};
    this.#at += 1;
    if (this.#next('}')) return members;
    do {
      this.#space();
      const start = this.#at;
      if (this.#text[start] === '}') this.#fail('a comma stands before the closing brace');
      if (this.#text[start] !== '"') this.#fail(this.#hint() ?? 'the name of a member in quotation marks is expected');
      const name = this.#string();
      if (name === '__proto__') this.#fail('"__proto__" is no name for a member', start);
      if (Object.hasOwn(members, name))
        this.#fail(`the name ${JSON.stringify(name)} stands twice in one object`, start);
      if (!this.#next(':')) this.#fail('a colon is expected');
      members[name] = this.#value([...path, name]);
    } while (this.#next(','));
    if (!this.#next('}')) this.#fail(this.#hint() ?? 'a comma or a closing brace is expected');
    return members;
  }

  #list(path: readonly Step[]): unknown[] {
    const items: unknown[] = [];
    this.#at += 1;
    if (this.#next(']')) return items;
    do {
      this.#space();
      if (this.#text[this.#at] === ']') this.#fail('a comma stands before the closing bracket');
      items.push(this.#value([...path, items.length]));
    } while (this.#next(','));
    if (!this.#next(']')) this.#fail(this.#hint() ?? 'a comma or a closing bracket is expected');
    return items;
  }

  #string(): string {
    const [token] = this.#match(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y) ?? [];
    if (token === undefined)
      return this.#fail('a string is not closed, or holds a control character or an unknown escape');
    return JSON.parse(token) as string;
  }

  #literal(): unknown {
    const [token] = this.#match(/true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y) ?? [];
    if (token === undefined) return this.#fail(this.#hint() ?? 'no JSON value stands here');
    return JSON.parse(token) as unknown;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match;
  }

  /** Steps over one character, if it is the next. */
  #next(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    this.#match(/[ \t\r\n]*/y);
  }

  #hint(): string | undefined {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    return HINTS.find(([pattern]) => pattern.test(rest))?.[1];
  }

  #fail(problem: string, at = this.#at): never {
    throw new JsonTextError(problem, this.#placeAt(at));
  }

  #placeAt(at: number): Place {
    const before = this.#text.slice(0, at);
    const start = before.lastIndexOf('\n') + 1;
    return { line: before.split('\n').length, column: at - start + 1 };
  }
}

import type { TokenDefect } from './defect.js';
import { must, quote, should } from './defect.js';

/** What is wrong with the names of a token's members, which no parsed value shows any more. */
export function* memberDefects(header: string, payload: string): Iterable<TokenDefect> {
  for (const [part, text, reference] of [
    ['header', header, 'RFC 7515 §4'],
    ['payload', payload, 'RFC 7519 §4'],
  ] as const) {
    const { repeated, prototype } = readNames(text);
    // The header is read member by member; claims are copied from one object to another.
    if (prototype && part === 'payload') {
      yield must(
        'malformed',
        reference,
        'a member of the payload is called "__proto__": no claim is, and it would change what copies the claims',
      );
    }
    for (const name of repeated) {
      yield should(
        'member-repeated',
        reference,
        `${quote(name)} is in the ${part} more than once: one reader takes the last, another refuses the token`,
      );
    }
  }
}

interface Names {
  /** Each once, in the order in which they are found again. */
  readonly repeated: ReadonlySet<string>;
  readonly prototype: boolean;
}

/** A string, with the colon that makes it a name; or what begins or ends an object or array. */
const TOKEN = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g;

/** Reads the names in a text that is JSON. */
function readNames(json: string): Names {
  const repeated = new Set<string>();
  let prototype = false;
  const open: Set<string>[] = [];
  for (const [token, text, colon] of json.matchAll(TOKEN)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (text !== undefined && colon !== undefined) {
      const name = JSON.parse(text) as string;
      const names = open.at(-1);
      if (names?.has(name) === true) repeated.add(name);
      names?.add(name);
      prototype ||= name === '__proto__';
    }
  }
  return { repeated, prototype };
}

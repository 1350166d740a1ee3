/** An error without what it may carry: its name, its code, and where in the code it was thrown. */
export type BareError = Error & { readonly code?: string };

/** Causes below an error that are asked for a code: Node's fetch hides `ECONNREFUSED` one below. */
const MAX_DEPTH = 3;
const MAX_PLACES = 5;

/**
 * What may be told of somebody else's error. Its message and its other properties may hold whatever the code that threw
 * it was given: a request with its assertion, a key of a store, a launch with its patient.
 *
 * @param words - A message in place of name and code, for an error whose words are known to be harmless.
 */
export function bareError(error: unknown, words?: string): BareError {
  const name = wordOf(error, 'name', /^[A-Za-z]\w{0,59}$/) ?? (error instanceof Error ? 'Error' : typeof error);
  const code = codeOf(error);
  const message = words ?? (code === undefined ? name : `${name} (${code})`);
  const bare = new Error(message);
  bare.name = name;
  // Without these this function would be the place that everybody is sent to.
  bare.stack = [`${name}: ${message}`, ...placesOf(error)].join('\n');
  return code === undefined ? bare : Object.assign(bare, { code });
}

function codeOf(error: unknown): string | undefined {
  let next = error;
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const code = wordOf(next, 'code', /^[A-Z][A-Z0-9_]{1,59}$/);
    if (code !== undefined) return code;
    next = read(next, 'cause');
  }
  return undefined;
}

/** The places follow the message, and the message may have lines of its own that look like places. */
function placesOf(error: unknown): string[] {
  const [stack, message] = [read(error, 'stack'), read(error, 'message')];
  if (typeof stack !== 'string' || typeof message !== 'string') return [];
  const at = stack.indexOf(message);
  if (at === -1) return [];
  const lines = stack.slice(at + message.length).split('\n');
  return lines.filter((line) => /^ +at /.test(line)).slice(0, MAX_PLACES);
}

function wordOf(error: unknown, member: 'name' | 'code', pattern: RegExp): string | undefined {
  const word = read(error, member);
  return typeof word === 'string' && pattern.test(word) ? word : undefined;
}

/** Any value can be thrown, and its members may be getters that throw. */
function read(error: unknown, member: string): unknown {
  try {
    return (Object(error) as Readonly<Record<string, unknown>>)[member];
  } catch {
    return undefined;
  }
}

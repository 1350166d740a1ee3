import { z } from 'zod';

/** The environment that `{"env": "NAME"}` refers to. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The ways to write a text. */
export type Texts = ReturnType<typeof textsIn>;

/** The strings of a file, read in an environment. */
export function textsIn(env: Environment) {
  const reference = z
    .strictObject({
      env: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable')
        .meta({ description: 'Name of the environment variable that holds the text.' }),
    })
    .meta({ id: 'Environment', description: 'The text is in an environment variable, as secrets should be.' });

  const text = z
    .union([z.string().min(1, NOT_EMPTY), reference], { error: 'must be a string, or {"env": "NAME"}' })
    .transform((value, context) => {
      if (typeof value === 'string') return value;
      const found = env[value.env];
      if (found !== undefined && found !== '') return found;
      const what = found === undefined ? 'is not set' : 'is empty';
      context.addIssue({ code: 'custom', message: `the environment variable ${value.env} ${what}`, input: undefined });
      return z.NEVER;
    });

  const url = text.refine(isHttpUrl, 'must be an http(s) URL without credentials');
  const list = z.array(text, { error: 'must be a list of strings' });
  const headers = z.record(
    // RFC 9110, 5.6.2: what a name may be made of.
    z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no name of an HTTP header'),
    text.refine(isHeaderValue, 'must be a valid value of an HTTP header'),
    { error: 'must be an object of header names and values' },
  );
  return { text, url, list, headers };
}

const NOT_EMPTY = 'must not be empty';

export function isHttpUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

function isHeaderValue(value: string): boolean {
  try {
    new Headers([['x', value]]);
    return true;
  } catch {
    return false;
  }
}

import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import omit from 'lodash/omit.js';
import type { ParsedJson } from './parse-json.js';
import { JsonTextError, parseJson } from './parse-json.js';
import { confirm } from './confirm.js';
import type { ConfigProblem } from './problem.js';
import { ConfigFileError, printPath } from './problem.js';
import { schemasOf } from './schema/file.js';
import type { PathProblem } from './schema/issue.js';
import { UNKNOWN_KEY, problemsOf } from './schema/issue.js';
import type { Environment } from './schema/text.js';
import type { Settings } from './settings.js';
import { likelyKey } from './suggest.js';

/** Bytes of a file; a longer one is no configuration. */
const MAX_BYTES = 1_048_576;

/** How a configuration is read. */
export interface ReadConfigOptions {
  /** What `{"env": "NAME"}` refers to. Default: process.env. */
  readonly env?: Environment;
  /** How messages call the file. Default: its path, or `config`. */
  readonly name?: string;
}

/** A configuration file, read. */
export interface ConfigSource {
  readonly settings: Settings;
  /** The file as it stands, with its references to the environment. */
  readonly raw: unknown;
}

/** Reads a configuration file. @throws ConfigFileError that lists everything that is wrong with it. */
export async function readConfigFile(path: string, options: ReadConfigOptions = {}): Promise<Settings> {
  return (await readConfigSource(path, options)).settings;
}

/** Reads a configuration file and keeps what it said. @throws ConfigFileError */
export async function readConfigSource(path: string, options: ReadConfigOptions = {}): Promise<ConfigSource> {
  const name = options.name ?? path;
  return parseSource(await readBytes(path, name), { ...options, name });
}

/** Reads the text of a configuration file. @throws ConfigFileError that lists everything that is wrong with it. */
export function parseConfig(text: string | Uint8Array, options: ReadConfigOptions = {}): Settings {
  return parseSource(text, options).settings;
}

function parseSource(text: string | Uint8Array, options: ReadConfigOptions): ConfigSource {
  const { env = process.env, name = 'config' } = options;
  if (typeof text !== 'string' && !isUtf8(text)) {
    throw new ConfigFileError(name, [{ key: '', problem: 'is not UTF-8: save it in this encoding' }]);
  }
  const parsed = parseText(typeof text === 'string' ? text : Buffer.from(text).toString('utf8'), name);
  const outcome = check(parsed.value, env);
  if ('settings' in outcome) return { settings: outcome.settings, raw: parsed.value };
  throw new ConfigFileError(name, inOrder(outcome.problems.map((each) => locate(each, parsed))));
}

/** Reads what a configuration file holds, already parsed. @throws ConfigFileError */
export function readConfig(value: unknown, options: ReadConfigOptions = {}): Settings {
  const { env = process.env, name = 'config' } = options;
  const outcome = check(value, env);
  if ('settings' in outcome) return outcome.settings;
  throw new ConfigFileError(name, inOrder(outcome.problems.map((each) => locate(each))));
}

type Outcome = { readonly settings: Settings } | { readonly problems: readonly PathProblem[] };

function check(value: unknown, env: Environment): Outcome {
  const isBare = isBareConfig(value);
  const { file, bare } = schemasOf(env);
  const result = isBare ? bare.safeParse(value) : file.safeParse(value);
  if (!result.success) {
    return { problems: problemsOf(result.error.issues, value).map((each) => withSuggestion(each, isBare)) };
  }
  const rest = omit(result.data, '$schema');
  // The schema says what is there, the types of Settings how it is called: an absent key is absent in both.
  const settings = (isBare ? { smart: rest } : rest) as Settings;
  const problems = confirm(settings);
  return problems.length > 0 ? { problems } : { settings };
}

function withSuggestion({ path, problem }: PathProblem, isBare: boolean): PathProblem {
  if (problem !== UNKNOWN_KEY) return { path, problem };
  const meant = likelyKey(path, isBare);
  return { path, problem: `${problem}: ${meant === undefined ? 'take it out' : `is ${meant} meant?`}` };
}

/** A SMARTConfig by itself: no section, but some key of its own. */
function isBareConfig(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const isOneOf = (...names: readonly string[]): boolean => names.some((name) => Object.hasOwn(value, name));
  if (isOneOf('smart', 'baseUrl', 'fhirVersion', 'access', 'token', 'gateway')) return false;
  return isOneOf('version', 'scopeKey', 'scopeRule', 'expectedAudValue', 'expectedIssValue', 'fhirUserClaimPath');
}

function locate({ path, problem }: PathProblem, parsed?: ParsedJson): ConfigProblem {
  return { key: printPath(path), problem, ...(parsed && { place: parsed.placeOf(path) }) };
}

function inOrder(problems: readonly ConfigProblem[]): readonly [ConfigProblem, ...ConfigProblem[]] {
  const [first, ...rest] = [...problems].sort(
    ({ place: a }, { place: b }) => (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0),
  );
  return [first ?? { key: '', problem: 'cannot be used' }, ...rest];
}

function parseText(text: string, name: string): ParsedJson {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    throw new ConfigFileError(name, [{ key: '', problem: error.problem, place: error.place }]);
  }
}

async function readBytes(path: string, name: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new ConfigFileError(name, [{ key: '', problem: `is larger than ${MAX_BYTES} bytes` }]);
    return await readFile(path);
  } catch (error) {
    if (error instanceof ConfigFileError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new ConfigFileError(name, [{ key: '', problem: `cannot be read: ${code}` }]);
  }
}

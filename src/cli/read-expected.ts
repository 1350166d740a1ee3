import type { Expected } from '../backend-services/inspect/expected.js';
import { jwksOf } from '../backend-services/keys/read.js';
import type { CommandIo } from './command.js';
import { InputError } from './failure.js';
import { readText } from './files.js';
import { isJsonObject } from '../json-object.js';

/**
 * What a configuration expects of a token: the members of its own, or those of a SMARTConfig, which may lie below `smart` as in
 * the configuration file of the gateway.
 */
export async function readExpected(file: string, io: CommandIo): Promise<Expected> {
  const whole = parseObject(await readText(file, io), file);
  const smart = whole['smart'];
  const config = new ConfigReader(isJsonObject(smart) ? { ...whole, ...smart } : whole, file, io);
  const jwks = whole['jwks'];
  return {
    clientId: config.text('clientId'),
    audience: config.audience('audience') ?? config.audience('expectedAudValue'),
    issuer: config.texts('issuer') ?? config.texts('expectedIssValue'),
    jku: config.text('jku'),
    scope: config.text('scope'),
    identity: config.identity(),
    keys: jwks === undefined ? undefined : jwksOf(jwks),
  };
}

export function parseObject(text: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new InputError(`${what} is not valid JSON`);
  }
  if (!isJsonObject(value)) throw new InputError(`${what} is no JSON object`);
  return value;
}

class ConfigReader {
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #file: string;
  readonly #io: CommandIo;

  constructor(config: Readonly<Record<string, unknown>>, file: string, io: CommandIo) {
    this.#config = config;
    this.#file = file;
    this.#io = io;
  }

  text(key: string): string | undefined {
    const value = this.#valueOf(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.#wrong(key, 'is not a string');
  }

  texts(key: string): string | readonly string[] | undefined {
    const value = this.#valueOf(key);
    if (value === undefined || isTexts(value)) return value;
    throw this.#wrong(key, 'is neither a string nor a list of strings');
  }

  /** Both are in every SMARTConfig. */
  identity(): Expected['identity'] {
    const fhirUserClaimPath = this.text('fhirUserClaimPath');
    const launchContextPathPrefix = this.text('launchContextPathPrefix');
    if (fhirUserClaimPath === undefined || launchContextPathPrefix === undefined) return undefined;
    return { fhirUserClaimPath, launchContextPathPrefix };
  }

  audience(key: string): Expected['audience'] {
    const value = this.#valueOf(key);
    if (value === undefined || isTexts(value)) return value;
    const { pattern, flags = '', ...others } = isJsonObject(value) ? value : {};
    if (typeof pattern !== 'string' || typeof flags !== 'string' || Object.keys(others).length > 0) {
      throw this.#wrong(key, 'is neither a string, nor a list of strings, nor {"pattern": "^…$"}');
    }
    if (!isAnchored(pattern)) {
      this.#io.stderr(
        `warning: ${this.#file}: ${key} is not anchored: between ^(?: and )$ it would match whole audiences only\n`,
      );
    }
    try {
      return new RegExp(pattern, flags);
    } catch {
      throw this.#wrong(key, 'is no regular expression');
    }
  }

  /** `{"env": "NAME"}` stands for a text that is not in the file. */
  #valueOf(key: string): unknown {
    const value = this.#config[key];
    if (!isJsonObject(value) || typeof value['env'] !== 'string') return value;
    const text = this.#io.env[value['env']];
    if (text === undefined) throw this.#wrong(key, 'names an environment variable that is not set');
    return text;
  }

  #wrong(key: string, what: string): InputError {
    return new InputError(`${this.#file}: ${key} ${what}`);
  }
}

/** `^a|b$` begins and ends as it should, and is anchored at one end each. */
function isAnchored(pattern: string): boolean {
  const [, inside] = /^\^(.*)(?<!\\)(?:\\\\)*\$$/s.exec(pattern) ?? [];
  return inside !== undefined && !hasAlternative(inside);
}

/** Whether a `|` stands outside all groups and classes. */
function hasAlternative(pattern: string): boolean {
  let depth = 0;
  let isClass = false;
  for (const part of pattern.match(/\\.|[\s\S]/g) ?? []) {
    if (isClass) isClass = part !== ']';
    else if (part === '[') isClass = true;
    else if (part === '(') depth += 1;
    else if (part === ')') depth -= 1;
    else if (part === '|' && depth === 0) return true;
  }
  return false;
}

function isTexts(value: unknown): value is string | readonly string[] {
  return typeof value === 'string' || (Array.isArray(value) && value.every((member) => typeof member === 'string'));
}

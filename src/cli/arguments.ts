import { parseArgs } from 'node:util';
import type { Command } from './command.js';
import { UsageError } from './failure.js';

/** The parsed command line of one command. */
export class Arguments {
  readonly operands: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>, operands: readonly string[]) {
    this.#values = values;
    this.operands = operands;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    if (value === '') throw new UsageError(`--${name} is empty`);
    return typeof value === 'string' ? value : undefined;
  }

  needed(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new UsageError(`--${name} is needed`);
    return value;
  }

  list(name: string): readonly string[] | undefined {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : undefined;
  }

  /** A whole number; its range is for the one who uses it to check. */
  number(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (!/^\d{1,9}$/.test(value)) throw new UsageError(`--${name} is not a whole number`);
    return Number(value);
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw new UsageError(`--${name} is one of ${choices.join(', ')}`);
    return choice;
  }
}

/** @throws UsageError */
export function parseArguments(command: Command, argv: readonly string[]): Arguments {
  let parsed: { values: Readonly<Record<string, unknown>>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options: command.options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new UsageError(problemOf(cause, argv));
  }
  const { positionals, values } = parsed;
  // Standard input and files only: an argument is seen by every process on the machine and kept in the shell's history.
  if ([...positionals, ...Object.values(values).flat()].some((value) => looksLikeSecret(value))) {
    throw new UsageError(
      'a token or key as an argument is seen by others: put it into a file, or pipe it to standard input (-)',
    );
  }
  const { min, max, name } = command.operands;
  if (positionals.length < min) throw new UsageError(`${name} is needed`);
  if (positionals.length > max) throw new UsageError(max === 0 ? 'no operands are expected' : `too many operands`);
  return new Arguments(values, positionals);
}

/** A compact JWT, whole or cut short, anything after `Bearer`, a PEM, or JSON, which is a key or a token response. */
function looksLikeSecret(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    (/^(?:eyJ[A-Za-z0-9_-]+\.|bearer\s|[{[]\s*["{])/i.test(value.trim()) || value.includes('-----BEGIN'))
  );
}

/** parseArgs repeats what it did not understand; only what looks like an option's name may be repeated. */
function problemOf(cause: unknown, argv: readonly string[]): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const names = argv
    .map((argument) => argument.split('=', 1)[0] ?? '')
    .filter((name) => /^--?[a-z][a-z0-9-]{0,30}$/.test(name));
  switch (code) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION': {
      const message = cause instanceof Error ? cause.message : '';
      const unknown = names.find((name) => message.includes(`'${name}'`));
      return `unknown option${unknown === undefined ? '' : ` ${unknown}`}`;
    }
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE': {
      const message = cause instanceof Error ? cause.message : '';
      const option = names.find((name) => message.includes(name));
      return `${option ?? 'an option'} has no value, or one where none belongs`;
    }
    default:
      return 'the arguments cannot be understood';
  }
}

import type { ParseArgsConfig } from 'node:util';
import type { Arguments } from './arguments.js';
import type { ExitCode } from './exit-code.js';

/** What a command may touch of the world around it. */
export interface CommandIo {
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether somebody at a terminal reads stderr. Default false. */
  readonly isTerminal?: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves when the program is told to end; for commands that serve until then. */
  readonly untilStopped?: () => Promise<void>;
  /** The folder of the program's modules, where the files of its pages are. */
  readonly pages?: URL;
}

/** One command: `smart-fhir-authz NAME …`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The whole help text, with examples. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** How many operands it takes. */
  readonly operands: { readonly min: number; readonly max: number; readonly name: string };
  run(args: Arguments, io: CommandIo): Promise<ExitCode>;
}

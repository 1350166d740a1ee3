import { parseArguments } from './arguments.js';
import type { CommandIo } from './command.js';
import { COMMANDS } from './commands.js';
import type { ExitCode } from './exit-code.js';
import { EXIT } from './exit-code.js';
import { failureOf } from './failure.js';
import { printable } from './print.js';

/** Runs one command line (without node and the script) and gives its exit code. Never throws. */
export async function run(argv: readonly string[], io: CommandIo): Promise<ExitCode> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const wanted = COMMANDS.find((command) => name === 'help' && command.name === rest[0]);
    const help = wanted?.help ?? overview();
    if (name !== undefined) io.stdout(help);
    else io.stderr(help);
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) {
    // What was typed is not repeated: it could be anything, a token too.
    io.stderr(`error: there is no such command; it is one of ${COMMANDS.map((known) => known.name).join(', ')}\n`);
    return EXIT.usage;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    io.stdout(command.help);
    return EXIT.ok;
  }
  try {
    return await command.run(parseArguments(command, rest), io);
  } catch (error) {
    const { exitCode, ...failure } = failureOf(error);
    if (rest.includes('--json')) io.stderr(`${printable(JSON.stringify(failure))}\n`);
    else {
      io.stderr(printable(`error: ${failure.message}\n`));
      if (exitCode === EXIT.usage) io.stderr(`\`smart-fhir-authz ${command.name} --help\` tells more\n`);
    }
    return exitCode;
  }
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return `Usage: smart-fhir-authz COMMAND [options]

Commands:
${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`).join('')}
\`smart-fhir-authz COMMAND --help\` tells more, with examples.

Exit codes:
  0  done
  1  done, and the answer is no: inspect found a defect, check a danger, compare a change
  2  the command line was not understood
  3  a file, key or value that was given cannot be used; nothing was changed
  4  a server refused, could not be reached, or answered what it should not
  5  a fault in this program
  130  stopped before the end
`;
}

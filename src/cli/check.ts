import type { Advice } from '../config-file/advice/advice.js';
import { advise, gravestFirst } from '../config-file/advice/advise.js';
import type { LiveReport } from '../config-file/advice/live.js';
import { askLive } from '../config-file/advice/live.js';
import { ConfigFileError } from '../config-file/problem.js';
import { readConfigSource } from '../config-file/read.js';
import type { Command, CommandIo } from './command.js';
import type { ExitCode } from './exit-code.js';
import { EXIT } from './exit-code.js';
import { printJson, printable } from './print.js';

export const check: Command = {
  name: 'check',
  summary: 'check a configuration file, and say what it would better say',
  help: `Usage: smart-fhir-authz check CONFIG [options]

Checks every key of a configuration file, tells all mistakes at once, and gives advice with reasons:
an audience that matches too much, admins that are too many, claims that users can change, rules
that no scope can reach, scopes that no rule honours. The file may also be a SMARTConfig by itself.

Options:
  --scope "SCOPES"  the scopes that the authorization server gives out, separated by spaces
  --live            ask the authorization server for its keys and its configuration, and compare
                    issuer, keys, algorithms and scopes. Redirects are not followed
  --strict          exit code 1 for warnings, too
  --json            print the advice as JSON

Exit codes:
  0  no danger was found
  1  a danger was found, or with --strict a warning
  3  the file cannot be used: the mistakes are listed
  4  with --live: the authorization server gave no keys

Examples:
  smart-fhir-authz check authz.json
  smart-fhir-authz check authz.json --live
  smart-fhir-authz check authz.json --scope "patient/*.rs user/Observation.cruds" --json
`,
  options: {
    scope: { type: 'string' },
    live: { type: 'boolean' },
    strict: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  operands: { min: 1, max: 1, name: 'CONFIG' },

  async run(args, io) {
    const [file = ''] = args.operands;
    const json = args.flag('json');
    let source;
    try {
      source = await readConfigSource(file, { env: io.env });
    } catch (error) {
      if (!(error instanceof ConfigFileError) || !json) throw error;
      printJson({ valid: false, problems: error.problems }, io);
      return EXIT.input;
    }
    const { settings, raw } = source;
    if (args.flag('live')) io.stderr('asking the authorization server…\n');
    const live = args.flag('live') ? await askLive(settings, (...request) => fetch(...request)) : undefined;
    const scopes = args.text('scope')?.split(/\s+/).filter(Boolean) ?? live?.scopes;
    const advice = gravestFirst([...(live?.advice ?? []), ...advise({ settings, raw, scopes })]);
    if (json) printJson({ valid: true, advice, ...(live && { asked: live.asked, scopes: live.scopes ?? null }) }, io);
    else describe(file, advice, live, io);
    return exitCodeFor(advice, args.flag('strict'));
  },
};

function exitCodeFor(advice: readonly Advice[], strict: boolean): ExitCode {
  if (advice.some(({ code }) => code === 'live-no-answer')) return EXIT.server;
  const grave = advice.some(({ level }) => level === 'danger' || (strict && level === 'warning'));
  return grave ? EXIT.defects : EXIT.ok;
}

function describe(file: string, advice: readonly Advice[], live: LiveReport | undefined, io: CommandIo): void {
  const lines = [`${file} is valid`];
  for (const { url, outcome, status } of live?.asked ?? []) {
    lines.push(
      `  ${outcome === 'read' ? 'read' : `not read (${[outcome, status].filter(Boolean).join(' ')})`}  ${url}`,
    );
  }
  for (const { level, key, code, reason, remedy } of advice) {
    lines.push('', `[${level}] ${key}  (${code})`, `  ${reason}.`, `  → ${remedy}.`);
  }
  lines.push('', advice.length === 0 ? 'nothing to advise' : counted(advice));
  io.stdout(printable(`${lines.join('\n')}\n`));
}

function counted(advice: readonly Advice[]): string {
  return (['danger', 'warning', 'note'] as const)
    .map((level) => [level, advice.filter((each) => each.level === level).length] as const)
    .filter(([, count]) => count > 0)
    .map(([level, count]) => `${count} ${level}${count === 1 ? '' : 's'}`)
    .join(', ');
}

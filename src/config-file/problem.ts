import { ConfigError } from '../errors.js';
import type { Place, Step } from './parse-json.js';

/** One mistake in a configuration file. */
export interface ConfigProblem {
  /** The key at fault, as a path: `smart.scopeRule.user.read[2]`. Empty for the file as a whole. */
  readonly key: string;
  /** What is wrong and what belongs there. Never a value out of the file: it could be a secret. */
  readonly problem: string;
  /** Where in the file, if its text is known. */
  readonly place?: Place;
}

/** Everything that is wrong with a configuration file, at once. */
export class ConfigFileError extends ConfigError {
  readonly problems: readonly [ConfigProblem, ...ConfigProblem[]];

  /** @param file How to call the file. */
  constructor(file: string, problems: readonly [ConfigProblem, ...ConfigProblem[]]) {
    const [first] = problems;
    super(first.key, first.problem);
    this.problems = problems;
    this.message = messageOf(file, problems);
  }
}

function messageOf(file: string, problems: readonly ConfigProblem[]): string {
  const [first, ...others] = problems.map((each) => printProblem(each));
  if (others.length === 0) return `${file}: ${first ?? ''}`;
  return [`${file}: ${problems.length} problems`, ...[first, ...others].map((line) => `  ${line ?? ''}`)].join('\n');
}

/** A problem in one line. */
export function printProblem({ key, problem, place }: ConfigProblem): string {
  const where = place === undefined ? '' : `line ${place.line}, column ${place.column}: `;
  return `${where}${key === '' ? '' : `${key}: `}${problem}`;
}

/** A path as people write it: `smart.scopeRule.user.read[2]`. */
export function printPath(path: readonly Step[]): string {
  return path.reduce<string>((before, step) => {
    if (typeof step === 'number') return `${before}[${step}]`;
    if (!/^[\w$-]{1,100}$/.test(step)) return `${before}[${JSON.stringify(step.slice(0, 100))}]`;
    return before === '' ? step : `${before}.${step}`;
  }, '');
}

import type { z } from 'zod';
import type { Step } from '../parse-json.js';

/** A mistake, at its path. */
export interface PathProblem {
  readonly path: readonly Step[];
  readonly problem: string;
}

type Issue = z.core.$ZodIssue;

/** What is said of a key that nobody knows. */
export const UNKNOWN_KEY = 'is no key that is known here';

/**
 * The issues of zod in the words of this package: one for each mistake, at the key itself. Of the branches of a union
 * the one counts that the value was meant for.
 */
export function problemsOf(issues: readonly Issue[], value: unknown): readonly PathProblem[] {
  return flat(issues, []).map(({ path, problem }) => ({
    path,
    problem: isThere(value, path) ? problem : `is missing: it ${problem}`,
  }));
}

function flat(issues: readonly Issue[], base: readonly Step[]): readonly PathProblem[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...issue.path.filter((step) => typeof step !== 'symbol')];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], problem: UNKNOWN_KEY }));
    }
    if (issue.code === 'invalid_union') {
      const [meant, ...others] = issue.errors.filter((branch) => !branch.some(isOfAnotherKind));
      return meant && others.length === 0 ? flat(meant, path) : [{ path, problem: issue.message }];
    }
    if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => ({ path, problem: message }));
    return [{ path, problem: OWN_WORDS.test(issue.message) ? issue.message : wordsFor(issue) }];
  });
}

/** The messages of the schemas; those of zod begin otherwise. */
const OWN_WORDS = /^(?:must|the|is no) /;

/** A branch that fails on the very value, not on something in it, was not meant. */
function isOfAnotherKind({ code, path, ...issue }: Issue): boolean {
  if (path.length > 0) return false;
  if (code === 'invalid_union')
    return 'errors' in issue && issue.errors.every((branch) => branch.some(isOfAnotherKind));
  return code === 'invalid_type' || code === 'unrecognized_keys';
}

function isThere(value: unknown, path: readonly Step[]): boolean {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return false;
    at = (at as Readonly<Record<Step, unknown>>)[step];
  }
  return true;
}

function wordsFor(issue: Issue): string {
  if (issue.code === 'invalid_type') return `must be ${NOUNS.get(issue.expected) ?? `a ${issue.expected}`}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  return issue.message;
}

const NOUNS: ReadonlyMap<string, string> = new Map([
  ['object', 'an object'],
  ['record', 'an object'],
  ['array', 'a list'],
  ['boolean', 'true or false'],
]);

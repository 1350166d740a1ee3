import omit from 'lodash/omit.js';
import type { Answer, Json, RecordedCase, TokenSpec } from './recorded-case.js';
import { readRecordedJson } from './recorded-case.js';
import type { Outcome } from './replay-case.js';
import { withoutTimes } from './replay-case.js';

/** The short forms of an expected result; test/data/recorded/README.md explains them. */
interface ShortForm {
  readonly $same?: boolean;
  readonly $types?: string;
  readonly $kept?: readonly number[];
  readonly $anyTotal?: boolean;
  readonly $claims?: boolean;
  readonly total?: number;
  readonly add?: Json;
}

/** What a short form refers to. */
interface Context {
  readonly method: string;
  readonly request?: Json | undefined;
  readonly token?: TokenSpec | undefined;
}

const { types } = readRecordedJson('fixtures.json') as { readonly types: Readonly<Record<string, readonly string[]>> };

/** The right answer to a case: the ancestor's where that was right. */
export function rightAnswer(recorded: RecordedCase): Answer {
  return recorded.fixed ?? recorded.expect;
}

/** Puts outcome and expectation side by side, so that they are equal where the outcome is as expected. */
export function sideBySide(
  recorded: RecordedCase,
  answer: Answer,
  outcome: Outcome,
): { readonly actual: unknown; readonly expected: unknown } {
  if (!recorded.steps) return compareOne(recorded, answer, outcome);
  const steps = 'steps' in outcome ? outcome.steps : [outcome];
  if ('noCrash' in answer) {
    const states = steps.map((step) => (step === null ? 'skipped' : crashState(step)));
    return {
      actual: states,
      expected: steps.length === 0 ? ['a step'] : states.map((state) => (state === 'crash' ? 'none' : state)),
    };
  }
  const pairs = 'steps' in answer ? answer.steps : [answer];
  const compared = pairs.map((expected, index) => {
    const step = steps[index];
    if (expected === null) return { actual: null, expected: null };
    if (step === undefined || step === null) return { actual: step, expected };
    const { method = 'verifyAccessToken', request, token = recorded.token } = recorded.steps?.[index] ?? {};
    return compareOne({ method, request, token }, expected, step);
  });
  return {
    actual: [steps.length, ...compared.map(({ actual }) => actual)],
    expected: [pairs.length, ...compared.map(({ expected }) => expected)],
  };
}

function compareOne(context: Context, answer: Answer, outcome: Outcome): { actual: unknown; expected: unknown } {
  if ('noCrash' in answer) return { actual: crashState(outcome), expected: 'ok' };
  if ('error' in answer) {
    const { name, isUnauthorizedError = false } = answer.error;
    return { actual: outcome, expected: { error: { name, isUnauthorizedError } } };
  }
  if (!('ok' in answer)) throw new TypeError('steps within a step');
  const expected = { ok: spellOut(answer.ok, context) };
  if (!isShortForm(answer.ok) || !answer.ok.$anyTotal) return { actual: outcome, expected };
  return { actual: withoutTotal(outcome), expected: withoutTotal(expected) };
}

function crashState(outcome: Outcome): 'ok' | 'crash' {
  return 'ok' in outcome || ('error' in outcome && outcome.error.isUnauthorizedError) ? 'ok' : 'crash';
}

function spellOut(ok: unknown, { request, token }: Context): unknown {
  if (!isShortForm(ok)) return ok;
  if (ok.$same) return request?.['readResponse'];
  if (ok.$types !== undefined) return types[ok.$types];
  if (ok.$claims) return { ...withoutTimes(token?.claims ?? {}), ...ok.add };
  if (!ok.$kept) return ok;
  const bundle = request?.['readResponse'] as { readonly entry: readonly unknown[] };
  const entry = ok.$kept.map((index) => bundle.entry[index]);
  return { ...omit(bundle, 'total'), entry, ...(ok.total !== undefined && { total: ok.total }) };
}

function isShortForm(ok: unknown): ok is ShortForm {
  return (
    typeof ok === 'object' && ok !== null && !Array.isArray(ok) && Object.keys(ok).some((name) => name.startsWith('$'))
  );
}

function withoutTotal(outcome: Outcome): Outcome {
  if (!('ok' in outcome) || typeof outcome.ok !== 'object' || outcome.ok === null) return outcome;
  return { ok: omit(outcome.ok, 'total') };
}

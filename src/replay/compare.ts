import type { Decision } from '../access/decision.js';
import type { RecordedRequest } from './request.js';
import type { Outcome, Replay } from './replay.js';

/** What is the matter with a request that two configurations decide differently. */
export type ChangeKind =
  /** Refused before, allowed now. */
  | 'opened'
  /** Allowed before, refused now. */
  | 'closed'
  /** Allowed by both, and other entries of the Bundle are shown or executed. */
  | 'entries'
  /** Allowed by both, and other parameters are taken out of the query. */
  | 'query'
  /** Allowed by both, and the export may write out other types. */
  | 'types'
  /** The same outcome for another reason. */
  | 'reason';

/** One request, decided twice. */
export interface Comparison {
  readonly kind: ChangeKind | 'same';
  readonly old: Outcome;
  readonly new: Outcome;
}

/** Decides a request by two configurations. */
export async function compareDecisions(request: RecordedRequest, older: Replay, newer: Replay): Promise<Comparison> {
  const [before, after] = [await older.outcome(request), await newer.outcome(request)];
  return { kind: kindOf(before, after), old: before, new: after };
}

function kindOf(before: Outcome, after: Outcome): Comparison['kind'] {
  if (before.decision.decision !== after.decision.decision) {
    return after.decision.decision === 'allow' ? 'opened' : 'closed';
  }
  if (JSON.stringify(before.entries) !== JSON.stringify(after.entries)) return 'entries';
  if (JSON.stringify(before.removed) !== JSON.stringify(after.removed)) return 'query';
  if (JSON.stringify(before.types) !== JSON.stringify(after.types)) return 'types';
  return reasonOf(before) === reasonOf(after) ? 'same' : 'reason';
}

function reasonOf({ decision, decisions, entry }: Outcome): string {
  return JSON.stringify([decision, decisions, entry]);
}

/** A decision in one line: `allow referenced by patient/*.rs for Patient/p1 at subject`. */
export function printDecision(decision: Decision): string {
  if (decision.decision === 'deny') {
    const reasons = decision.reasons.map(({ code, scope, name }) =>
      [code, name && `(${name})`, scope && `[${scope}]`].filter(Boolean).join(' '),
    );
    const shown = reasons.slice(0, 5).join(', ');
    return `deny ${shown}${reasons.length > 5 ? `, and ${reasons.length - 5} more` : ''}`;
  }
  const { code, grant, path } = decision;
  return [
    `allow ${code}`,
    grant && `by ${grant.scope}${grant.identity === undefined ? '' : ` for ${grant.identity}`}`,
    path !== undefined && `at ${path}`,
  ]
    .filter(Boolean)
    .join(' ');
}

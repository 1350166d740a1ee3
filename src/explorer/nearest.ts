import omit from 'lodash/omit.js';
import type { Decision } from '../access/decision.js';
import { explainDecision } from '../access/explain.js';
import type { DenyCode, DenyReason } from '../access/reason.js';

/** A reason, with its meaning for people. */
export interface ExplainedReason extends DenyReason {
  readonly text: string;
}

/** How far a scope came before it failed: the later the check, the nearer the grant. Others are about the request as a whole. */
const NEARNESS: Partial<Readonly<Record<DenyCode, number>>> = {
  'scope-unparsable': 1,
  'scope-other-type': 2,
  'scope-lacks-interaction': 3,
  'scope-rule-excludes': 4,
  'scope-constraint-unsupported': 4,
  'scope-not-for-export': 4,
  'user-missing': 5,
  'patient-missing': 5,
  'not-referenced': 6,
  'not-in-compartment': 6,
  'stored-unknown': 6,
  'constraint-not-met': 7,
  'encounter-not-in-context': 8,
  'contained-not-covered': 8,
  'host-rule': 9,
};

/** The reasons of a denial, the nearest grant first. */
export function nearestFirst(decision: Decision): readonly ExplainedReason[] {
  return [...decision.reasons]
    .sort((a, b) => (NEARNESS[b.code] ?? 10) - (NEARNESS[a.code] ?? 10))
    .map((reason) => ({ ...reason, text: textOf(reason) }));
}

function textOf(reason: DenyReason): string {
  const [, line = ''] = explainDecision({ decision: 'deny', reasons: [omit(reason, 'scope')] }).split('\n');
  return line.replace(/^- /, '').replace(/ \[[\w-]+\]$/, '');
}

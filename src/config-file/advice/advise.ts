import type { Advice, AdviceLevel, Advisor, Subject } from './advice.js';
import { adviseOnAudience } from './audience.js';
import { adviseOnEndpoints } from './endpoints.js';
import { adviseOnOperation } from './operation.js';
import { adviseOnPeople } from './people.js';
import { adviseOnScopes } from './scopes.js';

const ADVISORS: readonly Advisor[] = [
  adviseOnAudience,
  adviseOnEndpoints,
  adviseOnPeople,
  adviseOnScopes,
  adviseOnOperation,
];

const ORDER: readonly AdviceLevel[] = ['danger', 'warning', 'note'];

/** Everything that there is to say about a configuration, the gravest first. */
export function advise(subject: Subject): readonly Advice[] {
  return gravestFirst(ADVISORS.flatMap((advisor) => advisor(subject)));
}

/** Sorts advice, and keeps the order within a level. */
export function gravestFirst(advice: readonly Advice[]): readonly Advice[] {
  return [...advice].sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
}

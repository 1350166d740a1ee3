import type { Decision } from '../access/decision.js';
import { explainDecision } from '../access/explain.js';
import type { DenyCode } from '../access/reason.js';
import { letterOf } from '../scope/rule.js';
import type { Asking } from './asking.js';
import type { Answer } from './outcome.js';
import { refusal } from './outcome.js';
import type { FhirRequest } from './request.js';

/** Reasons that are about what the token is for, not about any resource. */
const ABOUT_SCOPES: ReadonlySet<DenyCode> = new Set<DenyCode>([
  'scope-missing',
  'scope-unparsable',
  'scope-other-type',
  'scope-lacks-interaction',
  'scope-rule-excludes',
  'scope-constraint-unsupported',
  'user-missing',
  'patient-missing',
  'operation-unknown',
]);

/**
 * The answer to a request that a decision refuses: 403 with RFC 6750's insufficient_scope, and with the scope that would
 * do where it is a matter of scopes. With `hideForbidden`, an instance that the token's scopes might open and do not is
 * not found, in the very words of one that is not there.
 */
export function refuse({ settings, identity }: Asking, request: FhirRequest, decision: Decision): Answer {
  const { realm, hideForbidden, explain } = settings;
  const scopeOnly = decision.reasons.every(({ code }) => ABOUT_SCOPES.has(code));
  if (hideForbidden && request.id !== undefined && !scopeOnly) return notFound();
  const scope = scopeOnly ? scopeFor(identity.scopes, request) : undefined;
  return refusal(403, 'forbidden', {
    challenge: { realm, error: 'insufficient_scope', ...(scope !== undefined && { scope }) },
    explanation: explain ? explainDecision(decision) : undefined,
  });
}

/** Not there, or not to be seen. */
export function notFound(): Answer {
  return refusal(404, 'not-found');
}

/** The scope that the request needs, at the level at which the token speaks (RFC 6750, 3: `scope`). */
function scopeFor(scopes: readonly string[], request: FhirRequest): string | undefined {
  if (request.kind !== 'interaction') return undefined;
  const levels = ['system', 'patient', 'user'] as const;
  const level = levels.find((each) => scopes.some((scope) => scope.startsWith(`${each}/`))) ?? 'user';
  const letter = letterOf(request.interaction);
  if (letter === undefined) return undefined;
  const letters = request.condition && letter !== 's' ? `${letter}s` : letter;
  return `${level}/${request.resourceType ?? '*'}.${letters}`;
}

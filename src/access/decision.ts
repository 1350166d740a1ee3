import type { AllowCode, DenyReason } from './reason.js';
import type { Grant } from './grant.js';

/** The grant that carried an allowed request, as it may be shown: no PHI beyond the identity's own reference. */
export interface GrantReference {
  /** The scope as the token carries it. */
  readonly scope: string;
  readonly level: 'patient' | 'user' | 'system';
  /** `Patient/p1`; absent for `system/`. */
  readonly identity?: string;
}

/** Access is granted: which grant carried it, and what made the resource the identity's. */
export interface AllowDecision {
  readonly decision: 'allow';
  readonly code: AllowCode;
  readonly grant?: GrantReference;
  /** Element path of the reference that matched, from the resource root: `subject`, `participant.individual`. */
  readonly path?: string;
  readonly reasons: readonly [];
}

/** Access is refused: everything that was tried, and what it lacked. Never empty. */
export interface DenyDecision {
  readonly decision: 'deny';
  readonly reasons: readonly DenyReason[];
}

/** The answer to one request. A decision, never an exception: what fails inside is a deny with `internal-error`. */
export type Decision = AllowDecision | DenyDecision;

/** A refusal. Without a reason there is nothing to say, so the list takes at least one. */
export function deny(...reasons: readonly [DenyReason, ...DenyReason[]]): DenyDecision {
  return { decision: 'deny', reasons: reasons.map(bounded) };
}

/** Longer than any name of a scope, a type or a parameter that is worth a line in a log. */
const MAX_NAME = 256;

/** Names come out of requests and tokens: only texts, and only so long, go on to logs and people. */
function bounded(reason: DenyReason): DenyReason {
  const { code, scope, resourceType, state, name } = reason;
  return {
    code,
    ...(scope !== undefined && { scope: boundedText(scope) }),
    ...(resourceType !== undefined && { resourceType: boundedText(resourceType) }),
    ...(state !== undefined && { state }),
    ...(name !== undefined && { name: boundedText(name) }),
  };
}

function boundedText(text: unknown): string {
  return typeof text === 'string' ? text.slice(0, MAX_NAME) : `(${typeof text})`;
}

/** A permission, with the grant that carried it. */
export function allow(code: AllowCode, grant?: Grant, path?: string): AllowDecision {
  // Written out, since every entry of a Bundle makes one: objects that are put together by spreading cost ten times that.
  if (grant === undefined) return { decision: 'allow', code, reasons: [] };
  if (path === undefined) return { decision: 'allow', code, grant: referenceOf(grant), reasons: [] };
  return { decision: 'allow', code, grant: referenceOf(grant), path, reasons: [] };
}

function referenceOf(grant: Grant): GrantReference {
  const { scope, subject } = grant;
  const { text, level } = scope;
  return subject === undefined ? { scope: text, level } : { scope: text, level, identity: subject.relative };
}

import type { Decision } from './access/decision.js';

/** What a listener learns about one decision: no resource, no token, no value of a claim beyond the identity itself. */
export interface DecisionEvent {
  /** The method that was asked: `verifyAccessToken`, `decide`, … */
  readonly method: string;
  /** The interaction or operation. */
  readonly operation: string;
  readonly resourceType?: string;
  readonly decision: Decision;
  /** For a Bundle of results: how many entries may be seen, and how many may not. */
  readonly filtered?: { readonly kept: number; readonly dropped: number };
}

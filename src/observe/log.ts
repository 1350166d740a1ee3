import type { Logger } from 'pino';
import type { DecisionEvent } from '../decision-event.js';
import { codeOf, operationLabel, plainScope, reasonForLog, typeLabel } from './labels.js';
import type { GatewayEvent } from './request-event.js';

/** The part of a pino logger that is used. */
export type DecisionLogger = Pick<Logger, 'info' | 'warn' | 'error'>;

/** More reasons than these say the same of more scopes. */
const MAX_REASONS = 10;

/**
 * Writes each decision as one line: permissions as `info`, denials as `warn`. For `onDecision` of the handler. A line has
 * codes, types and scopes; no resource, no id, no identity and no token.
 */
export function logDecisions(logger: DecisionLogger): (event: DecisionEvent) => void {
  return ({ method, operation, resourceType, decision, filtered }) => {
    const allowed = decision.decision === 'allow';
    const type = typeLabel(resourceType);
    const line = {
      event: 'decision',
      method,
      operation: operationLabel(operation),
      ...(type !== undefined && { resourceType: type }),
      decision: decision.decision,
      code: codeOf(decision),
      ...(allowed && decision.grant && { grant: grantForLog(decision.grant) }),
      ...(!allowed && { reasons: decision.reasons.slice(0, MAX_REASONS).map(reasonForLog) }),
      ...filtered,
    };
    if (allowed) logger.info(line, 'access allowed');
    else logger.warn(line, 'access denied');
  };
}

function grantForLog({ level, scope }: { readonly level: string; readonly scope: string }): object {
  const plain = plainScope(scope);
  return { level, ...(plain !== undefined && { scope: plain }) };
}

/** Writes each request of a gateway as one line: what failed as `error`, the others as `info`. For its `onRequest`. */
export function logRequests(logger: DecisionLogger): (event: GatewayEvent) => void {
  return ({ requestId, method, operation, resourceType, status, answeredBy, failure, durationMs, upstreamMs }) => {
    const type = typeLabel(resourceType);
    const line = {
      event: 'request',
      requestId,
      method,
      operation: operationLabel(operation),
      ...(type !== undefined && { resourceType: type }),
      ...(status !== undefined && { status }),
      answeredBy,
      ...(failure !== undefined && { failure }),
      durationMs: Math.round(durationMs),
      upstreamMs: Math.round(upstreamMs),
    };
    if (status !== undefined && status >= 500) logger.error(line, 'request failed');
    else logger.info(line, status === undefined ? 'request left' : 'request answered');
  };
}

export { logDecisions, logRequests } from './log.js';
export type { DecisionLogger } from './log.js';
export { observeWithOpenTelemetry } from './telemetry.js';
export type { OpenTelemetryApi, Telemetry, TelemetryOptions } from './telemetry.js';
export type { GatewayEvent, RequestSpan, Tracing } from './request-event.js';

import type * as OpenTelemetry from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import type { DecisionEvent } from '../decision-event.js';
import { codeOf, operationLabel, typeLabel } from './labels.js';
import type { GatewayEvent, RequestSpan, Tracing } from './request-event.js';

/** The module `@opentelemetry/api`, or what is used of it. */
export type OpenTelemetryApi = Pick<
  typeof OpenTelemetry,
  'context' | 'metrics' | 'propagation' | 'trace' | 'SpanKind' | 'SpanStatusCode'
>;

/** How requests are traced. */
export interface TelemetryOptions {
  /** Continue the trace that a client names. Default true; false where clients choose their headers themselves. */
  readonly continuesTraces?: boolean;
}

/** Listeners for the handler and the gateway. */
export interface Telemetry {
  /** For `onDecision` of the handler. */
  readonly onDecision: (event: DecisionEvent) => void;
  /** For `onRequest` of the gateway. */
  readonly onRequest: (event: GatewayEvent) => void;
  /** For `tracing` of the gateway. */
  readonly tracing: Tracing;
}

/** Seconds, as the semantic conventions for HTTP advise. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

const NAME = 'smart-fhir-authz';

/**
 * Counts decisions and measures requests, and makes a span of each request, with OpenTelemetry: with the meters, tracers
 * and propagators that are registered, or none. Attributes come out of closed lists; no id, no identity, no token.
 *
 *     import * as api from '@opentelemetry/api';
 *     const telemetry = observeWithOpenTelemetry(api);
 *
 * | metric | unit | attributes |
 * |---|---|---|
 * | `smart.decisions` | decisions | `smart.decision`, `smart.code`, `smart.method`, `fhir.operation`, `fhir.resource_type` |
 * | `smart.entries` | entries | `smart.entry` (kept, dropped), `fhir.operation`, `fhir.resource_type` |
 * | `http.server.request.duration` | seconds | `http.request.method`, `http.response.status_code`, `error.type`, `smart.answered_by`, `fhir.operation`, `fhir.resource_type` |
 * | `smart.upstream.duration` | seconds | `fhir.operation`, `error.type` |
 */
export function observeWithOpenTelemetry(
  api: OpenTelemetryApi,
  { continuesTraces = true }: TelemetryOptions = {},
): Telemetry {
  const meter = api.metrics.getMeter(NAME);
  const advice = { explicitBucketBoundaries: BOUNDARIES };
  const decisions = meter.createCounter('smart.decisions', { unit: '{decision}', description: 'Decisions' });
  const entries = meter.createCounter('smart.entries', { unit: '{entry}', description: 'Entries of Bundles judged' });
  const durations = meter.createHistogram('http.server.request.duration', {
    unit: 's',
    description: 'Requests to the gateway',
    advice,
  });
  const upstream = meter.createHistogram('smart.upstream.duration', {
    unit: 's',
    description: 'Waiting for the server behind the gateway',
    advice,
  });

  const onDecision = (event: DecisionEvent): void => {
    const about = aboutWhat(event.operation, event.resourceType);
    const decided = {
      ...about,
      'smart.method': event.method,
      'smart.decision': event.decision.decision,
      'smart.code': codeOf(event.decision),
    };
    decisions.add(1, decided);
    api.trace.getActiveSpan()?.addEvent('smart.decision', decided);
    if (!event.filtered) return;
    entries.add(event.filtered.kept, { ...about, 'smart.entry': 'kept' });
    entries.add(event.filtered.dropped, { ...about, 'smart.entry': 'dropped' });
  };

  const onRequest = (event: GatewayEvent): void => {
    const { durationMs, upstreamMs, operation, failure } = event;
    durations.record(durationMs / 1000, requestAttributes(event));
    if (upstreamMs === 0) return;
    upstream.record(upstreamMs / 1000, {
      'fhir.operation': operationLabel(operation),
      ...(failure !== undefined && { 'error.type': failure }),
    });
  };

  return { onDecision, onRequest, tracing: { start } };

  function start(method: string, headers: Readonly<Record<string, unknown>>): RequestSpan {
    const active = api.context.active();
    const parent = continuesTraces ? api.propagation.extract(active, headers) : active;
    const attributes = { 'http.request.method': methodLabel(method) };
    const span = api.trace.getTracer(NAME).startSpan('FHIR request', { kind: api.SpanKind.SERVER, attributes }, parent);
    const context = api.trace.setSpan(parent, span);
    return {
      headers: traceHeaders(api, context),
      run: (inside) => api.context.with(context, inside),
      end: (event) => {
        endSpan(api, span, event);
      },
    };
  }
}

/** W3C Trace Context alone: what else a client said, its baggage say, is not for upstream. */
function traceHeaders(api: OpenTelemetryApi, context: Context): Record<string, string> {
  const carrier: Record<string, unknown> = {};
  api.propagation.inject(context, carrier);
  return Object.fromEntries(
    ['traceparent', 'tracestate'].flatMap((name) => {
      const value = carrier[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

function endSpan(api: OpenTelemetryApi, span: Span, event: GatewayEvent): void {
  const type = typeLabel(event.resourceType);
  span.updateName(`${operationLabel(event.operation)}${type === undefined ? '' : ` ${type}`}`);
  span.setAttributes({ ...requestAttributes(event), 'smart.request_id': event.requestId });
  if (event.status === undefined || event.status >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR });
  span.end();
}

function requestAttributes({ method, status, answeredBy, failure, operation, resourceType }: GatewayEvent): Attributes {
  return {
    ...aboutWhat(operation, resourceType),
    'http.request.method': methodLabel(method),
    'smart.answered_by': answeredBy,
    ...(status !== undefined && { 'http.response.status_code': status }),
    ...(failure !== undefined && { 'error.type': failure }),
  };
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** As the semantic conventions for HTTP name what they do not know. */
function methodLabel(method: string): string {
  return METHODS.has(method) ? method : '_OTHER';
}

function aboutWhat(operation: string | undefined, resourceType: string | undefined): Attributes {
  const type = typeLabel(resourceType);
  return { 'fhir.operation': operationLabel(operation), ...(type !== undefined && { 'fhir.resource_type': type }) };
}

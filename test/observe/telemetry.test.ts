import { AsyncLocalStorage } from 'node:async_hooks';
import * as api from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { MetricData } from '@opentelemetry/sdk-metrics';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import type { Telemetry } from '../../src/observe/index.js';
import { observeWithOpenTelemetry } from '../../src/observe/index.js';
import type { GatewayEvent } from '../../src/gateway/index.js';
import { Issuer } from '../http/clinic.js';
import { send } from '../http/send.js';
import type { Fake, OpenGateway } from '../gateway/open-gateway.js';
import { fakeUpstream, openGateway } from '../gateway/open-gateway.js';

/** What @opentelemetry/context-async-hooks does, as far as it is needed. */
class Contexts implements api.ContextManager {
  readonly #storage = new AsyncLocalStorage<api.Context>();
  active(): api.Context {
    return this.#storage.getStore() ?? api.ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: api.Context,
    run: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(context, () => run.call(thisArg, ...args));
  }
  bind<T>(_context: api.Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('OpenTelemetry', () => {
  const spans = new InMemorySpanExporter();
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 1_000_000 });
  const meters = new MeterProvider({ readers: [reader] });
  const events: GatewayEvent[] = [];
  let issuer: Issuer;
  let upstream: Fake;
  let gateway: OpenGateway;
  let telemetry: Telemetry;
  let token: string;

  before(async () => {
    api.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
    api.metrics.setGlobalMeterProvider(meters);
    api.context.setGlobalContextManager(new Contexts());
    api.propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    telemetry = observeWithOpenTelemetry(api);
    issuer = await Issuer.open();
    upstream = await fakeUpstream((request, response) => {
      response.setHeader('content-type', 'application/fhir+json');
      const isSearch = !/\/Patient\/./.test(request.url ?? '');
      const entry = ['alice', 'bob'].map((id) => ({ resource: { resourceType: 'Patient', id } }));
      const bundle = { resourceType: 'Bundle', type: 'searchset', entry };
      response.end(JSON.stringify(isSearch ? bundle : { resourceType: 'Patient', id: 'alice' }));
    });
    const { onDecision, onRequest, tracing } = telemetry;
    gateway = await openGateway(issuer.handler({ onDecision }), upstream, {
      tracing,
      onRequest: (event) => {
        events.push(event);
        onRequest(event);
      },
    });
    token = await issuer.token('patient/*.rs', { launch_response_patient: 'Patient/alice' });
    const { headers } = { headers: { traceparent: PARENT, tracestate: 'a=b', baggage: 'patient=alice' } };
    await send(gateway, '/Patient/alice', { token, headers });
    await send(gateway, '/Patient?_count=2', { token });
    await send(gateway, '/Patient/bob', { token });
    await send(gateway, '/Patient/alice/$made-up-by-a-client', { token });
    for (let waited = 0; events.length < 4 && waited < 100; waited += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await meters.forceFlush();
  });

  after(async () => {
    await gateway.close();
    await upstream.close();
    await issuer.close();
    await meters.shutdown();
    for (const each of [api.trace, api.metrics, api.context, api.propagation]) each.disable();
  });

  const metric = (name: string): MetricData => {
    const found = metrics
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
      .find(({ descriptor }) => descriptor.name === name);
    if (!found) throw new Error(`no metric ${name}`);
    return found;
  };

  it('has a span of each request, which continues the trace of the client, and upstream continues it', () => {
    const finished = spans.getFinishedSpans();
    expect(finished.map(({ name }) => name)).to.deep.equal(['read Patient', 'search-type Patient', 'none', 'none']);
    const [first] = finished;
    expect(first?.spanContext().traceId).to.equal('0af7651916cd43dd8448eb211c80319c');
    expect(first?.parentSpanContext?.spanId).to.equal('b7ad6b7169203331');
    expect(first?.kind).to.equal(api.SpanKind.SERVER);
    expect(first?.attributes).to.deep.equal({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'fhir.operation': 'read',
      'fhir.resource_type': 'Patient',
      'smart.answered_by': 'upstream',
      'smart.request_id': events[0]?.requestId,
    });
    const { headers } = upstream.seen[0]!;
    expect(headers['traceparent']).to.equal(
      `00-0af7651916cd43dd8448eb211c80319c-${first?.spanContext().spanId ?? ''}-01`,
    );
    expect(headers).to.include({ tracestate: 'a=b' }).and.not.have.property('baggage');
    expect(finished[2]?.status.code).to.equal(api.SpanStatusCode.ERROR);
    expect(finished[2]?.attributes).to.include({ 'error.type': 'ERR_UPSTREAM_MALFORMED' });
  });

  it('has the decisions of a request in its span', () => {
    const [first] = spans.getFinishedSpans();
    expect(first?.events.map(({ name, attributes }) => [name, attributes?.['smart.code']])).to.deep.include([
      'smart.decision',
      'self',
    ]);
  });

  it('counts decisions and entries', () => {
    const counted = metric('smart.decisions').dataPoints.map(({ attributes, value }): Record<string, unknown> => ({
      ...attributes,
      value,
    }));
    expect(counted).to.deep.include({
      'smart.method': 'decide',
      'smart.decision': 'allow',
      'smart.code': 'self',
      'fhir.operation': 'read',
      'fhir.resource_type': 'Patient',
      value: 1,
    });
    expect(
      counted.some((each) => each['fhir.operation'] === 'other' && each['smart.code'] === 'operation-unknown'),
    ).to.equal(true);
    const entries = metric('smart.entries').dataPoints.map(({ attributes, value }) => [
      attributes['smart.entry'],
      value,
    ]);
    expect(entries).to.deep.include.members([
      ['kept', 1],
      ['dropped', 1],
    ]);
  });

  it('measures requests, and how long upstream took, in seconds', () => {
    const { descriptor, dataPoints } = metric('http.server.request.duration');
    expect([descriptor.unit, dataPoints.length]).to.deep.equal(['s', 4]);
    expect(dataPoints.map(({ attributes }) => attributes['http.response.status_code']).sort()).to.deep.equal([
      200, 200, 403, 502,
    ]);
    const [sum = 0] = metric('smart.upstream.duration').dataPoints.map(
      ({ value }) => (value as { sum?: number }).sum ?? 0,
    );
    expect(sum).to.be.above(0).and.below(5);
  });

  it('has no names that clients make up, no ids and no tokens, anywhere', () => {
    const all = JSON.stringify([
      metrics.getMetrics(),
      spans
        .getFinishedSpans()
        .map(({ name, attributes, events: inside, status }) => [name, attributes, inside, status]),
    ]);
    expect(all).to.not.match(/alice|bob|made-up|eyJ|Bearer/);
  });

  it('starts traces of its own where clients choose their headers themselves', () => {
    const { tracing } = observeWithOpenTelemetry(api, { continuesTraces: false });
    const span = tracing.start('GET', { traceparent: PARENT });
    expect(span.headers['traceparent'])
      .to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      .and.not.include('0af7651916cd43dd');
    const made = tracing.start('MADEUP', {});
    made.end({ ...events[0]!, method: 'MADEUP', operation: '$x', resourceType: 'Madeup', status: undefined });
    expect(spans.getFinishedSpans().at(-1)).to.include({ name: 'other other' });
    expect(spans.getFinishedSpans().at(-1)?.attributes['http.request.method']).to.equal('_OTHER');
  });
});

/** What a listener learns about one request: no URL, no id, no header, no body, no token. */
export interface GatewayEvent {
  /** Of this request, made here: in the log and in the `x-request-id` of the answer. */
  readonly requestId: string;
  readonly method: string;
  /** The FHIR interaction, the operation, or what else was asked: `metadata`, `health`. Undefined for no FHIR request. */
  readonly operation: string | undefined;
  readonly resourceType: string | undefined;
  /** The status that the client got; undefined when it left before. */
  readonly status: number | undefined;
  /** Who answered: upstream, after a judgement; the guard, with a refusal; the gateway, for a failure or of its own. */
  readonly answeredBy: 'upstream' | 'guard' | 'gateway';
  /** The code of an UpstreamError, if that is what happened. */
  readonly failure: string | undefined;
  /** Milliseconds from the headers of the request to the end of the answer. */
  readonly durationMs: number;
  /** Milliseconds of these that upstream took. */
  readonly upstreamMs: number;
}

/** The span of a request. */
export interface RequestSpan {
  /** Headers by which upstream continues the trace: `traceparent`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Runs what belongs to the span. */
  run<T>(inside: () => T): T;
  /** Ends the span with what became of the request. */
  end(event: GatewayEvent): void;
}

/** Makes spans. */
export interface Tracing {
  /** Starts the span of a request. @param headers Those of the request, for the trace that it continues. */
  start(method: string, headers: Readonly<Record<string, unknown>>): RequestSpan;
}

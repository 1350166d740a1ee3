import type { UpstreamError } from './upstream-error.js';

/** What belongs to one request of a client, whatever is asked of upstream for its sake. */
export interface RequestScope {
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** The trace that upstream is to continue, as headers. */
  readonly trace: Readonly<Record<string, string>>;
  /** The Authorization header of the client, where upstream is to have it. */
  readonly authorization: string | undefined;
  /** ETags of the stored resources by which a write was judged, by `Type/id`. */
  readonly judgedBy: Map<string, string>;
  /** Resources that were looked up and are not stored, by `Type/id`. */
  readonly absent: Set<string>;
  /** Those of them that were deleted: whose they were, nobody can tell. */
  readonly gone: Set<string>;
  /** What kept the guard from looking up a resource: it refuses, whatever the reason. */
  failure: UpstreamError | undefined;
  /** When the last resource has to be looked up, on the clock of `performance`; undefined before the first. */
  lookupsUntil: number | undefined;
  /** Milliseconds that were spent waiting for upstream. */
  upstreamMs: number;
}

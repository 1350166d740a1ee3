import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request and its answer. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The path below the issuer: `/token`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Answers a request, or throws: OAuthError and ClientRefused become answers, anything else a 500. */
export type Endpoint = (exchange: Exchange) => Promise<void>;

/** Why there is no answer of upstream's to judge. */
export type UpstreamErrorCode =
  /** No connection, or one that broke. */
  | 'ERR_UPSTREAM_UNREACHABLE'
  /** No answer, or no whole answer, in time. */
  | 'ERR_UPSTREAM_TIMEOUT'
  /** More than `maxResponseBytes`. */
  | 'ERR_UPSTREAM_TOO_LARGE'
  /** An answer that is no HTTP, no JSON, no FHIR, or not what was asked for. */
  | 'ERR_UPSTREAM_MALFORMED'
  /** A redirect, which is not followed. */
  | 'ERR_UPSTREAM_REDIRECT'
  /** Upstream refuses the gateway's own credentials. */
  | 'ERR_UPSTREAM_CREDENTIALS'
  /** The client has gone. */
  | 'ERR_CLIENT_GONE';

/** Upstream did not answer, or not with what can be judged. */
export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode;

  constructor(code: UpstreamErrorCode, options?: ErrorOptions) {
    super(`the FHIR server behind the gateway: ${code}`, options);
    this.name = 'UpstreamError';
    this.code = code;
  }

  /** RFC 9110, 15.6.3 and 15.6.5. */
  get status(): 502 | 504 {
    return this.code === 'ERR_UPSTREAM_TIMEOUT' ? 504 : 502;
  }
}

/** Codes of undici's and Node's errors that are about time. */
const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

const MALFORMED = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_INFO']);

/** What an error of the HTTP client says about upstream. */
export function upstreamErrorOf(cause: unknown): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  const code = codeOf(cause);
  if (TIMEOUTS.has(code)) return new UpstreamError('ERR_UPSTREAM_TIMEOUT', { cause });
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return new UpstreamError('ERR_UPSTREAM_TOO_LARGE', { cause });
  if (MALFORMED.has(code) || code.startsWith('HPE_')) return new UpstreamError('ERR_UPSTREAM_MALFORMED', { cause });
  return new UpstreamError('ERR_UPSTREAM_UNREACHABLE', { cause });
}

/** Whether a connection broke before an answer began: one that upstream had closed while it was idle, mostly. */
export function isBrokenConnection(cause: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(cause));
}

function codeOf(cause: unknown): string {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : '';
}

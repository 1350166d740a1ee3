/** The error codes this server answers with: RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 7591 §3.2.2. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'invalid_client_metadata'
  | 'invalid_redirect_uri'
  | 'access_denied'
  | 'not_found'
  | 'server_error'
  | 'temporarily_unavailable';

export interface OAuthErrorDetails {
  /** HTTP status. Default: 400. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** An answer that refuses. Thrown by whoever finds the fault, sent by the router. */
export class OAuthError extends Error {
  readonly error: OAuthErrorCode;
  readonly description: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;

  constructor(error: OAuthErrorCode, description: string, details: OAuthErrorDetails = {}) {
    super(`${error}: ${description}`);
    this.name = 'OAuthError';
    this.error = error;
    this.description = description;
    this.status = details.status ?? 400;
    this.headers = details.headers ?? {};
  }
}

/** RFC 6749 §5.2: `error_description` holds no characters outside %x20-21 / %x23-5B / %x5D-7E. */
export function errorText(text: string): string {
  return text
    .replaceAll('"', "'")
    .replaceAll('\\', '/')
    .replace(/[^\x20-\x7e]/g, '?');
}

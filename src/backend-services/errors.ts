/** The closed list of what can go wrong between a backend service, its keys and the two servers it talks to. */
export type BackendServicesErrorCode =
  // keys
  | 'ERR_KEY_UNREADABLE'
  | 'ERR_KEY_UNSUPPORTED'
  | 'ERR_KEY_TOO_WEAK'
  | 'ERR_KEY_MISMATCH'
  | 'ERR_KEY_PRIVATE'
  | 'ERR_KEY_SYMMETRIC'
  | 'ERR_KEY_DUPLICATE'
  | 'ERR_KEY_PUBLISHED'
  // URLs and HTTP
  | 'ERR_URL_REFUSED'
  | 'ERR_NETWORK'
  | 'ERR_TIMEOUT'
  | 'ERR_RESPONSE_TOO_LARGE'
  | 'ERR_REDIRECT'
  // discovery
  | 'ERR_DISCOVERY'
  | 'ERR_DISCOVERY_ORIGIN'
  // token endpoint
  | 'ERR_TOKEN_REQUEST'
  | 'ERR_TOKEN_RESPONSE'
  | 'ERR_TOKEN_TYPE'
  // bulk data files
  | 'ERR_BULK_MANIFEST'
  | 'ERR_BULK_FILE_ORIGIN';

/** What an answer of a server adds to an error. */
export interface BackendServicesErrorDetails {
  /** HTTP status of the answer, if there was one. */
  readonly status?: number | undefined;
  /** `error` of the answer (RFC 6749 §5.2), reduced to the characters that the RFC permits. */
  readonly error?: string | undefined;
  /** `error_description` of the answer, reduced likewise, shortened, and with anything that looks like a JWT removed. */
  readonly error_description?: string | undefined;
  /** Seconds that the server asked to wait (Retry-After, RFC 9110 §10.2.3). */
  readonly retryAfterSeconds?: number | undefined;
  /** The underlying error, only where it cannot carry a key, an assertion or a token. */
  readonly cause?: unknown;
}

/**
 * A refusal or failure in Backend Services. Match on `code`; the message is for people.
 *
 * Neither the message nor a property ever holds a private key, a client assertion or an access token.
 */
export class BackendServicesError extends Error {
  override readonly name = 'BackendServicesError';
  readonly code: BackendServicesErrorCode;
  readonly status: number | undefined;
  readonly error: string | undefined;
  readonly error_description: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: BackendServicesErrorCode, message: string, details: BackendServicesErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.error = details.error;
    this.error_description = details.error_description;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

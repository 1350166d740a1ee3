import type { Malformed, MalformedCode } from './request.js';
import { isJsonObject } from '../json-object.js';

/** An answer of the guard's own, or what it made of the server's. */
export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** A FHIR resource, or nothing. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

/** FHIR issue codes that are used here. @see https://hl7.org/fhir/R4/valueset-issue-type.html */
export type IssueCode =
  | 'login'
  | 'forbidden'
  | 'not-found'
  | 'not-supported'
  | 'structure'
  | 'too-long'
  | 'transient'
  | 'exception'
  | 'conflict';

/** RFC 6750, 3.1: why a bearer token does not do. */
export interface Challenge {
  readonly realm: string;
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
  /** What would do: `system/Observation.r`. */
  readonly scope?: string;
}

/** One text for each code: what the client did is its own business to know, why it is refused is not. */
const TEXTS: Readonly<Record<IssueCode, string>> = {
  login: 'An access token is required that this server accepts',
  forbidden: 'The access token does not permit this request',
  'not-found': 'Not found',
  'not-supported': 'Not supported',
  structure: 'The request is malformed',
  'too-long': 'The request is too large',
  transient: 'The access token cannot be verified at the moment',
  exception: 'The request could not be served',
  conflict: 'The request is in conflict with the state of the server',
};

/** An OperationOutcome of one issue, with a generic text. */
export function outcomeOf(code: IssueCode, diagnostics = TEXTS[code]): Readonly<Record<string, unknown>> {
  return { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code, diagnostics }] };
}

/** An answer with an OperationOutcome. */
export function refusal(
  status: number,
  code: IssueCode,
  {
    challenge,
    headers = {},
    explanation,
  }: {
    readonly challenge?: Challenge;
    readonly headers?: Readonly<Record<string, string>>;
    /** For development only: it tells the client why. */
    readonly explanation?: string | undefined;
  } = {},
): Answer {
  return {
    status,
    headers: {
      'content-type': 'application/fhir+json; charset=utf-8',
      'cache-control': 'no-store',
      ...(challenge && { 'www-authenticate': printChallenge(challenge) }),
      ...headers,
    },
    body: outcomeOf(code, explanation ?? TEXTS[code]),
  };
}

/** What is wrong with a request, for whoever writes the client. */
const MALFORMED: Readonly<Record<MalformedCode, string>> = {
  'url-malformed': 'the path can be read in more than one way, or has an encoding that no FHIR path needs',
  'url-too-long': 'the URL is longer than 8192 characters',
  'not-found': 'there is no such path in FHIR',
  'type-unknown': 'there is no such resource type in this version of FHIR',
  'id-malformed': 'the id, or the id of the version, is none (FHIR R4, 2.24.0.1 id)',
  'method-malformed': 'methods are written in capitals (RFC 9110, 9.1)',
  'method-not-allowed': 'the path does not know this method',
  'method-unknown': 'this method is not known here',
  'method-override': 'headers that ask for another method or URL are refused',
  'query-malformed': 'the query, or the form, is not encoded as one, or has too many parameters',
  'parameter-repeated': '_format may come once',
  'condition-malformed':
    'the condition of a conditional create, update, patch or delete is empty, or not where it belongs',
  'header-malformed':
    'a header that is not taken here: X-Provenance, X-Cascade, X-Security-Context, or a precondition other than If-Match',
};

/** The answer to a request that is none. @param explain Whether to tell what is wrong. Default false. */
export function malformedAnswer({ status, allow, malformed }: Malformed, explain = false): Answer {
  const code =
    status === 404
      ? 'not-found'
      : status === 405 || status === 501
        ? 'not-supported'
        : status === 414
          ? 'too-long'
          : 'structure';
  return refusal(status, code, {
    ...(allow && { headers: { allow: allow.join(', ') } }),
    explanation: explain ? `${TEXTS[code]}: ${MALFORMED[malformed]}` : undefined,
  });
}

/** RFC 6750, 3: quoted-strings, in an order that reads. */
export function printChallenge({ realm, error, scope }: Challenge): string {
  const parts = [`realm="${quotable(realm)}"`];
  if (error !== undefined) parts.push(`error="${error}"`);
  if (scope !== undefined) parts.push(`scope="${quotable(scope)}"`);
  return `Bearer ${parts.join(', ')}`;
}

function quotable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&');
}

/**
 * An OperationOutcome of the server's, as everybody may see it: severities and codes. Texts and expressions may quote
 * resources, so they stay here unless the caller may see every resource of the type.
 */
export function bareOutcome(resource: unknown): Readonly<Record<string, unknown>> {
  const issues =
    isJsonObject(resource) && Array.isArray(resource['issue']) ? (resource['issue'] as readonly unknown[]) : [];
  const bare = issues.slice(0, 100).flatMap((issue) => {
    if (!isJsonObject(issue)) return [];
    const { severity, code } = issue;
    if (typeof severity !== 'string' || !/^(?:fatal|error|warning|information|success)$/.test(severity)) return [];
    return [{ severity, code: typeof code === 'string' && /^[a-z][a-z-]{0,30}$/.test(code) ? code : 'processing' }];
  });
  const [first = { severity: 'error', code: 'processing' }, ...rest] = bare;
  return { resourceType: 'OperationOutcome', issue: [first, ...rest] };
}

import type { FinalAnswer } from '../http/guard.js';
import type { IssueCode } from '../http/outcome.js';
import { outcomeOf } from '../http/outcome.js';

type FailureStatus = 400 | 405 | 406 | 410 | 412 | 500 | 502 | 503 | 504;

const FAILURES: Readonly<Record<FailureStatus, readonly [IssueCode, string]>> = {
  400: ['structure', 'The request is malformed'],
  405: ['not-supported', 'Not supported'],
  406: ['not-supported', 'Not supported'],
  410: ['not-found', 'This page is there no more: search again'],
  412: ['conflict', 'The resource is not in the version that the request is for'],
  500: ['exception', 'The request could not be served'],
  502: ['transient', 'The FHIR server cannot be reached, or answered with what cannot be used'],
  503: ['transient', 'The server cannot take this request at the moment'],
  504: ['transient', 'The FHIR server did not answer in time'],
};

/** An answer of the gateway's own for what failed behind it: nothing in it comes from upstream. */
export function failureAnswer(status: FailureStatus): FinalAnswer {
  const [code, text] = FAILURES[status];
  return jsonAnswer(status, outcomeOf(code, text), status === 503 ? { 'retry-after': '1' } : {});
}

/** A resource as an answer that nobody keeps. */
export function jsonAnswer(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
  type = 'application/fhir+json; charset=utf-8',
): FinalAnswer {
  return {
    status,
    headers: { 'content-type': type, 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  };
}

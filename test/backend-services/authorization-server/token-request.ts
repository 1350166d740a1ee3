import { expect } from 'chai';
import type { AssertionParts } from './assertion.js';
import { assertion } from './assertion.js';
import type { TestKey } from './keys.js';
import type { RunningServer } from './running-server.js';

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** Posts a form. A value that is undefined is left out. */
export async function postForm(
  url: string,
  form: Record<string, string | undefined> | URLSearchParams | string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const body =
    typeof form === 'string' || form instanceof URLSearchParams
      ? form
      : new URLSearchParams(Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: body.toString(),
    redirect: 'manual',
  });
  return answer(response);
}

export async function answer(response: Response): Promise<Answer> {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text },
  };
}

export interface TokenRequest {
  readonly key: TestKey;
  readonly clientId: string;
  readonly scope?: string | undefined;
  readonly assert?: Partial<Pick<AssertionParts, 'aud' | 'header' | 'claims' | 'signer'>>;
  readonly form?: Record<string, string | undefined>;
  readonly headers?: Record<string, string>;
}

/** A Backend Services token request, good unless something is overridden. */
export function tokenForm(as: Pick<RunningServer, 'token'>, request: TokenRequest): Record<string, string | undefined> {
  const { key, clientId, assert = {} } = request;
  return {
    grant_type: 'client_credentials',
    scope: 'scope' in request ? request.scope : 'system/Patient.rs',
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: assertion({ key, clientId, aud: as.token, ...assert }),
    ...request.form,
  };
}

export function requestToken(as: Pick<RunningServer, 'token'>, request: TokenRequest): Promise<Answer> {
  return postForm(as.token, tokenForm(as, request), request.headers);
}

export function expectInvalidClient(response: Answer): void {
  expect(response.body).to.deep.equal({
    error: 'invalid_client',
    error_description: 'client authentication failed',
  });
  expect(response.status).to.be.oneOf([400, 401]);
  if (response.status === 401) expect(response.headers.get('www-authenticate')).to.match(/^Basic /);
}

export function expectError(response: Answer, status: number, error: string): void {
  expect(response.body).to.include({ error });
  expect(response.status).to.equal(status);
  // RFC 6749 §5.2.
  expect(response.body['error_description']).to.match(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
}

export function expectToken(response: Answer): Record<string, unknown> {
  expect(response.body).to.include.keys('access_token');
  expect(response.status).to.equal(200);
  return response.body;
}

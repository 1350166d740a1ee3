import type { JsonObject } from './decode.js';
import type { TokenDefect } from './defect.js';
import { must, quote, should } from './defect.js';
import type { Expected } from './expected.js';
import { isExpectedAudience, quoteAudience } from './expected.js';
import { duration, lifetimeOf } from './times.js';
import { MAX_ASSERTION_SECONDS } from '../client/assertion.js';
import { isLoopback } from '../client/url.js';

const CCA = 'SMART App Launch 2.2, Client Authentication';

/** What is wrong with the claims of a client assertion, the times aside. `now` in seconds since 1970. */
export function* assertionClaimDefects(payload: JsonObject, now: number, expected: Expected): Iterable<TokenDefect> {
  const { iss, sub, jti } = payload;
  if (!isText(iss)) yield must('iss-missing', CCA, 'there is no "iss"; it has to be the client_id');
  if (!isText(sub)) yield must('sub-missing', CCA, 'there is no "sub"; it has to be the client_id');
  if (isText(iss) && isText(sub) && iss !== sub) {
    yield must('iss-sub-differ', CCA, `iss ${quote(iss)} and sub ${quote(sub)} differ; both have to be the client_id`);
  }
  if (expected.clientId !== undefined && isText(iss) && iss !== expected.clientId) {
    yield must('client-unexpected', CCA, `iss is ${quote(iss)}, and the client is ${quote(expected.clientId)}`);
  }
  yield* audienceDefects(payload['aud'], expected);
  if (jti === undefined) yield must('jti-missing', CCA, 'there is no "jti": the server cannot tell a replay');
  else if (!isText(jti)) yield must('jti-not-string', CCA, `jti is ${quote(jti)}; it has to be a non-empty string`);
  const lifetime = lifetimeOf(payload, now);
  if (lifetime !== undefined && lifetime.whole > MAX_ASSERTION_SECONDS) {
    // SMART counts from the server's now, so what remains of a long life may be short enough.
    const level = lifetime.remaining > MAX_ASSERTION_SECONDS ? must : should;
    yield level(
      'lifetime-too-long',
      CCA,
      `lives ${duration(lifetime.whole)}; at most ${MAX_ASSERTION_SECONDS} s (5 minutes) are permitted${
        level === should ? ', counted from when a server sees it' : ''
      }`,
    );
  }
}

function* audienceDefects(aud: unknown, expected: Expected): Iterable<TokenDefect> {
  if (aud === undefined) {
    yield must('aud-missing', CCA, 'there is no "aud"; it has to be the URL of the token endpoint');
    return;
  }
  const values = Array.isArray(aud) ? (aud as unknown[]) : [aud];
  if (Array.isArray(aud)) {
    yield should(
      'aud-not-string',
      CCA,
      'aud is a list; the URL of the token endpoint as a string is what every server takes',
    );
  }
  for (const value of values) {
    if (typeof value !== 'string' || !URL.canParse(value)) {
      yield must('aud-not-url', CCA, `aud ${quote(value)} is not the URL of a token endpoint`);
      continue;
    }
    const url = new URL(value);
    if (url.protocol !== 'https:') {
      const level = isLoopback(url) ? should : must;
      yield level('aud-not-https', `${CCA}; Backend Services: TLS`, `aud ${quote(value)} is not https`);
    }
  }
  if (!isExpectedAudience(values, expected)) {
    yield must(
      'aud-unexpected',
      CCA,
      `aud is ${quote(aud)}, and ${quoteAudience(expected)} is expected, to the letter`,
    );
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

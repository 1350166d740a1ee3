import { identityFromClaims } from '../../identity/identity.js';
import { parseScope } from '../../scope/parse.js';
import { scopeList } from '../../scope/list.js';
import { compareScopes } from '../client/compare-scopes.js';
import type { JsonObject } from './decode.js';
import type { TokenDefect } from './defect.js';
import { must, quote, should } from './defect.js';
import type { Expected } from './expected.js';
import { isExpectedAudience, listOf, quoteAudience } from './expected.js';
import { duration, lifetimeOf } from './times.js';

const PROFILE = 'RFC 9068 §2.2';
const BS = 'SMART App Launch 2.2, Backend Services';

/** SMART App Launch 2.2, Backend Services: expires_in SHOULD be at most 300 seconds. */
const RECOMMENDED_SECONDS = 300;

/** What is wrong with the claims of an access token, the times aside. `now` in seconds since 1970. */
export function* accessTokenClaimDefects(payload: JsonObject, now: number, expected: Expected): Iterable<TokenDefect> {
  const { iss, sub, aud, iat, jti } = payload;
  if (!isText(iss)) yield must('iss-missing', PROFILE, 'there is no "iss"');
  else if (!iss.startsWith('https://')) yield should('iss-not-https', 'RFC 8414 §2', `iss ${quote(iss)} is not https`);
  if (isText(iss) && expected.issuer !== undefined && !listOf(expected.issuer).includes(iss)) {
    yield must(
      'iss-unexpected',
      'RFC 9068 §4',
      `iss is ${quote(iss)}, and ${quote(expected.issuer)} is expected, to the letter`,
    );
  }
  if (!isText(sub)) yield must('sub-missing', PROFILE, 'there is no "sub"; for a client by itself it is the client_id');
  const audiences = typeof aud === 'string' ? [aud] : Array.isArray(aud) ? (aud as unknown[]) : [];
  if (audiences.length === 0) {
    yield must('aud-missing', PROFILE, 'there is no "aud": a token for anybody is a token for nobody');
  } else if (!isExpectedAudience(audiences, expected)) {
    yield must('aud-unexpected', 'RFC 9068 §4', `aud is ${quote(aud)}, and ${quoteAudience(expected)} is expected`);
  }
  yield* clientDefects(payload, expected);
  if (iat === undefined) yield must('iat-missing', PROFILE, 'there is no "iat"');
  if (jti === undefined) yield must('jti-missing', PROFILE, 'there is no "jti"');
  else if (!isText(jti)) yield must('jti-not-string', PROFILE, `jti is ${quote(jti)}; it has to be a non-empty string`);
  yield* scopeDefects(payload, expected);
  yield* identityDefects(payload, expected);
  const lifetime = lifetimeOf(payload, now);
  if (lifetime !== undefined && lifetime.whole > RECOMMENDED_SECONDS) {
    yield should(
      'lifetime-too-long',
      BS,
      `lives ${duration(lifetime.whole)}; at most ${RECOMMENDED_SECONDS} s are recommended`,
    );
  }
}

function* clientDefects({ client_id: clientId, azp }: JsonObject, expected: Expected): Iterable<TokenDefect> {
  if (!isText(clientId)) {
    const alias = isText(azp) ? `, only "azp" ${quote(azp)}` : '';
    yield must('client-id-missing', PROFILE, `there is no "client_id"${alias}`);
  }
  const client = isText(clientId) ? clientId : azp;
  if (expected.clientId !== undefined && isText(client) && client !== expected.clientId) {
    yield must(
      'client-unexpected',
      PROFILE,
      `issued to ${quote(client)}, and the client is ${quote(expected.clientId)}`,
    );
  }
}

function* scopeDefects({ scope, scp }: JsonObject, expected: Expected): Iterable<TokenDefect> {
  const scopes = scopeList(scope ?? scp).filter((text) => text !== '');
  if (scopes.length === 0) {
    yield should(
      'scope-missing',
      'RFC 9068 §2.2.3',
      'there is no "scope": what it permits only introspection can tell',
    );
    return;
  }
  for (const text of scopes) {
    const parsed = parseScope(text);
    if (parsed.kind === 'invalid') {
      yield must(
        'scope-invalid',
        'SMART App Launch 2.2, Scopes',
        `scope ${quote(text)} grants nothing (${parsed.problem})`,
      );
    }
  }
  if (expected.scope === undefined) return;
  const { narrowed, widened } = compareScopes(expected.scope, scopes.join(' '));
  if (narrowed.length > 0)
    yield should('scope-narrowed', BS, `requested but not granted in full: ${narrowed.join(' ')}`);
  if (widened.length > 0)
    yield must('scope-widened', 'RFC 6749 §3.3', `granted beyond the request: ${widened.join(' ')}`);
}

/** Scopes speak for somebody: without the claim that names them, they grant nothing. */
function* identityDefects(payload: JsonObject, { identity }: Expected): Iterable<TokenDefect> {
  if (identity === undefined) return;
  const scopes = scopeList(payload['scope'] ?? payload['scp']);
  // Relative references are of whichever server is asked: here it is enough that there is one.
  const found = identityFromClaims(payload, identity, 'https://fhir.example');
  const named = {
    patient: `${identity.launchContextPathPrefix}patient`,
    user: identity.fhirUserClaimPath,
  } as const;
  for (const level of ['patient', 'user'] as const) {
    if (found[level] !== undefined || !scopes.some((scope) => scope.startsWith(`${level}/`))) continue;
    yield must(
      `${level}-missing`,
      'SMART App Launch 2.2, Launch context',
      `has ${level}/ scopes, and no claim ${quote(named[level])} that names a ${level === 'user' ? 'user' : 'Patient'}: they grant nothing`,
    );
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

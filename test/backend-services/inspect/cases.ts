import type { DefectCode } from '../../../src/backend-services/inspect/defect.js';

/** Seconds since 1970 at which every case is judged. */
export const NOW = 1_709_157_663;

/** A client assertion without fault. */
export const ASSERTION = {
  header: { alg: 'RS384', kid: 'k1', typ: 'JWT' },
  payload: { iss: 'app', sub: 'app', aud: 'https://as.example/token', iat: NOW, exp: NOW + 300, jti: 'j1' },
};

/** An access token without fault. */
export const ACCESS_TOKEN = {
  header: { alg: 'RS256', kid: 'k1', typ: 'at+jwt' },
  payload: {
    iss: 'https://as.example',
    sub: 'app',
    client_id: 'app',
    aud: 'https://fhir.example/r4',
    iat: NOW,
    exp: NOW + 300,
    jti: 'j1',
    scope: 'system/Patient.rs',
  },
};

/** What is changed; undefined takes a member away. */
export interface DefectCase {
  readonly name: string;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly signature?: string;
  /** must, then should, each in order. */
  readonly must?: readonly DefectCode[];
  readonly should?: readonly DefectCode[];
}

const anywhere: readonly DefectCase[] = [
  { name: 'nothing changed' },
  { name: 'alg none', header: { alg: 'none' }, signature: '', must: ['alg-none', 'signature-missing'] },
  { name: 'alg NONE', header: { alg: 'NONE' }, must: ['alg-none'] },
  { name: 'no alg', header: { alg: undefined }, must: ['alg-missing'] },
  { name: 'alg a number', header: { alg: 384 }, must: ['alg-missing'] },
  { name: 'HS256', header: { alg: 'HS256' }, must: ['alg-symmetric'] },
  { name: 'HS384', header: { alg: 'HS384' }, must: ['alg-symmetric'] },
  { name: 'an unknown alg', header: { alg: 'RS1' }, must: ['alg-unknown'] },
  { name: 'kid an object', header: { kid: { toString: 'x' } }, must: ['kid-invalid'] },
  { name: 'kid empty', header: { kid: '' }, must: ['kid-invalid'] },
  { name: 'crit', header: { crit: ['exp'], exp: 1 }, must: ['crit-present'] },
  { name: 'jwk', header: { jwk: { kty: 'RSA' } }, must: ['key-embedded'] },
  { name: 'x5u and x5c', header: { x5u: 'https://x', x5c: [] }, must: ['key-embedded', 'key-embedded'] },
  { name: 'no signature', signature: '', must: ['signature-missing'] },
  { name: 'no exp', payload: { exp: undefined }, must: ['exp-missing'] },
  { name: 'exp a string', payload: { exp: String(NOW + 300) }, must: ['exp-not-number'] },
  { name: 'exp null', payload: { exp: null }, must: ['exp-not-number'] },
  { name: 'expired this second', payload: { exp: NOW, iat: NOW - 300 }, must: ['expired'] },
  { name: 'expired long ago', payload: { exp: -1e300, iat: -1e300 }, must: ['expired'] },
  { name: 'one second left', payload: { exp: NOW + 1 } },
  { name: 'iat a string', payload: { iat: String(NOW) }, must: ['iat-not-number'] },
  { name: 'iat ahead', payload: { iat: NOW + 60 }, must: ['iat-in-future'] },
  { name: 'nbf passed', payload: { nbf: NOW } },
  { name: 'nbf ahead', payload: { nbf: NOW + 600 }, must: ['nbf-in-future'] },
  { name: 'nbf a string', payload: { nbf: 'soon' }, must: ['nbf-not-number'] },
  { name: 'nbf too large for a date', payload: { nbf: -1e300 }, must: ['nbf-not-number'] },
  { name: 'no jti', payload: { jti: undefined }, must: ['jti-missing'] },
  { name: 'jti a number', payload: { jti: 5 }, must: ['jti-not-string'] },
  { name: 'jti empty', payload: { jti: '' }, must: ['jti-not-string'] },
  { name: 'no aud', payload: { aud: undefined }, must: ['aud-missing'] },
  { name: 'no sub', payload: { sub: undefined }, must: ['sub-missing'] },
];

export const assertionCases: readonly DefectCase[] = [
  ...anywhere,
  { name: 'ES384', header: { alg: 'ES384' } },
  { name: 'RS256', header: { alg: 'RS256' }, should: ['alg-not-smart'] },
  { name: 'no kid', header: { kid: undefined }, must: ['kid-missing'] },
  { name: 'no typ', header: { typ: undefined }, must: ['typ-missing'] },
  { name: 'typ jwt', header: { typ: 'jwt' }, must: ['typ-wrong'] },
  { name: 'no iss', payload: { iss: undefined }, must: ['iss-missing'] },
  { name: 'iss is not sub', payload: { iss: 'other' }, must: ['iss-sub-differ'] },
  { name: 'no iat', payload: { iat: undefined } },
  { name: 'five minutes and a second', payload: { exp: NOW + 301 }, must: ['lifetime-too-long'] },
  {
    name: 'five minutes and a second, without iat',
    payload: { iat: undefined, exp: NOW + 301 },
    must: ['lifetime-too-long'],
  },
  { name: 'ten hours', payload: { exp: NOW + 36_000 }, must: ['lifetime-too-long'] },
  {
    name: 'ten hours, all but 100 s gone',
    payload: { iat: NOW - 35_900, exp: NOW + 100 },
    should: ['lifetime-too-long'],
  },
  {
    name: 'made 100 s ago, good for 250 s more',
    payload: { iat: NOW - 100, exp: NOW + 250 },
    should: ['lifetime-too-long'],
  },
  { name: 'made 100 s ago, good for 200 s more', payload: { iat: NOW - 100, exp: NOW + 200 } },
  {
    name: 'made 100 s ago, good for 301 s more',
    payload: { iat: NOW - 100, exp: NOW + 301 },
    must: ['lifetime-too-long'],
  },
  {
    name: 'ten hours, gone',
    payload: { iat: NOW - 36_100, exp: NOW - 100 },
    must: ['expired'],
    should: ['lifetime-too-long'],
  },
  {
    name: 'iat ahead, to make a long life look short',
    payload: { iat: NOW + 3600, exp: NOW + 3900 },
    must: ['lifetime-too-long', 'iat-in-future'],
  },
  { name: 'exp in milliseconds', payload: { exp: (NOW + 300) * 1000 }, must: ['exp-in-milliseconds'] },
  { name: 'aud http', payload: { aud: 'http://as.example/token' }, must: ['aud-not-https'] },
  { name: 'aud http on loopback', payload: { aud: 'http://127.0.0.1:8080/token' }, should: ['aud-not-https'] },
  { name: 'aud a list', payload: { aud: ['https://as.example/token'] }, should: ['aud-not-string'] },
  { name: 'aud a name', payload: { aud: 'my server' }, must: ['aud-not-url'] },
  { name: 'aud null', payload: { aud: null }, must: ['aud-not-url'] },
  { name: 'jku', header: { jku: 'https://app.example/jwks.json' } },
  { name: 'jku http', header: { jku: 'http://app.example/jwks.json' }, must: ['jku-invalid'] },
  { name: 'jku a number', header: { jku: 1 }, must: ['jku-invalid'] },
];

export const accessTokenCases: readonly DefectCase[] = [
  ...anywhere,
  { name: 'typ application/at+jwt', header: { typ: 'application/at+jwt' } },
  { name: 'typ JWT', header: { typ: 'JWT' }, must: ['typ-wrong'] },
  { name: 'typ a number', header: { typ: 1 }, must: ['typ-wrong'] },
  { name: 'no typ', header: { typ: undefined }, must: ['typ-missing'] },
  { name: 'no kid', header: { kid: undefined }, should: ['kid-missing'] },
  { name: 'no iss', payload: { iss: undefined }, must: ['iss-missing'] },
  { name: 'iss http', payload: { iss: 'http://as.example' }, should: ['iss-not-https'] },
  { name: 'no iat', payload: { iat: undefined }, must: ['iat-missing'] },
  { name: 'no client_id', payload: { client_id: undefined }, must: ['client-id-missing'] },
  { name: 'azp for client_id', payload: { client_id: undefined, azp: 'app' }, must: ['client-id-missing'] },
  { name: 'aud empty', payload: { aud: [] }, must: ['aud-missing'] },
  { name: 'aud a list', payload: { aud: ['https://fhir.example/r4'] } },
  { name: 'no scope', payload: { scope: undefined }, should: ['scope-missing'] },
  { name: 'scope empty', payload: { scope: '' }, should: ['scope-missing'] },
  { name: 'scp a list', payload: { scope: undefined, scp: ['system/Patient.rs'] } },
  { name: 'scope out of order', payload: { scope: 'system/Patient.sr openid' }, must: ['scope-invalid'] },
  {
    name: 'iat ahead, to make a long life look short',
    payload: { iat: NOW + 3600, exp: NOW + 3900 },
    must: ['iat-in-future'],
    should: ['lifetime-too-long'],
  },
  { name: 'an hour', payload: { exp: NOW + 3600 }, should: ['lifetime-too-long'] },
];

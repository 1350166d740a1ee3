// Rows about access tokens: verifyAccessToken beside OpenSSL, jose, and what people put together by hand.
import { createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createVerifier } from 'fast-jwt';
import buildGetJwks from 'get-jwks';
import { createRemoteJWKSet, importJWK, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { JwksClient } from 'jwks-rsa';
import type { SMARTHandler } from '../../src/index.js';
import { BASE, CONFIG, ISSUER, handlerFor, scopesFor } from './clinic.js';
import type { Result } from './result.js';
import { timed } from './result.js';
import type { Effort } from './rounds.js';
import { compare, inFlight, sequence } from './rounds.js';

const KID = 'bench-1';

export interface TokenIssuer {
  readonly jwksEndpoint: string;
  readonly jwk: object;
  readonly publicKey: KeyObject;
  readonly mint: (jti: number) => string;
  readonly close: () => Promise<void>;
}

/** An issuer that serves its key set on 127.0.0.1. */
export async function startIssuer(alg: 'RS256' | 'EdDSA' | 'ES256' = 'RS256'): Promise<TokenIssuer> {
  const { privateKey, publicKey } = newKeyPair(alg);
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: KID, alg, use: 'sig' };
  const body = JSON.stringify({ keys: [jwk] });
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const header = encode({ alg, kid: KID, typ: 'at+jwt' });
  const iat = Math.floor(Date.now() / 1000);
  const digest = alg === 'EdDSA' ? null : 'sha256';
  return {
    jwksEndpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`,
    jwk,
    publicKey,
    mint(jti) {
      const claims = {
        iss: ISSUER,
        aud: BASE,
        sub: 'f9b3c5a2-6d0e-4d0f-9b61-3a7f0e4c8d11',
        client_id: 'growth-chart',
        iat,
        exp: iat + 6 * 3600,
        jti: String(jti).padStart(12, '0'),
        scope: [...scopesFor('patient', 2), 'openid', 'fhirUser', 'launch/patient'].join(' '),
        fhirUser: `${BASE}/Patient/p0`,
        launch_response_patient: 'p0',
      };
      const input = `${header}.${encode(claims)}`;
      const signature = sign(digest, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${input}.${signature.toString('base64url')}`;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

function newKeyPair(alg: string): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  if (alg === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The same text in a new string, as every request brings one: V8 has not seen it before, and has no hash of it. */
export const copyOf = (token: string): string => Buffer.from(token, 'latin1').toString('latin1');

export function handlerAt({ jwksEndpoint }: TokenIssuer): SMARTHandler {
  return handlerFor('patient', {}, { ...CONFIG, jwksEndpoint });
}

export const verifying =
  (handler: SMARTHandler) =>
  (accessToken: string): Promise<unknown> =>
    handler.verifyAccessToken({ accessToken, operation: 'read', resourceType: 'Patient', id: 'p0' });

type Verify = (token: string) => unknown;

/** What people put together by hand: signature, exp, iss and aud; nothing about scopes, identities or kinds of tokens. */
export interface Alternatives {
  readonly jsonwebtoken: Verify;
  readonly fastJwt: Verify;
  readonly fastJwtCached: Verify;
  readonly joseRemote: Verify;
  /** The key is at hand, and only the signature, exp, iss and aud are checked. */
  readonly joseBare: Verify;
}

export async function alternatives({ jwksEndpoint, jwk, publicKey }: TokenIssuer): Promise<Alternatives> {
  const client = new JwksClient({ jwksUri: jwksEndpoint, cache: true, cacheMaxAge: 3_600_000 });
  const checked = { issuer: ISSUER, audience: BASE, algorithms: ['RS256'] };
  const remote = createRemoteJWKSet(new URL(jwksEndpoint));
  const key = await importJWK(jwk, 'RS256');
  const jwks = buildGetJwks({ jwksPath: new URL(jwksEndpoint).pathname, ttl: 3_600_000 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const domain = new URL(jwksEndpoint).origin;
  const fetched = (): Promise<string> => jwks.getPublicKey({ kid: KID, alg: 'RS256', domain });
  if (!createPublicKey(await fetched()).equals(publicKey)) throw new Error('get-jwks fetched another key');
  const fastOptions = { allowedIss: ISSUER, allowedAud: BASE, algorithms: ['RS256' as const] };
  return {
    jsonwebtoken: (token) =>
      new Promise((resolve, reject) => {
        const getKey: jsonwebtoken.GetPublicKeyOrSecret = ({ kid }, callback) => {
          client.getSigningKey(kid).then((found) => {
            callback(null, found.getPublicKey());
          }, callback);
        };
        jsonwebtoken.verify(token, getKey, { ...checked, algorithms: ['RS256'] }, (error, payload) => {
          if (error === null) resolve(payload);
          else reject(error);
        });
      }),
    fastJwt: createVerifier({ ...fastOptions, key: fetched }),
    fastJwtCached: createVerifier({ ...fastOptions, key: pem, cache: 5_000 }),
    joseRemote: (token) => jwtVerify(token, remote, checked),
    joseBare: (token) => jwtVerify(token, key, checked),
  };
}

/** Tokens enough to come back only after any cache of 5,000 has forgotten them. */
const DISTINCT = 6_000;

export async function tokenRows({ rounds }: Effort): Promise<Result[]> {
  const issuer = await startIssuer();
  try {
    const same = issuer.mint(0);
    const tokens = Array.from({ length: DISTINCT }, (_, jti) => issuer.mint(jti + 1));
    const others = await alternatives(issuer);
    const dot = same.lastIndexOf('.');
    const [input, signature] = [Buffer.from(same.slice(0, dot)), Buffer.from(same.slice(dot + 1), 'base64url')];
    const openssl = (): unknown => verify('sha256', input, issuer.publicKey, signature);
    const again = (verifyOne: Verify) => sequence(() => copyOf(same), verifyOne, 300);
    const distinct = (verifyOne: Verify) => sequence((index) => copyOf(tokens[index % DISTINCT]!), verifyOne, 60);
    const parallel = (verifyOne: Verify) => inFlight((index) => copyOf(tokens[index % DISTINCT]!), verifyOne, 800, 16);
    const ours = (): Verify => verifying(handlerAt(issuer));

    const kept = ours();
    // The first rounds are for the compiler.
    await compare([again(kept), again(others.fastJwtCached), distinct(ours()), distinct(others.joseBare)], 20);
    const repeated = await compare([again(kept), sequence(() => 0, openssl, 60)], rounds);
    const beside = await compare([again(others.fastJwtCached), again(kept)], rounds);
    const single = await compare([distinct(ours()), distinct(others.joseBare)], rounds);
    const sixteen = await compare([parallel(ours()), parallel(others.joseBare)], rounds);
    const hand = 'verifyAccessToken, distinct tokens, one at a time';
    const rows = [
      timed('token-again', 'verifyAccessToken, same token again', 'crypto.verify of it, RS256', repeated, {
        must: 0.1,
        aim: 0.04,
      }),
      timed(
        'token-again-fast-jwt',
        'fast-jwt with its cache, same token again',
        'verifyAccessToken (ratio: its operations a second beside fast-jwt)',
        beside,
        { must: 1, aim: 3, side: 'least' },
      ),
      timed('token-distinct', hand, 'jose jwtVerify, key at hand', single, { must: 1.1, aim: 0.3 }),
      timed('token-16', 'the same, 16 in flight (time on the wall)', 'jose jwtVerify, 16 in flight', sixteen, {
        must: 1.1,
        aim: 0.6,
      }),
    ];
    for (const [name, id, verifyOne] of [
      ['jsonwebtoken with jwks-rsa', 'jsonwebtoken', others.jsonwebtoken],
      ['fast-jwt with get-jwks', 'fast-jwt', others.fastJwt],
      ['jose with createRemoteJWKSet', 'jose-remote', others.joseRemote],
    ] as const) {
      const compared = await compare([distinct(ours()), distinct(verifyOne)], rounds);
      rows.push(timed(`token-distinct-${id}`, hand, name, compared));
    }
    return rows;
  } finally {
    await issuer.close();
  }
}

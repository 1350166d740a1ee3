// An issuer of tokens on 127.0.0.1: it publishes keys and answers introspection, well or as badly as a test wants.
import { constants, generateKeyPairSync, sign as cryptoSign, type JsonWebKey, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import {
  TokenError,
  createTokenVerifier,
  type TokenErrorCode,
  type TokenVerifier,
  type TokenVerifierOptions,
  type VerifiedToken,
} from '../../src/token/verifier.js';

export const ISSUER = 'https://idp.example/oauth2';
export const AUDIENCE = 'https://fhir.example/r4';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly alg: string;
  /** The public key as a member of a JWK Set, with `use` and `alg`. */
  jwk(members?: Record<string, unknown>): JsonWebKey & Record<string, unknown>;
}

function pair({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }, alg: string): KeyPair {
  return {
    privateKey,
    publicKey,
    alg,
    jwk: (members = {}) => ({ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg, ...members }),
  };
}

export const newRsa = (bits = 2048, alg = 'RS256'): KeyPair =>
  pair(generateKeyPairSync('rsa', { modulusLength: bits }), alg);
export const newEc = (curve = 'P-256', alg = 'ES256'): KeyPair =>
  pair(generateKeyPairSync('ec', { namedCurve: curve }), alg);
export const newEd = (alg = 'EdDSA'): KeyPair => pair(generateKeyPairSync('ed25519'), alg);

/** Generated once for the whole run: RSA keys take a while. */
export const rsaA = newRsa();
export const rsaB = newRsa();
export const edA = newEd();

/** JWK without the named members. */
export function without(jwk: Record<string, unknown>, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !names.includes(name)));
}

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** The signature of RFC 7518 §3 for the bytes, made without any JOSE library. */
export function signature(alg: string, input: string, key: KeyObject): string {
  const hash = `sha${alg.slice(2)}`;
  if (alg === 'EdDSA' || alg === 'Ed25519') {
    return cryptoSign(null, Buffer.from(input), key).toString('base64url');
  }
  const how = alg.startsWith('PS')
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { key, ...(alg.startsWith('ES') ? { dsaEncoding: 'ieee-p1363' as const } : {}) };
  return cryptoSign(hash, Buffer.from(input), how).toString('base64url');
}

export interface Token {
  readonly header?: Record<string, unknown>;
  /** An object to encode, or raw text. */
  readonly claims?: Record<string, unknown> | string;
  readonly key?: KeyPair;
  /** The algorithm really used. Default: the header's, or the key's. */
  readonly alg?: string;
}

export function mint({ header = {}, claims = {}, key = rsaA, alg }: Token = {}): string {
  const fullHeader = { alg: key.alg, kid: 'a', ...header };
  const payload = typeof claims === 'string' ? claims : { ...goodClaims(), ...claims };
  const input = `${encode(fullHeader)}.${encode(payload)}`;
  return `${input}.${signature(alg ?? fullHeader.alg, input, key.privateKey)}`;
}

export const seconds = (ms = Date.now()): number => Math.floor(ms / 1000);

export function goodClaims(): Record<string, unknown> {
  return {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'sub-1',
    exp: seconds() + 600,
    iat: seconds(),
    scope: 'patient/Patient.rs',
  };
}

export interface Reply {
  readonly status?: number;
  readonly type?: string;
  readonly headers?: Record<string, string>;
  /** Strings and bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly delayMs?: number;
  /** `hangup`: the connection is cut. `silence`: nothing ever comes. `drip`: a header, then bytes without end. */
  readonly fault?: 'hangup' | 'silence' | 'drip';
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export class Issuer {
  /** What GET /jwks answers. */
  jwks: Reply = { body: { keys: [rsaA.jwk({ kid: 'a' })] } };
  /** What POST /introspect answers. */
  introspection: Reply | ((token: string) => Reply) = { body: { active: true } };
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const path = request.url ?? '';
        this.requests.push({ method: request.method ?? '', path, headers: request.headers, body });
        answer(this.#reply(path, body), response);
      });
    });
  }

  /** @param keys What it publishes; without any, rsaA. */
  static async start(...keys: unknown[]): Promise<Issuer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = new Issuer(server);
    if (keys.length > 0) issuer.publish(...keys);
    return issuer;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  get jwksUrl(): string {
    return `${this.origin}/jwks`;
  }
  get introspectUrl(): string {
    return `${this.origin}/introspect`;
  }

  /** A verifier that trusts its keys. */
  verifier(options: Partial<TokenVerifierOptions> = {}): TokenVerifier {
    return createTokenVerifier({ jwksEndpoint: this.jwksUrl, issuer: ISSUER, audience: AUDIENCE, ...options });
  }

  count(path: '/jwks' | '/introspect' | '/elsewhere'): number {
    return this.requests.filter((request) => request.path === path).length;
  }

  publish(...keys: unknown[]): void {
    this.jwks = { body: { keys } };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #reply(path: string, body: string): Reply {
    if (path === '/jwks') {
      return this.jwks;
    }
    if (path === '/introspect') {
      const token = new URLSearchParams(body).get('token') ?? '';
      return typeof this.introspection === 'function' ? this.introspection(token) : this.introspection;
    }
    // Where redirects lead: an answer that would please the verifier.
    return { body: { active: true, keys: [rsaA.jwk({ kid: 'a' })], aud: AUDIENCE, iss: ISSUER } };
  }
}

function answer(reply: Reply, response: ServerResponse): void {
  const { status = 200, type = 'application/json', headers = {}, body, delayMs = 0, fault } = reply;
  if (fault === 'hangup') {
    response.destroy();
  } else if (fault === 'drip') {
    response.writeHead(status, { 'content-type': type });
    const timer = setInterval(() => response.write(' '), 5);
    response.on('close', () => {
      clearInterval(timer);
    });
  } else if (fault === undefined) {
    setTimeout(() => {
      response.writeHead(status, { 'content-type': type, ...headers });
      response.end(typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body));
    }, delayMs);
  }
}

/** Waits for what another party is about to do. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The code of the TokenError that the promise rejects with; `undefined` if it fulfils. Anything else fails the test. */
export async function codeOf(promise: Promise<VerifiedToken>): Promise<TokenErrorCode | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(TokenError);
    const refused = error as TokenError;
    expect(refused.name).to.equal('UnauthorizedError');
    expect(refused.isUnauthorizedError).to.equal(true);
    return refused.code;
  }
}

export async function codesOf(
  verifier: TokenVerifier,
  tokens: Record<string, unknown>,
): Promise<Record<string, string>> {
  const codes: Record<string, string> = {};
  for (const [name, token] of Object.entries(tokens)) {
    codes[name] = (await codeOf(verifier.verify(token))) ?? 'accepted';
  }
  return codes;
}

import { isBearerSyntax, readBearer, splitJwt } from './bearer.js';
import { checkClaims, type ClaimsPolicy } from './claims.js';
import { TokenError } from './error.js';
import { guardListener, type TokenEventListener } from './event.js';
import { checkHeader, type HeaderPolicy } from './header.js';
import { Introspector, joinClaims } from './introspection.js';
import type { JsonObject } from '../json-object.js';
import { freezeJson, parseEncodedObject } from './parse-object.js';
import { RemoteKeys } from './jwks.js';
import { JwtProver } from './jwt.js';
import { isOtherKind } from './kind.js';
import { readOptions, type CheckedOptions, type TokenVerifierOptions } from './options.js';
import { VerifiedToken } from './verified-token.js';

export { TokenError, type TokenErrorCode } from './error.js';
export type { TokenEvent, TokenEventListener } from './event.js';
export type { AnswerStore } from './answer-store.js';
export type { IntrospectionVerifierOptions, TokenVerifierOptions } from './options.js';
export type { VerifiedToken } from './verified-token.js';
export type { IntrospectionSettings, JwksOptions, ProofCacheOptions, TokenSettings } from './settings.js';

export interface TokenVerifier {
  /** Proves an access token. Rejects with a {@link TokenError} and with nothing else, whatever it is given. */
  verify(token: unknown): Promise<VerifiedToken>;

  /**
   * What {@link verify} would give, if it need not wait for anything: the token was proved before, the proof holds still, and
   * the keys are fresh. `undefined` otherwise, for good and bad tokens alike. Never throws.
   */
  recall(token: unknown): VerifiedToken | undefined;
}

/**
 * Makes a verifier. Nothing is fetched before the first token comes.
 *
 * @throws ConfigError if an option is missing, of the wrong type or out of its bounds; its `key` names the option
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  return new Verifier(readOptions(options));
}

class Verifier implements TokenVerifier {
  readonly #options: CheckedOptions;
  readonly #onEvent: TokenEventListener;
  readonly #headerPolicy: HeaderPolicy;
  readonly #claimsPolicy: ClaimsPolicy;
  readonly #prover: JwtProver | undefined;
  readonly #introspector: Introspector | undefined;

  constructor(options: CheckedOptions) {
    const { jwks, introspection, fetch, now } = options;
    this.#options = options;
    this.#onEvent = guardListener(options.onEvent);
    this.#claimsPolicy = { issuers: options.issuers, isAudience: options.isAudience, toleranceMs: options.toleranceMs };
    // Without a key set, the introspection server proves the signature, by an algorithm that is its own affair.
    this.#headerPolicy = {
      algorithms: jwks === undefined ? undefined : options.algorithms,
      types: options.acceptedTypes,
    };
    const shared = { fetch, now, onEvent: this.#onEvent };
    if (jwks !== undefined) {
      // With an introspection server, what the token lacks may be in the answer; by itself it must say everything.
      const alone = introspection === undefined;
      this.#prover = new JwtProver({
        keys: new RemoteKeys({ ...jwks, ...shared }),
        header: this.#headerPolicy,
        claims: this.#claimsPolicy,
        required: { exp: alone, iss: alone, aud: alone },
        now,
        cacheSize: options.cache.maxEntries,
        cacheChars: options.cache.maxChars,
      });
    }
    if (introspection !== undefined) {
      this.#introspector = new Introspector({ ...introspection, ...shared });
    }
  }

  async verify(token: unknown): Promise<VerifiedToken> {
    try {
      const bearer = readBearer(token, this.#options.maxTokenLength);
      if (this.#introspector !== undefined) {
        return await this.#introspect(bearer, this.#introspector);
      }
      if (this.#prover !== undefined) {
        return await this.#prover.prove(bearer);
      }
      throw new TypeError('a verifier needs a way to prove tokens');
    } catch (error) {
      if (error instanceof TokenError) {
        throw error;
      }
      this.#report(error);
      throw new TokenError('ERR_TOKEN_INTERNAL');
    }
  }

  recall(token: unknown): VerifiedToken | undefined {
    // An introspection server wants to be asked, or has an answer that is kept elsewhere.
    if (this.#introspector !== undefined || typeof token !== 'string' || token.length > this.#options.maxTokenLength) {
      return undefined;
    }
    try {
      return this.#prover?.recall(token);
    } catch {
      return undefined;
    }
  }

  async #introspect(token: string, introspector: Introspector): Promise<VerifiedToken> {
    if (!isBearerSyntax(token)) {
      throw new TokenError('ERR_TOKEN_MALFORMED');
    }
    // A JWT is judged before it is sent on: its signature costs less than a request.
    const own = await this.#readJwt(token);
    const answer = await introspector.ask(token);
    this.#checkAnswer(own, answer);
    const claims = joinClaims(own, answer, this.#options.scopeClaim);
    if (!freezeJson(claims)) {
      throw new TokenError('ERR_TOKEN_MALFORMED');
    }
    return new VerifiedToken(claims, 'introspection');
  }

  /** The claims of the token itself: none if it is opaque; proved if there are keys; else what the server is about to vouch for. */
  async #readJwt(token: string): Promise<JsonObject> {
    const jwt = splitJwt(token);
    if (jwt === undefined) {
      return {};
    }
    if (this.#prover !== undefined) {
      return (await this.#prover.prove(token)).claims;
    }
    checkHeader(jwt.header, this.#headerPolicy);
    const claims = parseEncodedObject(jwt.encodedPayload);
    if (claims === undefined || !freezeJson(claims)) {
      throw new TokenError('ERR_TOKEN_MALFORMED');
    }
    if (isOtherKind(claims, jwt.header)) {
      throw new TokenError('ERR_TOKEN_TYPE');
    }
    return claims;
  }

  #checkAnswer(own: JsonObject, answer: JsonObject): void {
    if (isOtherKind(answer)) {
      throw new TokenError('ERR_TOKEN_TYPE');
    }
    const { issuers, introspection, now } = this.#options;
    const nowMs = now();
    // Each is checked where it is, in the token and in the answer: a right one does not excuse a wrong one.
    checkClaims(own, { exp: false, iss: false, aud: false }, this.#claimsPolicy, nowMs);
    checkClaims(
      answer,
      {
        exp: false,
        // With one expected issuer, its own introspection server speaks for it. With several, nobody said which one it is.
        iss: issuers.size > 1 && !Object.hasOwn(own, 'iss'),
        // RFC 7662 §4: a token meant for another resource server is active too.
        aud: introspection?.vouchesForAudience !== true && !Object.hasOwn(own, 'aud'),
      },
      this.#claimsPolicy,
      nowMs,
    );
  }

  #report(error: unknown): void {
    const { name, stack } = error instanceof Error ? error : { name: typeof error, stack: undefined };
    // The message may quote what was being read, hence the token.
    const places = (stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
    this.#onEvent({ type: 'internal', name, stack: places.slice(0, 5).map((line) => line.trim()) });
  }
}

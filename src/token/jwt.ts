import { LRUCache } from 'lru-cache';
import { fingerprint, splitJwt, type CompactJwt } from './bearer.js';
import { checkClaims, isTime, readDate, type ClaimsPolicy, type RequiredClaims } from './claims.js';
import { TokenError } from './error.js';
import { HeaderReader, checkHeader, type HeaderPolicy } from './header.js';
import { freezeJson, parseObject } from './parse-object.js';
import type { VerificationKey } from './jwk.js';
import type { RemoteKeys } from './jwks.js';
import { isPending } from '../once.js';
import { isOtherKind } from './kind.js';
import { VerifiedToken } from './verified-token.js';

export interface JwtProverOptions {
  readonly keys: RemoteKeys;
  readonly header: HeaderPolicy;
  readonly claims: ClaimsPolicy;
  readonly required: RequiredClaims;
  readonly now: () => number;
  /** Proofs kept; 0 keeps none. */
  readonly cacheSize: number;
  /** Characters of all tokens whose proofs are kept. */
  readonly cacheChars: number;
}

/** A proof that may be used again, as long as {@link JwtProver} finds nothing that speaks against it. */
interface Proof {
  readonly jwt: VerifiedToken;
  readonly key: VerificationKey;
  /** Milliseconds: from nbf to exp, both without tolerance. */
  readonly from: number;
  readonly until: number;
}

/** Proves JWTs by the issuer's keys: signature first, and only then a look at what the token says. */
export class JwtProver {
  readonly #options: JwtProverOptions;
  readonly #headers = new HeaderReader();
  readonly #proofs: LRUCache<string, Proof> | undefined;

  constructor(options: JwtProverOptions) {
    this.#options = options;
    const { cacheSize, cacheChars } = options;
    this.#proofs = cacheSize === 0 ? undefined : new LRUCache({ max: cacheSize, maxSize: cacheChars });
  }

  /** The proof that is kept of a token, if it holds and nobody has to be asked. */
  recall(token: string): VerifiedToken | undefined {
    const kept = this.#proofs?.get(fingerprint(token));
    if (kept === undefined) return undefined;
    const { keys, now } = this.#options;
    const nowMs = now();
    return keys.isFresh(nowMs) && this.#holdsAt(nowMs, kept) ? kept.jwt : undefined;
  }

  /** Rejects with a TokenError. */
  async prove(token: string): Promise<VerifiedToken> {
    const proofs = this.#proofs;
    if (proofs === undefined) {
      return (await this.#proveAnew(token)).jwt;
    }
    const id = fingerprint(token);
    const kept = proofs.get(id);
    if (kept !== undefined) {
      if (!this.#options.keys.isFresh(this.#options.now())) {
        await this.#options.keys.renew();
      }
      if (this.#holdsAt(this.#options.now(), kept)) {
        return kept.jwt;
      }
      proofs.delete(id);
    }
    const proof = await this.#proveAnew(token);
    if (proof.until > this.#options.now()) {
      proofs.set(id, proof, { size: token.length });
    }
    return proof.jwt;
  }

  /**
   * What a kept proof rests on and can change: the time, and that the issuer still publishes the key. Everything else is in the
   * token, whose fingerprint named the proof, or in the options, which are fixed.
   */
  #holdsAt(now: number, proof: Proof): boolean {
    return isTime(now) && now >= proof.from && now < proof.until && this.#options.keys.holds(proof.key);
  }

  async #proveAnew(token: string): Promise<Proof> {
    const jwt = splitJwt(token, this.#headers);
    if (jwt === undefined) {
      throw new TokenError('ERR_TOKEN_MALFORMED');
    }
    const { alg } = checkHeader(jwt.header, this.#options.header);
    const { kid } = jwt.header;
    // RFC 7515 §4.1.4: a string. Without one, every key would have to be tried.
    if (typeof kid !== 'string' || kid === '') {
      throw new TokenError('ERR_TOKEN_KEY');
    }
    const candidates = this.#options.keys.peek(kid) ?? (await this.#options.keys.find(kid));
    const key = await verifySignature(
      jwt,
      alg,
      candidates.filter((candidate) => candidate.fits(alg)),
    );
    const claims = parseObject(Buffer.from(jwt.encodedPayload, 'base64url'));
    if (claims === undefined || !freezeJson(claims)) {
      throw new TokenError('ERR_TOKEN_MALFORMED');
    }
    if (isOtherKind(claims, jwt.header)) {
      throw new TokenError('ERR_TOKEN_TYPE');
    }
    // The clock is read again: the keys may have taken a while to come.
    checkClaims(claims, this.#options.required, this.#options.claims, this.#options.now());
    // A token without exp is nothing to remember.
    return {
      jwt: new VerifiedToken(claims, 'jwks'),
      key,
      from: readDate(claims.nbf) ?? -Infinity,
      until: readDate(claims.exp) ?? -Infinity,
    };
  }
}

/** Tries each key: RFC 7517 §4.5 asks for distinct `kid`s, and some issuers do not listen. */
async function verifySignature(
  { signingInput, signature }: CompactJwt,
  alg: string,
  keys: readonly VerificationKey[],
): Promise<VerificationKey> {
  const input = Buffer.from(signingInput, 'latin1');
  const bytes = Buffer.from(signature, 'base64url');
  let tried = false;
  for (const key of keys) {
    const found = key.checkFor(alg);
    const check = isPending(found) ? await found : found;
    if (check !== undefined) {
      tried = true;
      const verdict = check(input, bytes);
      if (typeof verdict === 'boolean' ? verdict : await verdict) {
        return key;
      }
    }
  }
  throw new TokenError(tried ? 'ERR_TOKEN_SIGNATURE' : 'ERR_TOKEN_KEY');
}

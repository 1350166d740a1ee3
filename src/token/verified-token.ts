import type { JsonObject } from '../json-object.js';

/** An access token that was proved, and holds here and now. The same token may give the same object again. */
export class VerifiedToken {
  /** The claims, deeply frozen: the JWT's own, or those of the introspection server, or both joined. */
  readonly claims: JsonObject;
  /** What proved it: the issuer's keys, or the word of its introspection server (and its keys too, where both are configured). */
  readonly proof: 'jwks' | 'introspection';
  /** In no listing of members: it is not the token's. */
  #note: unknown;

  constructor(claims: JsonObject, proof: 'jwks' | 'introspection') {
    this.claims = claims;
    this.proof = proof;
    Object.freeze(this);
  }

  /**
   * What somebody worked out of the claims, kept with them and forgotten with them. Nothing here reads it. A WeakMap by claims
   * would do the same, and take longer than all the rest that a token takes beside its signature.
   */
  get note(): unknown {
    return this.#note;
  }

  set note(note: unknown) {
    this.#note = note;
  }
}

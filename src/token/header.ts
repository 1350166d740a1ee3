import { TokenError } from './error.js';
import type { JsonObject } from '../json-object.js';
import { freezeJson, parseEncodedObject } from './parse-object.js';

/** What the header of a JWT must be before anything else about the token is looked at. */
export interface HeaderPolicy {
  /** `alg` values that are allowed; `undefined`: any but `none`, where another party proves the signature. */
  readonly algorithms: ReadonlySet<string> | undefined;
  /** `typ` values that are allowed, in the form that {@link normalizeType} gives; `null`: no `typ` at all. */
  readonly types: ReadonlySet<string | null>;
}

/** Reads encoded headers, and keeps the last one: the tokens of an issuer begin alike, as long as it signs with one key. */
export class HeaderReader {
  #encoded: string | undefined;
  #header: JsonObject | undefined;

  /** A JSON object in base64url; undefined for anything else. */
  read(encoded: string): JsonObject | undefined {
    if (encoded === this.#encoded) {
      return this.#header;
    }
    const header = parseEncodedObject(encoded);
    if (header !== undefined && freezeJson(header)) {
      // A copy: a part of a string may keep the whole in memory, which could be presented.
      this.#encoded = Buffer.from(encoded, 'latin1').toString('latin1');
      this.#header = header;
    }
    return header;
  }
}

/**
 * Checks `alg`, `crit` and `typ`. The header comes from whoever sent the token, so nothing in it is followed: `jku`, `x5u`, `jwk`
 * and `x5c` (RFC 7515 §4.1.2 to §4.1.6) are never read.
 */
export function checkHeader(header: JsonObject, policy: HeaderPolicy): { readonly alg: string } {
  const { alg } = header;
  if (typeof alg !== 'string' || alg === '') {
    throw new TokenError('ERR_TOKEN_ALGORITHM');
  }
  // RFC 8725 §3.1 and §3.2: only what the recipient allows, and never an unsecured token.
  if (policy.algorithms === undefined ? alg.toLowerCase() === 'none' : !policy.algorithms.has(alg)) {
    throw new TokenError('ERR_TOKEN_ALGORITHM');
  }
  // RFC 7515 §4.1.11: a list that is empty, or names an extension that is not understood, makes the JWS invalid. None is.
  if (Object.hasOwn(header, 'crit')) {
    throw new TokenError('ERR_TOKEN_CRITICAL');
  }
  // RFC 8725 §3.11, RFC 9068 §4: another kind of JWT from the same issuer is not an access token.
  if (!policy.types.has(readType(header))) {
    throw new TokenError('ERR_TOKEN_TYPE');
  }
  return { alg };
}

function readType({ typ }: JsonObject): string | null {
  if (typ === undefined) {
    return null;
  }
  if (typeof typ !== 'string') {
    throw new TokenError('ERR_TOKEN_TYPE');
  }
  return normalizeType(typ);
}

/** RFC 7515 §4.1.9: media types compare without case, and `application/` may be left out where no other slash follows. */
export function normalizeType(typ: string): string {
  return typ.toLowerCase().replace(/^application\/(?=[^/]*$)/, '');
}

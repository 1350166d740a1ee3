/** The closed list of what can be wrong with a token. */
export type DefectCode =
  // the text
  | 'malformed'
  | 'encrypted'
  | 'opaque'
  | 'wrong-kind'
  | 'id-token'
  | 'member-repeated'
  // the header
  | 'alg-missing'
  | 'alg-none'
  | 'alg-symmetric'
  | 'alg-not-smart'
  | 'alg-unknown'
  | 'kid-missing'
  | 'kid-invalid'
  | 'typ-missing'
  | 'typ-wrong'
  | 'crit-present'
  | 'key-embedded'
  | 'jku-invalid'
  | 'jku-unexpected'
  // the signature
  | 'signature-missing'
  | 'signature-invalid'
  | 'key-unknown'
  | 'key-published'
  // the claims
  | 'iss-missing'
  | 'iss-not-https'
  | 'iss-unexpected'
  | 'sub-missing'
  | 'iss-sub-differ'
  | 'client-unexpected'
  | 'client-id-missing'
  | 'aud-missing'
  | 'aud-not-string'
  | 'aud-not-url'
  | 'aud-not-https'
  | 'aud-unexpected'
  | 'exp-missing'
  | 'exp-not-number'
  | 'exp-in-milliseconds'
  | 'expired'
  | 'lifetime-too-long'
  | 'iat-missing'
  | 'iat-not-number'
  | 'iat-in-future'
  | 'nbf-not-number'
  | 'nbf-in-future'
  | 'jti-missing'
  | 'jti-not-string'
  | 'scope-missing'
  | 'scope-invalid'
  | 'scope-narrowed'
  | 'scope-widened'
  | 'patient-missing'
  | 'user-missing';

/** One thing that is wrong with a token. */
export interface TokenDefect {
  readonly code: DefectCode;
  /** 'must': a conforming server refuses the token. 'should': it may take it. */
  readonly level: 'must' | 'should';
  /** For people. Quotes short values of the token, never its signature. */
  readonly message: string;
  /** The section that says so. */
  readonly reference: string;
}

export function must(code: DefectCode, reference: string, message: string): TokenDefect {
  return { code, level: 'must', message, reference };
}

export function should(code: DefectCode, reference: string, message: string): TokenDefect {
  return { code, level: 'should', message, reference };
}

/** A claim's value, short enough to stand in a sentence. */
export function quote(value: unknown): string {
  // undefined, which JSON cannot say, does not come out of JSON either.
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

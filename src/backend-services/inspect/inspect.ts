import { accessTokenClaimDefects } from './access-token.js';
import { assertionClaimDefects } from './assertion.js';
import type { DecodedToken, JsonObject } from './decode.js';
import { decodeToken } from './decode.js';
import type { TokenDefect } from './defect.js';
import { must, should } from './defect.js';
import type { Expected } from './expected.js';
import { accessTokenHeaderDefects, assertionHeaderDefects, headerDefects } from './header.js';
import { memberDefects } from './members.js';
import { checkSignature } from './signature.js';
import { timeDefects } from './times.js';

/** What a token is for. */
export type TokenKind = 'client-assertion' | 'access-token';

/** What a token is inspected for. */
export interface InspectOptions {
  /** The current time in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** What the token is meant to be. Default: what it looks like. */
  readonly as?: TokenKind | undefined;
  /** What it is compared with, beyond what the specifications say. */
  readonly expected?: Expected | undefined;
}

/** What a token says and what is wrong with it. Holds no signature: the token cannot be put together again from it. */
export interface TokenReport {
  /** What the token looks like; undefined when it is no JWT. */
  readonly kind: TokenKind | 'id-token' | undefined;
  readonly header: JsonObject | undefined;
  readonly payload: JsonObject | undefined;
  /** 'not-checked' unless `expected.keys` were given. */
  readonly signature: 'valid' | 'invalid' | 'not-checked';
  /** In the order header, signature, claims; empty for a token without fault. */
  readonly defects: readonly TokenDefect[];
}

/**
 * Decodes a client assertion or access token and names every defect: against SMART, the RFCs it rests on, and what the
 * caller expects. For diagnosis; a server's verification is elsewhere, and stops at the first fault.
 */
export async function inspectToken(text: string, options: InspectOptions = {}): Promise<TokenReport> {
  const decoded = decodeToken(text);
  if (decoded.form !== 'jwt') {
    return {
      kind: undefined,
      header: undefined,
      payload: undefined,
      signature: 'not-checked',
      defects: [formDefect(decoded, options.as)],
    };
  }
  const { compact, header, payload } = decoded;
  const { as, expected = {}, now: clock = Date.now } = options;
  const now = clock() / 1000;
  const looksLike = kindOf(header, payload);
  const kind = as ?? looksLike;
  const { signature, defects } = await checkSignature(compact, header, expected.keys);
  return {
    kind: looksLike,
    header,
    payload,
    signature,
    defects: [
      ...kindDefects(looksLike, as),
      ...memberDefects(decoded.json.header, decoded.json.payload),
      ...headerDefects(header),
      ...signatureDefects(decoded.signature),
      ...claims(),
      ...defects,
    ],
  };

  function* claims(): Iterable<TokenDefect> {
    if (kind === 'client-assertion') {
      yield* assertionHeaderDefects(header, expected.jku);
      yield* assertionClaimDefects(payload, now, expected);
    } else {
      yield* accessTokenHeaderDefects(header);
      yield* accessTokenClaimDefects(payload, now, expected);
    }
    yield* timeDefects(payload, now);
  }
}

/**
 * Tells the two apart. An assertion speaks about its sender (`iss` is `sub`) to a token endpoint and knows no scope; an
 * access token says who may do what; an ID token (OpenID Connect Core §2) carries what only a login has.
 */
function kindOf({ typ }: JsonObject, payload: JsonObject): TokenKind | 'id-token' {
  if (typeof typ === 'string' && /^(?:application\/)?at\+jwt$/i.test(typ)) return 'access-token';
  const has = (claim: string): boolean => claim in payload;
  if (has('scope') || has('scp') || has('client_id')) return 'access-token';
  if (['nonce', 'at_hash', 'c_hash', 'auth_time'].some(has)) return 'id-token';
  return payload['iss'] !== undefined && payload['iss'] === payload['sub']
    ? 'client-assertion'
    : has('azp')
      ? 'access-token'
      : byAudience(payload);
}

/** The odd ones: an assertion whose iss and sub differ still goes to a token endpoint, and has no audience but that. */
function byAudience({ aud }: JsonObject): TokenKind {
  return typeof aud === 'string' && /\/(?:token|oauth2?)(?:[/?]|$)/i.test(aud) ? 'client-assertion' : 'access-token';
}

function* kindDefects(looksLike: TokenKind | 'id-token', as: TokenKind | undefined): Iterable<TokenDefect> {
  if (looksLike === 'id-token') {
    yield must('id-token', 'OpenID Connect Core §2', 'this is an ID token: it is about a login, and opens nothing');
  } else if (as !== undefined && as !== looksLike) {
    yield must(
      'wrong-kind',
      'RFC 8725 §3.11',
      `this looks like an ${looksLike.replace('client-', '')}, not like an ${as.replace('client-', '')}`,
    );
  }
}

function* signatureDefects(signature: string): Iterable<TokenDefect> {
  if (signature === '') yield must('signature-missing', 'RFC 7515 §7.1', 'there is no signature');
}

function formDefect({ form }: Exclude<DecodedToken, { form: 'jwt' }>, as: TokenKind | undefined): TokenDefect {
  switch (form) {
    case 'encrypted':
      return must('encrypted', 'RFC 7516 §3.1', 'this is an encrypted JWT: only its recipient can read it');
    case 'opaque':
      if (as === 'client-assertion')
        return must('malformed', 'RFC 7523 §3', 'a client assertion is a JWT, and this is none');
      return should(
        'opaque',
        'RFC 7662 §1',
        'this is no JWT: only the server that issued it can tell, by introspection',
      );
    case 'malformed':
      return must(
        'malformed',
        'RFC 7519 §7.2',
        'this is no JWT: three parts of base64url, two of them JSON objects, are needed',
      );
  }
}

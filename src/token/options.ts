import { types } from 'node:util';
import { ConfigError } from '../errors.js';
import { readHeaders, readNumber, readString, readStrings, readUrl } from './check-value.js';
import { audienceTest } from './claims.js';
import type { CheckedSettings, IntrospectionSettings, TokenSettings } from './settings.js';
import { readSettings } from './settings.js';

export interface TokenVerifierOptions extends Omit<TokenSettings, 'introspection'> {
  /**
   * Where the issuer publishes its keys (RFC 7517 §5): an `https:` or `http:` URL without credentials. At least one of
   * `jwksEndpoint` and `introspection` is needed; with both, a JWT must pass both.
   */
  readonly jwksEndpoint?: string | undefined;
  /** Headers to send to the JWKS endpoint. */
  readonly jwksHeaders?: Readonly<Record<string, string>> | undefined;
  /** The issuer's introspection server (RFC 7662). Opaque tokens need one. */
  readonly introspection?: IntrospectionVerifierOptions | undefined;
  /** Expected `iss`, compared exactly (RFC 9068 §4): one, or several of which any will do. */
  readonly issuer: string | readonly string[];
  /**
   * Expected `aud`: one, several of which any will do, or an expression. Anchor the expression with `^` and `$`: an unanchored one
   * also matches `https://fhir.example.com.evil.test`.
   */
  readonly audience: string | readonly string[] | RegExp;
  /** The claim that the host reads scopes from, for the answers of an introspection server. Default 'scope'. */
  readonly scopeClaim?: string | undefined;
}

export interface IntrospectionVerifierOptions extends IntrospectionSettings {
  /** The introspection endpoint: an `https:` or `http:` URL without credentials. Redirects are not followed. */
  readonly introspectUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Milliseconds for one exchange. Default 5,000, 1 to 60,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * True if the server calls a token active only when it is meant for this resource server. Then a token without any `aud`, in
   * itself and in the answer, is accepted; an `aud` that is there is checked all the same. Default false.
   */
  readonly vouchesForAudience?: boolean | undefined;
}

/** The options with every default filled in, and everything of the caller's copied. */
export interface CheckedOptions extends Omit<CheckedSettings, 'jwks' | 'introspection'> {
  readonly jwks: (CheckedSettings['jwks'] & { url: string; headers: Record<string, string> }) | undefined;
  readonly introspection: (CheckedSettings['introspection'] & IntrospectionServer) | undefined;
  readonly issuers: ReadonlySet<string>;
  readonly isAudience: (value: string) => boolean;
  readonly scopeClaim: string;
}

interface IntrospectionServer {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly timeoutMs: number;
  readonly vouchesForAudience: boolean;
}

/** Checks the options as a program that is not compiled against the types may have written them. */
export function readOptions(options: TokenVerifierOptions): CheckedOptions {
  const { jwksEndpoint, introspection } = options;
  if (jwksEndpoint === undefined && introspection === undefined) {
    throw new ConfigError('jwksEndpoint', 'is missing, and so is introspection: one of them must prove the tokens');
  }
  const settings = readSettings(options);
  return {
    ...settings,
    jwks:
      jwksEndpoint === undefined
        ? undefined
        : {
            ...settings.jwks,
            url: readUrl('jwksEndpoint', jwksEndpoint),
            headers: readHeaders('jwksHeaders', options.jwksHeaders ?? {}),
          },
    introspection:
      introspection === undefined ? undefined : { ...settings.introspection, ...readServer(introspection) },
    issuers: new Set(readStrings('issuer', options.issuer)),
    isAudience: audienceTest(
      types.isRegExp(options.audience) ? options.audience : readStrings('audience', options.audience),
    ),
    scopeClaim: readString('scopeClaim', options.scopeClaim ?? 'scope'),
  };
}

function readServer(options: IntrospectionVerifierOptions): IntrospectionServer {
  const vouches: unknown = options.vouchesForAudience ?? false;
  if (typeof vouches !== 'boolean') {
    throw new ConfigError('introspection.vouchesForAudience', 'must be a boolean');
  }
  return {
    url: readUrl('introspection.introspectUrl', options.introspectUrl),
    clientId: readString('introspection.clientId', options.clientId),
    clientSecret: readString('introspection.clientSecret', options.clientSecret),
    timeoutMs: readNumber('introspection.timeoutMs', options.timeoutMs, 5_000, [1, 60_000]),
    vouchesForAudience: vouches,
  };
}

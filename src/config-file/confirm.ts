import { ConfigError } from '../errors.js';
import { createTokenVerifier } from '../token/verifier.js';
import { createHandlerFrom } from './create.js';
import type { PathProblem } from './schema/issue.js';
import type { Settings } from './settings.js';

/**
 * Lets those judge the settings who will use them. The schema exists for editors and for telling all mistakes at once;
 * what it lets pass and the handler would not is a mistake all the same.
 */
export function confirm(settings: Settings): readonly PathProblem[] {
  const { smart, token = {}, baseUrl = ANY_BASE, fhirVersion = '4.0.1' } = settings;
  const { jwksEndpoint, jwksHeaders, tokenIntrospection } = smart;
  return problemsIn(() => {
    createHandlerFrom({ ...settings, baseUrl, fhirVersion });
    if (jwksEndpoint === undefined && tokenIntrospection === undefined) return;
    // The handler makes its verifier when the first token comes, which is late for a mistake.
    createTokenVerifier({
      ...token,
      issuer: smart.expectedIssValue,
      audience: smart.expectedAudValue,
      scopeClaim: smart.scopeKey,
      jwksEndpoint,
      jwksHeaders,
      introspection: tokenIntrospection && { ...tokenIntrospection, ...token.introspection },
    });
  });
}

/** For a SMARTConfig by itself, which does not say where its server is. */
const ANY_BASE = 'http://localhost';

function problemsIn(build: () => void): readonly PathProblem[] {
  try {
    build();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [{ path: [], problem: error.message }];
  }
}

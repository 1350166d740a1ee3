import type { DenyDecision } from '../access/decision.js';
import { deny } from '../access/decision.js';
import type { SMARTConfig } from '../config.js';
import { claimAt } from '../identity/claim-path.js';
import type { UserIdentity } from '../identity/identity.js';
import { identityFromClaims, withoutDerivedFields } from '../identity/identity.js';
import { scopeList } from '../scope/list.js';
import { audienceTest } from '../token/claims.js';

/** The claims of a token, as a configuration would read them. */
export type ReadCaller = { readonly identity: UserIdentity } | { readonly denied: DenyDecision };

/**
 * Makes the identity that the handler would make of a token with these claims. Signature and dates are not looked at: there
 * is no token. Issuer and audience are, where the claims have them.
 *
 * @param base Base URL of the server that is asked.
 */
export function callerOf(claims: Readonly<Record<string, unknown>>, smart: SMARTConfig, base: string): ReadCaller {
  const invalid = (name: string): ReadCaller => ({ denied: deny({ code: 'token-invalid', name }) });
  if (Object.hasOwn(claims, 'iss') && claims['iss'] !== smart.expectedIssValue) return invalid('ERR_TOKEN_ISSUER');
  if (Object.hasOwn(claims, 'aud') && !textsIn(claims['aud']).some(audienceTest(smart.expectedAudValue))) {
    return invalid('ERR_TOKEN_AUDIENCE');
  }
  const { user, patient, malformed } = identityFromClaims(claims, smart, base);
  const [level] = malformed;
  if (level !== undefined) return { denied: deny({ code: 'identity-claim-malformed', name: level }) };
  const scopes = [...scopeList(claimAt(claims, smart.scopeKey))];
  return {
    identity: {
      ...withoutDerivedFields(claims),
      scopes,
      usableScopes: scopes,
      ...(user && { fhirUserObject: user }),
      ...(patient && { patientLaunchContext: patient }),
    },
  };
}

function textsIn(claim: unknown): readonly string[] {
  return (Array.isArray(claim) ? claim : [claim]).filter((each): each is string => typeof each === 'string');
}

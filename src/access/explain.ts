import type { Decision, DenyDecision } from './decision.js';
import type { AllowCode, DenyCode, DenyReason } from './reason.js';

const ALLOWED: Readonly<Record<AllowCode, string>> = {
  'scope-covers': 'a scope covers the interaction; the resource itself is still to be judged',
  system: 'the scope is a system scope',
  admin: 'the user is of a type that this server trusts with every resource',
  'admin-rule': 'an admin rule opens the resource to the user',
  self: 'the resource is the identity itself',
  referenced: 'the resource refers to the identity',
  compartment: 'the resource is in the compartment of the identity',
  'shared-type': 'resources of this type belong to nobody and may be read',
  'job-owner': 'the job belongs to the caller',
};

const DENIED: Readonly<Record<DenyCode, string>> = {
  'token-invalid': 'the access token did not verify',
  'tenant-mismatch': 'the identity or the token is not of the tenant that is asked',
  'identity-malformed': 'the identity is incomplete or was not made by verifyAccessToken',
  'scope-missing': 'the token has no scope for FHIR resources',
  'scope-unparsable': 'it is no valid scope',
  'scope-other-type': 'it is about another resource type',
  'scope-lacks-interaction': 'it does not permit the interaction',
  'scope-rule-excludes': 'the ScopeRule of this server does not let it permit the interaction',
  'scope-constraint-unsupported': 'its granular part cannot be evaluated, so it grants nothing',
  'scope-not-for-export': 'no scope can carry this bulk data request',
  'user-missing': 'it is a user scope, and the token names no fhirUser',
  'patient-missing': 'it is a patient scope, and there is no patient in context',
  'identity-claim-malformed': 'the claim that should name the identity does not',
  'constraint-not-met': 'the resource does not meet its granular part',
  'not-referenced': 'the resource does not refer to the identity',
  'not-in-compartment': 'the resource is not in the compartment of the identity',
  'contained-not-covered': 'the resource contains another one that it does not cover',
  'encounter-not-in-context': 'the resource belongs to another encounter than the one in context',
  'resource-missing': 'there is no resource',
  'resource-malformed': 'what should be a resource is none',
  'type-mismatch': 'the resource is of another type than the request says',
  'id-mismatch': 'the resource bears another id than the request',
  'stored-unknown': 'the stored resource is not known, and it has to be covered, too',
  'patch-unusable': 'the patch cannot be applied',
  'operation-unknown': 'the operation is not configured on this server',
  'bulk-user-not-allowed': 'the user is of no type that may export',
  'bulk-operation-unsupported': 'the bulk operation is not supported',
  'job-owner-mismatch': 'the job belongs to somebody else',
  'query-parameter': 'the query parameter would reveal what no scope covers',
  'query-type': 'the query parameter reaches a type that no scope covers',
  'host-rule': 'a rule of this server refuses',
  'internal-error': 'the request could not be judged',
};

/** A decision as text for people: one line for the outcome, one for each reason. It holds no value of any resource. */
export function explainDecision(decision: Decision): string {
  if (decision.decision === 'deny') return explainDenial(decision);
  const { code, grant, path } = decision;
  const by = grant ? ` by ${grant.scope}${grant.identity === undefined ? '' : ` for ${grant.identity}`}` : '';
  return `Allowed${by}: ${ALLOWED[code]}${path === undefined ? '' : ` (at ${path})`}.`;
}

function explainDenial({ reasons }: DenyDecision): string {
  return [
    'Refused:',
    ...reasons.map((reason) => `- ${subjectOfReason(reason)}${DENIED[reason.code]}${detail(reason)}`),
  ].join('\n');
}

function subjectOfReason({ scope }: DenyReason): string {
  return scope === undefined ? '' : `${scope}: `;
}

function detail({ resourceType, state, name, code }: DenyReason): string {
  const parts = [resourceType, state && `${state} state`, name].filter((part) => part !== undefined);
  return `${parts.length === 0 ? '' : ` (${parts.join(', ')})`} [${code}]`;
}

import type { Caller } from './caller.js';
import type { Decision } from './decision.js';
import { allow, deny } from './decision.js';
import type { Grant } from './grant.js';
import type { AccessPolicy } from './policy.js';

/** The grants that may carry a bulk data request, and the decision about it. */
export interface ExportDecision {
  readonly decision: Decision;
  readonly usable: readonly Grant[];
}

/** A bulk data request, as the router describes it. */
export interface ExportRequest {
  readonly operation: string;
  readonly exportType?: string | undefined;
  /** The resource types that are asked for (`_type`): each has to be granted. Undefined for all that may be exported. */
  readonly types?: readonly string[] | undefined;
}

/**
 * Judges a Bulk Data request (Bulk Data Access IG 2, Authorization): only grants that may read, at the system level, or
 * at the user level where the configuration lets trusted users export.
 *
 * - system export: a grant for all types, since it exports all types; one for each type where the request lists them.
 * - Group export: grants for Group and for Patient at least; what is exported is bounded by the types granted.
 * - Patient export, where the policy knows it: a grant for Patient; bounded by the types granted.
 * - status and cancel: any grant that may export; whose job it is, is judged by its owner.
 *
 * A granular grant carries no export: the exporter would have to apply its constraint, and nobody can tell that it does.
 */
export function decideExport(caller: Caller, request: ExportRequest, policy: AccessPolicy): ExportDecision {
  const refuse = (...reason: Parameters<typeof deny>): ExportDecision => ({ decision: deny(...reason), usable: [] });
  // Without a subject a job could not be given an owner, and could be read by everybody else who has none.
  const { sub } = caller.claims;
  if (typeof sub !== 'string' || sub === '') return refuse({ code: 'identity-malformed', name: 'sub' });
  const starts = request.operation === 'initiate-export';
  if (!starts && request.operation !== 'get-status-export' && request.operation !== 'cancel-export') {
    return refuse({ code: 'bulk-operation-unsupported', name: request.operation });
  }
  const { granted, ungranted } = caller.grants;
  const readable = granted.filter((grant) => mayExport(grant, request, policy));
  const usable = starts ? startable(readable, request, policy) : readable;
  const [first] = usable;
  if (!first)
    return refuse({ code: 'scope-not-for-export', name: request.exportType ?? request.operation }, ...ungranted);
  const carrier = usable.find((grant) => carries(grant, policy));
  if (!carrier) return refuse({ code: 'bulk-user-not-allowed', scope: first.scope.text });
  return { decision: allow('scope-covers', carrier), usable };
}

/**
 * A user exports only when the fhirUser is of a type that may, on this server. Whom a rule bounds exports nothing: an
 * exporter knows types, and no rule.
 */
function carries({ subject }: Grant, { bulkDataTypes, adminRules }: AccessPolicy): boolean {
  if (subject === undefined) return true;
  const { local, resourceType } = subject;
  const isBounded = adminRules.some(({ userTypes }) => userTypes.includes(resourceType));
  return local && bulkDataTypes.includes(resourceType) && !isBounded;
}

function mayExport(
  { scope, interactions }: Grant,
  { operation, exportType }: ExportRequest,
  policy: AccessPolicy,
): boolean {
  if (!interactions.has('read') || scope.clauses.length > 0) return false;
  if (scope.level === 'system') return true;
  const startsGroup = operation === 'initiate-export' && exportType !== 'system';
  return scope.level === 'user' && policy.userScopesExport && !startsGroup;
}

function startable(
  grants: readonly Grant[],
  { exportType, types }: ExportRequest,
  policy: AccessPolicy,
): readonly Grant[] {
  const opens =
    (type: string) =>
    ({ scope }: Grant): boolean =>
      scope.type === '*' || scope.type === type;
  const covers = (type: string): boolean => grants.some(opens(type));
  if (types && !types.every((type) => grants.some((grant) => carries(grant, policy) && opens(type)(grant)))) return [];
  if (exportType === 'system') {
    return types
      ? grants.filter((grant) => carries(grant, policy) && types.some((type) => opens(type)(grant)))
      : grants.filter(({ scope }) => scope.type === '*');
  }
  if (exportType === 'group') return covers('Group') && covers('Patient') ? grants : [];
  return exportType === 'patient' && policy.patientExport && covers('Patient') ? grants : [];
}

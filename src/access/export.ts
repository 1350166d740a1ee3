import type { BulkDataAuth } from 'fhir-works-on-aws-interface';
import type { Decision } from './decision.js';
import { allow, deny } from './decision.js';
import type { Grant, Grants } from './grant.js';
import type { AccessPolicy } from './policy.js';

/** The grants that may carry a bulk data request, and the decision about it. */
export interface ExportDecision {
  readonly decision: Decision;
  readonly usable: readonly Grant[];
}

/**
 * Judges a Bulk Data request (Bulk Data Access IG 2, Authorization): only grants that may read, at the system level, or
 * at the user level where the configuration lets trusted users export.
 *
 * - system export: a grant for all types, since it exports all types.
 * - Group export: grants for Group and for Patient at least; what is exported is bounded by the types granted.
 * - status and cancel: any grant that may export; whose job it is, is judged by its owner.
 */
export function decideExport(
  grants: Grants,
  request: BulkDataAuth,
  hasSubject: boolean,
  policy: AccessPolicy,
): ExportDecision {
  const refuse = (...reason: Parameters<typeof deny>): ExportDecision => ({ decision: deny(...reason), usable: [] });
  // Without a subject a job could not be given an owner, and could be read by everybody else who has none.
  if (!hasSubject) return refuse({ code: 'identity-malformed', name: 'sub' });
  const starts = request.operation === 'initiate-export';
  if (!starts && request.operation !== 'get-status-export' && request.operation !== 'cancel-export') {
    return refuse({ code: 'bulk-import-unsupported', name: request.operation });
  }
  const readable = grants.granted.filter((grant) => mayExport(grant, request, policy));
  const usable = starts ? startable(readable, request) : readable;
  const [first] = usable;
  if (!first)
    return refuse({ code: 'scope-not-for-export', name: request.exportType ?? request.operation }, ...grants.ungranted);
  const carrier = usable.find((grant) => grant.subject === undefined || mayExportAs(grant, policy));
  if (!carrier) return refuse({ code: 'bulk-user-not-allowed', scope: first.scope.text });
  return { decision: allow('scope-covers', carrier), usable };
}

function mayExport({ scope, interactions }: Grant, { exportType }: BulkDataAuth, policy: AccessPolicy): boolean {
  if (!interactions.has('read')) return false;
  return scope.level === 'system' || (scope.level === 'user' && policy.userScopesExport && exportType !== 'group');
}

/** A user exports only when the fhirUser is of a type that may, on this server. */
function mayExportAs({ subject }: Grant, policy: AccessPolicy): boolean {
  return subject !== undefined && subject.local && policy.bulkDataTypes.includes(subject.resourceType);
}

function startable(grants: readonly Grant[], { exportType }: BulkDataAuth): readonly Grant[] {
  if (exportType === 'system') return grants.filter((grant) => grant.scope.type === '*');
  if (exportType !== 'group') return [];
  const covers = (type: string): boolean => grants.some(({ scope }) => scope.type === '*' || scope.type === type);
  return covers('Group') && covers('Patient') ? grants : [];
}

import type { Decision } from '../access/decision.js';
import type { DenyReason } from '../access/reason.js';
import { isInteraction } from '../fhir/interactions.js';
import { resourceTypes } from '../fhir/resource-types.js';
import { FHIR_VERSIONS } from '../fhir/version.js';

/** Operations that are told apart; a client may make up the names of others. */
const OPERATIONS: ReadonlySet<string> = new Set([
  '$everything',
  '$export',
  '$lastn',
  '$validate',
  'authenticate',
  'batch',
  'bulk-data',
  'bulk-data-job',
  'bundle',
  'capabilities',
  'health',
  'options',
  'smart-configuration',
]);

/** What was asked, out of a closed list, so that no client can make a metric of its own. */
export function operationLabel(operation: string | undefined): string {
  if (operation === undefined) return 'none';
  return isInteraction(operation) || OPERATIONS.has(operation) ? operation : 'other';
}

const TYPES: ReadonlySet<string> = new Set(FHIR_VERSIONS.flatMap((version) => [...resourceTypes(version)]));

/** A resource type that some version of FHIR has. */
export function typeLabel(resourceType: string | undefined): string | undefined {
  return resourceType === undefined ? undefined : TYPES.has(resourceType) ? resourceType : 'other';
}

/** The parts of a reason that name nobody: a granular scope may hold an id, and a token may hold anything as a scope. */
export function reasonForLog({ code, scope, resourceType, state, name }: DenyReason): DenyReason {
  const plain = scope === undefined ? undefined : plainScope(scope);
  const type = typeLabel(resourceType);
  return {
    code,
    ...(plain !== undefined && { scope: plain }),
    ...(type !== undefined && { resourceType: type }),
    ...(state !== undefined && { state }),
    ...(name !== undefined && isPlainName(name, code) && { name }),
  };
}

/** Clients make up the names of operations; those of parameters are in the definitions or of the server's own. */
function isPlainName(name: string, code: DenyReason['code']): boolean {
  if (code === 'operation-unknown') return operationLabel(name) !== 'other';
  return /^[A-Za-z0-9_.:*-]{1,64}$/.test(name);
}

/** A scope without its granular part; undefined for what is no scope. */
export function plainScope(scope: string): string | undefined {
  return /^(?:patient|user|system)\/(?:[A-Z][A-Za-z]{1,63}|\*)\.(?:[cruds]{1,5}|read|write|\*)(?=\?|$)/.exec(
    scope,
  )?.[0];
}

/** Why, in one code: what allowed, or the first reason of a denial. */
export function codeOf(decision: Decision): string {
  return decision.decision === 'allow' ? decision.code : (decision.reasons[0]?.code ?? 'internal-error');
}

import { compileConstraint } from '../../../src/access/constraint/compile.js';
import type { FhirVersion } from '../../../src/fhir/version.js';
import { parseScope } from '../../../src/scope/parse.js';
import type { ScopeClause } from '../../../src/scope/scope.js';

/** The clauses of a scope that ends in `?query`, read as every scope is read. */
export function clausesOf(query: string): readonly ScopeClause[] {
  const scope = parseScope(`system/*.rs?${query}`);
  if (scope.kind !== 'resource') throw new Error(`no scope: ${query}`);
  return scope.clauses;
}

/** Whether a resource meets the granular part of a scope. */
export function meets(
  version: FhirVersion,
  resourceType: string,
  query: string,
  resource: unknown,
): boolean | 'unsupported' {
  const constraint = compileConstraint(version, resourceType, clausesOf(query));
  return 'matches' in constraint ? constraint.matches(resource) : 'unsupported';
}

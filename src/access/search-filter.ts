import type { SearchFilter } from 'fhir-works-on-aws-interface';
import type { FhirResource } from '../identity/fhir-url.js';
import type { Grant } from './grant.js';
import type { AccessPolicy } from './policy.js';

/**
 * What no FHIR resource can have for an id (the id grammar has no underscore): the filter that finds nothing. An empty
 * list of filters would find everything.
 */
const NOTHING: SearchFilter = { key: 'id', value: ['_none_'], comparisonOperator: '==', logicalOperator: 'AND' };

/**
 * The filters with which a host searches only what the grants can open. It is a help against expensive searches, not
 * the guard: it may find more than the caller may see, and every result is judged afterwards. It finds less in one case:
 * a host compares by equality, and does not find what names the caller with a version (`Patient/p1/_history/2`).
 *
 * @param grants The grants that cover the interaction on the type searched.
 */
export function searchFilters(
  grants: readonly Grant[],
  resourceType: string | undefined,
  identity: { readonly user: FhirResource | undefined; readonly patient: FhirResource | undefined },
  policy: Pick<AccessPolicy, 'membership' | 'adminRules'>,
): SearchFilter[] {
  if (grants.length === 0) return [NOTHING];
  if (opensBeyondReferences(resourceType, policy)) return [];
  const references = new Set<string>();
  const ids = new Set<string>();
  for (const level of ['user', 'patient'] as const) {
    const subject = grants.find((grant) => grant.scope.level === level)?.subject;
    const resource = identity[level];
    if (!subject || !resource) continue;
    references.add(`${resource.hostname}/${subject.relative}`);
    // On a foreign host neither the relative reference nor the id means this identity.
    if (!subject.local) continue;
    references.add(subject.relative);
    if (subject.resourceType === resourceType) ids.add(subject.id);
  }
  if (grants.some(({ subject }) => subject === undefined || subject.admin)) return [];
  const filters = [anyOf('_references', references)];
  if (ids.size > 0) filters.push(anyOf('id', ids));
  return filters;
}

/** Whether resources can be covered that do not refer to the identity: these no filter by references may hide. */
export function opensBeyondReferences(
  resourceType: string | undefined,
  { membership: { sharedTypes }, adminRules }: Pick<AccessPolicy, 'membership' | 'adminRules'>,
): boolean {
  if (resourceType === undefined) return sharedTypes.size > 0 || adminRules.length > 0;
  return sharedTypes.has(resourceType) || adminRules.some((rule) => rule.resourceType === resourceType);
}

function anyOf(key: string, values: ReadonlySet<string>): SearchFilter {
  return { key, value: [...values], comparisonOperator: '==', logicalOperator: 'OR' };
}

import type { ClaimedIdentity } from '../identity/identity.js';
import type { ScopeParser } from '../scope/list.js';
import type { Grants } from './grant.js';
import { grantsOf } from './grant.js';
import type { AccessPolicy } from './policy.js';

/** Callers at once whose grants are kept; few kilobytes each. */
const MAX_CALLERS = 500;

/** Characters of the largest list of scopes that is kept, so that the kept ones stay within a few megabytes. */
const MAX_LENGTH = 8_192;

/**
 * {@link grantsOf}, remembered: a caller comes back with the same scopes request by request, and whatever the judge works
 * out for its grants need not be worked out again. The same object is returned for the same scopes and identities.
 *
 * Bounded, because scopes and identities come from tokens; when full it starts anew.
 */
export function knownGrants(
  scopes: readonly string[],
  identity: ClaimedIdentity,
  base: string,
  policy: AccessPolicy,
  parser: ScopeParser,
): Grants {
  // In JSON no two lists read alike, whatever characters a scope has.
  const key = JSON.stringify([base, namedBy(identity.user), namedBy(identity.patient), scopes]);
  let known = remembered.get(policy);
  if (known?.parser !== parser) remembered.set(policy, (known = { parser, grants: new Map<string, Grants>() }));
  const found = known.grants.get(key);
  if (found !== undefined) return found;
  const grants = grantsOf(scopes, identity, base, policy, parser);
  if (known.grants.size >= MAX_CALLERS) known.grants.clear();
  if (key.length <= MAX_LENGTH) known.grants.set(key, grants);
  return grants;
}

function namedBy(resource: ClaimedIdentity['user']): readonly string[] | null {
  return resource === undefined ? null : [resource.hostname, resource.resourceType, resource.id];
}

interface Known {
  readonly parser: ScopeParser;
  readonly grants: Map<string, Grants>;
}

const remembered = new WeakMap<AccessPolicy, Known>();

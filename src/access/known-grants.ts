import type { FhirResource } from '../identity/fhir-url.js';
import type { ClaimedIdentity } from '../identity/identity.js';
import type { ScopeParser } from '../scope/list.js';
import type { Grants } from './grant.js';
import { grantsOf } from './grant.js';
import type { AccessPolicy } from './policy.js';

/** Callers at once whose grants are kept; few kilobytes each. */
const MAX_CALLERS = 500;

/** Callers among them that are looked up one after the other: those of one name. */
const MAX_NAMESAKES = 32;

/** Characters of scopes and base URLs of a caller that is kept, so that the kept ones stay within a few megabytes. */
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
  let known = remembered.get(policy);
  if (known?.parser !== parser) remembered.set(policy, (known = new KnownCallers(parser)));
  const found = known.find(scopes, identity, base);
  if (found !== undefined) return found;
  const grants = grantsOf(scopes, identity, base, policy, parser);
  known.add({ scopes: [...scopes], user: copyOf(identity.user), patient: copyOf(identity.patient), base, grants });
  return grants;
}

/** All that grants depend on beside policy and parser, and the grants. */
interface KnownCaller extends ClaimedIdentity {
  readonly scopes: readonly string[];
  readonly base: string;
  readonly grants: Grants;
}

/**
 * Finds callers by comparing all that makes them up, so that no two are ever taken for one another. A text made of all of
 * it would have to be put together and hashed for each request, which takes longer than to compare what is nearly always
 * the same string.
 */
class KnownCallers {
  readonly parser: ScopeParser;
  readonly #byName = new Map<string, KnownCaller[]>();
  #size = 0;

  constructor(parser: ScopeParser) {
    this.parser = parser;
  }

  find(scopes: readonly string[], identity: ClaimedIdentity, base: string): Grants | undefined {
    const namesakes = this.#byName.get(nameOf(scopes, identity));
    if (namesakes === undefined) return undefined;
    for (const each of namesakes) {
      if (each.base === base && isSame(each.patient, identity.patient) && isSame(each.user, identity.user)) {
        if (areSame(each.scopes, scopes)) return each.grants;
      }
    }
    return undefined;
  }

  add(caller: KnownCaller): void {
    if (lengthOf(caller) > MAX_LENGTH) return;
    if (this.#size >= MAX_CALLERS) {
      this.#byName.clear();
      this.#size = 0;
    }
    const name = nameOf(caller.scopes, caller);
    const namesakes = this.#byName.get(name) ?? [];
    if (namesakes.length >= MAX_NAMESAKES) this.#size -= namesakes.splice(0).length;
    namesakes.push(caller);
    this.#byName.set(name, namesakes);
    this.#size += 1;
  }
}

/** Tells most callers apart: whom they are about, or, for a system, what it may do first. */
function nameOf(scopes: readonly string[], { patient, user }: ClaimedIdentity): string {
  return patient?.id ?? user?.id ?? scopes[0] ?? '';
}

function isSame(one: FhirResource | undefined, other: FhirResource | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.id === other.id && one.resourceType === other.resourceType && one.hostname === other.hostname;
}

function areSame(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at += 1) {
    if (some[at] !== others[at]) return false;
  }
  return true;
}

function lengthOf({ scopes, user, patient, base }: KnownCaller): number {
  const bases = base.length + (user?.hostname.length ?? 0) + (patient?.hostname.length ?? 0);
  return scopes.reduce((length, scope) => length + scope.length + 1, bases);
}

/** What is kept must not change with what the caller holds. */
function copyOf(resource: FhirResource | undefined): FhirResource | undefined {
  return resource === undefined ? undefined : { ...resource };
}

const remembered = new WeakMap<AccessPolicy, KnownCallers>();

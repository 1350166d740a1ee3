import type { Decision } from '../access/decision.js';
import type { FilteredBundle } from '../access/read-filter.js';
import { SMARTHandler } from '../handler.js';
import type { UserIdentity } from '../identity/identity.js';
import type { AuthenticateRequest, FilterBundleRequest, GatedSearch, KnownRequest, KnownSearch } from '../requests.js';

/** What a handler is asked, each in two forms: one that waits, and one that need not. */
type Method = 'authenticate' | 'decide' | 'authorizeSearch' | 'filterBundle';

const ownMethod = (name: Method): unknown => Reflect.get(SMARTHandler.prototype, name);

/** The methods as they are when this is loaded: a prototype may be patched later. */
const OWN: Readonly<Record<Method, unknown>> = {
  authenticate: ownMethod('authenticate'),
  decide: ownMethod('decide'),
  authorizeSearch: ownMethod('authorizeSearch'),
  filterBundle: ownMethod('filterBundle'),
};

/**
 * Whether a handler answers by its own method. A subclass, a proxy or whoever has put another in the place wants that one to
 * be asked, about everything: the form that need not wait would go past it.
 */
function isOwn(handler: SMARTHandler, name: Method): boolean {
  return handler[name] === OWN[name];
}

/** A host's method may give a promise of another kind, or throw on the spot. */
async function later<T>(ask: () => Promise<T>): Promise<T> {
  return ask();
}

/** Whether all that a response is judged by is answered at once. */
export function answersAtOnce(handler: SMARTHandler): boolean {
  return isOwn(handler, 'decide') && isOwn(handler, 'filterBundle');
}

/** Who presents a token: at once for one that was proved before. */
export function authenticate(
  handler: SMARTHandler,
  request: AuthenticateRequest,
): UserIdentity | Promise<UserIdentity> {
  const known = isOwn(handler, 'authenticate') ? handler.authenticateAtOnce(request) : undefined;
  return known ?? later(() => handler.authenticate(request));
}

/** The decision by what is given. */
export function decide(handler: SMARTHandler, request: KnownRequest): Decision | Promise<Decision> {
  return isOwn(handler, 'decide') ? handler.decideAtOnce(request) : later(() => handler.decide(request));
}

/** What becomes of a search. */
export function authorizeSearch(handler: SMARTHandler, request: KnownSearch): GatedSearch | Promise<GatedSearch> {
  return isOwn(handler, 'authorizeSearch')
    ? handler.authorizeSearchAtOnce(request)
    : later(() => handler.authorizeSearch(request));
}

/** What is left of a Bundle. */
export function filterBundle(
  handler: SMARTHandler,
  request: FilterBundleRequest,
): FilteredBundle | Promise<FilteredBundle> {
  return isOwn(handler, 'filterBundle')
    ? handler.filterBundleAtOnce(request)
    : later(() => handler.filterBundle(request));
}

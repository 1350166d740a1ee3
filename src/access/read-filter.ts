import type { Judge } from './judge.js';
import { typeOf } from './judge.js';
import { isFhirId } from '../identity/fhir-url.js';

/** A Bundle with the entries that may be seen, and how many could not. */
export interface FilteredBundle {
  readonly bundle: Readonly<Record<string, unknown>>;
  readonly kept: number;
  readonly dropped: number;
}

/**
 * Keeps the entries of a search or history Bundle that are covered, each by its own type and its own grant: what an
 * include brought in is judged like any other. The Bundle that came in is not changed.
 */
export function filterBundle(bundle: Readonly<Record<string, unknown>>, judge: Judge): FilteredBundle {
  const entries = Array.isArray(bundle['entry']) ? (bundle['entry'] as readonly unknown[]) : [];
  const kept: unknown[] = [];
  let keptMatches = 0;
  let droppedMatches = 0;
  for (const entry of entries) {
    const visible = isVisible(entry, judge);
    if (visible) kept.push(entry);
    if (isMatch(entry)) {
      if (visible) keptMatches += 1;
      else droppedMatches += 1;
    }
  }
  const counted = withSafeCounts(bundle, keptMatches, droppedMatches, judge.isPartial());
  return { bundle: { ...counted, entry: kept }, kept: kept.length, dropped: entries.length - kept.length };
}

function isVisible(entry: unknown, judge: Judge): boolean {
  if (!isRecord(entry)) return false;
  const { resource } = entry;
  if (resource !== undefined && resource !== null) return judge.allows(resource);
  const deleted = deletedIn(entry);
  return deleted !== undefined && judge.allowsUnseen(deleted.resourceType, deleted.id);
}

/** What the DELETE entry of a history was about (FHIR R4, 3.1.0.12 history): its url is `Type/id`. */
function deletedIn(entry: Readonly<Record<string, unknown>>): { resourceType: string; id: string } | undefined {
  const { request } = entry;
  if (!isRecord(request) || request['method'] !== 'DELETE' || typeof request['url'] !== 'string') return undefined;
  const [resourceType = '', id = '', ...rest] = request['url'].split('/');
  return rest.length === 0 && /^[A-Z][A-Za-z]+$/.test(resourceType) && isFhirId(id) ? { resourceType, id } : undefined;
}

/** FHIR R4, Bundle.search.mode: only `match` counts in the total; an entry without a mode is a match. */
function isMatch(entry: unknown): boolean {
  if (!isRecord(entry) || !isRecord(entry['search'])) return true;
  return (entry['search']['mode'] ?? 'match') === 'match';
}

/**
 * The total without what was dropped. It stays absent where it was absent, never says less than what is shown, and
 * equals what is shown when the Bundle is the whole result: a larger number would count what the caller may not see.
 *
 * Where grants open only a part of what they refer to (granular scopes, a rule of the host's), no filter of the host's
 * can have bounded the other pages: there the total, and the link to the last page, would tell how much is hidden.
 */
function withSafeCounts(
  bundle: Readonly<Record<string, unknown>>,
  kept: number,
  dropped: number,
  partial: boolean,
): Readonly<Record<string, unknown>> {
  const { total, ...uncounted } = bundle;
  const { link } = bundle;
  if (!Array.isArray(link) || !link.some(leadsToAnotherPage)) {
    return typeof total === 'number' ? { ...bundle, total: kept } : uncounted;
  }
  if (!partial) return typeof total === 'number' ? { ...bundle, total: Math.max(total - dropped, kept) } : uncounted;
  return { ...uncounted, link: link.filter((each) => !isRecord(each) || each['relation'] !== 'last') };
}

function leadsToAnotherPage(link: unknown): boolean {
  return isRecord(link) && ['next', 'previous', 'prev'].includes(link['relation'] as string);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a response is a Bundle of results that has to be judged entry by entry. */
export function isBundle(response: unknown): response is Readonly<Record<string, unknown>> {
  return typeOf(response) === 'Bundle';
}

import type { Judge } from './judge.js';
import { typeOf } from './judge.js';
import { isFhirId } from '../identity/fhir-url.js';
import { isJsonObject } from '../json-object.js';

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
  for (const entry of entries) {
    if (isVisible(entry, judge)) kept.push(entry);
  }
  const filtered = withEntries(bundle, entries, kept, judge.isPartial());
  return { bundle: filtered, kept: kept.length, dropped: entries.length - kept.length };
}

function isVisible(entry: unknown, judge: Judge): boolean {
  if (!isJsonObject(entry)) return false;
  const { resource } = entry;
  if (resource !== undefined && resource !== null) return judge.allows(resource);
  const deleted = deletedIn(entry);
  return deleted !== undefined && judge.allowsUnseen(deleted.resourceType, deleted.id);
}

/** What the DELETE entry of a history was about (FHIR R4, 3.1.0.12 history): its url is `Type/id`. */
function deletedIn(entry: Readonly<Record<string, unknown>>): { resourceType: string; id: string } | undefined {
  const { request } = entry;
  if (!isJsonObject(request) || request['method'] !== 'DELETE' || typeof request['url'] !== 'string') return undefined;
  const [resourceType = '', id = '', ...rest] = request['url'].split('/');
  return rest.length === 0 && /^[A-Z][A-Za-z]+$/.test(resourceType) && isFhirId(id) ? { resourceType, id } : undefined;
}

/** FHIR R4, Bundle.search.mode: only `match` counts in the total; an entry without a mode is a match. */
function isMatch(entry: unknown): boolean {
  if (!isJsonObject(entry) || !isJsonObject(entry['search'])) return true;
  return (entry['search']['mode'] ?? 'match') === 'match';
}

/**
 * The Bundle with the entries that are shown, and its total without what was dropped. That stays absent where it was
 * absent, never says less than what is shown, and equals what is shown when the Bundle is the whole result: a larger
 * number would count what the caller may not see.
 *
 * Where grants open only a part of what they refer to (granular scopes, a rule of the host's), no filter of the host's
 * can have bounded the other pages: there the total, and the link to the last page, would tell how much is hidden.
 */
function withEntries(
  bundle: Readonly<Record<string, unknown>>,
  entries: readonly unknown[],
  entry: readonly unknown[],
  partial: boolean,
): Readonly<Record<string, unknown>> {
  const { link, total } = bundle;
  const isPage = Array.isArray(link) && link.some(leadsToAnotherPage);
  if (typeof total === 'number' && !(isPage && partial)) {
    const shown = countMatches(entry);
    // What became of the matches that are not shown counts on a page alone.
    return { ...bundle, total: isPage ? Math.max(total - (countMatches(entries) - shown), shown) : shown, entry };
  }
  const uncounted: Record<string, unknown> = { ...bundle, entry };
  delete uncounted['total'];
  if (isPage && partial) uncounted['link'] = link.filter((each) => !isJsonObject(each) || each['relation'] !== 'last');
  return uncounted;
}

function countMatches(entries: readonly unknown[]): number {
  let count = 0;
  for (const entry of entries) if (isMatch(entry)) count += 1;
  return count;
}

function leadsToAnotherPage(link: unknown): boolean {
  return isJsonObject(link) && ['next', 'previous', 'prev'].includes(link['relation'] as string);
}

/** Whether a response is a Bundle of results that has to be judged entry by entry. */
export function isBundle(response: unknown): response is Readonly<Record<string, unknown>> {
  return typeOf(response) === 'Bundle';
}

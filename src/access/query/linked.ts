import type { FhirVersion } from '../../fhir/version.js';
import type { JsonObject } from '../../json-object.js';
import { isJsonObject } from '../../json-object.js';
import { reverseIncludes } from './include.js';
import type { Parameter } from './verdict.js';

/** How deep a resource is followed: deeper than any element of the definitions lies without recursion. */
const MAX_DEPTH = 64;

const HISTORY = /\/_history\/[A-Za-z0-9\-.]{1,64}$/;

/**
 * Of the entries of a search result that may be seen, those that what may be seen accounts for: the matches, what they
 * refer to, what refers to them in a way that a `_revinclude` of the query asks for, and so on by way of these.
 *
 * For a result out of which something was dropped. What a dropped entry brought in by `_include` or `_revinclude` would
 * tell about it even where the included resource itself may be seen: that there is a match, and whom it concerns. How an
 * include got there is not written in a Bundle, so it is told by the references. Canonical ones count as well.
 *
 * What still cannot be told: an entry that is brought in both by what may be seen and by what may not stays; so does
 * one that a visible entry refers to at another element than the include goes by, or that refers to a visible one so;
 * and one that is a step further away than a server may go without `:iterate`.
 *
 * Linear in the size of the entries. They come back as they were, in their order.
 *
 * @param parameters The query, as the server was asked.
 */
export function linkedEntries(
  entries: readonly unknown[],
  version: FhirVersion,
  parameters: readonly Parameter[],
): readonly unknown[] {
  if (!entries.some(isIncluded)) return entries;
  return linkedTo(entries, (entry) => !isIncluded(entry), reverseIncludes(version, parameters));
}

/**
 * Of what `$everything` gathered and may be seen, those that what may be seen accounts for: what it was called on and
 * patients, what refers to one of these, what all of these refer to, and so on; and a Provenance of any of them. A
 * practitioner whom everybody may see would tell of the encounter that is hidden.
 *
 * @param focus The type that it was called on, and the id if there was one.
 */
export function gatheredEntries(
  entries: readonly unknown[],
  focus: { readonly resourceType?: string; readonly id?: string },
): readonly unknown[] {
  const { resourceType, id } = focus;
  const isFocus = (type: unknown, own: unknown): boolean =>
    type === 'Patient' || (type === resourceType && (id === undefined || own === id));
  const isRoot = (entry: unknown, references: ReadonlySet<string>): boolean => {
    if (isFocus(typeIn(entry), resourceIn(entry)['id'])) return true;
    // By its name: what it was called on may be on another page.
    for (const reference of references) {
      const [own, type] = reference.split('/').reverse();
      if (isFocus(type, own)) return true;
    }
    return false;
  };
  return linkedTo(entries, isRoot, (from) => from === 'Provenance');
}

/**
 * The entries to which references lead from some of them; back from what is referred to where `comesBack` says so. Each
 * name is followed once, however many entries bear it.
 */
function linkedTo(
  entries: readonly unknown[],
  isRoot: (entry: unknown, references: ReadonlySet<string>) => boolean,
  comesBack: (from: string, to: string) => boolean,
): readonly unknown[] {
  const bearers = groupedBy(entries, namesOf);
  const references = new Map(entries.map((entry) => [entry, referencesIn(entry)]));
  const referencesOf = (entry: unknown): ReadonlySet<string> => references.get(entry) ?? new Set();
  const referrers = groupedBy(entries, referencesOf);
  const followed = new Set<string>();
  // A set also visits what is added while it is walked.
  const reached = new Set(entries.filter((entry) => isRoot(entry, referencesOf(entry))));
  const follow = (way: string, found: readonly unknown[] | undefined, leads: (entry: unknown) => boolean): void => {
    if (followed.has(way)) return;
    followed.add(way);
    for (const entry of found ?? []) if (leads(entry)) reached.add(entry);
  };
  for (const entry of reached) {
    for (const name of referencesOf(entry)) follow(`> ${name}`, bearers.get(name), () => true);
    const type = typeIn(entry);
    for (const name of namesOf(entry)) {
      follow(`${type} < ${name}`, referrers.get(name), (other) => comesBack(typeIn(other), type));
    }
  }
  return entries.filter((entry) => reached.has(entry));
}

function groupedBy(
  entries: readonly unknown[],
  keysOf: (entry: unknown) => Iterable<string>,
): ReadonlyMap<string, readonly unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const entry of entries) {
    for (const key of keysOf(entry)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [entry]);
      else group.push(entry);
    }
  }
  return groups;
}

/** FHIR R4, Bundle.entry.search.mode: what is no `include` is a match, or a message about the search. */
function isIncluded(entry: unknown): boolean {
  return isJsonObject(entry) && isJsonObject(entry['search']) && entry['search']['mode'] === 'include';
}

/** The resource of an entry; one without any member where there is none. */
function resourceIn(entry: unknown): JsonObject {
  const resource = isJsonObject(entry) ? entry['resource'] : undefined;
  return isJsonObject(resource) ? resource : {};
}

/** The type of an entry's resource; empty where it has none. */
function typeIn(entry: unknown): string {
  const { resourceType } = resourceIn(entry);
  return typeof resourceType === 'string' ? resourceType : '';
}

/** What an entry's resource may be referred to by: type and id, the full URL, and the canonical URL of an artifact. */
function namesOf(entry: unknown): readonly string[] {
  if (!isJsonObject(entry) || !isJsonObject(entry['resource'])) return [];
  const { resourceType, id, url } = entry['resource'];
  const relative = typeof resourceType === 'string' && typeof id === 'string' ? `${resourceType}/${id}` : undefined;
  const names = [relative, entry['fullUrl'], url].filter((name): name is string => typeof name === 'string');
  return [...new Set(names)];
}

/** The literal references in an entry's resource, and the texts that could be canonicals, both without a version. */
function referencesIn(entry: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  if (isJsonObject(entry)) collect(entry['resource'], '', 0, found);
  return found;
}

function collect(value: unknown, property: string, depth: number, found: Set<string>): void {
  if (typeof value === 'string') {
    if (property === 'reference') found.add(value.replace(HISTORY, ''));
    else if (value.includes(':')) found.add(value.split('|', 1)[0] ?? value);
  } else if (depth > MAX_DEPTH) {
    return;
  } else if (Array.isArray(value)) {
    for (const member of value) collect(member, property, depth + 1, found);
  } else if (isJsonObject(value)) {
    for (const [name, member] of Object.entries(value)) collect(member, name, depth + 1, found);
  }
}

import { isJsonObject } from '../json-object.js';
import type { JsonObject } from '../json-object.js';

/** As deep as the judge follows a resource, and a little more. */
const MAX_DEPTH = 100;

/**
 * What is left of a resource when only the question is to be answered whose it is: its type, its id, its references, and
 * the types of what it contains. What stands in it about people, their names for references included, is gone; of a
 * reference by an identifier or a name it stays that there is one.
 *
 * Every decision that depends on references stays the same. One that depends on values does not: those of granular
 * scopes (`?category=…`) and of the host's own rule.
 */
export function onlyReferences(resource: unknown): unknown {
  if (resource === undefined || resource === null) return resource;
  // No resource is told from none.
  if (!isJsonObject(resource)) return false;
  const { resourceType, id, contained } = resource;
  const found = referencesIn(resource, 0);
  return {
    ...(typeof resourceType === 'string' && { resourceType }),
    ...(typeof id === 'string' && { id }),
    ...(isJsonObject(found) && found),
    // What is no list of resources is refused as such, where contained resources are judged.
    ...(contained !== undefined &&
      contained !== null && { contained: Array.isArray(contained) ? contained.map(onlyReferences) : false }),
  };
}

/** The same for a Bundle of results, and for what it tells of each entry beside its resource. */
export function onlyReferencesOfBundle(bundle: unknown): unknown {
  if (!isJsonObject(bundle)) return null;
  const { resourceType, type, entry } = bundle;
  return {
    resourceType,
    type,
    ...(entry !== undefined && { entry: Array.isArray(entry) ? entry.map(onlyReferencesOfEntry) : null }),
  };
}

function onlyReferencesOfEntry(entry: unknown): unknown {
  if (!isJsonObject(entry)) return null;
  const { resource, search, request } = entry;
  return {
    ...(resource !== undefined && { resource: onlyReferences(resource) }),
    ...(isJsonObject(search) && { search: { mode: search['mode'] === 'include' ? 'include' : 'match' } }),
    ...(isJsonObject(request) && isDeletion(request) && { request: { method: 'DELETE', url: request['url'] } }),
  };
}

/** The entry of a history of which there is nothing but the type and the id. */
function isDeletion({ method, url }: JsonObject): boolean {
  return method === 'DELETE' && typeof url === 'string' && /^[A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64}$/.test(url);
}

function referencesIn(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) return undefined;
  if (Array.isArray(value)) {
    const kept = value.map((each) => referencesIn(each, depth + 1)).filter((each) => each !== undefined);
    return kept.length > 0 ? kept : undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { reference } = value;
  const members = Object.entries(value)
    .filter(([name]) => depth > 0 || name !== 'contained')
    .map(([name, member]) => [name, referencesIn(member, depth + 1)] as const)
    .filter(([, member]) => member !== undefined);
  // A conditional reference is a search, by names and numbers of people; it refers to nobody before it has run.
  if (typeof reference === 'string' && /^[^\s?]{1,2048}$/.test(reference)) members.push(['reference', reference]);
  if (members.length > 0) return Object.fromEntries(members);
  // A reference that names somebody in another way takes access away where one that is absent would not.
  return depth > 0 && Object.keys(value).every((name) => OF_REFERENCES.has(name)) ? {} : undefined;
}

/** The elements of a Reference (FHIR R4, 2.3.0). */
const OF_REFERENCES = new Set(['reference', 'type', 'identifier', 'display', 'id', 'extension']);

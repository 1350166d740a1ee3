/**
 * Whether a body that is to be written holds a reference by a search (FHIR R4, 3.1.0.11.1.3 conditional references).
 * Nobody can judge what it will point to, and what the server finds or does not find would tell of resources that the
 * caller may not see. The standard has them in transactions alone; some servers follow them in any write.
 *
 * @param value A resource, a merge patch, or the operations of a JSON Patch.
 */
export function hasConditionalReference(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth > 100) return true;
  const { reference, path, from, value: added } = value as Readonly<Record<string, unknown>>;
  if (isSearch(reference)) return true;
  // RFC 6902, 4: an operation that sets the reference itself, to a text that comes with it or that stands elsewhere.
  if (isReference(path) && (isSearch(added) || (typeof from === 'string' && !isReference(from)))) return true;
  return Object.values(value).some((member) => hasConditionalReference(member, depth + 1));
}

function isReference(path: unknown): boolean {
  return typeof path === 'string' && path.endsWith('/reference');
}

function isSearch(reference: unknown): boolean {
  // Some servers take a list of one for the one.
  if (Array.isArray(reference)) return reference.some(isSearch);
  return typeof reference === 'string' && reference.includes('?');
}

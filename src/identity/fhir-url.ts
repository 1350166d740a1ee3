/** A FHIR resource that a claim names, in the shape of fhir-works-on-aws-authz-smart. */
export interface FhirResource {
  /** Base URL of the server that holds it, without a trailing slash: `https://fhir.example.org/r4`. */
  hostname: string;
  resourceType: string;
  id: string;
}

/** FHIR R4, 2.24.0.1 id: 1 to 64 of these; `.` and `..` would be path segments, so they are no ids here. */
export function isFhirId(text: string): boolean {
  return /^[A-Za-z0-9\-.]{1,64}$/.test(text) && text !== '.' && text !== '..';
}

/**
 * A base URL in one spelling: scheme and host in lower case, no default port, no trailing slash. Undefined for what is
 * no base of a FHIR server: other schemes, user info, a query or a fragment, dot segments.
 */
export function normalizeBaseUrl(text: string): string | undefined {
  if (text.length > MAX_BASE_URL) return undefined;
  const known = normalised.get(text);
  if (known !== undefined) return known;
  const base = readBaseUrl(text);
  if (base !== undefined) {
    if (normalised.size >= MAX_KNOWN) normalised.clear();
    normalised.set(text, base);
  }
  return base;
}

const MAX_BASE_URL = 2048;

/** Every request comes with the same few base URLs, of the server and of identities. Bounded, as clients may name others. */
const normalised = new Map<string, string>();
const MAX_KNOWN = 200;

function readBaseUrl(text: string): string | undefined {
  const match = /^(https?):\/\/([^/?#@\s\\]+)((?:\/[^?#\s\\]*)?)$/i.exec(text);
  if (!match) return undefined;
  const [, scheme = '', authority = '', path = ''] = match;
  const segments = path.split('/');
  if (segments.includes('.') || segments.includes('..')) return undefined;
  const lower = scheme.toLowerCase();
  const host = authority.toLowerCase().replace(lower === 'https' ? /:443$/ : /:80$/, '');
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end -= 1;
  return `${lower}://${host}${path.slice(0, end)}`;
}

/**
 * Splits `https://host/base/Patient/p1` or `Patient/p1` into base, type and id. A relative text has no base. Undefined
 * for anything that is not exactly one resource.
 */
export function parseFhirUrl(text: string): { base: string | undefined; resourceType: string; id: string } | undefined {
  if (text.length > 4096) return undefined;
  const idAt = text.lastIndexOf('/') + 1;
  const typeEnd = idAt - 1;
  if (typeEnd < 1) return undefined;
  const typeAt = text.lastIndexOf('/', typeEnd - 1) + 1;
  const resourceType = text.slice(typeAt, typeEnd);
  const id = text.slice(idAt);
  if (!/^[A-Z][A-Za-z]+$/.test(resourceType) || !isFhirId(id)) return undefined;
  if (typeAt === 0) return { base: undefined, resourceType, id };
  const base = text.slice(0, typeAt - 1);
  // FHIR R4, 2.3.0 References: the characters that a base URL has in a reference.
  if (!/^https?:\/\/[A-Za-z0-9\-.:%$/]+$/.test(base) || normalizeBaseUrl(base) === undefined) return undefined;
  return { base, resourceType, id };
}

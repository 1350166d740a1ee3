import type { FhirResource } from '../identity/fhir-url.js';
import { normalizeBaseUrl } from '../identity/fhir-url.js';

/** An identity that a grant is joined with, prepared for comparison with references. */
export interface Subject {
  readonly level: 'user' | 'patient';
  readonly resourceType: string;
  readonly id: string;
  /** On the server that is asked: only then do relative references and ids mean this identity. */
  readonly local: boolean;
  /** Of an admin type, on the server that is asked. */
  readonly admin: boolean;
  /** `Patient/p1` */
  readonly relative: string;
  /** The absolute references that name it: as the claim spells its base, and in the normalised spelling. */
  readonly absolute: readonly string[];
}

/** @param base Normalised base URL of the server that is asked. */
export function subjectOf(
  level: Subject['level'],
  resource: FhirResource,
  base: string,
  adminTypes: readonly string[],
): Subject | undefined {
  // An identity without a host is one of the server that is asked: a relative claim, and a host that names no base URL.
  const home = resource.hostname === '' ? base : normalizeBaseUrl(resource.hostname);
  if (home === undefined) return undefined;
  const { resourceType, id } = resource;
  const relative = `${resourceType}/${id}`;
  const local = home === base;
  return {
    level,
    resourceType,
    id,
    local,
    admin: level === 'user' && local && adminTypes.includes(resourceType),
    relative,
    absolute: [...new Set([`${resource.hostname.replace(/\/+$/, '') || home}/${relative}`, `${home}/${relative}`])],
  };
}

/**
 * Whether a literal reference (FHIR R4, 2.3.0.1) names the subject. The version part is dropped, the base of an
 * absolute reference is compared in its normal spelling. Contained (`#p1`), `urn:` and logical references name nobody:
 * they cannot be resolved to an identity.
 */
export function refersTo(reference: string, subject: Subject): boolean {
  const { relative } = subject;
  if (reference === relative) return subject.local;
  // Most references are too short to be this one with a version.
  const end = reference.length < relative.length + MIN_VERSION ? reference.length : endOfUnversioned(reference);
  const at = end - relative.length;
  // Nearly always it ends here: the reference names somebody else, and its id mostly has another last character.
  if (at < 0 || reference.charCodeAt(end - 1) !== relative.charCodeAt(relative.length - 1)) return false;
  if (!reference.endsWith(relative, end)) return false;
  if (at === 0) return subject.local;
  if (subject.absolute.includes(reference)) return true;
  const base = reference.slice(0, at);
  // The grammar of references knows the schemes in lower case only (FHIR R4, 2.3.0.1, the expression for URLs).
  if (!base.endsWith('/') || !/^https?:/.test(base)) return false;
  return subject.absolute.includes(`${normalizeBaseUrl(base) ?? ''}/${relative}`);
}

const SLASH = 0x2f;
const HISTORY = '/_history';
const MIN_VERSION = '/_history/1'.length;

/** Where the version part of a reference begins, or where the reference ends. Looks at the last 65 characters alone. */
function endOfUnversioned(reference: string): number {
  const { length } = reference;
  let slash = length - 2;
  while (slash >= 0 && slash >= length - 65 && reference.charCodeAt(slash) !== SLASH) slash -= 1;
  if (!reference.endsWith(HISTORY, slash)) return length;
  return /^[A-Za-z0-9\-.]{1,64}$/.test(reference.slice(slash + 1)) ? slash - HISTORY.length : length;
}

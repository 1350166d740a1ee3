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
  if (reference === subject.relative) return subject.local;
  if (subject.absolute.includes(reference)) return true;
  // The common case ends here: the reference names somebody else.
  const at = reference.lastIndexOf(subject.relative);
  if (at === -1) return false;
  const version = reference.slice(at + subject.relative.length);
  if (version !== '' && !/^\/_history\/[A-Za-z0-9\-.]{1,64}$/.test(version)) return false;
  if (at === 0) return subject.local;
  const base = reference.slice(0, at);
  // The grammar of references knows the schemes in lower case only (FHIR R4, 2.3.0.1, the expression for URLs).
  if (!base.endsWith('/') || !/^https?:/.test(base)) return false;
  return subject.absolute.includes(`${normalizeBaseUrl(base) ?? ''}/${subject.relative}`);
}

import type { FhirVersion } from '../../fhir/version.js';
import { resourceTypes } from '../../fhir/resource-types.js';
import type { SearchParameterDefinition, SearchParameterPath } from '../../fhir/search-parameters.js';
import { isFhirId, normalizeBaseUrl, parseFhirUrl } from '../../identity/fhir-url.js';
import type { ValueMatcher, ValueRule } from './constraint.js';
import { canonicalMatcher, isCanonical } from './match-uri.js';
import { unescape } from './unescape.js';
import { isJsonObject } from '../../json-object.js';

/** A value of a reference parameter: the resource that it names, if it names one, and the text itself. */
export interface ReferenceValue {
  readonly text: string;
  readonly resource?: { readonly base: string | undefined; readonly resourceType: string; readonly id: string };
}

/** A reference longer than this names nothing that a scope could name. */
const MAX_REFERENCE_LENGTH = 4096;

const HISTORY = '/_history/';

/**
 * References (FHIR R4, 3.1.1.4.12), which may be written as
 *
 * - `Patient/p1`: met by the same relative reference, whatever its version;
 * - `https://host/base/Patient/p1`: met by the same absolute reference, the spelling of the base aside;
 * - `p1`: only where the parameter has a single target type, else it could mean several resources;
 * - the address of an artifact, for elements that hold canonicals.
 *
 * A relative and an absolute reference are the same only where the base of the server is known. References to a version
 * are no values, contained and logical references meet nothing.
 *
 * @param base Normalised base URL of the server that holds the resources, if known.
 */
export function referenceRule(
  version: FhirVersion,
  definition: SearchParameterDefinition,
  base: string | undefined,
): ValueRule<ReferenceValue> {
  const onlyTarget = singleTarget(definition);
  const types = resourceTypes(version);

  return {
    read(escaped) {
      const text = unescape(escaped);
      if (text === undefined) return undefined;
      if (onlyTarget !== undefined && isFhirId(text)) {
        return { text, resource: { base: undefined, resourceType: onlyTarget, id: text } };
      }
      const resource = parseFhirUrl(text);
      return resource !== undefined && types.has(resource.resourceType) ? { text, resource } : { text };
    },

    fits({ text, resource }, { datatype, targets }) {
      if (datatype === 'Reference') {
        return resource !== undefined && (targets === '*' || targets?.includes(resource.resourceType) === true);
      }
      // An address, never the relative reference or the id that the same text could be.
      if (!text.includes(':')) return false;
      return datatype === 'canonical' ? isCanonical(text) : datatype === 'uri';
    },

    matcher(values, { datatype }: SearchParameterPath) {
      const texts = values.map(({ text }) => text);
      if (datatype === 'canonical') return canonicalMatcher(texts);
      if (datatype === 'Reference') return literalMatcher(values, base);
      const exact = new Set<unknown>(texts);
      return (value) => exact.has(value);
    },
  };
}

/** The one type that the parameter can point to, at all of its elements. */
function singleTarget({ paths }: SearchParameterDefinition): string | undefined {
  const targets = new Set(paths.flatMap((path) => path.targets ?? ['*']));
  const [target] = targets;
  return targets.size === 1 && target !== '*' ? target : undefined;
}

function literalMatcher(values: readonly ReferenceValue[], home: string | undefined): ValueMatcher {
  const relative = new Set<string>();
  const absolute = new Set<string>();
  for (const { resource } of values) {
    if (resource === undefined) continue;
    const key = `${resource.resourceType}/${resource.id}`;
    const base = resource.base === undefined ? home : normalizeBaseUrl(resource.base);
    if (resource.base === undefined || base === home) relative.add(key);
    if (base !== undefined) absolute.add(`${base}/${key}`);
  }
  return (value) => {
    if (!isJsonObject(value)) return false;
    const { reference } = value;
    if (typeof reference !== 'string' || reference.length > MAX_REFERENCE_LENGTH) return false;
    if (relative.has(reference) || absolute.has(reference)) return true;
    const literal = withoutVersion(reference);
    if (literal === undefined) return false;
    if (relative.has(literal) || absolute.has(literal)) return true;
    // What is left to be the same is the base in another spelling.
    if (absolute.size === 0 || !literal.startsWith('http')) return false;
    const named = parseFhirUrl(literal);
    if (named?.base === undefined) return false;
    const base = normalizeBaseUrl(named.base);
    return base !== undefined && absolute.has(`${base}/${named.resourceType}/${named.id}`);
  };
}

/** The reference without its version; undefined where what follows is no version. */
function withoutVersion(reference: string): string | undefined {
  const at = reference.lastIndexOf(HISTORY);
  if (at === -1) return reference;
  return isFhirId(reference.slice(at + HISTORY.length)) ? reference.slice(0, at) : undefined;
}

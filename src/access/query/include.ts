import { resourceTypes } from '../../fhir/resource-types.js';
import { searchParameter, searchParameterCodes } from '../../fhir/search-parameters.js';
import type { FhirVersion } from '../../fhir/version.js';
import type { Asked } from './asked.js';
import type { Outcome, Parameter } from './verdict.js';
import { keep, refuse, remove } from './verdict.js';

/** `Observation:subject`, `Observation:subject:Patient`, `Observation:*`. FHIR R4, 3.1.1.5.4 Including other resources. */
const INCLUDE = /^([A-Za-z]+):([A-Za-z0-9_-]+|\*)(?::([A-Za-z]+))?$/;

type Types = ReadonlySet<string>;

/**
 * `_include` and `_revinclude`. What they bring is judged entry by entry like every result; they are taken out where
 * nothing of it could be kept, and where they start from a type that the caller may not search.
 */
export function judgeInclude(asked: Asked, parameter: Parameter, reverse: boolean): Outcome {
  const [name, value] = parameter;
  if (value === '*') {
    const brought = reverse ? referrers(asked) : linkedFrom(asked);
    return coversAny(asked, brought) ? keep(parameter) : remove({ name, code: 'query-type' });
  }
  const [, source = '', link = '', target] = INCLUDE.exec(value) ?? [];
  if (!asked.knownTypes.has(source) || (target !== undefined && !asked.knownTypes.has(target))) {
    return refuse({ name, code: 'query-parameter' });
  }
  if (!asked.covers(source)) return remove({ name, code: 'query-type', resourceType: source });
  if (link !== '*' && !isReference(asked.version, source, link) && !asked.custom.has(link) && !asked.opens(source)) {
    return remove({ name, code: 'query-parameter', resourceType: source });
  }
  if (reverse) return keep(parameter);
  const brought = target === undefined ? broughtBy(asked.version, source, link) : new Set([target]);
  if (coversAny(asked, brought)) return keep(parameter);
  const [only] = brought;
  return remove({ name, code: 'query-type', ...(brought.size === 1 && only !== undefined && { resourceType: only }) });
}

/**
 * What the reverse includes of a query bring: whether a resource of one type may have come because it refers to one of
 * another. A parameter that the definitions do not have may refer to any.
 */
export function reverseIncludes(
  version: FhirVersion,
  parameters: readonly Parameter[],
): (source: string, target: string) => boolean {
  const links = parameters.filter(([name]) => /^_revinclude(?::|$)/.test(name)).map(([, value]) => value);
  if (links.includes('*')) return () => true;
  const types = resourceTypes(version);
  const targetsOf = new Map<string, Set<string>>();
  for (const each of links) {
    const [, source = '', link = '', stated] = INCLUDE.exec(each) ?? [];
    if (!types.has(source)) continue;
    const targets = targetsOf.get(source) ?? new Set();
    targetsOf.set(source, targets);
    for (const target of stated === undefined ? broughtBy(version, source, link) : [stated]) targets.add(target);
  }
  return (source, target) => targetsOf.get(source)?.has(target) ?? false;
}

function coversAny(asked: Asked, types: Types): boolean {
  for (const type of types) if (asked.covers(type)) return true;
  return false;
}

function isReference(version: FhirVersion, type: string, code: string): boolean {
  return searchParameter(version, type, code)?.type === 'reference';
}

/** What a link may bring; one that is not defined, or whose targets are not, may bring anything. */
function broughtBy(version: FhirVersion, type: string, link: string): Types {
  if (link === '*') return broughtByAny(version, type);
  const { paths = [] } = searchParameter(version, type, link) ?? {};
  const targets = paths.map((path) => path.targets ?? '*');
  return targets.length === 0 || targets.includes('*') ? resourceTypes(version) : new Set(targets.flat());
}

const known = new Map<string, Types>();

/** What all links of a type may bring; remembered, so the type has to be one of the version. */
function broughtByAny(version: FhirVersion, type: string): Types {
  const key = `${version} ${type}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const links = searchParameterCodes(version, type).filter((code) => isReference(version, type, code));
  const brought = new Set(links.flatMap((code) => [...broughtBy(version, type, code)]));
  known.set(key, brought);
  return brought;
}

function linkedFrom({ version, types }: Asked): Types {
  return new Set(types.flatMap((type) => [...broughtByAny(version, type)]));
}

/** The types that have a link to one of those that are searched. */
function referrers({ version, types, knownTypes }: Asked): Types {
  return new Set([...knownTypes].filter((type) => types.some((searched) => broughtByAny(version, type).has(searched))));
}

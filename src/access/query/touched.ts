import type { SearchParameterDefinition } from '../../fhir/search-parameters.js';
import { searchParameter } from '../../fhir/search-parameters.js';
import type { Asked } from './asked.js';
import { singleType } from './asked.js';
import { readPath } from './path.js';
import type { QueryFinding } from './verdict.js';

/** On what other resources the answer to a parameter depends. Nothing of all this where it is the searched type's own. */
interface Touched {
  /** Types whose resources it looks at. */
  readonly types: Set<string>;
  /** It may look at any type. */
  anyType: boolean;
  /** Searched types whose definitions do not have the parameter. */
  readonly unknownOn: Set<string>;
  /** What it looks at cannot be told. */
  unknown: boolean;
}

/** Common parameters that look at the resource itself. FHIR R4, 3.1.1.4.1 Parameters for all resources. */
const OWN = new Set([
  '_id',
  '_lastUpdated',
  '_tag',
  '_profile',
  '_security',
  '_source',
  '_language',
  '_text',
  '_content',
]);

/** Common parameters that look at other resources: at the lists and groups that name the one that is searched. */
const MEMBERSHIP: ReadonlyMap<string, readonly string[]> = new Map([
  ['_list', ['List']],
  ['_in', ['CareTeam', 'Group', 'List']],
]);

/** Modifiers that look at the same element in another way (FHIR R4, 3.1.1.4.4 Modifiers; FHIR R5, 3.2.1.5.5). */
const LOCAL_MODIFIERS = new Set([
  'missing',
  'exact',
  'contains',
  'not',
  'text',
  'code-text',
  'text-advanced',
  'of-type',
  'identifier',
]);

/**
 * What the grants lack for a search parameter: `subject`, `subject:Patient.name`, `_has:Observation:patient:code`. Empty
 * where they lack nothing.
 *
 * Results are filtered one by one, so what a parameter says about the searched resource itself tells nothing that is
 * not seen anyway. What it says about another resource would: whether something is found is the answer to a question
 * about resources that are never shown. So all resources of each such type must be open.
 */
export function lacks(asked: Asked, name: string, path: string, value: string): readonly QueryFinding[] {
  if (asksOwn(asked, path)) return [];
  const touched = touchedBy(asked, path, value);
  if (touched === undefined) return [{ name, code: 'query-parameter' }];
  if (asked.opensEverything()) return [];
  const findings: QueryFinding[] = [];
  if (touched.unknown) findings.push({ name, code: 'query-parameter' });
  if ([...touched.unknownOn].some((type) => !asked.opens(type))) {
    findings.push({ name, code: 'query-parameter', ...singleType(asked) });
  }
  if (touched.anyType && [...asked.knownTypes].some((type) => !asked.opens(type))) {
    findings.push({ name, code: 'query-type' });
  }
  for (const type of touched.types) {
    if (!asked.opens(type)) findings.push({ name, code: 'query-type', resourceType: type });
  }
  return findings;
}

/**
 * Whether it is the name of a parameter that the one type searched has, and no more: as nearly all are. What is told below
 * of such a name is that it touches nothing.
 */
function asksOwn({ types, version }: Asked, path: string): boolean {
  const [type = '', another] = types;
  if (another !== undefined) return false;
  return OWN.has(path) || (!path.startsWith('_') && searchParameter(version, type, path) !== undefined);
}

/** A part of a path. */
interface Place {
  readonly parameter: string;
  readonly modifier: string | undefined;
  /** What the whole path is compared with. */
  readonly value: string;
  /** It is asked of the searched types themselves. */
  readonly own: boolean;
}

/** Undefined for what is malformed. */
function touchedBy(asked: Asked, path: string, value: string): Touched | undefined {
  const steps = readPath(path);
  if (steps === undefined) return undefined;
  if (steps.some((step) => step.kind === 'reverse' && !asked.knownTypes.has(step.type))) return undefined;
  const touched: Touched = { types: new Set(), anyType: false, unknownOn: new Set(), unknown: false };
  let here: readonly string[] | undefined = asked.types;
  for (const [at, step] of steps.entries()) {
    if (step.kind === 'reverse') {
      touched.types.add(step.type);
      here = [step.type];
    } else if (here !== undefined) {
      const end = { value, own: at === 0, ...step };
      if (step.kind === 'end') touchAtEnd(asked, touched, here, end);
      else here = targetsOfLink(asked, touched, here, end);
    }
  }
  return touched;
}

/** Follows a link of a chain. Undefined where it leads nobody knows where. */
function targetsOfLink(
  asked: Asked,
  touched: Touched,
  here: readonly string[],
  { parameter, modifier, own }: Place,
): readonly string[] | undefined {
  const links = here.map((type) => searchParameter(asked.version, type, parameter));
  const references = links.filter((link) => link?.type === 'reference');
  // A chain over several types goes on with those that know the link. Only of the types searched each has to, since
  // nothing else was asked of them so far.
  const known = references.length > 0 && (!own || references.length === links.length);
  if (!known || (modifier !== undefined && !asked.knownTypes.has(modifier))) {
    touched.unknown = true;
    return undefined;
  }
  if (modifier !== undefined) {
    touched.types.add(modifier);
    return [modifier];
  }
  const targets = touchTargets(touched, references);
  return targets === '*' ? [...asked.knownTypes] : targets;
}

/** The types that references may point to. One without stated targets, as to a canonical, may point to any. */
function touchTargets(
  touched: Touched,
  references: readonly (SearchParameterDefinition | undefined)[],
): readonly string[] | '*' {
  const targets = new Set<string>();
  for (const reference of references) {
    const paths = reference?.paths ?? [];
    if (paths.length === 0) targets.add('*');
    for (const path of paths) for (const target of path.targets ?? ['*']) targets.add(target);
  }
  if (targets.has('*')) {
    touched.anyType = true;
    return '*';
  }
  for (const target of targets) touched.types.add(target);
  return [...targets];
}

function touchAtEnd(asked: Asked, touched: Touched, here: readonly string[], end: Place): void {
  const { parameter, own } = end;
  const members = MEMBERSHIP.get(parameter);
  if (members !== undefined) {
    for (const type of members) touched.types.add(type);
  } else if (!OWN.has(parameter) && !(own && asked.custom.has(parameter))) {
    if (parameter.startsWith('_')) touched.unknown = true;
    // Behind a link the type is open as a whole, whatever else the parameter looks at in it.
    else if (own) {
      for (const type of here) {
        if (searchParameter(asked.version, type, parameter) === undefined) touched.unknownOn.add(type);
      }
    }
  }
  if (end.modifier !== undefined) touchByModifier(asked, touched, here, end, end.modifier);
}

function touchByModifier(asked: Asked, touched: Touched, here: readonly string[], end: Place, modifier: string): void {
  if (LOCAL_MODIFIERS.has(modifier)) return;
  // `subject:Patient=1` states the type of the reference and follows nothing.
  if (asked.knownTypes.has(modifier)) return;
  const definitions = here.map((type) => searchParameter(asked.version, type, end.parameter));
  const known = definitions.filter((definition) => definition !== undefined);
  const references = known.filter(({ type }) => type === 'reference');
  if (known.length === 0) {
    touched.unknown = true;
  } else if (modifier === 'above' || modifier === 'below') {
    // Of a token and a URI these ask the terminology and the text. Of a reference they follow the hierarchy of what it
    // points to (FHIR R4, 3.1.1.4.12.2), which is written in other resources.
    if (references.some(({ paths }) => paths.some(({ datatype }) => datatype !== 'canonical'))) {
      touchTargets(touched, references);
    }
  } else if ((modifier === 'in' || modifier === 'not-in') && references.length === 0) {
    // A value set of this server, or one that everybody knows by its address.
    const addresses = end.value.split(',').every((each) => /^[A-Za-z][A-Za-z0-9+.-]*:/.test(each));
    if (!addresses) touched.types.add('ValueSet');
  } else {
    touched.unknown = true;
  }
}

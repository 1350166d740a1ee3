import type { ElementDefinition, StructureDefinition } from './definitions.js';

/** The resource types that a reference may point to; `*` stands for any. */
export type Targets = readonly string[] | '*';

export interface TypeOfElement {
  readonly code: string;
  /** Only for Reference and CodeableReference. */
  readonly targets?: Targets;
}

export interface Element {
  /** The property name in JSON; for a choice element the part before the type. */
  readonly name: string;
  readonly choice: boolean;
  readonly types: readonly TypeOfElement[];
  /** The path whose children are this element's children, where it has some of its own or by contentReference. */
  readonly owner?: string;
}

/**
 * What the snapshots of one FHIR version say, as a graph: an owner (a resource, a datatype, or the path of an element
 * with children of its own) has elements, and an element leads to other owners.
 */
export interface ElementModel {
  /** Concrete resource types, sorted. */
  readonly resourceTypes: readonly string[];
  readonly owners: ReadonlyMap<string, readonly Element[]>;
  /** Type → the type it specialises. */
  readonly parents: ReadonlyMap<string, string>;
}

const STRUCTURE = 'http://hl7.org/fhir/StructureDefinition/';

const lastSegment = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

/** The JSON property of one type of a choice element: value[x] of type dateTime is valueDateTime. */
export function choiceProperty(name: string, code: string): string {
  return name + code.charAt(0).toUpperCase() + code.slice(1);
}

function targetsOf(profiles: readonly string[], resourceTypes: ReadonlySet<string>, path: string): Targets {
  const targets = [...new Set(profiles.map(lastSegment))];
  if (targets.length === 0 || targets.includes('Resource')) return '*';
  for (const [i, target] of targets.entries()) {
    if (profiles[i]?.startsWith(STRUCTURE) === true && resourceTypes.has(target)) continue;
    throw new Error(`${path}: the target ${target} is not a resource type of this version`);
  }
  return targets;
}

function typesOf(element: ElementDefinition, resourceTypes: ReadonlySet<string>): TypeOfElement[] {
  // A contentReference states no type; it always leads to an element with children of its own.
  if (element.contentReference !== undefined) return [{ code: 'BackboneElement' }];
  // One entry a type code: STU3 repeats Reference for each of its targets.
  const profiles = new Map<string, string[]>();
  for (const { code, targetProfile } of element.type ?? []) {
    const name = code.startsWith('http://hl7.org/fhirpath/System.') ? 'string' : code;
    const known = profiles.get(name) ?? [];
    profiles.set(name, known.concat(targetProfile ?? []));
  }
  return [...profiles].map(([code, targets]) =>
    code === 'Reference' || code === 'CodeableReference'
      ? { code, targets: targetsOf(targets, resourceTypes, element.path) }
      : { code },
  );
}

/** A resource's own id. R4 and later give its type by a FHIRPath name, and not the same one everywhere. */
function isResourceId(structure: StructureDefinition, { path }: ElementDefinition): boolean {
  return structure.kind === 'resource' && path === `${structure.type}.id`;
}

function addStructure(
  structure: StructureDefinition,
  resourceTypes: ReadonlySet<string>,
  owners: Map<string, Element[]>,
): void {
  const elements = structure.snapshot?.element ?? [];
  const paths = new Map(elements.map((element) => [element.id ?? element.path, element.path]));
  const withChildren = new Set(elements.map(({ path }) => path.slice(0, path.lastIndexOf('.'))));
  for (const element of elements) {
    const dot = element.path.lastIndexOf('.');
    if (dot < 0) {
      owners.set(element.path, owners.get(element.path) ?? []);
      continue;
    }
    const name = element.path.slice(dot + 1);
    const choice = name.endsWith('[x]');
    let owner = withChildren.has(element.path) ? element.path : undefined;
    if (element.contentReference !== undefined) {
      const id = element.contentReference.slice(element.contentReference.indexOf('#') + 1);
      owner = paths.get(id);
      if (owner === undefined) throw new Error(`${element.path}: no element has the id ${id}`);
    }
    const siblings = owners.get(element.path.slice(0, dot)) ?? [];
    owners.set(element.path.slice(0, dot), siblings);
    siblings.push({
      name: choice ? name.slice(0, -3) : name,
      choice,
      types: isResourceId(structure, element) ? [{ code: 'id' }] : typesOf(element, resourceTypes),
      ...(owner === undefined ? {} : { owner }),
    });
  }
}

/** Builds the model of one FHIR version from the StructureDefinitions of its resources and complex datatypes. */
export function buildModel(structures: readonly StructureDefinition[]): ElementModel {
  const resourceTypes = structures
    .filter(({ kind, abstract }) => kind === 'resource' && !abstract)
    .map(({ type }) => type)
    .sort();
  const known = new Set(resourceTypes);
  const owners = new Map<string, Element[]>();
  const parents = new Map<string, string>();
  for (const structure of structures) {
    addStructure(structure, known, owners);
    if (structure.baseDefinition !== undefined) parents.set(structure.type, lastSegment(structure.baseDefinition));
  }
  return { resourceTypes, owners, parents };
}

/** Is the datatype the wanted one or a specialisation of it, as Age is of Quantity? */
export function isA(model: ElementModel, code: string, wanted: string): boolean {
  for (let type: string | undefined = code; type !== undefined; type = model.parents.get(type)) {
    if (type === wanted) return true;
  }
  return false;
}

import { choiceProperty } from './element-model.js';
import type { Element, ElementModel, Targets, TypeOfElement } from './element-model.js';

/*
 * Extensions never confer membership: anyone may add one. A contained or inline resource is a resource of its own
 * (its elements have a type that is a resource, which has no owner among the datatypes).
 */
const EXCLUDED = new Set(['extension', 'modifierExtension', 'contained']);

const print = (targets: Targets): string => (targets === '*' ? '*' : targets.join(' '));

/** A step from an element to the owner of what lies below it, or a reference. */
interface Step {
  readonly property: string;
  readonly type: TypeOfElement;
}

function steps(element: Element): Step[] {
  return element.types.map((type) => ({
    property: element.choice ? choiceProperty(element.name, type.code) : element.name,
    type,
  }));
}

/** Owners from which at least one reference can be reached, over any number of datatypes. */
function leadingOwners(model: ElementModel): Set<string> {
  const leading = new Set<string>();
  for (let grown = true; grown;) {
    grown = false;
    for (const [owner, elements] of model.owners) {
      if (leading.has(owner)) continue;
      const leads = elements.some(
        (element) =>
          !EXCLUDED.has(element.name) &&
          (element.owner === undefined
            ? element.types.some(({ code, targets }) => targets !== undefined || leading.has(code))
            : leading.has(element.owner)),
      );
      if (leads) {
        leading.add(owner);
        grown = true;
      }
    }
  }
  return leading;
}

/**
 * Every element that is a reference or that leads to one, a line each:
 *
 * - `Observation.subject > Patient Group` – a Reference and the types that it may point to, `*` for any;
 * - `Observation.note : Annotation` – the references of that datatype lie below;
 * - `Contract.term.group = Contract.term` – the same elements again, by contentReference.
 *
 * A choice element appears under its JSON property names (`Task.input.valueReference`), a CodeableReference as the
 * reference inside it.
 */
export function listReferences(model: ElementModel): string[] {
  const leading = leadingOwners(model);
  const resources = new Set(model.resourceTypes);
  const lines: string[] = [];

  function listOwner(owner: string): void {
    for (const element of model.owners.get(owner) ?? []) {
      if (EXCLUDED.has(element.name)) continue;
      const path = `${owner}.${element.name}`;
      if (element.owner !== undefined) {
        if (!leading.has(element.owner)) continue;
        if (element.owner === path) listOwner(path);
        else lines.push(`${path} = ${element.owner}`);
        continue;
      }
      for (const { property, type } of steps(element)) {
        if (type.code === 'CodeableReference' && type.targets !== undefined) {
          lines.push(`${owner}.${property}.reference > ${print(type.targets)}`);
        } else if (type.targets !== undefined) {
          lines.push(`${owner}.${property} > ${print(type.targets)}`);
        } else if (leading.has(type.code) && !resources.has(type.code)) {
          lines.push(`${owner}.${property} : ${type.code}`);
        }
      }
    }
  }

  for (const type of model.resourceTypes) listOwner(type);
  // Every Reference holds an Identifier, which names its assigner; the other datatypes are those that lines name.
  const datatypes = new Set(['Reference']);
  let read = 0;
  const addDatatypes = (): void => {
    for (; read < lines.length; read++) {
      const type = / : (\w+)$/.exec(lines[read] ?? '')?.[1];
      if (type !== undefined) datatypes.add(type);
    }
  };
  addDatatypes();
  // A set also visits what is added while it is walked: datatypes that only datatypes use.
  for (const type of datatypes) {
    listOwner(type);
    addDatatypes();
  }
  return lines;
}

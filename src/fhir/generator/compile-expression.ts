import { choiceProperty, isA } from './element-model.js';
import type { Element, ElementModel, Targets, TypeOfElement } from './element-model.js';
import { parseExpression } from './parse-expression.js';
import type { Expression } from './parse-expression.js';

/** A step of a path: a JSON property, and the entries of it that count. */
export interface PathStep {
  readonly property: string;
  /** `[type=composed-of]`: only entries with this value in this property. */
  readonly filter?: { readonly property: string; readonly value: string };
}

/** One place in a resource that an expression selects. */
export interface CompiledPath {
  readonly steps: readonly PathStep[];
  readonly datatype: string;
  /** For references: the types that the element allows and the expression asks for. */
  readonly targets?: Targets;
}

/** What keeps an expression from being nothing but paths. */
export class Unsupported extends Error {}

/** A place during compilation. A choice element has as many options as it has types. */
interface Cursor {
  readonly before: readonly PathStep[];
  /** Undefined at the resource itself. */
  readonly element?: Element;
  readonly options: readonly TypeOfElement[];
  readonly filter?: NonNullable<PathStep['filter']>;
  /** From `where(resolve() is X)`. */
  readonly resolvesTo?: string;
}

const ABSTRACT = new Set(['Resource', 'DomainResource']);

/** Datatypes of which FHIRPath compares the value itself with a string. */
const COMPARABLE = new Set(['code', 'string', 'uri', 'id']);

function stepsTo(cursor: Cursor, option: TypeOfElement): readonly PathStep[] {
  if (cursor.element === undefined) return cursor.before;
  const { name, choice } = cursor.element;
  const property = choice ? choiceProperty(name, option.code) : name;
  return [...cursor.before, cursor.filter === undefined ? { property } : { property, filter: cursor.filter }];
}

function narrowTargets(allowed: Targets, asked: string | undefined): Targets {
  if (asked === undefined) return allowed;
  return allowed === '*' || allowed.includes(asked) ? [asked] : [];
}

/** Compiles expressions of SearchParameters for one base type. */
class Compiler {
  constructor(
    private readonly model: ElementModel,
    private readonly base: string,
  ) {}

  select(expression: Expression): Cursor[] {
    switch (expression.kind) {
      case 'name':
        return this.head(expression.name);
      case 'member':
        return this.select(expression.of).flatMap((cursor) => this.member(cursor, expression.name));
      case 'call':
        return this.call(expression);
      case 'operator':
        if (expression.sign === '|') return [...this.select(expression.left), ...this.select(expression.right)];
        if (expression.sign === 'as' && expression.right.kind === 'name') {
          return this.cast(this.select(expression.left), expression.right.name);
        }
        return this.refuse(this.select(expression.left), expression.sign);
      case 'index':
        return this.refuse(this.select(expression.of), '[]');
      case 'literal':
        throw new Unsupported('a literal');
    }
  }

  private head(name: string): Cursor[] {
    const root: Cursor = { before: [], options: [{ code: this.base }] };
    if (name === this.base || ABSTRACT.has(name)) return [root];
    // A path of another type in an expression that several types share.
    if (this.model.owners.has(name)) return [];
    return this.member(root, name);
  }

  private member(cursor: Cursor, name: string): Cursor[] {
    if (cursor.resolvesTo !== undefined) throw new Unsupported('an element of a reference that is to resolve');
    return cursor.options.flatMap((option) => {
      const element = this.child(cursor, option, name);
      return element === undefined ? [] : [{ before: stepsTo(cursor, option), element, options: element.types }];
    });
  }

  private child(cursor: Cursor, option: TypeOfElement, name: string): Element | undefined {
    const owner = cursor.element?.owner ?? option.code;
    return this.model.owners.get(owner)?.find((element) => element.name === name);
  }

  private call({ of, name, args }: Extract<Expression, { kind: 'call' }>): Cursor[] {
    if (of === undefined) throw new Unsupported(`${name}()`);
    const cursors = this.select(of);
    const [arg] = args;
    if ((name === 'as' || name === 'ofType') && arg?.kind === 'name') return this.cast(cursors, arg.name);
    if (name === 'where' && arg?.kind === 'operator') return cursors.map((cursor) => this.where(cursor, arg));
    return this.refuse(cursors, `${name}()`);
  }

  private cast(cursors: readonly Cursor[], name: string): Cursor[] {
    // STU3 writes as(DateTime) for the primitive dateTime.
    const type = this.model.owners.has(name) ? name : name.charAt(0).toLowerCase() + name.slice(1);
    return cursors.flatMap((cursor) => {
      const options = cursor.options.filter(({ code }) => isA(this.model, code, type));
      return options.length === 0 ? [] : [{ ...cursor, options }];
    });
  }

  private where(cursor: Cursor, { sign, left, right }: Extract<Expression, { kind: 'operator' }>): Cursor {
    if (cursor.element === undefined || cursor.filter !== undefined || cursor.resolvesTo !== undefined) {
      throw new Unsupported('where()');
    }
    if (sign === 'is' && left.kind === 'call' && left.name === 'resolve' && left.of === undefined) {
      const references = cursor.options.every(({ code }) => code === 'Reference');
      if (references && right.kind === 'name') return { ...cursor, resolvesTo: right.name };
    }
    if (sign === '=' && left.kind === 'name' && right.kind === 'literal') {
      const { name } = left;
      const comparable = cursor.options.every((option) => {
        const element = this.child(cursor, option, name);
        return element?.choice === false && element.types.every(({ code }) => COMPARABLE.has(code));
      });
      if (comparable) return { ...cursor, filter: { property: name, value: right.text } };
    }
    throw new Unsupported('where()');
  }

  /** What is unsupported does no harm where nothing was selected, as in the part of another type. */
  private refuse(cursors: readonly Cursor[], what: string): Cursor[] {
    if (cursors.length > 0) throw new Unsupported(what);
    return [];
  }
}

function finish(cursor: Cursor): CompiledPath[] {
  if (cursor.element === undefined) throw new Unsupported('the resource itself');
  return cursor.options.map((option) => {
    const steps = stepsTo(cursor, option);
    if (['BackboneElement', 'BackboneType', 'Element', 'Resource'].includes(option.code)) {
      throw new Unsupported(`an element of type ${option.code}`);
    }
    return option.targets === undefined
      ? { steps, datatype: option.code }
      : { steps, datatype: option.code, targets: narrowTargets(option.targets, cursor.resolvesTo) };
  });
}

/**
 * The paths that an expression selects in a resource of the base type. Throws Unsupported where it is not exactly a
 * set of paths; an empty answer means that it selects nothing there.
 */
export function compileExpression(model: ElementModel, base: string, text: string): CompiledPath[] {
  const paths = new Map<string, CompiledPath>();
  for (const cursor of new Compiler(model, base).select(parseExpression(text))) {
    for (const path of finish(cursor)) {
      if (path.targets?.length === 0) continue;
      const key = `${printPath(base, path.steps)} ${String(path.targets)}`;
      if (!paths.has(key)) paths.set(key, path);
    }
  }
  return [...paths.values()];
}

/** `Patient.telecom[system=phone]` */
export function printPath(base: string, steps: readonly PathStep[]): string {
  const print = ({ property, filter }: PathStep): string =>
    filter === undefined ? property : `${property}[${filter.property}=${filter.value}]`;
  return [base, ...steps.map(print)].join('.');
}

import { compileExpression, printPath, Unsupported } from './compile-expression.js';
import type { CompiledPath } from './compile-expression.js';
import type { SearchParameter } from './definitions.js';
import type { ElementModel, Targets } from './element-model.js';

/** A search parameter on one base type; without paths where it cannot be evaluated. */
export interface CompiledParameter {
  readonly base: string;
  readonly code: string;
  readonly type: string;
  readonly paths: readonly CompiledPath[];
  /** Why there are no paths. */
  readonly unsupported?: string;
}

/** Their values are no plain elements: a tuple of other parameters, or whatever the text says. */
const NOT_PATHS = new Set(['composite', 'special']);

function narrow(allowed: Targets, asked: readonly string[] | undefined, model: ElementModel): Targets {
  if (asked === undefined || asked.includes('Resource')) return allowed;
  const known = asked.filter((type) => model.resourceTypes.includes(type));
  // "Any", spelled out. Until R4B such a list leaves out Parameters, which no server stores.
  if (model.resourceTypes.every((type) => type === 'Parameters' || known.includes(type))) return allowed;
  return allowed === '*' ? known : allowed.filter((type) => known.includes(type));
}

/** A token looks at the concept of a CodeableReference, a reference at its reference. */
function insideCodeableReference(path: CompiledPath, type: string): CompiledPath {
  if (path.datatype !== 'CodeableReference') return path;
  if (type === 'token') return { steps: [...path.steps, { property: 'concept' }], datatype: 'CodeableConcept' };
  return { ...path, steps: [...path.steps, { property: 'reference' }], datatype: 'Reference' };
}

function compile(model: ElementModel, parameter: SearchParameter, base: string): CompiledParameter {
  const { code, type, expression, target } = parameter;
  const processing = parameter.processingMode ?? parameter.xpathUsage ?? 'normal';
  const refused = (unsupported: string): CompiledParameter => ({ base, code, type, paths: [], unsupported });
  if (NOT_PATHS.has(type)) return refused(type);
  // What sounds alike or lies near is not said by the elements alone.
  if (processing !== 'normal') return refused(processing);
  if (expression === undefined) return refused('no expression');
  try {
    const paths = compileExpression(model, base, expression).flatMap((selected) => {
      const path = insideCodeableReference(selected, type);
      if (path.targets === undefined || type !== 'reference') return [path];
      const targets = narrow(path.targets, target, model);
      return targets.length === 0 ? [] : [{ ...path, targets }];
    });
    return paths.length === 0 ? refused('no such element') : { base, code, type, paths };
  } catch (error) {
    if (error instanceof Unsupported) return refused(error.message);
    throw error;
  }
}

/** Examples of how to define a parameter lie among the definitions; they are no parameters of the standard. */
const isExample = ({ id }: SearchParameter): boolean => id === 'example' || id.startsWith('example-');

/** Compiles every search parameter for each of its base types, sorted by type and code. */
export function compileSearchParameters(
  model: ElementModel,
  parameters: readonly SearchParameter[],
): CompiledParameter[] {
  const compiled = new Map<string, CompiledParameter>();
  for (const parameter of parameters) {
    if (isExample(parameter)) continue;
    for (const base of parameter.base ?? []) {
      const key = `${base} ${parameter.code}`;
      const found = compile(model, parameter, base);
      const known = compiled.get(key);
      if (known !== undefined && (known.paths.length > 0 || found.paths.length > 0)) {
        throw new Error(`two definitions of the search parameter ${key}`);
      }
      compiled.set(key, known ?? found);
    }
  }
  return [...compiled].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, parameter]) => parameter);
}

/**
 * A line for each path of each parameter: type, code, parameter type, path, datatype, and for a reference the types
 * that count. A parameter that cannot be evaluated has one line with `-` and the reason.
 */
export function listSearchParameters(parameters: readonly CompiledParameter[]): string[] {
  return parameters.flatMap(({ base, code, type, paths, unsupported }) => {
    if (unsupported !== undefined) return [`${base} ${code} ${type} - ${unsupported}`];
    return paths.map(({ steps, datatype, targets }) => {
      const line = `${base} ${code} ${type} ${printPath(base, steps)} ${datatype}`;
      return targets === undefined ? line : `${line} > ${targets === '*' ? '*' : targets.join(' ')}`;
    });
  });
}

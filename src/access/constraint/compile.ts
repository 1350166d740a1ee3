import { resourceTypes } from '../../fhir/resource-types.js';
import type { SearchParameterDefinition, SearchParameterPath } from '../../fhir/search-parameters.js';
import { searchParameter } from '../../fhir/search-parameters.js';
import type { FhirVersion } from '../../fhir/version.js';
import type { ScopeClause } from '../../scope/scope.js';
import { meantBy } from './code-alias.js';
import type { Constraint, ValueRule } from './constraint.js';
import { DATE } from './match-date.js';
import { referenceRule } from './match-reference.js';
import { STRING } from './match-string.js';
import { TOKEN } from './match-token.js';
import { URI } from './match-uri.js';
import type { WalkedPath } from './walk-path.js';
import { leadsAnyToMatch, walkedPath } from './walk-path.js';

export type { Constraint } from './constraint.js';

export interface CompileOptions {
  /**
   * Normalised base URL of the server that holds the resources. With it a relative reference and an absolute one that
   * name the same resource are the same; without it they are not. Default: unknown.
   */
  readonly base?: string;
}

/** The constraint cannot be evaluated: the scope that carries it grants nothing. */
export interface Unsupported {
  /** The parameter of the first clause at fault. */
  readonly unsupported: string;
}

/**
 * Compiles the granular part of a scope (SMART App Launch 2.2, Finer-grained resource constraints) for one resource
 * type: every clause must be met (`&`), each by one of its values (`,`).
 *
 * It is strict, since what cannot be evaluated must not open anything: a parameter that the definitions of the version
 * do not have, one that is more than elements (composites, extensions, `phonetic`, `_has`, `_filter`, `_text`, …), one of
 * a type that is not compared here (number, quantity), and a value that is malformed or that none of the parameter's elements
 * can be compared with make the whole constraint unsupported.
 *
 * Without clauses there is no constraint, and every resource of the type meets it.
 *
 * The outcome is remembered for the array of clauses, so that every request that carries the same parsed scope finds it
 * compiled.
 *
 * @param resourceType A resource type. A scope for all types (`*`) is compiled for the type of each resource it judges.
 */
export function compileConstraint(
  version: FhirVersion,
  resourceType: string,
  clauses: readonly ScopeClause[],
  options: CompileOptions = {},
): Constraint | Unsupported {
  const key = `${version} ${resourceType} ${options.base ?? ''}`;
  const known = remembered.get(clauses)?.get(key);
  if (known !== undefined) return known;
  const outcome = compile(version, resourceType, clauses, options);
  // Types come from requests: only known ones are kept.
  if (resourceTypes(version).has(resourceType)) {
    const outcomes = remembered.get(clauses);
    if (outcomes === undefined) remembered.set(clauses, new Map([[key, outcome]]));
    else outcomes.set(key, outcome);
  }
  return outcome;
}

const remembered = new WeakMap<readonly ScopeClause[], Map<string, Constraint | Unsupported>>();

function compile(
  version: FhirVersion,
  resourceType: string,
  clauses: readonly ScopeClause[],
  options: CompileOptions,
): Constraint | Unsupported {
  const compiled: (readonly WalkedPath[])[] = [];
  for (const clause of clauses) {
    const paths = compileClause(version, resourceType, clause, options);
    if (paths === undefined) return { unsupported: clause.parameter };
    compiled.push(paths);
  }
  return new CompiledConstraint(resourceType, compiled);
}

class CompiledConstraint implements Constraint {
  readonly #resourceType: string;
  readonly #clauses: readonly (readonly WalkedPath[])[];

  constructor(resourceType: string, clauses: readonly (readonly WalkedPath[])[]) {
    this.#resourceType = resourceType;
    this.#clauses = clauses;
  }

  matches(resource: unknown): boolean {
    try {
      if ((resource as { readonly resourceType?: unknown } | null)?.resourceType !== this.#resourceType) return false;
      for (const paths of this.#clauses) if (!leadsAnyToMatch(paths, resource)) return false;
      return true;
    } catch {
      // Only a getter or a proxy can throw here. What cannot be read is not met.
      return false;
    }
  }
}

function compileClause(
  version: FhirVersion,
  resourceType: string,
  { parameter, values }: ScopeClause,
  { base }: CompileOptions,
): readonly WalkedPath[] | undefined {
  const definition = searchParameter(version, resourceType, parameter);
  if (definition?.supported !== true) return undefined;
  switch (definition.type) {
    case 'token':
      return compilePaths(definition, values, TOKEN, (value) => meantBy(value, resourceType, parameter));
    case 'string':
      return compilePaths(definition, values, STRING);
    case 'reference':
      return compilePaths(definition, values, referenceRule(version, definition, base));
    case 'date':
      return compilePaths(definition, values, DATE);
    case 'uri':
      return compilePaths(definition, values, URI);
    // A quantity means nothing without the conversion of its unit, and a number in JSON has lost the precision that
    // decides what equals it.
    case 'number':
    case 'quantity':
    case 'composite':
    case 'special':
      return undefined;
  }
}

/** Every value has to fit one path at least, or it would be ignored; a path that no value fits is never met. */
function compilePaths<V>(
  { paths }: SearchParameterDefinition,
  texts: readonly string[],
  rule: ValueRule<V>,
  meant: (value: V) => readonly V[] = (value) => [value],
): readonly WalkedPath[] | undefined {
  const values: V[] = [];
  for (const text of texts) {
    const value = rule.read(text);
    if (value === undefined || !paths.some((path) => rule.fits(value, path))) return undefined;
    values.push(...meant(value));
  }
  if (values.length === 0) return undefined;
  return paths.flatMap((path: SearchParameterPath) => {
    const fitting = values.filter((value) => rule.fits(value, path));
    return fitting.length === 0 ? [] : [walkedPath(path, rule.matcher(fitting, path))];
  });
}

import { printPath } from './compile-expression.js';
import type { CompartmentDefinition } from './definitions.js';
import type { CompiledParameter } from './list-search-parameters.js';

/** The resource that the compartment is about belongs to it. */
const SELF = '{def}';

/** The standard's own are named after the resource that they are about; an example of the format is not. */
const isOfTheStandard = ({ url, code }: CompartmentDefinition): boolean =>
  url.toLowerCase().endsWith(`/${code.toLowerCase()}`);

/**
 * A line for each element that puts a resource into a compartment: compartment, resource type, the code of the search
 * parameter that the CompartmentDefinition names, and a path that this parameter stands for and that may point to the
 * resource that the compartment is about.
 *
 * A code has one line with `-` for the path where there is no such element: `{def}`, which stands for the resource
 * that the compartment is about; the chained parameters of STU3 (`target.patient`), which only other resources can
 * answer; and parameters whose element cannot point there.
 */
export function listCompartments(
  compartments: readonly CompartmentDefinition[],
  parameters: readonly CompiledParameter[],
): string[] {
  const byCode = new Map(parameters.map((parameter) => [`${parameter.base} ${parameter.code}`, parameter]));

  function pathsOf(compartment: string, type: string, code: string): string[] {
    if (code === SELF) return [];
    const parameter = byCode.get(`${type} ${code}`);
    if (parameter === undefined) return [];
    return parameter.paths
      .filter(({ targets }) => targets === '*' || targets?.includes(compartment) === true)
      .map(({ steps }) => {
        if (steps.some(({ filter }) => filter !== undefined)) throw new Error(`a filter in ${type} ${code}`);
        return printPath(type, steps);
      });
  }

  return compartments.filter(isOfTheStandard).flatMap(({ code: compartment, resource }) =>
    resource.flatMap(({ code: type, param = [] }) =>
      param.flatMap((code) => {
        const paths = pathsOf(compartment, type, code);
        return (paths.length === 0 ? ['-'] : paths).map((path) => `${compartment} ${type} ${code} ${path}`);
      }),
    ),
  );
}

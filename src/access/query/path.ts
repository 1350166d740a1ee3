/** What a name of a search parameter says, part by part: `_has` and the links of chains first, the parameter last. */
export type Step =
  | { readonly kind: 'reverse'; readonly type: string; readonly parameter: string }
  | { readonly kind: 'link' | 'end'; readonly parameter: string; readonly modifier: string | undefined };

/** Each link of a chain and each `_has` is a join; who needs more of them than this is no client. */
const MAX_STEPS = 8;

const NAME = /^[A-Za-z0-9_-]+$/;
const REVERSE = /^_has:([A-Za-z]+):([A-Za-z0-9_-]+):(.+)$/;

/**
 * Reads `code`, `code:not`, `subject:Patient.name`, `_has:Observation:patient:code` and what can be made of them (FHIR
 * R4, 3.1.1.4.14 and 3.1.1.4.15). Undefined for what is malformed.
 */
export function readPath(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  let rest = path;
  while (steps.length < MAX_STEPS) {
    if (rest.startsWith('_has:')) {
      const [, type, parameter, behind] = REVERSE.exec(rest) ?? [];
      if (type === undefined || parameter === undefined || behind === undefined) return undefined;
      steps.push({ kind: 'reverse', type, parameter });
      rest = behind;
      continue;
    }
    const dot = rest.indexOf('.');
    const [parameter = '', modifier, ...more] = (dot === -1 ? rest : rest.slice(0, dot)).split(':');
    if (!NAME.test(parameter) || modifier === '' || more.length > 0) return undefined;
    steps.push({ kind: dot === -1 ? 'end' : 'link', parameter, modifier });
    if (dot === -1) return steps;
    rest = rest.slice(dot + 1);
  }
  return undefined;
}

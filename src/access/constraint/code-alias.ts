import type { TokenValue } from './match-token.js';

interface CodeAlias {
  readonly resourceType: string;
  readonly parameter: string;
  readonly written: { readonly system: string; readonly code: string };
  readonly meant: { readonly system: string; readonly code: string };
}

/**
 * Misspelt codes that a published specification made current, each for one parameter of one type and one code. Scopes
 * that name one of them stand for what was meant as well; resources are taken as they are.
 */
const ALIASES: readonly CodeAlias[] = [
  {
    // US Core 7.0.0, the table of granular scopes: the system has a slash too many and one too few.
    resourceType: 'Observation',
    parameter: 'category',
    written: { system: 'http://terminology.hl7.org//CodeSystem-observation-category', code: 'social-history' },
    meant: { system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'social-history' },
  },
];

/** The value, and what it was meant to be where that is something else. */
export function meantBy(value: TokenValue, resourceType: string, parameter: string): readonly TokenValue[] {
  if (value.kind !== 'pair') return [value];
  const alias = ALIASES.find(
    ({ written, ...of }) =>
      of.resourceType === resourceType &&
      of.parameter === parameter &&
      written.system === value.system &&
      written.code === value.code,
  );
  return alias === undefined ? [value] : [value, { kind: 'pair', ...alias.meant }];
}

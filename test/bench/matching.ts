// One granular scope, one resource: the compiled constraint beside what could evaluate it instead.
import { indexSearchParameter, matchesSearchRequest, Operator } from '@medplum/core';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4';
import { compileConstraint } from '../../src/access/constraint/compile.js';
import { resourceNumber } from './clinic.js';
import type { Result } from './result.js';
import { timed } from './result.js';
import type { Effort } from './rounds.js';
import { compare, sequence } from './rounds.js';

const SYSTEM = 'http://terminology.hl7.org/CodeSystem/observation-category';

type Matches = (resource: unknown) => boolean;

export function matchers(): readonly (readonly [id: string, name: string, matches: Matches])[] {
  const constraint = compileConstraint('4.0.1', 'Observation', [
    { parameter: 'category', values: [`${SYSTEM}|laboratory`] },
  ] as Parameters<typeof compileConstraint>[2]);
  if (!('matches' in constraint)) throw new TypeError('the constraint was not compiled');

  indexSearchParameter({
    resourceType: 'SearchParameter',
    url: 'http://hl7.org/fhir/SearchParameter/Observation-category',
    name: 'category',
    status: 'active',
    description: 'The classification of the type of observation',
    code: 'category',
    base: ['Observation'],
    type: 'token',
    expression: 'Observation.category',
  });
  const request = {
    resourceType: 'Observation' as const,
    filters: [{ code: 'category', operator: Operator.EQUALS, value: `${SYSTEM}|laboratory` }],
  };
  const evaluate = fhirpath.compile(
    `category.coding.where(system = '${SYSTEM}' and code = 'laboratory').exists()`,
    r4,
  ) as (resource: unknown) => readonly unknown[];
  return [
    ['ours', 'the compiled constraint', (resource) => constraint.matches(resource)],
    [
      'medplum',
      'matchesSearchRequest of @medplum/core',
      (resource) => matchesSearchRequest(resource as Parameters<typeof matchesSearchRequest>[0], request),
    ],
    ['fhirpath', 'fhirpath.js, compiled', (resource) => evaluate(resource)[0] === true],
  ];
}

export async function matchingRows({ rounds }: Effort): Promise<Result[]> {
  const observations = Array.from({ length: 400 }, (_, n) => resourceNumber(n)).filter(
    ({ resourceType }) => resourceType === 'Observation',
  );
  const [ours, ...others] = matchers();
  const found = observations.map((resource) => ours![2](resource));
  for (const [, name, matches] of others) {
    if (observations.some((resource, n) => matches(resource) !== found[n]))
      throw new Error(`${name} answers otherwise`);
  }
  const side = (matches: Matches, operations: number) =>
    sequence((n) => observations[n % observations.length]!, matches, operations);
  const rows: Result[] = [];
  for (const [id, name, matches] of others) {
    const compared = await compare([side(ours![2], 20_000), side(matches, 500)], rounds);
    rows.push(timed(`matching-${id}`, 'one granular scope, one Observation', name, compared));
  }
  return rows;
}

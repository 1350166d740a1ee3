import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as medplumCore from '@medplum/core';
import type { ExampleResource } from '../../fhir/official-examples.js';

/*
 * Another implementation of FHIR search, to be asked for its opinion: @medplum/core evaluates the FHIRPath expressions
 * of the official SearchParameters on the resource itself, where this library walks element paths compiled from them.
 */

type Medplum = typeof medplumCore;

/** A value that a resource has at a search parameter, with its datatype as the oracle sees it. */
export interface FoundValue {
  readonly type: string;
  readonly value: unknown;
}

export interface Oracle {
  /** What the oracle finds in a resource at a search parameter. */
  valuesAt(resource: ExampleResource, code: string): readonly FoundValue[];
  /** What the oracle answers; the prefix is split from the value, as it wants it. */
  matches(resource: ExampleResource, code: string, prefix: string, value: string): boolean;
}

function dataLines(file: string): string[][] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  return text.split('\n').flatMap((line) => (line === '' || line.startsWith('#') ? [] : [line.split(' ')]));
}

/** Gives the oracle the official search parameters of R4; those of all resources for each of the types. */
function teachParameters(medplum: Medplum, types: readonly string[]): void {
  for (const [code = '', type = '', bases = '', ...expression] of dataLines('r4-expressions.txt')) {
    const base = bases === 'Resource' || bases === 'DomainResource' ? types : bases.split(',');
    const parameter = { resourceType: 'SearchParameter', code, type, base, expression: expression.join(' ') };
    medplum.indexSearchParameter(parameter as unknown as Parameters<Medplum['indexSearchParameter']>[0]);
  }
}

/** Tells the oracle the datatypes that it does not guess by the look of a value. */
function teachElements(medplum: Medplum): void {
  const rows = dataLines('r4-elements.txt');
  for (const type of new Set(rows.map(([path = '']) => path.slice(0, path.indexOf('.'))))) {
    const ofType = rows.filter(([path = '']) => path.startsWith(`${type}.`));
    const elements = ofType.map(([path, code, max]) => ({
      id: path,
      path,
      min: 0,
      max,
      base: { path, min: 0, max },
      type: [{ code }],
    }));
    const definition = {
      resourceType: 'StructureDefinition',
      url: `http://hl7.org/fhir/StructureDefinition/${type}`,
      name: type,
      type,
      kind: 'resource',
      abstract: false,
      status: 'active',
      snapshot: { element: [{ id: type, path: type, min: 0, max: '*' }, ...elements] },
    };
    medplum.loadDataType(definition as unknown as Parameters<Medplum['loadDataType']>[0]);
  }
}

/** The package with its tables as yet empty, beside any copy that others have loaded. */
function loadAnew(): Medplum {
  const require = createRequire(import.meta.url);
  const file = require.resolve('@medplum/core');
  const loaded = require.cache[file];
  Reflect.deleteProperty(require.cache, file);
  const anew = require(file) as Medplum;
  if (loaded === undefined) Reflect.deleteProperty(require.cache, file);
  else require.cache[file] = loaded;
  return anew;
}

/** An oracle of its own: what it is taught, other users of the same package in this process do not see. */
export function createOracle(types: readonly string[]): Oracle {
  const medplum = loadAnew();
  teachParameters(medplum, types);
  teachElements(medplum);
  const { Operator } = medplum;
  const operators: Readonly<Record<string, (typeof Operator)[keyof typeof Operator]>> = {
    eq: Operator.EQUALS,
    ne: Operator.NOT_EQUALS,
    gt: Operator.GREATER_THAN,
    lt: Operator.LESS_THAN,
    ge: Operator.GREATER_THAN_OR_EQUALS,
    le: Operator.LESS_THAN_OR_EQUALS,
    sa: Operator.STARTS_AFTER,
    eb: Operator.ENDS_BEFORE,
  };
  return {
    valuesAt(resource, code) {
      const expression = medplum.getSearchParameter(resource.resourceType, code)?.expression;
      return expression === undefined ? [] : medplum.evalFhirPathTyped(expression, [medplum.toTypedValue(resource)]);
    },
    matches(resource, code, prefix, value) {
      const request = { resourceType: resource.resourceType, filters: [{ code, operator: operators[prefix]!, value }] };
      return medplum.matchesSearchRequest(
        ...([resource, request] as unknown as Parameters<Medplum['matchesSearchRequest']>),
      );
    },
  };
}

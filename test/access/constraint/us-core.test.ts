import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { sampleExamples } from '../../fhir/official-examples.js';
import { meets } from './meets.js';

/** The granular scopes of US Core 7.0.0, as its table writes them; `system` where the table misspells it. */
interface UsCoreScope {
  readonly type: string;
  readonly query: string;
  readonly system?: string;
}

const { scopes } = JSON.parse(readFileSync(new URL('us-core.json', import.meta.url), 'utf8')) as {
  readonly scopes: readonly UsCoreScope[];
};

function resourceOf({ type, query, system }: UsCoreScope): unknown {
  const [, written = '', code = ''] = /^category=(.*)\|(.*)$/.exec(query) ?? [];
  return { resourceType: type, category: [{ coding: [{ system: system ?? written, code }] }] };
}

describe('the granular scopes of US Core', () => {
  for (const scope of scopes) {
    it(`${scope.type}.rs?${scope.query} is met by its category and by no other`, () => {
      const met = scopes.filter((other) => meets('4.0.1', scope.type, scope.query, resourceOf(other)) === true);
      expect(met).to.deep.equal([scope]);
    });
  }

  it('are met by a resource that has the category among others', () => {
    const category = scopes
      .filter(({ type }) => type === 'Observation')
      .map((scope) => (resourceOf(scope) as { category: unknown[] }).category[0]);
    for (const scope of scopes) {
      const expected = scope.type === 'Observation';
      expect(meets('4.0.1', scope.type, scope.query, { resourceType: 'Observation', category })).to.equal(expected);
    }
  });

  it('sort the official examples by their category', () => {
    const sorted = new Map<string, string[]>();
    for (const { file, resource } of sampleExamples()) {
      for (const { type, query } of scopes) {
        if (resource.resourceType === type && meets('4.0.1', type, query, resource) === true) {
          const category = query.slice(query.indexOf('|') + 1);
          sorted.set(category, [...(sorted.get(category) ?? []), file]);
        }
      }
    }
    expect(Object.fromEntries(sorted)).to.deep.equal({
      'encounter-diagnosis': ['Condition-example.json', 'Condition-stroke.json'],
      'problem-list-item': ['Condition-example2.json', 'Condition-family-history.json'],
      'vital-signs': [
        'Observation-body-height.json',
        'Observation-body-temperature.json',
        'Observation-example.json',
        'Observation-heart-rate.json',
        'Observation-mbp.json',
      ],
    });
  });
});

describe('trap 15: the misspelt system of social-history', () => {
  const SPELT = 'http://terminology.hl7.org/CodeSystem/observation-category';
  const MISSPELT = 'http://terminology.hl7.org//CodeSystem-observation-category';
  const observation = (system: string, code = 'social-history') => ({
    resourceType: 'Observation',
    category: [{ coding: [{ system, code }] }],
  });

  it('means the usual system', () => {
    expect(meets('4.0.1', 'Observation', `category=${MISSPELT}|social-history`, observation(SPELT))).to.equal(true);
  });

  it('is still met by what is misspelt in the same way', () => {
    expect(meets('4.0.1', 'Observation', `category=${MISSPELT}|social-history`, observation(MISSPELT))).to.equal(true);
  });

  for (const [why, type, query, resource] of [
    ['another code', 'Observation', `category=${MISSPELT}|laboratory`, observation(SPELT, 'laboratory')],
    ['the system alone', 'Observation', `category=${MISSPELT}|`, observation(SPELT)],
    ['another misspelling', 'Observation', `category=${MISSPELT}/|social-history`, observation(SPELT)],
    [
      'another parameter',
      'Observation',
      `code=${MISSPELT}|social-history`,
      { resourceType: 'Observation', code: observation(SPELT).category[0] },
    ],
    [
      'another type',
      'Condition',
      `category=${MISSPELT}|social-history`,
      { ...observation(SPELT), resourceType: 'Condition' },
    ],
    ['a resource that is misspelt itself', 'Observation', `category=${SPELT}|social-history`, observation(MISSPELT)],
  ] as const) {
    it(`is not excused for ${why}`, () => {
      expect(meets('4.0.1', type, query, resource)).to.equal(false);
    });
  }
});

import { expect } from 'chai';
import { exampleOf, selectExamples } from '../../../src/fhir/generator/select-examples.js';
import type { Example } from '../../../src/fhir/generator/select-examples.js';

function example(resourceType: string, id: string, size = 0, subject?: string): Example {
  const resource = {
    resourceType,
    id,
    ...(subject === undefined ? {} : { subject: { reference: subject } }),
    note: 'x'.repeat(size),
  };
  return { file: `${resourceType}-${id}.json`, content: Buffer.from(JSON.stringify(resource, null, 1)), resourceType };
}

const select = (examples: readonly Example[]): string[] => selectExamples(examples).map(({ file }) => file);

describe('fhir/generator/select-examples', () => {
  it('takes X/example and the smallest other of each type', () => {
    const examples = [
      example('Group', 'b', 30),
      example('Group', 'example', 50),
      example('Group', 'a', 40),
      example('Basic', 'only'),
    ];
    expect(select(examples)).to.deep.equal(['Basic-only.json', 'Group-b.json', 'Group-example.json']);
    expect(select(examples.toReversed())).to.deep.equal(select(examples));
  });

  it('takes a large one only where there is no other', () => {
    expect(select([example('Binary', 'example', 30_000)])).to.deep.equal(['Binary-example.json']);
    expect(select([example('Binary', 'example', 30_000), example('Binary', 'small')])).to.deep.equal([
      'Binary-small.json',
    ]);
  });

  it('takes more about the patient of most examples', () => {
    const observations = Array.from({ length: 20 }, (_, i) =>
      example('Observation', String(i), 100 + i, i % 2 === 0 ? 'Patient/example' : 'Patient/other'),
    );
    expect(select(observations)).to.have.length(9);
  });

  it('knows which files of a package are resources', () => {
    const content = Buffer.from('{"resourceType":"Patient"}');
    expect(exampleOf({ path: 'package/Patient-a.json', content })).to.include({
      file: 'Patient-a.json',
      resourceType: 'Patient',
    });
    for (const path of ['package/package.json', 'package/.index.json', 'package/other/readme.md']) {
      expect(exampleOf({ path, content })).to.equal(undefined);
    }
  });
});

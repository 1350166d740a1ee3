import { expect } from 'chai';
import { withoutPartialParameters } from '../../src/http/operation-parameters.js';

type Json = Readonly<Record<string, unknown>>;

const body = (...parameter: readonly unknown[]): Json => ({ resourceType: 'Parameters', parameter });
const start = { name: 'start', valueDate: '2024-01-01' };

describe('withoutPartialParameters', () => {
  for (const name of [
    '_summary',
    '_elements',
    '_elements:exclude',
    '_summary:x',
    '_Elements',
    '_SUMMARY',
    ' _elements\t',
  ]) {
    it(`takes ${JSON.stringify(name)} out of the body of an operation, and nothing else`, () => {
      const partial = { name, valueString: '*.meta' };
      expect(withoutPartialParameters(body(partial, start, partial))).to.deep.equal(body(start));
    });
  }

  it('takes them out of the parts of parameters, however deep', () => {
    const part = [start, { name: '_elements', valueString: 'id' }];
    const nested = { name: 'a', part: [{ name: 'b', part }] };
    const expected = body({ name: 'a', part: [{ name: 'b', part: [start] }] });
    expect(withoutPartialParameters(body(nested))).to.deep.equal(expected);
  });

  it('hands on a body that asks nothing of the kind as it is', () => {
    const resource = { resourceType: 'Patient', name: [{ family: '_elements' }] };
    const bodies: readonly unknown[] = [
      body(start, { name: 'elements', valueString: '_elements' }, { name: '_count', valueInteger: 1 }),
      body({ name: 'a', part: [start] }, { name: 'resource', resource }),
      { resourceType: 'Parameters' },
      resource,
      // What describes such a parameter asks for nothing.
      { resourceType: 'OperationDefinition', parameter: [{ name: '_elements', use: 'in' }] },
      [],
      null,
      undefined,
      '_elements',
    ];
    for (const each of bodies) expect(withoutPartialParameters(each)).to.equal(each);
  });

  it('reads what a lenient server reads: one parameter without its list, another case, no type', () => {
    const partial = { name: '_elements', valueString: 'id' };
    expect(withoutPartialParameters({ resourceType: 'Parameters', parameter: partial })).to.deep.equal(body());
    const lower = { resourceType: 'parameters', parameter: [partial, start] };
    expect(withoutPartialParameters(lower)).to.deep.equal({ resourceType: 'parameters', parameter: [start] });
    expect(withoutPartialParameters({ parameter: [partial] })).to.deep.equal({ parameter: [] });
    const inPart = body({ name: 'a', part: partial });
    expect(withoutPartialParameters(inPart)).to.deep.equal(body({ name: 'a', part: [] }));
  });

  it('drops a parameter of which nobody can tell the name', () => {
    const odd = [{ name: ['_elements'], valueString: 'id' }, { valueString: 'id' }, null, '_elements', [start]];
    expect(withoutPartialParameters(body(...odd, start))).to.deep.equal(body(start));
  });

  it('changes nothing that it was given', () => {
    const given = body({ name: '_elements', valueString: 'id' }, { name: 'a', part: [{ name: '_summary' }] });
    const before = structuredClone(given);
    withoutPartialParameters(given);
    expect(given).to.deep.equal(before);
  });
});

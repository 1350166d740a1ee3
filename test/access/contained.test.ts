import { expect } from 'chai';
import { containedTypes, namesOtherPatient } from '../../src/access/contained.js';

const a = (resourceType: string) => ({ resourceType, id: 'a' });

describe('access/contained', () => {
  const cases: readonly [name: string, contained: unknown, types: readonly string[] | undefined][] = [
    ['nothing', undefined, []],
    ['null, as some servers write nothing', null, []],
    ['an empty list', [], []],
    ['resources', [a('Organization'), a('Patient')], ['Organization', 'Patient']],
    [
      'as many as may be',
      Array.from({ length: 1000 }, () => a('Device')),
      Array.from({ length: 1000 }, () => 'Device'),
    ],
    ['too many', Array.from({ length: 1001 }, () => a('Device')), undefined],
    ['one that is no list', a('Organization'), undefined],
    ['a text', 'Organization', undefined],
    ['an empty text', '', undefined],
    ['null among them', [a('Organization'), null], undefined],
    ['nothing among them', [undefined], undefined],
    ['a text among them', ['Organization'], undefined],
    ['one without a type', [a('Organization'), {}], undefined],
    ['one whose type is no text', [{ resourceType: ['Organization'] }, a('Organization')], undefined],
  ];
  for (const [name, contained, types] of cases) {
    it(`${name}: ${types === undefined ? 'refused' : 'read'}`, () => {
      expect(
        containedTypes({ resourceType: 'Observation', ...(contained !== undefined && { contained }) }),
      ).to.deep.equal(types);
    });
  }

  it('knows the records of persons', () => {
    for (const type of ['Patient', 'RelatedPerson', 'Person'])
      expect(namesOtherPatient(['Device', type]), type).to.equal(true);
    expect(namesOtherPatient(['Device', 'Practitioner', 'Organization'])).to.equal(false);
    expect(namesOtherPatient([])).to.equal(false);
  });
});

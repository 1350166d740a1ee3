import { expect } from 'chai';
import { compareScopes } from '../../../src/backend-services/client/compare-scopes.js';

describe('backend-services/client/compare-scopes', () => {
  const CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category|';
  const cases: [requested: string, granted: string, narrowed: string[], widened: string[]][] = [
    // The same in other words.
    ['system/Patient.rs', 'system/Patient.rs', [], []],
    ['system/Patient.read', 'system/Patient.rs', [], []],
    ['system/Patient.cud', 'system/Patient.write', [], []],
    ['system/Patient.cruds', 'system/Patient.*', [], []],
    ['system/Patient.cruds', 'system/Patient.rs system/Patient.cud', [], []],
    ['system/Patient.r system/Patient.s', 'system/Patient.rs', [], []],
    ['a b a', 'b  a', [], []],
    // Less.
    ['system/Patient.rs', '', ['system/Patient.rs'], []],
    ['system/Patient.rs', 'system/Patient.r', ['system/Patient.rs'], []],
    ['system/*.rs', 'system/Patient.rs system/Observation.rs', ['system/*.rs'], []],
    ['system/Patient.rs system/Observation.rs', 'system/Patient.rs', ['system/Observation.rs'], []],
    ['system/Observation.rs', `system/Observation.rs?category=${CATEGORY}laboratory`, ['system/Observation.rs'], []],
    // More: the published sample asks for system/Patient.rs and is granted system/Patient.*.
    ['system/Patient.rs', 'system/Patient.*', [], ['system/Patient.*']],
    ['system/Patient.rs', 'system/*.rs', [], ['system/*.rs']],
    ['system/Patient.rs', 'system/Patient.rs system/Observation.r', [], ['system/Observation.r']],
    ['system/Observation.rs?category=a', 'system/Observation.rs', [], ['system/Observation.rs']],
    // Other.
    ['system/Patient.rs', 'user/Patient.rs', ['system/Patient.rs'], ['user/Patient.rs']],
    ['system/Patient.rs', 'patient/Patient.rs', ['system/Patient.rs'], ['patient/Patient.rs']],
    [
      'system/Observation.rs?category=a',
      'system/Observation.rs?category=b',
      ['system/Observation.rs?category=a'],
      ['system/Observation.rs?category=b'],
    ],
    // Granular, compared as predicates.
    [
      'system/Observation.rs?category=a',
      'system/Observation.rs?category=a,b',
      [],
      ['system/Observation.rs?category=a,b'],
    ],
    [
      'system/Observation.rs?category=a&status=final',
      'system/Observation.rs?category=a',
      [],
      ['system/Observation.rs?category=a'],
    ],
    ['system/Observation.rs?a=1&b=2', 'system/Observation.rs?b=2&a=1', [], []],
    // Not understood: compared as text.
    ['system/Patient.sr', 'system/Patient.sr', [], []],
    ['system/Patient.rs', 'system/Patient.sr', ['system/Patient.rs'], ['system/Patient.sr']],
    ['openid launch/patient', 'openid', ['launch/patient'], []],
  ];
  for (const [requested, granted, narrowed, widened] of cases) {
    it(`${requested} → ${granted === '' ? 'nothing' : granted}`, () => {
      expect(compareScopes(requested, granted)).to.deep.equal({ narrowed, widened });
    });
  }
});

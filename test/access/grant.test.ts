import { expect } from 'chai';
import { coversRequest } from '../../src/access/grant.js';
import { decideOperation } from '../../src/access/operation.js';
import type { OperationCall } from '../../src/access/operation.js';
import type { OperationRule } from '../../src/access/policy.js';
import type { Interaction } from '../../src/scope/rule.js';
import { callerWith, policyWith } from './caller.js';

describe('access/grant: scopes joined with identities', () => {
  it('makes a grant of each scope that has its identity, and says what became of the others', () => {
    const scopes = [
      'patient/*.r',
      'user/*.r',
      'system/*.r',
      'patient/*.r',
      'openid',
      'launch/patient',
      '',
      'x/y.z',
      'user/*.sr',
    ];
    const { granted, unidentified, ungranted } = callerWith(scopes, { patient: 'Patient/p1' }).grants;
    expect(granted.map(({ scope, subject }) => [scope.text, subject?.relative, subject?.level])).to.deep.equal([
      ['patient/*.r', 'Patient/p1', 'patient'],
      ['system/*.r', undefined, undefined],
    ]);
    expect(unidentified.map(({ scope }) => scope.text)).to.deep.equal(['user/*.r']);
    expect(ungranted).to.deep.equal([{ code: 'scope-unparsable', scope: 'user/*.sr', name: 'permission-order' }]);
  });

  it('never takes a patient in context for an admin', () => {
    const policy = policyWith({ adminTypes: ['Patient'] });
    const { granted } = callerWith(
      ['patient/*.r', 'user/*.r'],
      { patient: 'Patient/p1', user: 'Patient/p1' },
      policy,
    ).grants;
    expect(granted.map(({ subject }) => subject?.admin)).to.deep.equal([false, true]);
  });

  const cases: readonly [scope: string, asks: Interaction[], type: string | undefined, covered: boolean][] = [
    ['system/*.r', ['read'], 'Patient', true],
    ['system/Patient.r', ['read'], 'Patient', true],
    ['system/Patient.r', ['read'], 'Observation', false],
    ['system/*.r', ['read', 'search-type'], 'Patient', false],
    ['system/*.rs', ['read', 'search-type'], 'Patient', true],
    ['system/*.rs', ['search-system'], undefined, true],
    ['system/*.rs', ['search-system', 'history-system'], undefined, true],
    ['system/*.rs', ['search-system', 'read'], undefined, false],
    ['system/*.rs', ['read'], undefined, false],
    ['system/Patient.rs', ['search-system'], undefined, false],
    ['system/Patient.cud', ['batch'], undefined, true],
    ['system/Patient.cud', ['batch', 'transaction'], undefined, true],
    ['system/Patient.cruds', ['batch', 'search-system'], undefined, false],
    ['system/Patient.cruds', ['batch', 'create'], undefined, false],
  ];
  for (const [scope, asks, type, covered] of cases) {
    it(`${scope} ${covered ? 'covers' : 'does not cover'} ${asks.join(' and ')} on ${type ?? 'the system'}`, () => {
      const [grant] = callerWith([scope]).grants.granted;
      if (!grant) throw new Error('no grant');
      expect(coversRequest(grant, asks, type)).to.equal(covered);
    });
  }
});

describe('access/operation: operations by their interactions', () => {
  const EVERYTHING: OperationRule = { requires: ['read', 'search-type'] };
  function outcome(rule: OperationRule | undefined, call: Partial<OperationCall>, scopes = 'patient/*.rs'): string[] {
    const policy = policyWith({ operations: new Map(rule && [['$op', rule]]) });
    const caller = callerWith([scopes], { patient: 'Patient/p1' }, policy);
    const asked = { name: '$op', resourceType: 'Patient', id: undefined, resource: undefined, ...call };
    const decision = decideOperation(caller, asked, policy);
    if (decision.decision === 'allow') return [decision.code];
    return decision.reasons.map(({ code, name }) => (name === undefined ? code : `${code} ${name}`));
  }
  const own = { resourceType: 'Patient', id: 'p1' };
  const other = { resourceType: 'Patient', id: 'p2' };

  const cases: readonly [name: string, actual: () => string[], expected: string[]][] = [
    ['one that is not configured', () => outcome(undefined, {}), ['operation-unknown $op']],
    [
      'one that needs nothing',
      () => outcome({ requires: [] as unknown as OperationRule['requires'] }, {}),
      ['operation-unknown $op'],
    ],
    ['on a type', () => outcome(EVERYTHING, {}), ['scope-covers']],
    [
      'on a type, without one of the letters',
      () => outcome(EVERYTHING, {}, 'patient/*.r'),
      ['scope-lacks-interaction'],
    ],
    ['on the own instance', () => outcome(EVERYTHING, { resource: own }), ['self']],
    ['on another instance', () => outcome(EVERYTHING, { resource: other }), ['not-referenced']],
    [
      'on another instance, which is not judged',
      () => outcome({ ...EVERYTHING, judgesInstance: false }, { resource: other }),
      ['scope-covers'],
    ],
    [
      'on an instance that is to be judged',
      () => outcome({ ...EVERYTHING, judgesInstance: true }, { resource: other }),
      ['not-referenced'],
    ],
    [
      'on an instance of another type',
      () => outcome(EVERYTHING, { resource: { resourceType: 'Observation' } }),
      ['type-mismatch'],
    ],
    ['on an instance that is not there', () => outcome(EVERYTHING, { resource: null }), ['resource-missing']],
    ['on the system', () => outcome({ requires: ['search-system'] }, { resourceType: undefined }), ['scope-covers']],
    [
      'on the system, whatever resource comes with it',
      () => outcome({ requires: ['search-system'] }, { resourceType: undefined, resource: other }),
      ['scope-covers'],
    ],
    [
      'on the system, by a scope of one type',
      () => outcome({ requires: ['search-system'] }, { resourceType: undefined }, 'patient/Patient.rs'),
      ['scope-other-type Patient'],
    ],
  ];
  for (const [name, actual, expected] of cases) {
    it(`${name}: ${expected.join(', ')}`, () => {
      expect(actual()).to.deep.equal(expected);
    });
  }
});

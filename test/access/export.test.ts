import { expect } from 'chai';
import type { ExportRequest } from '../../src/access/export.js';
import { decideExport } from '../../src/access/export.js';
import type { AccessPolicy } from '../../src/access/policy.js';
import { callerWith, policyWith } from './caller.js';
import type { Who } from './caller.js';

const starts = (exportType?: string, types?: readonly string[]): ExportRequest => ({
  operation: 'initiate-export',
  exportType,
  types,
});
const STATUS: ExportRequest = { operation: 'get-status-export' };
const CANCEL: ExportRequest = { operation: 'cancel-export' };
const usersExport = policyWith({ userScopesExport: true });
const patientExport = policyWith({ patientExport: true });
const bounded = policyWith({
  userScopesExport: true,
  adminRules: [
    { userTypes: ['Practitioner'], resourceType: 'Patient', path: 'managingOrganization', claim: 'organization' },
  ],
});
const DOCTOR: Who = { user: 'Practitioner/d1' };
const VISITOR: Who = { user: 'https://elsewhere.example/Practitioner/d1' };

function decide(scopes: string, request: ExportRequest, who: Who = {}, policy: AccessPolicy = policyWith()) {
  const { decision, usable } = decideExport(callerWith(scopes.split(' '), who, policy), request, policy);
  return { decision, usable: usable.map(({ scope }) => scope.text) };
}

describe('access/export: what carries an export', () => {
  const cases: readonly [scopes: string, request: ExportRequest, usable: string, who?: Who, policy?: AccessPolicy][] = [
    ['system/*.rs', starts('system'), 'system/*.rs'],
    ['system/*.read system/Patient.read', starts('system'), 'system/*.read'],
    ['system/*.rs system/*.rs?category=x', starts('system'), 'system/*.rs'],
    ['system/*.s system/*.r', starts('system'), 'system/*.r'],
    [
      'system/Group.r system/Patient.r system/Observation.r',
      starts('group'),
      'system/Group.r system/Patient.r system/Observation.r',
    ],
    ['system/Patient.r', starts('patient'), 'system/Patient.r', {}, patientExport],
    ['system/*.r', starts('patient'), 'system/*.r', {}, patientExport],
    ['system/Observation.r', STATUS, 'system/Observation.r'],
    ['system/Observation.r', CANCEL, 'system/Observation.r'],
    ['user/*.r', starts('system'), 'user/*.r', DOCTOR, usersExport],
    ['user/*.r', STATUS, 'user/*.r', DOCTOR, usersExport],
    // By type.
    ['system/Patient.r system/Observation.r', starts('system', ['Patient']), 'system/Patient.r'],
    ['system/Patient.r system/*.r', starts('system', ['Patient', 'Device']), 'system/Patient.r system/*.r'],
    ['system/Group.r system/Patient.r', starts('group', ['Patient']), 'system/Group.r system/Patient.r'],
    ['user/Patient.r user/Device.r', starts('system', ['Patient']), 'user/Patient.r', DOCTOR, usersExport],
    // What a user lacks, a system scope may carry.
    ['user/*.r system/*.r', starts('system', ['Patient']), 'system/*.r', VISITOR, usersExport],
  ];
  for (const [scopes, request, usable, who, policy] of cases) {
    const types = request.types === undefined ? '' : ` of ${request.types.join(', ')}`;
    it(`${scopes}: ${request.operation} ${request.exportType ?? ''}${types}`, () => {
      const outcome = decide(scopes, request, who, policy);
      expect(outcome.decision).to.deep.include({ decision: 'allow', code: 'scope-covers' });
      expect(outcome.usable).to.deep.equal(usable.split(' '));
    });
  }

  it('is named: the grant that may, not the one that came first', () => {
    const { decision } = decide('user/*.r system/*.r', starts('system'), { user: 'Patient/p1' }, usersExport);
    expect(decision).to.deep.include({ grant: { scope: 'system/*.r', level: 'system' } });
  });
});

describe('access/export: what carries none', () => {
  const none = (name: string) => [{ code: 'scope-not-for-export', name }];
  const notThisUser = (scope: string) => [{ code: 'bulk-user-not-allowed', scope }];
  const cases: readonly [
    scopes: string,
    request: ExportRequest,
    reasons: object[],
    who?: Who,
    policy?: AccessPolicy,
  ][] = [
    ['system/Patient.r', starts('system'), none('system')],
    ['system/*.s', starts('system'), none('system')],
    ['system/*.r?category=x', starts('system'), none('system')],
    ['system/*.r?category=x', STATUS, none('get-status-export')],
    ['patient/*.r', starts('system'), none('system'), { patient: 'Patient/p1' }],
    ['patient/*.r', STATUS, none('get-status-export'), { patient: 'Patient/p1' }, usersExport],
    ['system/Group.r', starts('group'), none('group')],
    ['system/Patient.r', starts('group'), none('group')],
    ['system/Patient.r', starts('patient'), none('patient')],
    ['system/Observation.r', starts('patient'), none('patient'), {}, patientExport],
    ['system/*.r', starts('practitioner'), none('practitioner'), {}, patientExport],
    ['system/*.r', starts(undefined), none('initiate-export'), {}, patientExport],
    ['user/*.r', starts('system'), none('system'), DOCTOR],
    ['user/*.r', starts('group'), none('group'), DOCTOR, usersExport],
    [
      'user/*.r',
      starts('patient'),
      none('patient'),
      DOCTOR,
      policyWith({ userScopesExport: true, patientExport: true }),
    ],
    ['user/*.r', starts('system'), notThisUser('user/*.r'), { user: 'RelatedPerson/r1' }, usersExport],
    ['user/*.r', starts('system'), notThisUser('user/*.r'), VISITOR, usersExport],
    // Whom a rule bounds.
    ['user/*.r', starts('system'), notThisUser('user/*.r'), DOCTOR, bounded],
    ['user/*.r', STATUS, notThisUser('user/*.r'), DOCTOR, bounded],
    ['user/*.r', starts('system', ['Patient']), none('system'), DOCTOR, bounded],
    // By type.
    ['system/Patient.r', starts('system', ['Patient', 'Observation']), none('system')],
    ['system/*.r', starts('system', []), none('system')],
    ['system/Group.r system/Patient.r', starts('group', ['Observation']), none('group')],
    ['user/*.r', starts('system', ['Patient']), none('system'), VISITOR, usersExport],
    [
      'patient/*.sr',
      starts('system'),
      [...none('system'), { code: 'scope-unparsable', scope: 'patient/*.sr', name: 'permission-order' }],
    ],
    ['system/*.r', { operation: 'initiate-import' }, [{ code: 'bulk-operation-unsupported', name: 'initiate-import' }]],
  ];
  for (const [scopes, request, reasons, who, policy] of cases) {
    it(`${scopes}${who?.user === undefined ? '' : ` of ${who.user}`}: ${request.operation} ${request.exportType ?? ''}`, () => {
      expect(decide(scopes, request, who, policy)).to.deep.equal({
        decision: { decision: 'deny', reasons },
        usable: [],
      });
    });
  }

  for (const sub of [undefined, '', 5, ['somebody']]) {
    it(`a caller whose subject is ${JSON.stringify(sub)}`, () => {
      expect(decide('system/*.r', starts('system'), { claims: { sub } })).to.deep.equal({
        decision: { decision: 'deny', reasons: [{ code: 'identity-malformed', name: 'sub' }] },
        usable: [],
      });
    });
  }
});

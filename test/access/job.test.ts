import { expect } from 'chai';
import { decideJob, qualifiedOwner } from '../../src/access/job.js';

const ISSUER = 'https://as.example.org';
const ALICE = { subject: 'alice', issuer: ISSUER };

describe('access/job: whose a bulk data job is', () => {
  const owned = { decision: 'allow', code: 'job-owner', reasons: [] };
  const other = { decision: 'deny', reasons: [{ code: 'job-owner-mismatch' }] };
  const unknown = (name: string) => ({ decision: 'deny', reasons: [{ code: 'identity-malformed', name }] });
  const qualified = JSON.stringify([ISSUER, 'alice']);

  const cases: readonly [
    name: string,
    caller: { subject: string | undefined; issuer: string | undefined },
    owner: unknown,
    several: boolean,
    expected: object,
  ][] = [
    ['the subject', ALICE, 'alice', false, owned],
    ['another', ALICE, 'bob', false, other],
    ['nobody', ALICE, undefined, false, other],
    ['no text', ALICE, ['alice'], false, other],
    [
      'a caller without a subject, and a job without an owner',
      { ...ALICE, subject: undefined },
      undefined,
      false,
      unknown('sub'),
    ],
    ['a caller without an issuer, where there is one only', { ...ALICE, issuer: undefined }, 'alice', false, owned],
    ['the subject within its issuer', ALICE, qualified, true, owned],
    ['the subject alone, where there are several issuers', ALICE, 'alice', true, other],
    ['the same subject of another issuer', { ...ALICE, issuer: 'https://other.example.org' }, qualified, true, other],
    [
      'a caller without an issuer, where there are several',
      { ...ALICE, issuer: undefined },
      undefined,
      true,
      unknown('iss'),
    ],
    [
      'a caller without a subject, where there are several',
      { ...ALICE, subject: undefined },
      undefined,
      true,
      unknown('iss'),
    ],
    ['a caller without both', { subject: undefined, issuer: undefined }, undefined, true, unknown('iss')],
  ];
  for (const [name, caller, owner, several, expected] of cases) {
    it(name, () => {
      expect(decideJob(caller, owner, several)).to.deep.equal(expected);
    });
  }

  it('makes one owner of an issuer and a subject, which no other pair makes', () => {
    expect(qualifiedOwner(ALICE)).to.equal(qualified);
    const pairs = [
      { issuer: 'a', subject: 'b' },
      { issuer: 'a","b', subject: '' },
      { issuer: '', subject: 'ab' },
      { issuer: 'ab', subject: '' },
    ];
    expect(new Set(pairs.map(qualifiedOwner))).to.have.property('size', pairs.length);
    for (const half of [
      { subject: 'alice', issuer: undefined },
      { subject: undefined, issuer: ISSUER },
      { subject: undefined, issuer: undefined },
    ]) {
      expect(qualifiedOwner(half)).to.equal(undefined);
    }
  });
});

import { expect } from 'chai';
import { Judge, seen } from '../../src/access/judge.js';
import { knownGrants } from '../../src/access/known-grants.js';
import type { AccessPolicy } from '../../src/access/policy.js';
import type { ClaimedIdentity } from '../../src/identity/identity.js';
import { ScopeParser } from '../../src/scope/list.js';
import { callerWith, policyWith } from './caller.js';
import { BASE, here, observation } from './world.js';

const USER = here('RelatedPerson/r1');
const PATIENT = here('Patient/p1');
const WHO: ClaimedIdentity = { user: USER, patient: PATIENT };
const SCOPES = ['patient/*.rs', 'user/*.rs'];

describe('access/known-grants: what is remembered of callers', () => {
  interface Asked {
    readonly scopes?: readonly string[];
    readonly identity?: ClaimedIdentity;
    readonly base?: string;
  }
  /** Asks for grants as one handler does: with one policy and one parser. */
  function handlerOf(policy: AccessPolicy = policyWith(), parser = new ScopeParser()) {
    return ({ scopes = SCOPES, identity = WHO, base = BASE }: Asked = {}) =>
      knownGrants(scopes, identity, base, policy, parser);
  }

  it('is the same for the same scopes and identities', () => {
    const grants = handlerOf();
    expect(grants({ scopes: [...SCOPES], identity: { user: { ...USER }, patient: { ...PATIENT } } })).to.equal(
      grants(),
    );
  });

  const others: readonly [name: string, asked: Asked][] = [
    ['another patient', { identity: { user: USER, patient: here('Patient/p2') } }],
    ['no patient', { identity: { user: USER, patient: undefined } }],
    ['another user', { identity: { user: here('RelatedPerson/r2'), patient: PATIENT } }],
    ['no user', { identity: { user: undefined, patient: PATIENT } }],
    ['a user of another type', { identity: { user: here('Person/r1'), patient: PATIENT } }],
    ['a patient of another server', { identity: { user: USER, patient: { ...PATIENT, hostname: 'https://other' } } }],
    ['user and patient exchanged', { identity: { user: PATIENT, patient: USER } }],
    ['the patient as user', { identity: { user: PATIENT, patient: undefined } }],
    ['one scope less', { scopes: ['patient/*.rs'] }],
    ['the scopes as one', { scopes: ['patient/*.rs","user/*.rs'] }],
    ['other scopes', { scopes: ['patient/*.rs', 'user/*.r'] }],
    ['another order', { scopes: ['user/*.rs', 'patient/*.rs'] }],
    ['another base', { base: 'https://fhir.example.org/other' }],
  ];
  for (const [name, asked] of others) {
    it(`is something else for ${name}`, () => {
      const grants = handlerOf();
      const first = grants();
      const other = grants(asked);
      expect(other).not.to.equal(first);
      expect(other).not.to.deep.equal(first);
      expect(grants(asked), 'and remembered beside it').to.equal(other);
      expect(grants()).to.equal(first);
    });
  }

  it('is something else for another policy, and for another way to read scopes', () => {
    const policy = policyWith();
    const parser = new ScopeParser();
    const grants = handlerOf(policy, parser);
    const first = grants();
    expect(handlerOf({ ...policy }, parser)()).not.to.equal(first);
    const decoding = handlerOf(policy, new ScopeParser({ decodeSlash: true }));
    expect(decoding({ scopes: ['patient%2f*.rs'] }).granted).to.have.length(1);
    expect(grants({ scopes: ['patient%2f*.rs'] }).granted).to.have.length(0);
  });

  it('is bounded: 500 callers, and none whose scopes are endless', () => {
    const grants = handlerOf();
    const named = (index: number) => grants({ identity: { user: undefined, patient: here(`Patient/p${index}`) } });
    const first = named(0);
    for (let index = 1; index < 500; index += 1) named(index);
    expect(named(0), 'the first of 500').to.equal(first);
    named(500);
    expect(named(0), 'the first of 501').not.to.equal(first);

    const sized = (length: number) => {
      const scope = 'x'.repeat(length - BASE.length - 1);
      return { scopes: [scope], identity: { user: undefined, patient: undefined } };
    };
    expect(grants(sized(8_192))).to.equal(grants(sized(8_192)));
    expect(grants(sized(8_193))).not.to.equal(grants(sized(8_193)));
  });
});

describe('access/judge: Judge.for, which comes back to the same grants', () => {
  const policy = policyWith();
  const caller = () => callerWith(SCOPES, { user: 'RelatedPerson/r1', patient: 'Patient/p1' }, policy);

  it('is one judge for one caller and one request', () => {
    const one = caller();
    const judge = Judge.for(one, ['read'], policy);
    expect(Judge.for(one, ['read'], policy)).to.equal(judge);
    expect(Judge.for({ ...one, claims: { sub: 'the next token' } }, ['read'], policy)).to.equal(judge);
    expect(Judge.for(one, ['search-type'], policy)).not.to.equal(judge);
    expect(Judge.for(one, ['read', 'search-type'], policy)).not.to.equal(judge);
    expect(Judge.for(one, ['read'], policy), 'beside the others').to.equal(judge);
  });

  it('is another for other grants, another policy and another base', () => {
    const one = caller();
    const judge = Judge.for(one, ['read'], policy);
    expect(Judge.for({ ...one, base: 'https://other.example' }, ['read'], policy)).not.to.equal(judge);
    expect(Judge.for(caller(), ['read'], policy)).not.to.equal(judge);
    const latest = Judge.for(one, ['read'], policy);
    expect(Judge.for(one, ['read'], { ...policy })).not.to.equal(latest);
  });

  it('judges by the claims of the token at hand where a rule reads them', () => {
    const ruled = policyWith({
      adminRules: [{ userTypes: ['Practitioner'], resourceType: 'Patient', path: 'managingOrganization', claim: 'of' }],
    });
    const doctor = callerWith(['user/*.rs'], { user: 'Practitioner/d1' }, ruled);
    const patient = seen({ resourceType: 'Patient', id: 'x', managingOrganization: { reference: 'Organization/g1' } });
    const sees = (of: string): string =>
      Judge.for({ ...doctor, claims: { of } }, ['read'], ruled).decide('Patient', [patient]).decision;
    expect(['Organization/g1', 'Organization/g2', 'Organization/g1'].map(sees)).to.deep.equal([
      'allow',
      'deny',
      'allow',
    ]);
  });

  it('judges by the encounter of the token at hand', () => {
    const one = callerWith(['patient/*.rs'], { patient: 'Patient/p1' }, policy);
    const resource = seen({ ...observation('Patient/p1'), encounter: { reference: 'Encounter/e1' } });
    const sees = (encounter: string | undefined): string => {
      const context = encounter === undefined ? undefined : here(encounter);
      return Judge.for({ ...one, encounter: context }, ['read'], policy).decide('Observation', [resource]).decision;
    };
    expect(['Encounter/e1', 'Encounter/e2', undefined, 'Encounter/e2'].map(sees)).to.deep.equal([
      'allow',
      'deny',
      'allow',
      'deny',
    ]);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import type { Caller } from '../../src/access/caller.js';
import { grantsOf } from '../../src/access/grant.js';
import { Judge, seen } from '../../src/access/judge.js';
import { knownGrants } from '../../src/access/known-grants.js';
import type { ClaimedIdentity } from '../../src/identity/identity.js';
import { ScopeParser } from '../../src/scope/list.js';
import { policyWith } from './caller.js';
import { BASE, PEOPLE, anyScope, here, observation } from './world.js';

const PARSER = new ScopeParser();
const POLICY = policyWith();
const alice: ClaimedIdentity = { user: undefined, patient: here('Patient/p1') };

describe('access/known-grants', () => {
  it('gives the same grants for the same scopes and identities', () => {
    const ask = () => knownGrants(['patient/*.rs', 'openid'], { ...alice }, BASE, POLICY, PARSER);
    expect(ask()).to.equal(ask());
    expect(ask()).to.deep.equal(grantsOf(['patient/*.rs', 'openid'], alice, BASE, POLICY, PARSER));
  });

  const p2 = here('Patient/p2');
  const others: Readonly<Record<string, Parameters<typeof knownGrants>>> = {
    'another patient': [['patient/*.rs'], { user: undefined, patient: p2 }, BASE, POLICY, PARSER],
    'the same person as a user': [['patient/*.rs'], { user: alice.patient, patient: undefined }, BASE, POLICY, PARSER],
    'a patient of the same id elsewhere': [
      ['patient/*.rs'],
      { user: undefined, patient: { ...here('Patient/p1'), hostname: 'https://elsewhere.example' } },
      BASE,
      POLICY,
      PARSER,
    ],
    'another server': [['patient/*.rs'], alice, 'https://other.example.org', POLICY, PARSER],
    'another policy': [['patient/*.rs'], alice, BASE, policyWith(), PARSER],
    'another parser': [['patient/*.rs'], alice, BASE, POLICY, new ScopeParser({ decodeSlash: true })],
    'another scope': [['patient/*.r'], alice, BASE, POLICY, PARSER],
    'one scope more': [['patient/*.rs', 'openid'], alice, BASE, POLICY, PARSER],
  };
  for (const [name, other] of Object.entries(others)) {
    it(`gives others for ${name}`, () => {
      const grants = knownGrants(['patient/*.rs'], alice, BASE, POLICY, PARSER);
      expect(knownGrants(...other)).not.to.equal(grants);
      expect(knownGrants(...other)).to.deep.equal(grantsOf(...other));
    });
  }

  it('takes no list of scopes for another, whatever characters a scope has', () => {
    const text = fc.oneof(
      fc.constantFrom('patient/*.rs', 'system/*.cruds', ' ', ',', '"', '\\', '","', '\n', '', '\ud800'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), fc.constantFrom('', ' ', ',', '","', '\n'), (scopes, glue) => {
        const joined = [scopes.join(glue)];
        for (const list of [scopes, joined, [...scopes].reverse(), [...scopes, '']]) {
          const expected = grantsOf(list, alice, BASE, POLICY, PARSER);
          expect(knownGrants(list, alice, BASE, POLICY, PARSER)).to.deep.equal(expected);
        }
      }),
    );
  });

  it('keeps a bounded number of callers, and no list of scopes without end', () => {
    const policy = policyWith();
    const grantsFor = (id: number) =>
      knownGrants(['patient/*.rs'], { user: undefined, patient: here(`Patient/p${id}`) }, BASE, policy, PARSER);
    const first = grantsFor(0);
    for (let id = 1; id < 500; id += 1) grantsFor(id);
    expect(grantsFor(0)).to.equal(first);
    grantsFor(500);
    expect(grantsFor(0)).not.to.equal(first);
    const many = Array.from({ length: 2_000 }, (_, n) => `patient/Observation.rs?code=c${n}`);
    expect(knownGrants(many, alice, BASE, policy, PARSER)).not.to.equal(knownGrants(many, alice, BASE, policy, PARSER));
  });
});

describe('access/known-grants: what is kept', () => {
  it('does not change with the list and the identity that it was asked about', () => {
    const policy = policyWith();
    const scopes = ['patient/*.rs'];
    const patient = { ...here('Patient/p1') };
    const grants = knownGrants(scopes, { user: undefined, patient }, BASE, policy, PARSER);
    scopes[0] = 'patient/*.cruds';
    expect(knownGrants(['patient/*.rs'], alice, BASE, policy, PARSER)).to.equal(grants);
    patient.hostname = 'https://elsewhere.example';
    expect(knownGrants(['patient/*.rs'], alice, BASE, policy, PARSER)).to.equal(grants);
    const changed = knownGrants(scopes, { user: undefined, patient }, BASE, policy, PARSER);
    expect(changed).to.deep.equal(grantsOf(scopes, { user: undefined, patient }, BASE, policy, PARSER));
  });

  it('is bounded for the callers of one name, too, at no cost for others', () => {
    const policy = policyWith();
    const grantsFor = (n: number) => knownGrants([`patient/*.rs`, `other-${n}`], alice, BASE, policy, PARSER);
    const other = () => knownGrants(['system/*.rs'], { user: undefined, patient: undefined }, BASE, policy, PARSER);
    const [first, kept] = [grantsFor(0), other()];
    for (let n = 1; n < 32; n += 1) grantsFor(n);
    expect(grantsFor(0)).to.equal(first);
    grantsFor(32);
    expect(grantsFor(0)).not.to.equal(first);
    expect(other()).to.equal(kept);
    // However many there are of one name, they take no place from others.
    for (let n = 33; n < 2_000; n += 1) grantsFor(n);
    expect(other()).to.equal(kept);
  });
});

describe('access/judge: a judge that is used again', () => {
  const anyIdentity = fc.record({
    user: fc.option(fc.constantFrom(...PEOPLE), { nil: undefined }),
    patient: fc.option(fc.constantFrom('Patient/p1', 'Patient/p2'), { nil: undefined }),
  });

  it('decides as one that is new, whoever asked before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uniqueArray(anyScope, { maxLength: 4 }), anyIdentity), { minLength: 2, maxLength: 6 }),
        fc.constantFrom('read', 'search-type', 'create', 'update', 'delete'),
        (callers, interaction) => {
          for (const [scopes, { user, patient }] of [...callers, ...callers]) {
            const identity = { user: user && here(user), patient: patient && here(patient) } as ClaimedIdentity;
            const about = { claims: {}, encounter: undefined, base: BASE };
            const known: Caller = { ...about, grants: knownGrants(scopes, identity, BASE, POLICY, PARSER) };
            const fresh: Caller = { ...about, grants: grantsOf(scopes, identity, BASE, POLICY, PARSER) };
            const again = Judge.for(known, [interaction], POLICY);
            const anew = new Judge(fresh, [interaction], POLICY);
            for (const resource of [observation('Patient/p1'), observation('Patient/p2'), { resourceType: 'X' }]) {
              const type = resource.resourceType;
              expect(again.decide(type, [seen(resource)])).to.deep.equal(anew.decide(type, [seen(resource)]));
              expect(again.allows(resource)).to.equal(anew.allows(resource));
              expect(again.grantsFor(type)).to.deep.equal(anew.grantsFor(type));
              expect(again.decideType(undefined)).to.deep.equal(anew.decideType(undefined));
            }
          }
        },
      ),
    );
  });

  it('is another one for another policy, base or interaction, and where claims or the encounter decide', () => {
    const grants = knownGrants(['patient/*.rs'], alice, BASE, POLICY, PARSER);
    const caller: Caller = { grants, claims: {}, encounter: undefined, base: BASE };
    const judge = Judge.for(caller, ['read'], POLICY);
    expect(Judge.for({ ...caller, claims: { sub: 'other' } }, ['read'], POLICY)).to.equal(judge);
    expect(Judge.for(caller, ['search-type'], POLICY)).not.to.equal(judge);
    expect(Judge.for(caller, ['read', 'search-type'], POLICY)).not.to.equal(Judge.for(caller, ['read'], POLICY));
    expect(Judge.for(caller, ['read'], policyWith())).not.to.equal(judge);
    expect(Judge.for({ ...caller, base: 'https://other.example' }, ['read'], POLICY)).not.to.equal(judge);
    const narrowed: Caller = { ...caller, encounter: here('Encounter/e1') };
    expect(Judge.for(narrowed, ['read'], POLICY)).not.to.equal(Judge.for(narrowed, ['read'], POLICY));
    const rule = { userTypes: ['Practitioner'], resourceType: 'Patient', path: 'managingOrganization', claim: 'org' };
    const bounded = policyWith({ adminRules: [rule] });
    expect(Judge.for(caller, ['read'], bounded)).not.to.equal(Judge.for(caller, ['read'], bounded));
  });
});

import { expect } from 'chai';
import type { Decision } from '../../src/access/decision.js';
import { Judge, idOf, seen, typeOf } from '../../src/access/judge.js';
import type { ResourceState } from '../../src/access/judge.js';
import type { AccessPolicy, NarrowingContext } from '../../src/access/policy.js';
import type { Interaction } from '../../src/scope/rule.js';
import { FULL_RULE } from '../../src/scope/rule.js';
import { callerWith, membershipWith, policyWith } from './caller.js';
import type { Who } from './caller.js';
import { here, observation } from './world.js';

const PATIENT: Who = { patient: 'Patient/p1' };
const OWN = observation('Patient/p1');
const FOREIGN = observation('Patient/p2');

interface Asked extends Who {
  readonly scopes: string;
  readonly asks?: readonly [Interaction, ...Interaction[]];
  readonly policy?: AccessPolicy;
}

function judgeOf({ scopes, asks = ['read'], policy = policyWith(), ...who }: Asked): Judge {
  return new Judge(callerWith(scopes.split(' '), who, policy), asks, policy);
}

const told = ({ reasons }: Decision): string[] =>
  reasons.map(({ code, scope, state, name }) => [code, scope, state, name].filter(Boolean).join(' '));

describe('access/judge: typeOf and idOf', () => {
  it('know the type and the id of a resource', () => {
    expect(typeOf({ resourceType: 'Patient' })).to.equal('Patient');
    expect(idOf({ id: 'p1' })).to.equal('p1');
    expect(idOf({ id: '' })).to.equal('');
  });

  const none: readonly unknown[] = [
    undefined,
    null,
    '',
    'Patient',
    7,
    true,
    {},
    { resourceType: '', id: 5 },
    { resourceType: null, id: null },
    { resourceType: ['Patient'], id: ['p1'] },
    Object.assign(() => undefined, { resourceType: 'Patient', id: 'p1' }),
  ];
  for (const value of none) {
    it(`know none of ${typeof value} ${JSON.stringify(value)}`, () => {
      expect(typeOf(value)).to.equal(undefined);
      expect(idOf(value)).to.equal(undefined);
      expect(judgeOf({ scopes: 'system/*.rs' }).allows(value), 'and even a system sees none').to.equal(false);
    });
  }

  it('know no type of a list that bears one', () => {
    expect(typeOf(Object.assign([], { resourceType: 'Patient' }))).to.equal(undefined);
  });
});

describe('access/judge: what a query may touch', () => {
  const granted: readonly [name: string, asked: Asked, all: boolean, partial: boolean][] = [
    ['a system', { scopes: 'system/*.s' }, true, false],
    ['an admin', { scopes: 'user/*.s', user: 'Practitioner/d1' }, true, false],
    ['a patient', { scopes: 'patient/*.s', ...PATIENT }, false, false],
    ['a system with a granular scope', { scopes: 'system/*.s?category=x' }, false, true],
    ['a system with a plain scope beside it', { scopes: 'system/*.s?category=x system/*.s' }, true, true],
    [
      'a patient with a granular scope beside',
      { scopes: 'patient/*.s patient/*.s?category=x', ...PATIENT },
      false,
      true,
    ],
    ['a granular scope for something else', { scopes: 'system/*.s system/*.r?category=x' }, true, false],
    ['a rule of the host', { scopes: 'system/*.s', policy: policyWith({ narrow: () => true }) }, false, true],
    [
      'contained resources refused',
      { scopes: 'system/*.s', policy: membershipWith({ contained: 'refuse' }) },
      false,
      true,
    ],
    ['an encounter in context', { scopes: 'patient/*.s', ...PATIENT, encounter: here('Encounter/e1') }, false, true],
    [
      'an encounter in context that is none',
      { scopes: 'patient/*.s', ...PATIENT, encounter: 'malformed' },
      false,
      true,
    ],
  ];
  for (const [name, asked, all, partial] of granted) {
    it(`${name}: ${all ? 'everything' : 'a part'}${partial ? ', and no count can be trusted' : ''}`, () => {
      const judge = judgeOf({ ...asked, asks: ['search-type'] });
      expect(judge.opensAll('Observation')).to.equal(all);
      expect(judge.view().opensAll('Observation')).to.equal(all);
      expect(judge.view().opensEverything()).to.equal(all);
      expect(judge.isPartial()).to.equal(partial);
      expect(judge.view().covers('Observation')).to.equal(true);
    });
  }

  it('one type is not everything', () => {
    const view = judgeOf({ scopes: 'system/Observation.s', asks: ['search-type'] }).view();
    expect(view.opensAll('Observation')).to.equal(true);
    expect(view.opensAll('Patient')).to.equal(false);
    expect(view.covers('Patient')).to.equal(false);
    expect(view.opensEverything()).to.equal(false);
  });
});

describe('access/judge: what nobody has looked at', () => {
  const cases: readonly [name: string, asked: Asked, type: string, id: string, allowed: boolean][] = [
    ['the patient', { scopes: 'patient/*.r', ...PATIENT }, 'Patient', 'p1', true],
    ['another patient', { scopes: 'patient/*.r', ...PATIENT }, 'Patient', 'p2', false],
    ['another type with the same id', { scopes: 'patient/*.r', ...PATIENT }, 'Observation', 'p1', false],
    ['anything, for a system', { scopes: 'system/*.r' }, 'Observation', 'o1', true],
    ['the patient, by a granular scope', { scopes: 'patient/*.r?gender=female', ...PATIENT }, 'Patient', 'p1', false],
    ['anything, by a granular scope of a system', { scopes: 'system/*.r?code=x' }, 'Observation', 'o1', false],
    [
      'the patient, within an encounter that is none',
      { scopes: 'patient/*.r', ...PATIENT, encounter: 'malformed' },
      'Patient',
      'p1',
      false,
    ],
    [
      'anything, where the host has a rule',
      { scopes: 'system/*.r', policy: policyWith({ narrow: () => true }) },
      'Patient',
      'p1',
      false,
    ],
  ];
  for (const [name, asked, type, id, allowed] of cases) {
    it(`${name}: ${allowed ? 'allowed' : 'refused'}`, () => {
      const judge = judgeOf(asked);
      expect(judge.allowsUnseen(type, id)).to.equal(allowed);
      const decision = judge.decide(type, [{ unseenId: id, state: 'stored' }]);
      expect(decision.decision).to.equal(allowed ? 'allow' : 'deny');
      if (!allowed) expect(told(decision)).to.deep.equal([`stored-unknown ${asked.scopes} stored`]);
    });
  }
});

describe('access/judge: what a resource has to be', () => {
  const judge = (): Judge => judgeOf({ scopes: 'system/*.r' });
  const flaws: readonly [name: string, state: () => ResourceState, reason: object][] = [
    ['not there', () => ({ value: undefined, id: undefined }), { code: 'resource-missing' }],
    [
      'null, as stored',
      () => ({ value: null, id: undefined, state: 'stored' }),
      { code: 'resource-missing', state: 'stored' },
    ],
    ['no resource', () => ({ value: [OWN], id: undefined }), { code: 'resource-malformed' }],
    [
      'no resource, as result',
      () => ({ value: 'x', id: undefined, state: 'result' }),
      { code: 'resource-malformed', state: 'result' },
    ],
    ['another type', () => seen({ resourceType: 'Patient', id: 'p1' }), { code: 'type-mismatch' }],
    [
      'another type, as stored',
      () => seen({ resourceType: 'Patient' }, 'stored'),
      { code: 'type-mismatch', state: 'stored' },
    ],
  ];
  for (const [name, state, reason] of flaws) {
    it(`${name}: refused before any grant is asked`, () => {
      const expected = { decision: 'deny', reasons: [{ ...reason, resourceType: 'Observation' }] };
      expect(judge().decide('Observation', [state()])).to.deep.equal(expected);
      expect(judge().decide('Observation', [seen(OWN), state()])).to.deep.equal(expected);
    });
  }

  it('covered in every state, where several are known', () => {
    const own = judgeOf({ scopes: 'patient/*.u', ...PATIENT, asks: ['update'] });
    expect(own.decide('Observation', [seen(OWN, 'stored'), seen(OWN, 'result')])).to.include({ code: 'referenced' });
    const denied = own.decide('Observation', [seen(OWN, 'stored'), seen(FOREIGN, 'result')]);
    expect(told(denied)).to.deep.equal(['not-referenced patient/*.u result']);
  });

  it('free of contained resources that cannot be read, where they are judged', () => {
    const strict = judgeOf({ scopes: 'system/*.r', policy: membershipWith({ contained: 'refuse' }) });
    for (const contained of ['x', [null], [{}], { resourceType: 'Device' }]) {
      const decision = strict.decide('Observation', [seen({ ...OWN, contained })]);
      expect(told(decision), JSON.stringify(contained)).to.deep.equal(['contained-not-covered system/*.r']);
    }
    expect(strict.allows({ ...OWN, contained: [{ resourceType: 'Patient' }] })).to.equal(true);
    const narrower = judgeOf({ scopes: 'system/Observation.r', policy: membershipWith({ contained: 'refuse' }) });
    expect(narrower.allows({ ...OWN, contained: [{ resourceType: 'Device' }] })).to.equal(false);
    const admin = { scopes: 'user/*.r', user: 'Practitioner/d1', policy: membershipWith({ contained: 'refuse' }) };
    expect(judgeOf(admin).allows({ ...OWN, contained: [{ resourceType: 'Patient' }] })).to.equal(true);
  });
});

describe('access/judge: what carries, and what is said', () => {
  it('a plain grant is taken before a granular one, in whatever order they come', () => {
    const scopes = ['patient/*.r?category=laboratory', 'patient/*.r?status=final', 'patient/Observation.r'];
    for (const order of [scopes, [...scopes].reverse()]) {
      const decision = judgeOf({ scopes: order.join(' '), ...PATIENT }).decide('Observation', [seen(OWN)]);
      expect(decision).to.have.nested.property('grant.scope', 'patient/Observation.r');
    }
  });

  it('the first of two plain grants of one identity speaks for both; every granular one for itself', () => {
    const scopes = 'patient/*.r patient/Observation.r patient/*.r?status=final user/*.r patient/*.r?code=x';
    const denied = judgeOf({ scopes, ...PATIENT, user: 'Patient/p3' }).decide('Observation', [seen(FOREIGN)]);
    expect(told(denied)).to.deep.equal([
      'not-referenced patient/*.r',
      'not-referenced user/*.r',
      'not-referenced patient/*.r?status=final',
      'not-referenced patient/*.r?code=x',
    ]);
  });

  it('each grant with an identity of its own is tried', () => {
    const scopes = 'user/Observation.r patient/Observation.r';
    const decision = judgeOf({ scopes, ...PATIENT, user: 'RelatedPerson/r1' }).decide('Observation', [seen(OWN)]);
    expect(decision).to.deep.include({
      grant: { scope: 'patient/Observation.r', level: 'patient', identity: 'Patient/p1' },
    });
  });

  it('a search over all types is carried by any scope that searches', () => {
    const searches = (scopes: string) => judgeOf({ scopes, ...PATIENT, asks: ['search-system'] });
    expect(searches('patient/Observation.s').decideAny()).to.deep.include({ decision: 'allow', code: 'scope-covers' });
    expect(searches('patient/Observation.s').grantsForAnyType()).to.have.length(1);
    expect(searches('patient/Observation.r').decideAny()).to.deep.equal({
      decision: 'deny',
      reasons: [{ code: 'scope-lacks-interaction', scope: 'patient/Observation.r' }],
    });
    expect(searches('openid').decideAny()).to.deep.equal({ decision: 'deny', reasons: [{ code: 'scope-missing' }] });
  });

  const patient = (...read: Interaction[]) =>
    policyWith({ scopeRule: { patient: { read, write: ['create', 'delete'] }, user: FULL_RULE } });
  const lacks: readonly [name: string, asked: Asked, type: string | undefined, reasons: string[]][] = [
    [
      'a scope of one type, for the whole system',
      { scopes: 'patient/Observation.s', asks: ['search-system'] },
      undefined,
      ['scope-other-type patient/Observation.s Observation'],
    ],
    [
      'a scope of one type that does not search',
      { scopes: 'patient/Observation.r', asks: ['search-system'] },
      undefined,
      ['scope-lacks-interaction patient/Observation.r'],
    ],
    [
      'a granular part that cannot be evaluated',
      { scopes: 'patient/*.r?nonsense=1' },
      'Observation',
      ['scope-constraint-unsupported patient/*.r?nonsense=1 nonsense'],
    ],
    [
      'the same, where the letter is missing first',
      { scopes: 'patient/*.s?nonsense=1' },
      'Observation',
      ['scope-lacks-interaction patient/*.s?nonsense=1'],
    ],
    [
      'a letter that the rule leaves out',
      { scopes: 'patient/*.u', asks: ['update'], policy: patient() },
      'Observation',
      ['scope-rule-excludes patient/*.u'],
    ],
    [
      'a letter that the rule leaves out, and one that is missing',
      { scopes: 'patient/*.u', asks: ['update', 'search-type'], policy: patient() },
      'Observation',
      ['scope-lacks-interaction patient/*.u'],
    ],
    [
      'a word that the rule leaves out',
      { scopes: 'patient/*.read', policy: patient('search-type') },
      'Observation',
      ['scope-rule-excludes patient/*.read'],
    ],
    [
      'both words',
      { scopes: 'patient/*.*', asks: ['patch'], policy: patient() },
      'Observation',
      ['scope-rule-excludes patient/*.*'],
    ],
    [
      'the other word',
      { scopes: 'patient/*.read', asks: ['patch'], policy: patient() },
      'Observation',
      ['scope-lacks-interaction patient/*.read'],
    ],
    [
      'a batch that the rule leaves out',
      { scopes: 'patient/*.c', asks: ['batch'], policy: patient() },
      undefined,
      ['scope-rule-excludes patient/*.c'],
    ],
    [
      'a batch, for who writes nothing',
      { scopes: 'patient/*.rs', asks: ['batch'], policy: patient() },
      undefined,
      ['scope-lacks-interaction patient/*.rs'],
    ],
  ];
  for (const [name, asked, type, reasons] of lacks) {
    it(`says what is lacking: ${name}`, () => {
      expect(told(judgeOf({ ...PATIENT, ...asked }).decideType(type))).to.deep.equal(reasons);
    });
  }

  it('says of a scope without its identity whether that is all that it lacks', () => {
    const scopes = 'patient/*.r user/*.r patient/*.s user/Patient.r patient/*.r?nonsense=1';
    expect(judgeOf({ scopes }).decideType('Observation')).to.deep.equal({
      decision: 'deny',
      reasons: [
        { code: 'patient-missing', scope: 'patient/*.r', resourceType: 'Observation' },
        { code: 'user-missing', scope: 'user/*.r', resourceType: 'Observation' },
        { code: 'scope-lacks-interaction', scope: 'patient/*.s', resourceType: 'Observation' },
        { code: 'scope-other-type', scope: 'user/Patient.r', resourceType: 'Observation' },
        { code: 'patient-missing', scope: 'patient/*.r?nonsense=1', resourceType: 'Observation' },
      ],
    });
  });
});

describe('access/judge: two interactions in one request', () => {
  const conditional = (scopes: string, resource: unknown = OWN, who: Who = PATIENT) =>
    judgeOf({ scopes, ...who, asks: ['create', 'search-type'] }).decide('Observation', [seen(resource)]);
  const LABORATORY = 'patient/*.s?category=laboratory';
  const VITAL = 'patient/*.s?category=vital-signs';
  const cases: readonly [name: string, scopes: string, allowed: boolean][] = [
    ['one scope for both', 'patient/*.cs', true],
    ['one for each', 'patient/*.c patient/*.s', true],
    ['either of two that bind', `patient/*.c ${VITAL} ${LABORATORY}`, true],
    ['none of those that bind', `patient/*.c ${VITAL}`, false],
    ['a plain one beside one that binds', `patient/*.c ${VITAL} patient/Observation.s`, true],
    ['both parts of two granular scopes', `patient/*.c?status=final ${LABORATORY}`, true],
    ['only the part of the first', `patient/*.c?status=final ${VITAL}`, false],
    ['only the part of the second', `patient/*.c?status=amended ${LABORATORY}`, false],
    ['one that cannot be evaluated is as good as none', 'patient/*.c patient/*.s?nonsense=1', false],
    ['one that cannot be evaluated takes nothing away', 'patient/*.s?nonsense=1 patient/*.cs', true],
    ['a scope of another type', 'patient/*.c patient/Patient.s', false],
    ['a scope of another identity', 'patient/*.c system/*.s', false],
  ];
  for (const [name, scopes, allowed] of cases) {
    it(`${name}: ${allowed ? 'allowed' : 'refused'}`, () => {
      expect(conditional(scopes).decision).to.equal(allowed ? 'allow' : 'deny');
    });
  }

  it('both on the whole system, where no type is named', () => {
    const asks = ['search-system', 'history-system'] as const;
    const whole = (scopes: string, policy = policyWith(), asked: Asked['asks'] = asks) =>
      judgeOf({ scopes, asks: asked, policy }).decideType(undefined).decision;
    expect(whole('system/*.s')).to.equal('allow');
    expect(whole('system/Observation.s')).to.equal('deny');
    const searchOnly = policyWith({ scopeRule: { system: { read: ['search-system'], write: [] } } });
    expect(whole('system/*.s', searchOnly)).to.equal('deny');
    expect(whole('system/*.s', searchOnly, ['search-system'])).to.equal('allow');
    expect(whole('system/*.rs', policyWith(), ['search-system', 'read']), 'nothing reads the system').to.equal('deny');
  });
});

describe('access/judge: the rule of the host', () => {
  it('is asked about a system as well, which has no identity', () => {
    const asked: NarrowingContext[] = [];
    const narrow = (context: NarrowingContext): boolean => asked.push(context) === 1;
    const judge = judgeOf({ scopes: 'system/*.r', policy: policyWith({ narrow }) });
    expect(judge.decide('Observation', [seen(OWN)])).to.include({ decision: 'allow', code: 'system' });
    expect(asked).to.deep.equal([
      { interaction: 'read', resourceType: 'Observation', resource: OWN, scope: 'system/*.r', identity: undefined },
    ]);
    expect(told(judge.decide('Observation', [seen(OWN)]))).to.deep.equal(['host-rule system/*.r']);
  });

  it('may let one grant pass and not the next', () => {
    const policy = policyWith({ narrow: ({ scope }) => scope === 'patient/*.r' });
    const scopes = 'user/*.r patient/*.r';
    const judge = judgeOf({ scopes, ...PATIENT, user: 'Practitioner/d1', policy });
    expect(judge.decide('Observation', [seen(OWN)])).to.have.nested.property('grant.scope', 'patient/*.r');
    expect(told(judge.decide('Observation', [seen(FOREIGN)]))).to.deep.equal([
      'host-rule user/*.r',
      'not-referenced patient/*.r',
    ]);
  });
});

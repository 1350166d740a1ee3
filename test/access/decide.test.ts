import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Decision } from '../../src/access/decision.js';
import { explainDecision } from '../../src/access/explain.js';
import type { AccessRequest } from '../../src/requests.js';
import type { SMARTHandlerOptions } from '../../src/options.js';
import { BASE, CONFIG, handlerWith, identity, observation } from './world.js';

const OWN = observation('Patient/p1');
const FOREIGN = observation('Patient/p2');
const reads = (resource: unknown): Partial<AccessRequest> & Pick<AccessRequest, 'operation'> => ({
  operation: 'read',
  resource,
});

async function decide(
  who: ReturnType<typeof identity>,
  request: Partial<AccessRequest> & Pick<AccessRequest, 'operation'>,
  options: SMARTHandlerOptions = {},
  config: Partial<typeof CONFIG> = {},
): Promise<Decision> {
  return handlerWith(options, config).decide({ resourceType: 'Observation', userIdentity: who, ...request });
}

const codes = ({ reasons }: Decision): string[] => reasons.map(({ code }) => code);

describe('access/decide: what carries a permission', () => {
  it('a scope, before a resource is known', async () => {
    expect(
      await decide(identity(['patient/Observation.rs'], undefined, 'Patient/p1'), { operation: 'read' }),
    ).to.deep.equal({
      decision: 'allow',
      code: 'scope-covers',
      grant: { scope: 'patient/Observation.rs', level: 'patient', identity: 'Patient/p1' },
      reasons: [],
    });
  });

  it('a reference, with its path', async () => {
    expect(await decide(identity(['patient/*.read'], undefined, 'Patient/p1'), reads(OWN))).to.deep.include({
      code: 'referenced',
      path: 'subject',
    });
    const encounter = {
      resourceType: 'Encounter',
      participant: [{}, { individual: { reference: 'RelatedPerson/r1' } }],
    };
    const request = { ...reads(encounter), resourceType: 'Encounter' };
    expect(await decide(identity(['user/*.read'], 'RelatedPerson/r1'), request)).to.deep.include({
      code: 'referenced',
      path: 'participant.individual',
    });
  });

  it('a system scope, and an admin', async () => {
    expect(await decide(identity(['system/Observation.r']), reads(FOREIGN))).to.deep.include({
      code: 'system',
      grant: { scope: 'system/Observation.r', level: 'system' },
    });
    expect(await decide(identity(['user/*.read'], 'Practitioner/d1'), reads(FOREIGN))).to.include({ code: 'admin' });
  });

  it('the identity itself', async () => {
    const who = identity(['patient/Patient.read'], undefined, 'Patient/p1');
    const request = { ...reads({ resourceType: 'Patient', id: 'p1' }), resourceType: 'Patient' };
    expect(await decide(who, request)).to.include({ code: 'self' });
  });

  it('the compartment, which excludes what only mentions the patient', async () => {
    const who = identity(['patient/*.cruds'], undefined, 'Patient/p1');
    const options = { membership: { read: 'compartment' } } as const;
    expect(await decide(who, reads(OWN), options)).to.deep.include({ code: 'compartment', path: 'subject' });
    const focus = { ...FOREIGN, focus: [{ reference: 'Patient/p1' }] };
    expect(await decide(who, reads(focus))).to.include({ decision: 'allow', path: 'focus' });
    expect(codes(await decide(who, reads(focus), options))).to.deep.equal(['not-in-compartment']);
    const create = { operation: 'create', resource: focus } as const;
    expect(await decide(who, create, { membership: { read: 'reference', write: 'compartment' } })).to.include({
      decision: 'deny',
    });
    expect(await decide(who, reads(focus), { membership: { write: 'compartment' } })).to.include({ decision: 'allow' });
    expect(await decide(who, create, options), 'writes follow reads').to.include({ decision: 'deny' });
  });

  it('the compartments of Practitioner and RelatedPerson, and none for Person and PractitionerRole', async () => {
    const options = { membership: { read: 'compartment' } } as const;
    for (const [user, allowed] of [
      ['RelatedPerson/r1', true],
      ['PractitionerRole/x', false],
      ['Person/n1', false],
    ] as const) {
      const resource = { ...FOREIGN, performer: [{ reference: user }] };
      expect((await decide(identity(['user/*.read'], user), reads(resource), options)).decision).to.equal(
        allowed ? 'allow' : 'deny',
      );
    }
    const practitioner = { ...FOREIGN, performer: [{ reference: 'Practitioner/d1' }] };
    const noAdmins = await decide(identity(['user/*.read'], 'Practitioner/d1'), reads(practitioner), {
      ...options,
      adminRules: [{ userTypes: ['Practitioner'], resourceType: 'Patient', path: 'managingOrganization', claim: 'x' }],
    });
    expect(noAdmins).to.include({ code: 'compartment' });
  });

  it('a shared type, read only, and only while it names no patient', async () => {
    const who = identity(['patient/*.cruds'], undefined, 'Patient/p1');
    const options = { membership: { read: 'compartment', sharedTypes: ['Organization', 'Device'] } } as const;
    const organization = { resourceType: 'Organization', id: 'g1', name: 'x' };
    const about = { resourceType: 'Organization' };
    expect(await decide(who, { ...reads(organization), ...about }, options)).to.include({ code: 'shared-type' });
    expect(await decide(who, { operation: 'create', resource: organization, ...about }, options)).to.include({
      decision: 'deny',
    });
    const device = { resourceType: 'Device', id: 'v1' };
    const taken = { ...device, patient: { reference: 'Patient/p2' } };
    expect(await decide(who, { ...reads(device), resourceType: 'Device' }, options)).to.include({
      code: 'shared-type',
    });
    expect(await decide(who, { ...reads(taken), resourceType: 'Device' }, options)).to.include({ decision: 'deny' });
    const location = { ...reads({ resourceType: 'Location', id: 'l1' }), resourceType: 'Location' };
    expect(await decide(who, location, options)).to.include({ decision: 'deny' });
  });

  it('an admin rule: the practitioner sees the patients of the organizations in the claim, and is no other admin', async () => {
    const options = {
      adminRules: [
        {
          userTypes: ['Practitioner'],
          resourceType: 'Patient',
          path: 'managingOrganization',
          claim: 'ext.organizations',
        },
      ],
    };
    const claims = { ext: { organizations: ['Organization/g1', `${BASE}/Organization/g2`, 'garbage'] } };
    const who = { ...identity(['user/*.read'], 'Practitioner/d1'), ...claims };
    const patient = (reference: string) => ({
      ...reads({ resourceType: 'Patient', id: 'x', managingOrganization: { reference } }),
      resourceType: 'Patient',
    });
    for (const reference of ['Organization/g1', `${BASE}/Organization/g1`, 'Organization/g2']) {
      expect(await decide(who, patient(reference), options), reference).to.include({
        code: 'admin-rule',
        path: 'managingOrganization',
      });
    }
    for (const reference of ['Organization/g3', 'Organization/garbage', 'https://elsewhere.example/Organization/g1']) {
      expect(codes(await decide(who, patient(reference), options)), reference).to.deep.equal(['not-referenced']);
    }
    expect(await decide(who, reads(FOREIGN), options)).to.include({ decision: 'deny' });
    expect(await decide(who, reads(FOREIGN))).to.include({ code: 'admin' });
    const nobody = identity(['user/*.read'], 'Practitioner/d1');
    expect(await decide(nobody, patient('Organization/g1'), options)).to.include({ decision: 'deny' });
    const patientLevel = { ...identity(['patient/*.read'], 'Practitioner/d1', 'Patient/p1'), ...claims };
    expect(await decide(patientLevel, patient('Organization/g1'), options)).to.include({ decision: 'deny' });
  });
});

describe('access/decide: what a denial says', () => {
  const patient = (...scopes: string[]) => identity(scopes, undefined, 'Patient/p1');
  const user = (...scopes: string[]) => identity(scopes, 'RelatedPerson/r1');
  const fewOperations = {
    scopeRule: { ...CONFIG.scopeRule, user: { read: ['read' as const], write: ['create' as const] } },
  };

  const cases: readonly [name: string, expected: readonly string[], answer: () => Promise<Decision>][] = [
    ['nothing to go by', ['scope-missing'], () => decide(patient('openid'), reads(OWN))],
    ['a text that is no scope', ['scope-unparsable'], () => decide(patient('patient/Observation.sr'), reads(OWN))],
    ['another type', ['scope-other-type'], () => decide(patient('patient/Patient.rs'), reads(OWN))],
    ['the wrong letter', ['scope-lacks-interaction'], () => decide(patient('patient/Observation.s'), reads(OWN))],
    ['the wrong word', ['scope-lacks-interaction'], () => decide(patient('patient/Observation.write'), reads(OWN))],
    [
      'the rule, for a letter',
      ['scope-rule-excludes'],
      () => decide(user('user/*.d'), { operation: 'delete' }, {}, fewOperations),
    ],
    [
      'the rule, for a word',
      ['scope-rule-excludes'],
      () => decide(user('user/*.*'), { operation: 'delete' }, {}, fewOperations),
    ],
    [
      'a parameter that does not exist',
      ['scope-constraint-unsupported'],
      () => decide(patient('patient/*.rs?nonsense=1'), reads(OWN)),
    ],
    ['no user', ['user-missing'], () => decide(patient('user/*.read'), reads(OWN))],
    ['no patient', ['patient-missing'], () => decide(user('patient/*.read'), reads(OWN))],
    [
      'the granular part',
      ['constraint-not-met'],
      () => decide(patient('patient/*.rs?category=vital-signs'), reads(OWN)),
    ],
    ['no reference', ['not-referenced'], () => decide(patient('patient/*.read'), reads(FOREIGN))],
    ['no resource', ['resource-missing'], () => decide(patient('patient/*.read'), reads(null))],
    ['no resource of that kind', ['resource-malformed'], () => decide(patient('patient/*.read'), reads([OWN]))],
    [
      'another type than the URL',
      ['type-mismatch'],
      () => decide(patient('patient/*.read'), { ...reads(OWN), resourceType: 'Patient' }),
    ],
    ['another id than the URL', ['id-mismatch'], () => decide(patient('patient/*.read'), { ...reads(OWN), id: 'x' })],
    ['an unknown operation', ['operation-unknown'], () => decide(patient('patient/*.cruds'), { operation: '$match' })],
    ['the host', ['host-rule'], () => decide(patient('patient/*.read'), reads(OWN), { narrow: () => false })],
    [
      'a query that reveals',
      ['query-parameter'],
      () => decide(patient('patient/*.rs'), { operation: 'search-type', query: '_filter=x eq 1' }),
    ],
    [
      'a lookup that fails',
      ['internal-error'],
      () =>
        decide(
          patient('patient/*.cruds'),
          { operation: 'update', id: 'o1' },
          { lookup: () => Promise.reject(new Error('down')) },
        ),
    ],
    [
      'an export that no scope carries',
      ['scope-not-for-export'],
      () =>
        decide(identity(['system/Observation.rs']), {
          operation: 'read',
          bulkDataAuth: { operation: 'initiate-export', exportType: 'group' },
        }),
    ],
    [
      'an import',
      ['bulk-operation-unsupported'],
      () => decide(identity(['system/*.cruds']), { operation: 'read', bulkDataAuth: { operation: 'initiate-import' } }),
    ],
    [
      'an export without a subject',
      ['identity-malformed'],
      () =>
        decide(
          { ...identity(['system/*.cruds']), sub: '' },
          { operation: 'read', bulkDataAuth: { operation: 'initiate-export', exportType: 'system' } },
        ),
    ],
  ];

  for (const [name, expected, answer] of cases) {
    it(`${expected.join(', ')}: ${name}`, async () => {
      const decision = await answer();
      expect(decision.decision).to.equal('deny');
      expect(codes(decision)).to.deep.equal(expected);
    });
  }

  it('names what each scope lacked, and no more than fifty of them', async () => {
    const who = identity(
      ['patient/Observation.rs', 'user/Observation.cud', 'system/Patient.rs', 'patient/*.sr'],
      undefined,
      'Patient/p1',
    );
    expect((await decide(who, reads(FOREIGN))).reasons).to.deep.equal([
      { code: 'not-referenced', scope: 'patient/Observation.rs', resourceType: 'Observation' },
      { code: 'scope-other-type', scope: 'system/Patient.rs', resourceType: 'Observation' },
      { code: 'scope-lacks-interaction', scope: 'user/Observation.cud', resourceType: 'Observation' },
      { code: 'scope-unparsable', scope: 'patient/*.sr', name: 'permission-order' },
    ]);
    const many = Array.from({ length: 500 }, (_, index) => `patient/Type${'x'.repeat(index)}.rs`);
    expect((await decide(patient(...many), reads(OWN))).reasons).to.have.length(50);
  });

  it('holds no value of a resource, whatever is refused', async () => {
    const secret = { ...FOREIGN, note: [{ text: 'secret-value' }], identifier: [{ value: 'secret-value' }] };
    for (const scope of ['patient/*.read', 'patient/*.rs?category=secret', 'patient/Patient.rs']) {
      const decision = await decide(patient(scope), reads(secret));
      expect(JSON.stringify(decision)).to.not.include('secret-value');
      expect(explainDecision(decision)).to.not.include('secret-value').and.not.include('Patient/p2');
    }
  });

  it('is explained: docs/decisions.md has every code', () => {
    const source = readFileSync(new URL('../../src/access/reason.ts', import.meta.url), 'utf8');
    const docs = readFileSync(new URL('../../docs/decisions.md', import.meta.url), 'utf8');
    const all = [...source.matchAll(/^\s+\| '([a-z-]+)'/gm)].map(([, code = '']) => code);
    expect(all.length).to.be.greaterThan(35);
    for (const code of all) expect(docs, code).to.include(`| \`${code}\``);
  });
});

describe('access/decide: writes', () => {
  const who = identity(['patient/Observation.cruds', 'patient/Patient.cruds'], undefined, 'Patient/p1');
  const stored = (storedResource: unknown, resource: unknown = OWN) =>
    ({ operation: 'update', storedResource, resource }) as const;

  it('hole-9: need the stored resource AND the result', async () => {
    expect(await decide(who, stored(OWN, OWN))).to.include({ decision: 'allow' });
    expect((await decide(who, stored(FOREIGN, OWN))).reasons).to.deep.equal([
      { code: 'not-referenced', scope: 'patient/Observation.cruds', resourceType: 'Observation', state: 'stored' },
      { code: 'scope-other-type', scope: 'patient/Patient.cruds', resourceType: 'Observation' },
    ]);
    expect((await decide(who, stored(OWN, FOREIGN))).reasons[0]).to.include({
      code: 'not-referenced',
      state: 'result',
    });
  });

  it('hole-9: look the stored resource up', async () => {
    const asked: unknown[] = [];
    const lookup = (...request: unknown[]): unknown => {
      asked.push(request);
      return FOREIGN;
    };
    const request = { operation: 'update', id: 'o1', resource: OWN } as const;
    expect(await decide(who, request, { lookup })).to.include({ decision: 'deny' });
    expect(asked).to.deep.equal([['Observation', 'o1', undefined, {}]]);
    expect(await decide(who, request, { lookup: () => Promise.resolve(OWN) })).to.include({ decision: 'allow' });
  });

  it('hole-8: a body proves no identity by its id on create, nor on a PUT that creates', async () => {
    const body = { resourceType: 'Patient', id: 'p1' };
    const about = { resourceType: 'Patient', resource: body };
    expect(await decide(who, { operation: 'create', ...about })).to.include({ decision: 'deny' });
    expect(await decide(who, { operation: 'update', id: 'p1', storedResource: null, ...about })).to.include({
      decision: 'deny',
    });
    expect(await decide(who, { operation: 'update', id: 'p1', storedResource: body, ...about })).to.include({
      code: 'self',
    });
    expect(await decide(who, { operation: 'patch', ...about })).to.include({ decision: 'deny' });
  });

  it('hole-10: a JSON Patch is applied to the stored resource and judged', async () => {
    const patch = (path: string, value: unknown) =>
      ({ operation: 'patch', patch: [{ op: 'replace', path, value }] }) as const;
    const status = patch('/status', 'amended');
    expect(await decide(who, { ...status, storedResource: OWN })).to.include({ decision: 'allow' });
    expect(await decide(who, { ...status, storedResource: FOREIGN })).to.include({ decision: 'deny' });
    const takeOver = patch('/subject/reference', 'Patient/p1');
    expect((await decide(who, { ...takeOver, storedResource: FOREIGN })).reasons[0]).to.include({ state: 'stored' });
    const giveAway = patch('/subject/reference', 'Patient/p2');
    expect((await decide(who, { ...giveAway, storedResource: OWN })).reasons[0]).to.include({ state: 'result' });
    expect((await decide(who, { ...patch('/resourceType', 'Patient'), storedResource: OWN })).decision).to.equal(
      'deny',
    );
    expect(codes(await decide(who, { ...patch('/nowhere/at/all', 1), storedResource: OWN }))).to.deep.equal([
      'patch-unusable',
    ]);
    expect(codes(await decide(who, status))).to.include('stored-unknown');
    expect(await decide(identity(['system/*.cruds']), status)).to.include({ code: 'system' });
  });

  it('hole-10: a merge patch likewise, and no patch reaches a prototype', async () => {
    const merge = (patch: unknown) => ({ operation: 'patch', patch, storedResource: OWN }) as const;
    expect(await decide(who, merge({ status: 'amended' }))).to.include({ decision: 'allow' });
    expect(await decide(who, merge({ subject: null }))).to.include({ decision: 'deny' });
    for (const patch of [
      JSON.parse('{"__proto__":{"subject":{"reference":"Patient/p1"}},"subject":null}') as unknown,
      JSON.parse('{"subject":{"__proto__":{"reference":"Patient/p1"},"reference":null}}') as unknown,
      [{ op: 'add', path: '/__proto__/subject', value: { reference: 'Patient/p1' } }],
      [{ op: 'add', path: '/code/constructor/prototype/x', value: 1 }],
      [{ op: 'copy', from: '/__proto__', path: '/x' }],
      [{ op: 'eval', path: '/x' }],
      [null],
      'text',
      Array.from({ length: 1001 }, () => ({ op: 'test', path: '/status', value: 'final' })),
    ]) {
      expect(codes(await decide(who, merge(patch))), JSON.stringify(patch).slice(0, 80)).to.deep.equal([
        'patch-unusable',
      ]);
    }
    expect(({} as Record<string, unknown>)['subject']).to.equal(undefined);
  });

  it('leave the stored resource and the patch as they are', async () => {
    const before = structuredClone(OWN);
    await decide(who, { operation: 'patch', patch: [{ op: 'remove', path: '/subject' }], storedResource: OWN });
    await decide(who, { operation: 'patch', patch: { subject: null }, storedResource: OWN });
    expect(OWN).to.deep.equal(before);
  });

  it('delete by the stored resource', async () => {
    const remove = (storedResource: unknown) => ({ operation: 'delete', storedResource }) as const;
    expect(await decide(who, remove(OWN))).to.include({ decision: 'allow' });
    expect(await decide(who, remove(FOREIGN))).to.include({ decision: 'deny' });
    expect(codes(await decide(who, remove(null)))).to.include('stored-unknown');
    expect(await decide(identity(['system/*.cruds']), remove(null))).to.include({ code: 'system' });
  });

  it('may be refused without a stored resource', async () => {
    const update = { operation: 'update', resource: OWN } as const;
    expect(await decide(who, update)).to.include({ decision: 'allow' });
    expect(codes(await decide(who, update, { writesWithoutLookup: 'deny' }))).to.include('stored-unknown');
    expect(await decide(identity(['system/*.cruds']), update, { writesWithoutLookup: 'deny' })).to.include({
      decision: 'allow',
    });
  });

  it('that are conditional need a search as well, by the same identity', async () => {
    const conditional = { operation: 'create', resource: OWN, conditional: true } as const;
    const by = (scopes: string[], user?: string) => decide(identity(scopes, user, 'Patient/p1'), conditional);
    expect(await by(['patient/*.cs'])).to.include({ decision: 'allow' });
    expect(await by(['patient/Observation.c', 'patient/*.s'])).to.include({ decision: 'allow' });
    expect(codes(await by(['patient/*.c']))).to.deep.equal(['scope-lacks-interaction']);
    expect(codes(await by(['patient/*.c', 'system/*.s']))).to.deep.equal([
      'scope-lacks-interaction',
      'scope-lacks-interaction',
    ]);
    expect(await by(['patient/*.c', 'user/*.s'], 'Patient/p1')).to.include({ decision: 'deny' });
    expect(await by(['patient/*.c', 'patient/Patient.s'])).to.include({ decision: 'deny' });
    expect(await by(['patient/*.c', 'patient/*.s?category=laboratory'])).to.include({ decision: 'allow' });
    expect(codes(await by(['patient/*.c', 'patient/*.s?category=vital-signs']))).to.include('constraint-not-met');
  });
});

describe('access/decide: what narrows', () => {
  const who = identity(['patient/*.read'], undefined, 'Patient/p1');

  it('the host rule: only true lets pass, and it is asked only about what was allowed', async () => {
    for (const answer of [false, undefined, 1, 'true', Promise.resolve(true)]) {
      const narrow = (() => answer) as unknown as () => boolean;
      expect(await decide(who, reads(OWN), { narrow })).to.include({ decision: 'deny' });
    }
    const failing = (): boolean => {
      throw new Error('broken');
    };
    expect(codes(await decide(who, reads(OWN), { narrow: failing }))).to.deep.equal(['host-rule']);
    const seen: unknown[] = [];
    const narrow = (context: unknown): boolean => {
      seen.push(context);
      return true;
    };
    expect(await decide(who, reads(OWN), { narrow })).to.include({ decision: 'allow' });
    expect(await decide(who, reads(FOREIGN), { narrow })).to.include({ decision: 'deny' });
    expect(seen).to.deep.equal([
      {
        interaction: 'read',
        resourceType: 'Observation',
        resource: OWN,
        scope: 'patient/*.read',
        identity: 'Patient/p1',
      },
    ]);
  });

  it('Patient.link and Group.member, where the policy does not take them', async () => {
    const linked = {
      ...reads({ resourceType: 'Patient', id: 'x', link: [{ other: { reference: 'Patient/p1' } }] }),
      resourceType: 'Patient',
    };
    const group = {
      ...reads({ resourceType: 'Group', id: 'x', member: [{ entity: { reference: 'Patient/p1' } }] }),
      resourceType: 'Group',
    };
    for (const request of [linked, group]) {
      expect(await decide(who, request)).to.include({ decision: 'allow' });
      expect(await decide(who, request, { membership: { patientLink: false, groupMember: false } })).to.include({
        decision: 'deny',
      });
    }
    expect(await decide(who, linked, { membership: { groupMember: false } })).to.include({ decision: 'allow' });
    expect(await decide(who, group, { membership: { patientLink: false } })).to.include({ decision: 'allow' });
  });

  it('hole-31: contained resources, where the policy refuses them', async () => {
    const refuse = { membership: { contained: 'refuse' } } as const;
    const containing = (...contained: unknown[]) => reads({ ...OWN, contained });
    const stranger = containing({ resourceType: 'Patient', id: 'a' });
    expect(await decide(who, stranger)).to.include({ decision: 'allow' });
    expect(codes(await decide(who, stranger, refuse))).to.deep.equal(['contained-not-covered']);
    expect(await decide(who, containing({ resourceType: 'Organization', id: 'a' }), refuse)).to.include({
      decision: 'allow',
    });
    expect(await decide(who, reads(OWN), refuse)).to.include({ decision: 'allow' });
    const narrow = identity(['patient/Observation.read'], undefined, 'Patient/p1');
    expect(await decide(narrow, containing({ resourceType: 'Organization', id: 'a' }), refuse)).to.include({
      decision: 'deny',
    });
    for (const odd of [null, 'x', {}, { resourceType: 5 }]) {
      expect(await decide(who, containing(odd), refuse)).to.include({ decision: 'deny' });
    }
    expect(await decide(who, reads({ ...OWN, contained: 'x' }), refuse)).to.include({ decision: 'deny' });
    expect(await decide(identity(['system/*.read']), stranger, refuse)).to.include({ decision: 'allow' });
  });

  it('the encounter in context', async () => {
    const narrow = { encounterContext: 'narrow' } as const;
    const inContext = { ...who, launch_response_encounter: 'e1' };
    const at = (reference?: string) => reads({ ...OWN, ...(reference !== undefined && { encounter: { reference } }) });
    expect(await decide(inContext, at('Encounter/e1'), narrow)).to.include({ decision: 'allow' });
    expect(await decide(inContext, at(`${BASE}/Encounter/e1`), narrow)).to.include({ decision: 'allow' });
    expect(await decide(inContext, at(), narrow)).to.include({ decision: 'allow' });
    expect(codes(await decide(inContext, at('Encounter/e2'), narrow))).to.deep.equal(['encounter-not-in-context']);
    expect(await decide(inContext, at('Encounter/e2'))).to.include({ decision: 'allow' });
    expect(await decide(who, at('Encounter/e2'), narrow)).to.include({ decision: 'allow' });
    const encounter = (id: string) => ({
      ...reads({ resourceType: 'Encounter', id, subject: { reference: 'Patient/p1' } }),
      resourceType: 'Encounter',
    });
    expect(await decide(inContext, encounter('e1'), narrow)).to.include({ decision: 'allow' });
    expect(await decide(inContext, encounter('e2'), narrow)).to.include({ decision: 'deny' });
    const broken = { ...who, launch_response_encounter: 'Patient/p1' };
    expect(await decide(broken, at(), narrow)).to.include({ decision: 'deny' });
    const user = { ...identity(['user/*.read'], 'Practitioner/d1'), launch_response_encounter: 'e1' };
    expect(await decide(user, at('Encounter/e2'), narrow)).to.include({ decision: 'allow' });
  });

  it('operations: as configured, else refused', async () => {
    const everything = { operation: '$everything', resourceType: 'Patient', id: 'p1' } as const;
    const instance = (id: string) => ({ ...everything, resource: { resourceType: 'Patient', id } });
    const reader = identity(['patient/*.rs'], undefined, 'Patient/p1');
    expect(await decide(reader, everything)).to.include({ code: 'scope-covers' });
    expect(await decide(reader, instance('p1'))).to.include({ code: 'self' });
    expect(await decide(reader, instance('p2'))).to.include({ decision: 'deny' });
    expect(await decide(identity(['patient/*.r'], undefined, 'Patient/p1'), everything)).to.include({
      decision: 'deny',
    });
    const lastn = { operation: '$lastn', resourceType: 'Observation' } as const;
    expect(codes(await decide(reader, lastn))).to.deep.equal(['operation-unknown']);
    expect(await decide(reader, lastn, { operations: { $lastn: { requires: ['search-type'] } } })).to.include({
      decision: 'allow',
    });
    const system = { operation: '$everything', resourceType: undefined } as unknown as AccessRequest;
    expect(await decide(reader, system)).to.include({ decision: 'deny' });
  });
});

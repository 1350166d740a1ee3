import { expect } from 'chai';
import type { Question } from '../../src/access/decide.js';
import { bearsOtherId, decide } from '../../src/access/decide.js';
import type { AccessPolicy } from '../../src/access/policy.js';
import { callerWith, policyWith } from './caller.js';
import { observation } from './world.js';

const OWN = observation('Patient/p1');
const FOREIGN = observation('Patient/p2');
const P1 = { resourceType: 'Patient', id: 'p1' };
const strict = policyWith({ refuseWritesWithoutStored: true });

/** What decides: the code of the permission, or the first reason with the state that it speaks of. */
function outcome(scope: string, question: Question, policy: AccessPolicy = policyWith()): string {
  const decision = decide(callerWith([scope], { patient: 'Patient/p1' }, policy), question, policy);
  if (decision.decision === 'allow') return decision.code;
  const [first] = decision.reasons;
  return [first?.code, first?.state].filter(Boolean).join(' ');
}

const replace = (path: string, value: unknown) => [{ op: 'replace', path, value }];

describe('access/decide: which states of a resource have to be covered', () => {
  const about = { resourceType: 'Observation' };
  const patient = { resourceType: 'Patient' };
  const cases: readonly [name: string, question: Question, patient: string, system: string, policy?: AccessPolicy][] = [
    ['a read of nothing yet', { interaction: 'read', ...about }, 'scope-covers', 'scope-covers'],
    ['a read', { interaction: 'read', ...about, resource: FOREIGN }, 'not-referenced', 'system'],
    ['a version that is read', { interaction: 'vread', ...about, resource: OWN }, 'referenced', 'system'],
    ['a version of a foreign one', { interaction: 'vread', ...about, resource: FOREIGN }, 'not-referenced', 'system'],
    ['a version before it is there', { interaction: 'vread', ...about }, 'scope-covers', 'scope-covers'],
    [
      'a read of what is not there',
      { interaction: 'read', ...about, resource: undefined },
      'resource-missing',
      'resource-missing',
    ],
    // Without a type in the URL it is the resource's.
    ['a read by its resource', { interaction: 'read', resource: OWN }, 'referenced', 'system'],
    [
      'a read of what is no resource',
      { interaction: 'read', resource: [OWN] },
      'resource-malformed',
      'resource-malformed',
    ],
    [
      'a deletion of nobody knows what',
      { interaction: 'delete', stored: null },
      'resource-malformed',
      'resource-malformed',
    ],
    ['a create', { interaction: 'create', ...about, resource: OWN }, 'referenced', 'system'],
    ['a create for another', { interaction: 'create', ...about, resource: FOREIGN }, 'not-referenced result', 'system'],
    ['a create of nothing yet', { interaction: 'create', ...about }, 'scope-covers', 'scope-covers'],
    [
      'a create with the own id',
      { interaction: 'create', ...patient, resource: P1 },
      'not-referenced result',
      'system',
    ],
    ['a delete', { interaction: 'delete', ...about, stored: OWN }, 'referenced', 'system'],
    ['a delete of another', { interaction: 'delete', ...about, stored: FOREIGN }, 'not-referenced stored', 'system'],
    ['a delete of nothing yet', { interaction: 'delete', ...about }, 'scope-covers', 'scope-covers'],
    [
      'a delete of what is not there',
      { interaction: 'delete', ...about, stored: null },
      'stored-unknown stored',
      'system',
    ],
    ['an update without a body', { interaction: 'update', ...about, stored: OWN }, 'referenced', 'system'],
    [
      'an update without a body, of another',
      { interaction: 'update', ...about, stored: FOREIGN },
      'not-referenced stored',
      'system',
    ],
    ['an update', { interaction: 'update', ...about, resource: OWN }, 'referenced', 'system'],
    [
      'an update that gives away',
      { interaction: 'update', ...about, stored: OWN, resource: FOREIGN },
      'not-referenced result',
      'system',
    ],
    [
      'an update that takes over',
      { interaction: 'update', ...about, stored: FOREIGN, resource: OWN },
      'not-referenced stored',
      'system',
    ],
    [
      'an update that creates',
      { interaction: 'update', ...about, stored: null, resource: OWN },
      'referenced',
      'system',
    ],
    [
      'an update that creates with the own id',
      { interaction: 'update', ...patient, id: 'p1', stored: null, resource: P1 },
      'not-referenced result',
      'system',
    ],
    ['an update of the own record', { interaction: 'update', ...patient, id: 'p1', resource: P1 }, 'self', 'system'],
    [
      'an update by a body with the own id',
      { interaction: 'update', ...patient, resource: P1 },
      'not-referenced result',
      'system',
    ],
    [
      'an update to no resource',
      { interaction: 'update', ...about, stored: OWN, resource: null },
      'resource-missing result',
      'resource-missing result',
    ],
    [
      'an update, unseen',
      { interaction: 'update', ...about, resource: OWN },
      'stored-unknown stored',
      'system',
      strict,
    ],
    [
      'an update that creates, seen',
      { interaction: 'update', ...about, stored: null, resource: OWN },
      'referenced',
      'system',
      strict,
    ],
    ['an update of nothing yet, unseen', { interaction: 'update', ...about }, 'scope-covers', 'scope-covers', strict],
    // Patches.
    [
      'a patch',
      { interaction: 'patch', ...about, stored: OWN, patch: replace('/status', 'x') },
      'referenced',
      'system',
    ],
    [
      'a patch of another',
      { interaction: 'patch', ...about, stored: FOREIGN, patch: replace('/status', 'x') },
      'not-referenced stored',
      'system',
    ],
    [
      'a patch that gives away',
      { interaction: 'patch', ...about, stored: OWN, patch: replace('/subject', {}) },
      'not-referenced result',
      'system',
    ],
    [
      'a patch, unseen',
      { interaction: 'patch', ...about, patch: replace('/status', 'x') },
      'stored-unknown result',
      'system',
    ],
    [
      'a patch of what is not there',
      { interaction: 'patch', ...about, stored: null, patch: replace('/status', 'x') },
      'stored-unknown result',
      'system',
    ],
    [
      'a patch that cannot be applied',
      { interaction: 'patch', ...about, stored: OWN, patch: 'x' },
      'patch-unusable',
      'patch-unusable',
    ],
    [
      'a patch of the id',
      { interaction: 'patch', ...about, stored: OWN, patch: replace('/id', 'x') },
      'id-mismatch result',
      'id-mismatch result',
    ],
    [
      'a patch of the type',
      { interaction: 'patch', ...about, stored: OWN, patch: replace('/resourceType', 'Patient') },
      'type-mismatch result',
      'type-mismatch result',
    ],
    [
      'a patch into the own record',
      { interaction: 'patch', ...patient, stored: { ...P1, id: 'p2' }, patch: { id: 'p1' } },
      // What is stored comes first: of what is another's, nobody learns what a patch would make.
      'not-referenced stored',
      'id-mismatch result',
    ],
    [
      'a patch of the own id',
      { interaction: 'patch', ...patient, stored: P1, patch: { id: 'p2' } },
      'id-mismatch result',
      'id-mismatch result',
    ],
    [
      'a patch that guesses what another has',
      { interaction: 'patch', ...about, stored: FOREIGN, patch: [{ op: 'test', path: '/status', value: 'no' }] },
      'not-referenced stored',
      'patch-unusable',
    ],
    [
      'a patch of the own record',
      { interaction: 'patch', ...patient, stored: P1, patch: { active: true } },
      'self',
      'system',
    ],
    // Before any resource is there.
    ['a search', { interaction: 'search-type', ...about }, 'scope-covers', 'scope-covers'],
    ['a search that found one', { interaction: 'search-type', ...about, resource: OWN }, 'referenced', 'system'],
    [
      'a search that found another',
      { interaction: 'search-type', ...about, resource: FOREIGN },
      'not-referenced',
      'system',
    ],
    [
      'a version in a history',
      { interaction: 'history-instance', ...about, resource: FOREIGN },
      'not-referenced',
      'system',
    ],
    ['a deletion of what is given', { interaction: 'delete', ...about, resource: OWN }, 'referenced', 'system'],
    [
      'a deletion of what is given, and another is stored',
      { interaction: 'delete', ...about, resource: OWN, stored: FOREIGN },
      'not-referenced stored',
      'system',
    ],
    ['a search of everything', { interaction: 'search-system' }, 'scope-covers', 'scope-covers'],
    ['the history of a type', { interaction: 'history-type', ...about }, 'scope-covers', 'scope-covers'],
    ['the history of a resource', { interaction: 'history-instance', ...about }, 'scope-covers', 'scope-covers'],
    ['the history of everything', { interaction: 'history-system' }, 'scope-covers', 'scope-covers'],
    ['a batch', { interaction: 'batch' }, 'scope-covers', 'scope-covers'],
    ['a transaction', { interaction: 'transaction' }, 'scope-covers', 'scope-covers'],
    ['a read of the system', { interaction: 'read' }, 'scope-other-type', 'scope-other-type'],
  ];
  for (const [name, question, asPatient, asSystem, policy] of cases) {
    it(`${name}: ${asPatient} for a patient, ${asSystem} for a system`, () => {
      expect(outcome('patient/*.cruds', question, policy), 'patient').to.equal(asPatient);
      expect(outcome('system/*.cruds', question, policy), 'system').to.equal(asSystem);
    });
  }
});

describe('access/decide: whom no scope is for', () => {
  const stored = { resourceType: 'Observation', id: 'o1', status: 'final' };
  const guess = (value: string) => [{ op: 'test', path: '/status', value }];
  const questions: readonly [name: string, question: Question][] = [
    ['a patch that guesses rightly', { interaction: 'patch', stored, patch: guess('final') }],
    ['a patch that guesses wrongly', { interaction: 'patch', stored, patch: guess('amended') }],
    ['a patch of what is not there', { interaction: 'patch', stored: null, patch: guess('final') }],
    ['a patch that is none', { interaction: 'patch', stored, patch: 'x' }],
    ['a read of what is not there', { interaction: 'read', resource: null }],
    ['a read of another type', { interaction: 'read', resource: { resourceType: 'Patient' } }],
    ['a deletion of what is not there', { interaction: 'delete', stored: null }],
  ];
  for (const [name, question] of questions) {
    it(`hole-40: ${name} tells nothing`, () => {
      expect(outcome('patient/Patient.rs', { resourceType: 'Observation', ...question })).to.equal('scope-other-type');
    });
  }
});

describe('access/decide: bearsOtherId', () => {
  const cases: readonly [question: Question, other: boolean][] = [
    [{ interaction: 'read', id: 'o1', resource: OWN }, false],
    [{ interaction: 'read', id: 'o2', resource: OWN }, true],
    [{ interaction: 'read', resource: OWN }, false],
    [{ interaction: 'read', id: 'o2', resource: {} }, false],
    [{ interaction: 'read', id: 'o2', resource: null }, false],
    [{ interaction: 'update', id: 'o1', resource: OWN, stored: OWN }, false],
    [{ interaction: 'update', id: 'o1', resource: OWN, stored: { ...OWN, id: 'o2' } }, true],
    [{ interaction: 'update', id: 'o1', resource: { ...OWN, id: '' } }, true],
    [{ interaction: 'create', id: 'o2', resource: OWN }, false],
  ];
  for (const [question, other] of cases) {
    const { interaction, id, resource, stored } = question;
    it(`${interaction} of ${id ?? 'no id'}: ${JSON.stringify([resource, stored]).slice(0, 60)} ${other ? 'differs' : 'agrees'}`, () => {
      expect(bearsOtherId(question)).to.equal(other);
    });
  }
});

import { expect } from 'chai';
import type { Caller } from '../../src/access/caller.js';
import { encounterCheck } from '../../src/access/encounter.js';
import { callerWith } from './caller.js';
import type { Who } from './caller.js';
import { BASE, here } from './world.js';

/** The check of the first scope's grant, for one type of resource. */
function checkOf(scope: string, type: string, encounter: Caller['encounter'], who: Who = { patient: 'Patient/p1' }) {
  const caller = callerWith([scope], { ...who, ...(encounter !== undefined && { encounter }) });
  const [grant] = caller.grants.granted;
  if (!grant) throw new Error('no grant');
  return encounterCheck(grant, type, caller, '4.0.1');
}

describe('access/encounter: what an encounter in context leaves open', () => {
  const E1 = here('Encounter/e1');
  const at = (reference: unknown) => ({ resourceType: 'Observation', encounter: { reference } });

  it('narrows nothing where there is none, for other levels, and for types that refer to none', () => {
    expect(checkOf('patient/*.r', 'Observation', undefined)).to.equal(undefined);
    expect(checkOf('user/*.r', 'Observation', E1, { user: 'Patient/p1' })).to.equal(undefined);
    expect(checkOf('system/*.r', 'Observation', E1)).to.equal(undefined);
    expect(checkOf('user/*.r', 'Observation', 'malformed', { user: 'Patient/p1' })).to.equal(undefined);
    expect(checkOf('patient/*.r', 'Organization', E1)).to.equal(undefined);
  });

  it('closes everything where the claim names none', () => {
    for (const encounter of ['malformed', { ...E1, hostname: 'ftp://fhir.example.org' }] as const) {
      for (const type of ['Observation', 'Encounter', 'Organization']) {
        const check = checkOf('patient/*.r', type, encounter);
        expect(check?.({ resourceType: type, id: 'e1' }, 'e1'), type).to.equal(false);
      }
    }
  });

  const cases: readonly [name: string, resource: Record<string, unknown>, open: boolean][] = [
    ['the encounter itself', { resourceType: 'Encounter', id: 'e1' }, true],
    ['another', { resourceType: 'Encounter', id: 'e2' }, false],
    ['one that is part of it', { resourceType: 'Encounter', id: 'e2', partOf: { reference: 'Encounter/e1' } }, false],
    ['what refers to it', at('Encounter/e1'), true],
    ['what refers to it by its URL', at(`${BASE}/Encounter/e1`), true],
    ['what refers to a version of it', at('Encounter/e1/_history/2'), true],
    ['what refers to another', at('Encounter/e2'), false],
    ['what refers to one of another server', at('https://elsewhere.example/Encounter/e1'), false],
    ['what refers to no encounter', { resourceType: 'Observation' }, true],
    ['what refers to something else there', at('EpisodeOfCare/x'), true],
    ['what refers to a type of a longer name', at('MyEncounter/e2'), true],
    ['what refers to a version of something else there', at('EpisodeOfCare/x/_history/1'), true],
    [
      'what names one by its identifier',
      { resourceType: 'Observation', encounter: { identifier: { value: '1' } } },
      false,
    ],
    ['what holds one within itself', at('#e'), false],
    ['what refers to one that is being made', at('urn:uuid:00000000-0000-4000-8000-000000000000'), false],
    // Elements for anything: what they name may be anything.
    ['what is about something by its name', { resourceType: 'Observation', focus: [{ display: 'x' }] }, true],
    ['what is about something within itself', { resourceType: 'Observation', focus: [{ reference: '#x' }] }, true],
    [
      'what is about another encounter',
      { resourceType: 'Observation', focus: [{ display: 'x' }, { reference: 'Encounter/e2' }] },
      false,
    ],
    ['what has evidence by its name', { resourceType: 'Condition', evidence: [{ detail: [{ display: 'x' }] }] }, true],
    [
      'what has its context in a list within a list',
      { resourceType: 'DocumentReference', context: [[{ encounter: [{ reference: 'Encounter/e2' }] }]] },
      false,
    ],
    ['what has a text in its place', { resourceType: 'Observation', encounter: 'Encounter/e2' }, false],
    [
      'what names one by its identifier, and refers to it',
      { resourceType: 'Observation', encounter: { reference: 'Encounter/e1', identifier: { value: '1' } } },
      true,
    ],
  ];
  for (const [name, resource, open] of cases) {
    it(`${name}: ${open ? 'open' : 'closed'}`, () => {
      const check = checkOf('patient/*.r', String(resource['resourceType']), E1);
      expect(check?.(resource, resource['id'] as string | undefined)).to.equal(open);
    });
  }

  it('of another server is met by no id of this one', () => {
    const there = { ...E1, hostname: 'https://elsewhere.example' };
    const resource = { resourceType: 'Encounter', id: 'e1' };
    expect(checkOf('patient/*.r', 'Encounter', there)?.(resource, 'e1')).to.equal(false);
    const check = checkOf('patient/*.r', 'Observation', there);
    expect(check?.(at('https://elsewhere.example/Encounter/e1'), undefined)).to.equal(true);
    expect(check?.(at('Encounter/e1'), undefined)).to.equal(false);
  });

  it('hole-08: is met by no id that a client chose', () => {
    const check = checkOf('patient/*.c', 'Encounter', E1);
    expect(check?.({ resourceType: 'Encounter', id: 'e1' }, undefined)).to.equal(false);
  });
});

import { expect } from 'chai';
import { someMember } from '../../src/access/constraint/constraint.js';
import { leadsAnyToMatch, walkedPath } from '../../src/access/constraint/walk-path.js';
import { findReference, planOfPath, planWithout } from '../../src/access/walk.js';
import type { ReferenceNode } from '../../src/fhir/reference-node.js';

const P1 = { reference: 'Patient/p1' };
const isP1 = (reference: string): boolean => reference === P1.reference;
const find = (plan: ReferenceNode, resource: unknown): string | undefined => findReference(plan, resource, isP1);

const PLAN: ReferenceNode = {
  references: ['subject', 'performer'],
  children: [['component', { references: ['device'], children: [['part', { references: ['of'], children: [] }]] }]],
};

/** An element that holds itself, as Questionnaire.item does. */
const RECURSIVE: { references: string[]; children: [string, ReferenceNode][] } = {
  references: ['subject'],
  children: [],
};
RECURSIVE.children.push(['item', RECURSIVE]);

/** A resource with the reference below so many items. */
function nested(depth: number): unknown {
  let resource: unknown = { subject: P1 };
  for (let at = 0; at < depth; at += 1) resource = { item: resource };
  return resource;
}

describe('access/walk: findReference', () => {
  const cases: readonly [name: string, resource: unknown, path: string | undefined][] = [
    ['one reference', { subject: P1 }, 'subject'],
    ['a list of them', { performer: [{ reference: 'Patient/p2' }, P1] }, 'performer'],
    ['a list where one is defined', { subject: [P1] }, 'subject'],
    ['one where a list is defined', { performer: P1 }, 'performer'],
    ['below an element', { component: { device: P1 } }, 'component.device'],
    ['below a list of elements', { component: [{}, { device: [P1] }] }, 'component.device'],
    ['two elements down', { component: [{ part: [{ of: P1 }] }] }, 'component.part.of'],
    ['the first that is listed', { component: { device: P1 }, performer: [P1], subject: P1 }, 'subject'],
    ['somebody else', { subject: { reference: 'Patient/p2' } }, undefined],
    ['an element that the plan does not name', { focus: P1, component: { focus: P1 } }, undefined],
    ['a list within a list', { performer: [[P1]] }, undefined],
    ['a list of lists of elements', { component: [[{ device: P1 }]] }, undefined],
    ['a text for a Reference', { subject: 'Patient/p1' }, undefined],
    ['a Reference that names nobody', { subject: { reference: null }, performer: [{}, null, 'x', 7] }, undefined],
    ['nothing where a Reference belongs', { subject: null, performer: undefined, component: null }, undefined],
    ['primitives where elements belong', { component: ['x', 7, null, true] }, undefined],
    ['a list for a resource', [{ subject: P1 }], undefined],
    ['a text', 'subject', undefined],
    ['null', null, undefined],
    ['nothing', undefined, undefined],
  ];
  for (const [name, resource, path] of cases) {
    it(`${name}: ${path ?? 'nothing'}`, () => {
      expect(find(PLAN, resource)).to.equal(path);
    });
  }

  it('hands on nothing but the text of a literal reference', () => {
    const seen: unknown[] = [];
    const resource = { subject: { reference: 5 }, performer: [{ reference: { reference: 'a' } }, { reference: 'b' }] };
    findReference(PLAN, resource, (reference) => {
      seen.push(reference);
      return false;
    });
    expect(seen).to.deep.equal(['b']);
  });

  it('does not take a function with members for an object, as JSON knows none', () => {
    const callable = Object.assign(() => undefined, { subject: P1, reference: P1.reference });
    expect(find(PLAN, callable)).to.equal(undefined);
    expect(find(PLAN, { subject: callable })).to.equal(undefined);
  });

  it('follows an element that holds itself 64 levels deep and no deeper', () => {
    expect(find(RECURSIVE, nested(64))).to.equal(`${'item.'.repeat(64)}subject`);
    expect(find(RECURSIVE, nested(65))).to.equal(undefined);
  });

  it('ends on a resource that holds itself', () => {
    const resource: Record<string, unknown> = {};
    resource['item'] = resource;
    expect(find(RECURSIVE, resource)).to.equal(undefined);
  });

  it('visits 200,000 objects and no more, however often one of them stands in the resource', () => {
    const empty = {};
    const filled = (count: number) => ({ item: [...Array.from({ length: count }, () => empty), { subject: P1 }] });
    // The resource itself and the last member are visits, too.
    expect(find(RECURSIVE, filled(199_998))).to.equal('item.subject');
    expect(find(RECURSIVE, filled(199_999))).to.equal(undefined);
    let doubling: unknown = { subject: { reference: 'Patient/p2' } };
    for (let level = 0; level < 60; level += 1) doubling = { item: [doubling, doubling] };
    expect(find(RECURSIVE, doubling)).to.equal(undefined);
  });
});

describe('access/walk: arrays that lie about their length', () => {
  /** Has so many members as it is asked for. */
  const endless = (member: unknown): unknown[] =>
    new Proxy<unknown[]>([], {
      get: (target, name): unknown =>
        name === 'length' ? Infinity : typeof name === 'symbol' ? Reflect.get(target, name) : member,
    });

  it('have an end, and give no access', () => {
    const other = { reference: 'Patient/other' };
    expect(find(PLAN, { performer: endless(other), component: endless({}) })).to.equal(undefined);
    expect(someMember(endless(1), (value) => value === 2)).to.equal(false);
    const path = walkedPath({ elements: ['a', 'b'], filters: [] } as never, () => false);
    expect(leadsAnyToMatch([path], { a: endless({ b: 1 }) })).to.equal(false);
  });
});

describe('access/walk: plans', () => {
  it('reads a dotted path, from one name to several', () => {
    expect(planOfPath('managingOrganization')).to.deep.equal({ references: ['managingOrganization'], children: [] });
    const plan = planOfPath('participant.individual');
    expect(find(plan, { participant: [{ individual: P1 }] })).to.equal('participant.individual');
    for (const elsewhere of [{ individual: P1 }, { participant: P1 }, { participant: [{ other: P1 }] }, {}]) {
      expect(find(plan, elsewhere), JSON.stringify(elsewhere)).to.equal(undefined);
    }
    expect(find(planOfPath('a.b.c'), { a: { b: [{ c: P1 }] } })).to.equal('a.b.c');
    expect(find(planOfPath('a.b.c'), { b: { a: { c: P1 } } })).to.equal(undefined);
  });

  it('leaves out one element, whether it is a reference or holds some, and keeps the others', () => {
    const both: ReferenceNode = {
      references: ['subject', 'member'],
      children: [
        ['member', { references: ['entity'], children: [] }],
        ['link', { references: ['other'], children: [] }],
      ],
    };
    const plan = planWithout(both, 'member');
    expect(find(plan, { member: P1 })).to.equal(undefined);
    expect(find(plan, { member: [{ entity: P1 }] })).to.equal(undefined);
    expect(find(plan, { subject: P1 })).to.equal('subject');
    expect(find(plan, { link: [{ other: P1 }] })).to.equal('link.other');
    expect(find(both, { member: [{ entity: P1 }] }), 'the plan itself stays').to.equal('member.entity');
  });
});

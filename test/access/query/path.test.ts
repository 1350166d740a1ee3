import { expect } from 'chai';
import type { Step } from '../../../src/access/query/path.js';
import { readPath } from '../../../src/access/query/path.js';

const end = (parameter: string, modifier?: string): Step => ({ kind: 'end', parameter, modifier });
const link = (parameter: string, modifier?: string): Step => ({ kind: 'link', parameter, modifier });
const reverse = (type: string, parameter: string): Step => ({ kind: 'reverse', type, parameter });

describe('access/query/path: names of search parameters, part by part', () => {
  const cases: readonly [path: string, steps: readonly Step[] | undefined][] = [
    ['code', [end('code')]],
    ['code:not', [end('code', 'not')]],
    ['_id', [end('_id')]],
    ['subject.name', [link('subject'), end('name')]],
    ['subject:Patient.name:exact', [link('subject', 'Patient'), end('name', 'exact')]],
    ['_has:Observation:patient:code', [reverse('Observation', 'patient'), end('code')]],
    ['_has:Observation:patient:code:not', [reverse('Observation', 'patient'), end('code', 'not')]],
    ['subject:Patient._has:Group:member:_id', [link('subject', 'Patient'), reverse('Group', 'member'), end('_id')]],
    [
      '_has:Observation:patient:_has:AuditEvent:entity:agent.name',
      [reverse('Observation', 'patient'), reverse('AuditEvent', 'entity'), link('agent'), end('name')],
    ],
    ['a.a.a.a.a.a.a.a', [...Array.from({ length: 7 }, () => link('a')), end('a')]],
    ['a.a.a.a.a.a.a.a.a', undefined],
    ['', undefined],
    ['.', undefined],
    ['code.', undefined],
    ['.code', undefined],
    ['code:', undefined],
    ['code:not:not', undefined],
    ['co de', undefined],
    ['code]', undefined],
    ['[code', undefined],
    ['_has', [end('_has')]],
    ['_has:', undefined],
    ['_has:Observation', undefined],
    ['_has:Observation:patient', undefined],
    ['_has:Observation:patient:', undefined],
    ['_has::patient:code', undefined],
    ['_has:Observation::code', undefined],
    ['_has:Observation1:patient:code', undefined],
    ['x_has:Observation:patient:code', undefined],
  ];
  for (const [path, steps] of cases) {
    it(`${path || '(empty)'}: ${steps === undefined ? 'malformed' : steps.map(({ kind }) => kind).join(', ')}`, () => {
      expect(readPath(path)).to.deep.equal(steps);
    });
  }
});

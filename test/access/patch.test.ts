import { expect } from 'chai';
import fc from 'fast-check';
import fastJsonPatch from 'fast-json-patch';
import { applyResourcePatch } from '../../src/access/patch.js';
import { RUNS } from '../runs.js';

const STORED = {
  resourceType: 'Observation',
  id: 'o1',
  status: 'final',
  subject: { reference: 'Patient/p1' },
  performer: [{ reference: 'Practitioner/d1' }, { reference: 'Practitioner/d2' }],
};
const json = (text: string): unknown => JSON.parse(text);
const replace = { op: 'replace', path: '/status', value: 'amended' };

/** A copy in which nothing is shared, as it comes over the network. */
function asJson<T>(value: T): T {
  return json(JSON.stringify(value)) as T;
}

/** An object within an object, so many in all. */
function nested(objects: number): unknown {
  let value: unknown = {};
  for (let at = 1; at < objects; at += 1) value = { x: value };
  return value;
}

describe('access/patch: what a patch leaves', () => {
  const cases: readonly [name: string, patch: unknown, result: unknown][] = [
    ['replaces an element', [replace], { ...STORED, status: 'amended' }],
    ['adds one', [{ op: 'add', path: '/note', value: [{ text: 'x' }] }], { ...STORED, note: [{ text: 'x' }] }],
    [
      'takes one out of a list',
      [{ op: 'remove', path: '/performer/0' }],
      { ...STORED, performer: [STORED.performer[1]] },
    ],
    [
      'copies one over another',
      [{ op: 'copy', from: '/performer/0', path: '/subject' }],
      { ...STORED, subject: STORED.performer[0] },
    ],
    [
      'moves one over another',
      [{ op: 'move', from: '/performer/1', path: '/subject' }],
      { ...STORED, subject: STORED.performer[1], performer: [STORED.performer[0]] },
    ],
    [
      'tests before it changes',
      [{ op: 'test', path: '/status', value: 'final' }, replace],
      { ...STORED, status: 'amended' },
    ],
    ['does nothing', [], STORED],
    [
      'replaces the whole resource',
      [{ op: 'replace', path: '', value: { resourceType: 'Patient' } }],
      { resourceType: 'Patient' },
    ],
    ['copies an element over the whole', [{ op: 'copy', from: '/subject', path: '' }], STORED.subject],
    ['carries a member that is none of its own', [{ ...replace, from: '/nowhere' }], { ...STORED, status: 'amended' }],
    ['sets null', [{ op: 'replace', path: '/status', value: null }], { ...STORED, status: null }],
    ['is as long as it may be', Array.from({ length: 1000 }, () => replace), { ...STORED, status: 'amended' }],
    ['is as deep as it may be', [{ op: 'add', path: '/x', value: nested(101) }], { ...STORED, x: nested(101) }],
    ['merges', { status: 'amended' }, { ...STORED, status: 'amended' }],
    ['merges below', { subject: { display: 'x' } }, { ...STORED, subject: { ...STORED.subject, display: 'x' } }],
    ['merges a list as a whole', { performer: [] }, { ...STORED, performer: [] }],
    ['merges nothing', {}, STORED],
    ['merges as deep as it may', { x: nested(100) }, { ...STORED, x: nested(100) }],
  ];
  for (const [name, patch, result] of cases) {
    it(name, () => {
      const before = structuredClone(STORED);
      expect(applyResourcePatch(STORED, patch)).to.deep.equal(result);
      expect(STORED, 'the stored resource').to.deep.equal(before);
    });
  }

  it('removes what it moves before it looks for the target (RFC 6902, 4.4)', () => {
    const patch = [
      { op: 'add', path: '/stage', value: ['Patient/p1', { reference: 'Patient/p2' }, { display: 'y' }] },
      { op: 'move', from: '/stage/0', path: '/stage/1/reference' },
      { op: 'move', from: '/stage/0', path: '/subject' },
      { op: 'remove', path: '/stage' },
    ];
    expect(applyResourcePatch(STORED, patch)).to.deep.equal({ ...STORED, subject: { reference: 'Patient/p2' } });
  });

  it('leaves what another implementation leaves, whatever is moved, copied, added and removed', () => {
    const stored = { a: [{ b: 1 }, { b: 2 }, { b: [3, 4] }], c: { d: { e: 'x' }, f: ['y', 'z'] }, '': { '~/': 0 } };
    const names = ['a', 'c', 'd', 'e', 'f', 'b', '0', '1', '2', '3', '-', '', '~0~1', '00', 'length'];
    const pointer = fc
      .array(fc.constantFrom(...names), { maxLength: 3 })
      .map((path) => path.map((each) => `/${each}`).join(''));
    const operation = fc.oneof(
      fc.record({
        op: fc.constant('add' as const),
        path: pointer,
        value: fc.constantFrom<unknown>(1, null, { b: 5 }, ['v']),
      }),
      fc.record({ op: fc.constant('replace' as const), path: pointer, value: fc.constantFrom<unknown>(1, { e: 6 }) }),
      fc.record({ op: fc.constant('remove' as const), path: pointer }),
      fc.record({ op: fc.constantFrom('move' as const, 'copy' as const), from: pointer, path: pointer }),
    );
    let applied = 0;
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 4 }), (patch) => {
        const result = applyResourcePatch(stored, patch);
        if (result === undefined) return;
        applied += 1;
        const other = fastJsonPatch.applyPatch(asJson(stored), asJson(patch), true, true).newDocument;
        expect(result).to.deep.equal(other);
      }),
      { numRuns: RUNS },
    );
    expect(applied).to.be.greaterThan(0);
  });

  it('does not grow without bounds by copies of itself', () => {
    const grow = Array.from({ length: 40 }, (_, at) => ({
      op: 'copy',
      from: '/performer',
      path: `/performer/0/x${at}`,
    }));
    expect(applyResourcePatch(STORED, grow)).to.equal(undefined);
    expect(applyResourcePatch(STORED, grow.slice(0, 5))).to.not.equal(undefined);
  });

  it('takes no longer for a long list or text than it has elements: a test, a move, a copy', () => {
    const numbers = Array.from({ length: 20_000 }, (_, at) => at);
    const long = [{ op: 'add', path: '/x', value: numbers }];
    const shifted = [...long, { op: 'test', path: '/x', value: numbers.map((each) => each + 20_000) }];
    expect(applyResourcePatch(STORED, shifted)).to.equal(undefined);
    expect(applyResourcePatch(STORED, [...long, { op: 'test', path: '/x', value: [...numbers] }])).to.deep.equal({
      ...STORED,
      x: numbers,
    });
    const objects = [{ op: 'add', path: '/x', value: Array.from({ length: 50_000 }, () => ({})) }];
    const moves = Array.from({ length: 990 }, (_, at) => ({
      op: 'move',
      from: at % 2 ? '/y' : '/x',
      path: at % 2 ? '/x' : '/y',
    }));
    expect(applyResourcePatch(STORED, [...objects, ...moves]))
      .to.have.property('x')
      .with.length(50_000);
    const text = [{ op: 'add', path: '/x', value: 'x'.repeat(1_000_000) }];
    const copies = Array.from({ length: 100 }, (_, at) => ({ op: 'copy', from: '/x', path: `/x${at}` }));
    expect(applyResourcePatch(STORED, [...text, ...copies.slice(0, 8)])).to.have.property('x7');
    expect(applyResourcePatch(STORED, [...text, ...copies])).to.equal(undefined);
    const endless = [{ op: 'add', path: '/x', value: Array.from({ length: 100_000 }, () => 0) }];
    expect(applyResourcePatch(STORED, [...endless, { op: 'add', path: '/x/0', value: 1 }])).to.equal(undefined);
    expect(applyResourcePatch(STORED, [...endless, { op: 'remove', path: '/x/0' }])).to.equal(undefined);
    expect(applyResourcePatch(STORED, [...endless, { op: 'move', from: '/status', path: '/x/-' }])).to.equal(undefined);
  });

  it('merges null as a removal', () => {
    const { subject, ...rest } = STORED;
    expect(applyResourcePatch(STORED, { subject: null })).to.deep.equal(rest);
    expect(subject.reference).to.equal('Patient/p1');
  });

  it('keeps no part of the patch', () => {
    const value = { reference: 'Patient/p1' };
    const result = applyResourcePatch(STORED, { subject: value }) as typeof STORED;
    value.reference = 'Patient/p2';
    expect(result.subject.reference).to.equal('Patient/p1');
  });
});

describe('access/patch: what cannot be applied', () => {
  const cases: readonly [name: string, patch: unknown][] = [
    ['no patch', undefined],
    ['null', null],
    ['a text', 'text'],
    ['a number', 5],
    ['an operation that is null', [null]],
    ['an operation that is a text', ['replace']],
    ['an operation that is not there', [undefined]],
    ['an operation without a name', [{ path: '/status', value: 'x' }]],
    ['an unknown operation', [{ op: 'eval', path: '/status' }]],
    ['an unknown operation among others', [replace, { op: 'eval', path: '/status' }]],
    ['no path', [{ op: 'replace', value: 'x' }]],
    ['a path that is no text, and would become one', [{ op: 'replace', path: ['/status'], value: 'x' }]],
    ['a path that is no pointer', [{ op: 'add', path: 'subject', value: { reference: 'Patient/p2' } }]],
    ['a pointer as the fragment of a URI', [{ op: 'add', path: '#/subject', value: 'x' }]],
    ['a path to nothing', [{ op: 'replace', path: '/nowhere/at/all', value: 1 }]],
    ['a path to nothing, after one that is there', [replace, { op: 'remove', path: '/nowhere' }]],
    ['a test that fails, among others that do not', [replace, { op: 'test', path: '/id', value: 'x' }]],
    ['the removal of the whole', [{ op: 'remove', path: '' }]],
    ['a move from nowhere', [{ op: 'move', path: '/subject' }]],
    ['a copy from nothing', [{ op: 'copy', from: '/nowhere', path: '/subject' }]],
    [
      'a copy whose source is no text, and would become one',
      [{ op: 'copy', from: ['/performer/0'], path: '/subject' }],
    ],
    [
      'a move whose source is no text, and would become one',
      [{ op: 'move', from: ['/performer/0'], path: '/subject' }],
    ],
    ['a copy whose source is no pointer', [{ op: 'copy', from: 'subject', path: '/x' }]],
    ['too many operations', Array.from({ length: 1001 }, () => replace)],
    ['a value that is too deep', [{ op: 'add', path: '/x', value: nested(102) }]],
    ['a merge that is too deep', { x: nested(101) }],
    ['a function, which no JSON has', { status: () => 'x' }],
    // What one server takes for an index and another for a name.
    ['an index with a zero in front', [{ op: 'replace', path: '/performer/00', value: { reference: 'Patient/p2' } }]],
    ['an index past the end of a list', [{ op: 'add', path: '/performer/3', value: 1 }]],
    ['a copy past the end of a list', [{ op: 'copy', from: '/subject', path: '/performer/3' }]],
    [
      'a move past the end of the list, once it is shorter',
      [{ op: 'move', from: '/performer/0', path: '/performer/2' }],
    ],
    ['a copy from past the end of a list', [{ op: 'copy', from: '/performer/2', path: '/subject' }]],
    ['a hyphen for what is there', [{ op: 'replace', path: '/performer/-', value: 1 }]],
    ['a hyphen within a path', [{ op: 'add', path: '/performer/-/reference', value: 1 }]],
    ['a character of a text', [{ op: 'copy', from: '/status/0', path: '/x' }]],
    ['an element of a text', [{ op: 'add', path: '/status/0', value: 'x' }]],
    ['the length of a list', [{ op: 'copy', from: '/performer/length', path: '/x' }]],
    ['a tilde that escapes nothing', [{ op: 'add', path: '/a~2b', value: 1 }]],
    ['a move into itself', [{ op: 'move', from: '/subject', path: '/subject/reference' }]],
    ['an addition of nothing', [{ op: 'add', path: '/x' }]],
    ['a replacement by nothing', [{ op: 'replace', path: '/status' }]],
    ['a test against nothing', [{ op: 'test', path: '/status' }]],
    ['an index that is negative', [{ op: 'replace', path: '/performer/-1', value: { reference: 'Patient/p2' } }]],
    ['an index with an exponent', [{ op: 'replace', path: '/performer/1e0/reference', value: 'Patient/p2' }]],
    ['a copy from such an index', [{ op: 'copy', from: '/performer/00', path: '/subject' }]],
    [
      'such an index in what the patch adds',
      [
        { op: 'add', path: '/x', value: [[1]] },
        { op: 'replace', path: '/x/00', value: 2 },
      ],
    ],
    // Names that would reach a prototype.
    ['a path by __proto__', [{ op: 'add', path: '/__proto__/subject', value: 1 }]],
    ['a path to __proto__', [{ op: 'add', path: '/__proto__', value: { subject: 1 } }]],
    ['a path by constructor', [{ op: 'add', path: '/code/constructor/x', value: 1 }]],
    ['a path to prototype', [{ op: 'add', path: '/prototype', value: 1 }]],
    ['a copy of a prototype', [{ op: 'copy', from: '/__proto__', path: '/x' }]],
    ['a move of a constructor', [{ op: 'move', from: '/constructor', path: '/x' }]],
    ['a value with __proto__', [{ op: 'add', path: '/code', value: json('{"__proto__":{"text":"x"}}') }]],
    [
      'a value with __proto__, after one without',
      [replace, { op: 'add', path: '/x', value: json('[{"__proto__":1}]') }],
    ],
    ['a value with constructor in a list', [{ op: 'add', path: '/x', value: [{ constructor: 1 }] }]],
    ['a merge with __proto__', json('{"__proto__":{"subject":null}}')],
    ['a merge with __proto__ below', json('{"subject":{"__proto__":{"reference":"Patient/p1"}}}')],
    ['a merge with prototype in a list', { performer: [{ prototype: {} }] }],
  ];
  for (const [name, patch] of cases) {
    it(name, () => {
      expect(applyResourcePatch(STORED, patch)).to.equal(undefined);
      expect(Object.hasOwn(Object.prototype, 'subject') || Object.hasOwn(Object.prototype, 'x')).to.equal(false);
    });
  }

  it('takes names for what they are: only whole ones are unsafe', () => {
    const value = { constructors: 1, my__proto__: 2 };
    expect(applyResourcePatch({}, [{ op: 'add', path: '/prototypes', value }])).to.deep.equal({ prototypes: value });
  });

  it('does not throw on a stored resource that cannot be copied', () => {
    expect(applyResourcePatch({ resourceType: 'Observation', at: () => 1 }, [replace])).to.equal(undefined);
  });
});

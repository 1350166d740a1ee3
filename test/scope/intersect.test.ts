import { expect } from 'chai';
import fc from 'fast-check';
import { intersectScopes } from '../../src/scope/intersect.js';
import { parseScope } from '../../src/scope/parse.js';
import type { PermissionLetter, ResourceScope } from '../../src/scope/scope.js';

describe('intersectScopes', () => {
  const cases: [requested: string, allowed: string, granted: string][] = [
    ['system/*.rs', 'system/Patient.cruds system/Observation.r', 'system/Patient.rs system/Observation.r'],
    ['system/Patient.rs', 'system/*.cruds', 'system/Patient.rs'],
    ['system/Patient.rs', 'user/*.cruds patient/*.cruds', ''],
    ['system/Patient.cruds', 'system/Patient.c system/Patient.r', 'system/Patient.cr'],
    ['system/*.rs', 'system/*.r system/Patient.rs', 'system/*.r system/Patient.rs'],
    ['system/*.rs', 'system/*.rs system/Patient.r', 'system/*.rs'],
    ['system/Patient.read', 'system/Patient.rs', 'system/Patient.read'],
    ['system/Patient.read', 'system/Patient.r', 'system/Patient.r'],
    ['system/Patient.rs', 'system/Patient.read', 'system/Patient.rs'],
    ['system/Patient.*', 'system/Patient.read', 'system/Patient.read'],
    ['system/Patient.*', 'system/Patient.write', 'system/Patient.write'],
    ['system/Patient.write', 'system/Patient.read', ''],
    ['system/*.read', 'system/Observation.rs?category=laboratory', 'system/Observation.rs?category=laboratory'],
    [
      'system/Observation.rs',
      'system/Observation.rs?category=a system/Observation.r?status=final',
      'system/Observation.rs?category=a system/Observation.r?status=final',
    ],
    ['system/Observation.rs?category=a', 'system/Observation.rs', 'system/Observation.rs?category=a'],
    [
      'system/Observation.rs?category=a',
      'system/Observation.rs?category=b',
      'system/Observation.rs?category=a&category=b',
    ],
    ['system/Observation.rs?category=a,b', 'system/Observation.rs?category=b,a', 'system/Observation.rs?category=a,b'],
    ['patient/Observation.rs?category=http://x|y', 'patient/*.rs', 'patient/Observation.rs?category=http://x|y'],
    ['openid fhirUser launch/patient', 'launch/patient openid', 'openid launch/patient'],
    ['launch', 'launch/patient', ''],
    ['offline_access offline_access', 'offline_access', 'offline_access'],
    [
      'http://smarthealthit.org/fhir/scopes/system/*.rs',
      'system/Patient.r',
      'http://smarthealthit.org/fhir/scopes/system/Patient.r',
    ],
    ['system/Patient.dus system/patient.rs System/Patient.rs', 'system/*.cruds', ''],
    ['system/Patient.rs?name:exact=x', 'system/*.cruds', ''],
    ['system/Patient.rs', 'system/Patient.rs?name:exact=x system/Patient.sr', ''],
    // One condition said twice, in two orders, is one: neither scope may make the other seem needless.
    ['system/*.rs', 'system/Patient.rs?code=a,b system/Patient.rs?code=a,b&code=b,a', 'system/Patient.rs?code=a,b'],
    ['system/*.rs?code=a,b&code=b,a', 'system/Patient.rs', 'system/Patient.rs?code=a,b'],
    ['', 'system/*.cruds', ''],
    ['system/*.cruds', '', ''],
    ['  system/Patient.r   ', ' system/Patient.r ', 'system/Patient.r'],
  ];
  for (const [requested, allowed, granted] of cases) {
    it(`${requested || 'nothing'} under ${allowed || 'nothing'} is ${granted || 'nothing'}`, () => {
      expect(intersectScopes(requested, allowed).join(' ')).to.equal(granted);
    });
  }

  // A small world, so that scopes meet: every access is (level, type, letter, values of two parameters).
  const levels = ['patient', 'system'] as const;
  const types = ['Patient', 'Observation'] as const;
  const letters = ['c', 'r', 'u', 'd', 's'] as const;
  const permission = fc.oneof(
    fc.constantFrom('read', 'write', '*'),
    fc.subarray([...letters], { minLength: 1 }).map((chosen) => chosen.join('')),
  );
  const query = fc.constantFrom('', '?category=a', '?category=b', '?category=a,b', '?status=f', '?category=a&status=f');
  const scope = fc
    .tuple(fc.constantFrom(...levels), fc.constantFrom(...types, '*'), permission, query)
    .map(([level, type, word, clauses]) => `${level}/${type}.${word}${/^(read|write|\*)$/.test(word) ? '' : clauses}`);
  const list = fc.array(scope, { maxLength: 5 }).map((scopes) => scopes.join(' '));

  /** What a list of scopes opens in that world, as a set of texts. */
  function opens(scopes: string): Set<string> {
    const opened = new Set<string>();
    for (const text of scopes.split(' ')) {
      const parsed = parseScope(text);
      if (parsed.kind !== 'resource') continue;
      for (const type of types) {
        if (parsed.type !== '*' && parsed.type !== type) continue;
        for (const letter of lettersOf(parsed)) {
          for (const category of ['a', 'b', 'c']) {
            for (const status of ['f', 'g']) {
              const values: Record<string, string> = { category, status };
              const fits = parsed.clauses.every((clause) => clause.values.includes(values[clause.parameter] ?? ''));
              if (fits) opened.add([parsed.level, type, letter, category, status].join());
            }
          }
        }
      }
    }
    return opened;
  }
  function lettersOf({ permission: given }: ResourceScope): readonly PermissionLetter[] {
    if (given.syntax === 'v2') return [...given.letters];
    return given.word === 'read' ? ['r', 's'] : given.word === 'write' ? ['c', 'u', 'd'] : letters;
  }

  it('opens exactly what both lists open', () => {
    fc.assert(
      fc.property(list, list, (requested, allowed) => {
        const granted = opens(intersectScopes(requested, allowed).join(' '));
        const open = opens(allowed);
        const both = new Set([...opens(requested)].filter((access) => open.has(access)));
        expect(granted).to.deep.equal(both);
      }),
      { numRuns: 2000 },
    );
  });

  it('of a list with itself is a list that opens the same', () => {
    fc.assert(
      fc.property(list, (scopes) => {
        expect(opens(intersectScopes(scopes, scopes).join(' '))).to.deep.equal(opens(scopes));
      }),
      { numRuns: 1000 },
    );
  });

  it('never throws and never grants to what is no scope', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (requested, allowed) => {
        for (const text of intersectScopes(requested, allowed)) expect(parseScope(text).kind).not.to.equal('invalid');
      }),
      { numRuns: 2000 },
    );
  });
});

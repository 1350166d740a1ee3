import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseScope } from '../../src/scope/parse.js';
import { printPermission, printScope } from '../../src/scope/print.js';
import type { ResourceScope, ScopeClause } from '../../src/scope/scope.js';
import { RUNS } from '../runs.js';

interface Row {
  readonly text: string;
  readonly kind?: string;
  readonly context?: string;
  readonly problem?: string;
  readonly level?: string;
  readonly type?: string;
  readonly permission?: string;
  readonly clauses?: readonly ScopeClause[];
}

const rows = JSON.parse(readFileSync(new URL('../data/scopes.json', import.meta.url), 'utf8')) as readonly Row[];

describe('scope/parse', () => {
  for (const row of rows) {
    it(`reads ${JSON.stringify(row.text)}`, () => {
      const scope = parseScope(row.text);
      expect(scope.text).to.equal(row.text);
      if (row.problem !== undefined) {
        expect(scope).to.deep.equal({ kind: 'invalid', text: row.text, problem: row.problem });
      } else if (row.kind !== undefined) {
        expect(scope.kind).to.equal(row.kind);
        if (scope.kind === 'launch') expect(scope.context).to.equal(row.context);
      } else {
        const { level, type, permission, clauses } = scope as ResourceScope;
        expect({ kind: scope.kind, level, type, permission: printPermission(permission), clauses }).to.deep.equal({
          kind: 'resource',
          level: row.level,
          type: row.type,
          permission: row.permission,
          clauses: row.clauses ?? [],
        });
        expect(permission.syntax).to.equal(['read', 'write', '*'].includes(row.permission ?? '') ? 'v1' : 'v2');
      }
    });
  }

  it('refuses a scope that is longer than any that would be issued', () => {
    const text = `patient/Observation.rs?code=${'a'.repeat(4096)}`;
    expect(parseScope(text)).to.include({ kind: 'invalid', problem: 'empty' });
    expect(parseScope(`patient/Observation.rs?code=${'a'.repeat(4000)}`).kind).to.equal('resource');
  });

  it('hole-41: reads %2f for the slash only when it is asked to', () => {
    for (const text of ['patient%2fObservation.rs', 'patient%2FObservation.rs']) {
      expect(parseScope(text).kind).to.equal('other');
      expect(parseScope(text, { decodeSlash: true })).to.include({
        kind: 'resource',
        level: 'patient',
        type: 'Observation',
      });
    }
    expect(parseScope('patient%252fObservation.rs', { decodeSlash: true }).kind).to.equal('other');
    expect(parseScope('patient/Observation%2frs', { decodeSlash: true }).kind).to.equal('invalid');
  });

  it('never throws, whatever the text', function () {
    this.timeout(120_000);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), mangled()), (text) => {
        expect(parseScope(text).text).to.equal(text);
        expect(parseScope(text, { decodeSlash: true }).text).to.equal(text);
      }),
      { numRuns: RUNS },
    );
  });

  it('reads back what is printed: parse ∘ print is the identity', function () {
    this.timeout(120_000);
    fc.assert(
      fc.property(resourceScope(), (scope) => {
        const printed = printScope(scope);
        expect(printed).to.match(/^[!#-[\]-~]+$/);
        const { kind, level, type, permission, clauses } = parseScope(printed) as ResourceScope;
        expect({ kind, level, type, permission, clauses }).to.deep.equal({ kind: 'resource', ...scope });
        expect(printScope({ level, type, permission, clauses })).to.equal(printed);
      }),
      { numRuns: RUNS },
    );
  });
});

function resourceScope(): fc.Arbitrary<Omit<ResourceScope, 'kind' | 'text'>> {
  const level = fc.constantFrom('patient' as const, 'user' as const, 'system' as const);
  const type = fc.constantFrom('*', 'Patient', 'Observation', 'MedicationRequest');
  const v1 = fc.record({
    permission: fc.record({
      syntax: fc.constant('v1' as const),
      word: fc.constantFrom('read' as const, 'write' as const, '*' as const),
    }),
    clauses: fc.constant([]),
  });
  const letters = fc.subarray(['c', 'r', 'u', 'd', 's'] as const, { minLength: 1 }).map((each) => new Set(each));
  // A value carries its own escapes: a comma or a backslash that is not part of one would separate values.
  const value = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .map((text) => text.replace(/[\\,|$]/g, (character) => `\\${character}`));
  const clause = fc.record({
    parameter: fc.stringMatching(/^[a-z_][a-zA-Z0-9_-]{0,12}$/),
    values: fc.array(value, { minLength: 1, maxLength: 3 }),
  });
  const v2 = fc.record({
    permission: fc.record({ syntax: fc.constant('v2' as const), letters }),
    clauses: fc.array(clause, { maxLength: 3 }),
  });
  return fc.tuple(level, type, fc.oneof(v1, v2)).map(([l, t, rest]) => ({ level: l, type: t, ...rest }));
}

function mangled(): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...rows.map(({ text }) => text)), fc.nat(80), fc.string({ maxLength: 3 }))
    .map(([text, at, noise]) => text.slice(0, at) + noise + text.slice(at + 1));
}

import { expect } from 'chai';
import { INTERACTIONS } from '../../src/fhir/interactions.js';
import { parseScope } from '../../src/scope/parse.js';
import type { ScopeRule } from '../../src/scope/rule.js';
import { FULL_RULE, interactionsOf, isEnvelope, isSystemInteraction, letterOf } from '../../src/scope/rule.js';
import type { ResourceScope } from '../../src/scope/scope.js';

const full: ScopeRule = { patient: FULL_RULE, user: FULL_RULE, system: FULL_RULE };

function allowed(scope: string, rule: Partial<ScopeRule> = full): string[] {
  const { level, permission } = parseScope(scope) as ResourceScope;
  return [...interactionsOf(rule, level, permission)].sort();
}

describe('scope/rule', () => {
  it('maps each interaction to its letter', () => {
    const letters = Object.fromEntries(INTERACTIONS.map((interaction) => [interaction, letterOf(interaction)]));
    expect(letters).to.deep.equal({
      create: 'c',
      read: 'r',
      vread: 'r',
      'history-instance': 'r',
      update: 'u',
      patch: 'u',
      delete: 'd',
      'search-type': 's',
      'search-system': 's',
      'history-type': 's',
      'history-system': 's',
      batch: undefined,
      transaction: undefined,
    });
  });

  it('knows envelopes and interactions on the whole system', () => {
    expect(INTERACTIONS.filter(isEnvelope).sort()).to.deep.equal(['batch', 'transaction']);
    expect(INTERACTIONS.filter(isSystemInteraction).sort()).to.deep.equal([
      'batch',
      'history-system',
      'search-system',
      'transaction',
    ]);
  });

  it('reads .read as .rs, .write as .cud and .* as .cruds where the rule is full', () => {
    expect(allowed('user/*.read')).to.deep.equal(allowed('user/*.rs'));
    expect(allowed('user/*.write')).to.deep.equal(allowed('user/*.cud'));
    expect(allowed('user/*.*')).to.deep.equal(allowed('user/*.cruds'));
    expect(allowed('user/*.*')).to.deep.equal([...INTERACTIONS].sort());
  });

  it('gives each letter its own interactions and no others', () => {
    expect(allowed('user/*.c')).to.deep.equal(['batch', 'create', 'transaction']);
    expect(allowed('user/*.r')).to.deep.equal(['history-instance', 'read', 'vread']);
    expect(allowed('user/*.u')).to.deep.equal(['batch', 'patch', 'transaction', 'update']);
    expect(allowed('user/*.d')).to.deep.equal(['batch', 'delete', 'transaction']);
    expect(allowed('user/*.s')).to.deep.equal(['history-system', 'history-type', 'search-system', 'search-type']);
  });

  it('lets the rule mean what it says for the words of v1, reading by write included', () => {
    const odd = { user: { read: ['read', 'create'], write: ['delete', 'search-type'] } } as Partial<ScopeRule>;
    expect(allowed('user/*.read', odd)).to.deep.equal(['create', 'read']);
    expect(allowed('user/*.write', odd)).to.deep.equal(['delete', 'search-type']);
    expect(allowed('user/*.*', odd)).to.deep.equal(['create', 'delete', 'read', 'search-type']);
  });

  it('bounds the letters of v2 by the rule, under whichever word it lists the interaction', () => {
    const odd = { user: { read: ['read', 'create'], write: ['delete', 'search-type'] } } as Partial<ScopeRule>;
    expect(allowed('user/*.cruds', odd)).to.deep.equal(['create', 'delete', 'read', 'search-type']);
    expect(allowed('user/*.cu', odd)).to.deep.equal(['create']);
    expect(allowed('user/*.u', odd)).to.deep.equal([]);
  });

  it('gives v2 an envelope only with a letter that writes and a rule that lists it under write', () => {
    const underRead = { user: { read: ['read', 'batch'], write: ['update'] } } as Partial<ScopeRule>;
    expect(allowed('user/*.cruds', underRead)).to.deep.equal(['read', 'update']);
    expect(allowed('user/*.rs')).to.not.include('batch').and.not.include('transaction');
  });

  it('grants nothing at a level that the rule leaves out or empty', () => {
    for (const scope of ['system/*.*', 'system/*.cruds', 'system/Patient.read']) {
      expect(allowed(scope, { user: FULL_RULE })).to.deep.equal([]);
      expect(allowed(scope, { system: { read: [], write: [] } })).to.deep.equal([]);
      expect(allowed(scope, { system: {} } as unknown as Partial<ScopeRule>)).to.deep.equal([]);
    }
  });
});

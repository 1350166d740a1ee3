import { expect } from 'chai';
import type { SystemOperation, TypeOperation } from 'fhir-works-on-aws-interface';
import {
  INTERACTIONS,
  isAsking,
  isInteraction,
  isReading,
  isResultList,
  isSearch,
} from '../../src/fhir/interactions.js';
import { FULL_RULE } from '../../src/scope/rule.js';
import type { Interaction, SystemInteraction, TypeInteraction } from '../../src/fhir/interactions.js';

// The names must stay those of the interface: these lines fail to compile otherwise.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
const sameOfType: Same<TypeInteraction, TypeOperation> = true;
const sameOfSystem: Same<SystemInteraction, SystemOperation> = true;

describe('fhir/interactions', () => {
  it('lists each interaction of fhir-works-on-aws-interface once', () => {
    expect([sameOfType, sameOfSystem]).to.deep.equal([true, true]);
    expect(INTERACTIONS).to.have.length(13);
    expect(new Set<Interaction>(INTERACTIONS).size).to.equal(13);
  });

  it('tells an interaction from anything else', () => {
    for (const interaction of INTERACTIONS) expect(isInteraction(interaction)).to.equal(true);
    for (const other of ['write', 'Read', 'history', '', 0, null, undefined, ['read']]) {
      expect(isInteraction(other), String(other)).to.equal(false);
    }
  });

  it('tells those that ask from those that change, as the rule for scopes does', () => {
    expect(INTERACTIONS.filter(isReading)).to.deep.equal(['read', 'vread']);
    expect(INTERACTIONS.filter(isSearch)).to.deep.equal(['search-type', 'search-system']);
    expect(INTERACTIONS.filter(isResultList)).to.deep.equal([
      'history-type',
      'history-instance',
      'search-type',
      'search-system',
      'history-system',
    ]);
    expect(new Set(INTERACTIONS.filter(isAsking))).to.deep.equal(new Set(FULL_RULE.read));
    for (const other of ['search', 'history', '$export', '']) expect(isAsking(other), other).to.equal(false);
  });
});

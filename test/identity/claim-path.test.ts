import { expect } from 'chai';
import { claimAt } from '../../src/identity/claim-path.js';

describe('identity/claim-path', () => {
  it('hole-16: takes an own claim of exactly that name first', () => {
    expect(claimAt({ 'https://idp.example/fhirUser': 'x' }, 'https://idp.example/fhirUser')).to.equal('x');
    expect(claimAt({ 'ext.fhirUser': 'flat', ext: { fhirUser: 'nested' } }, 'ext.fhirUser')).to.equal('flat');
  });

  it('follows nested objects and arrays', () => {
    expect(claimAt({ ext: { users: [{ fhirUser: 'x' }] } }, 'ext.users[0].fhirUser')).to.equal('x');
    expect(claimAt({ ext: { users: [{ fhirUser: 'x' }] } }, 'ext.users[1].fhirUser')).to.equal(undefined);
    expect(claimAt({ ext: null }, 'ext.fhirUser')).to.equal(undefined);
    expect(claimAt({ ext: 'text' }, 'ext.length')).to.equal(undefined);
  });

  it('hole-16: never reads what an object inherits', () => {
    const inherited = Object.create({ fhirUser: 'x' }) as Record<string, unknown>;
    expect(claimAt(inherited, 'fhirUser')).to.equal(undefined);
    for (const path of [
      'constructor.name',
      'toString',
      '__proto__',
      'ext.constructor.name',
      'list.length.constructor',
    ]) {
      expect(claimAt({ ext: {}, list: [] }, path), path).to.equal(undefined);
    }
    const own = JSON.parse('{"__proto__":{"fhirUser":"x"}}') as Record<string, unknown>;
    expect(claimAt(own, 'fhirUser')).to.equal(undefined);
  });
});

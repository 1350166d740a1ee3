import { expect } from 'chai';
import { FHIR_VERSIONS, isFhirVersion } from '../../src/fhir/version.js';

describe('fhir/version', () => {
  it('knows the four releases by the numbers that hosts give', () => {
    expect(FHIR_VERSIONS).to.deep.equal(['3.0.1', '4.0.1', '4.3.0', '5.0.0']);
    for (const version of FHIR_VERSIONS) expect(isFhirVersion(version)).to.equal(true);
  });

  it('takes nothing else for a version', () => {
    for (const other of ['4.0.0', '3.0.2', 'R4', '', '4.0.1 ', 4, null, undefined, {}, ['4.0.1'], 'toString']) {
      expect(isFhirVersion(other), JSON.stringify(other)).to.equal(false);
    }
  });
});

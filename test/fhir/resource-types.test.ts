import { expect } from 'chai';
import { BASE_R4_RESOURCES, BASE_STU3_RESOURCES } from 'fhir-works-on-aws-interface';
import { resourceTypes } from '../../src/fhir/resource-types.js';
import { FHIR_VERSIONS } from '../../src/fhir/version.js';
import type { FhirVersion } from '../../src/fhir/version.js';

describe('fhir/resource-types', () => {
  it('has the number of concrete types that each release defines', () => {
    const sizes = FHIR_VERSIONS.map((version) => resourceTypes(version).size);
    expect(sizes).to.deep.equal([117, 146, 141, 158]);
  });

  it('has the types of fhir-works-on-aws-interface, in its order', () => {
    expect([...resourceTypes('3.0.1')]).to.deep.equal(BASE_STU3_RESOURCES);
    expect([...resourceTypes('4.0.1')]).to.deep.equal([...BASE_R4_RESOURCES].sort());
  });

  it('knows what came and went between the releases', () => {
    const having = (type: string): FhirVersion[] => FHIR_VERSIONS.filter((version) => resourceTypes(version).has(type));
    expect(having('Patient')).to.deep.equal(['3.0.1', '4.0.1', '4.3.0', '5.0.0']);
    expect(having('ProcedureRequest')).to.deep.equal(['3.0.1']);
    expect(having('MedicinalProduct')).to.deep.equal(['4.0.1']);
    expect(having('CatalogEntry')).to.deep.equal(['4.0.1', '4.3.0']);
    expect(having('Citation')).to.deep.equal(['4.3.0', '5.0.0']);
    expect(having('Transport')).to.deep.equal(['5.0.0']);
  });

  it('leaves out abstract types, datatypes and inherited names', () => {
    for (const version of FHIR_VERSIONS) {
      for (const other of [
        'Resource',
        'DomainResource',
        'CanonicalResource',
        'Reference',
        'toString',
        '__proto__',
        '',
      ]) {
        expect(resourceTypes(version).has(other), other).to.equal(false);
      }
    }
  });

  it('is empty for an unknown version and the same set at every call', () => {
    for (const other of ['4.0.0', 'toString', '__proto__'] as unknown as FhirVersion[]) {
      expect(resourceTypes(other).size).to.equal(0);
    }
    expect(resourceTypes('4.0.1')).to.equal(resourceTypes('4.0.1'));
  });
});

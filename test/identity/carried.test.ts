import { expect } from 'chai';
import { normalizeBaseUrl, parseFhirUrl } from '../../src/identity/fhir-url.js';
import { readIdentity, withoutDerivedFields } from '../../src/identity/identity.js';

describe('identity/fhir-url: spellings', () => {
  const bases: readonly [text: string, normal: string | undefined][] = [
    ['https://fhir.example.org/r4/', 'https://fhir.example.org/r4'],
    ['https://fhir.example.org:4430/r4', 'https://fhir.example.org:4430/r4'],
    ['http://fhir.example.org:8080', 'http://fhir.example.org:8080'],
    ['http://fhir.example.org:80', 'http://fhir.example.org'],
    ['https://fhir.example.org///', 'https://fhir.example.org'],
    ['https://fhir.example.org/a.b/v1.0', 'https://fhir.example.org/a.b/v1.0'],
    ['https://fhir.example.org/a/../b', undefined],
    [`https://x/${'a'.repeat(2048 - 'https://x/'.length)}`, `https://x/${'a'.repeat(2048 - 'https://x/'.length)}`],
    [`https://x/${'a'.repeat(2049 - 'https://x/'.length)}`, undefined],
  ];
  for (const [text, normal] of bases) {
    it(`${text.slice(0, 60)}: ${(normal ?? 'no base').slice(0, 60)}`, () => {
      expect(normalizeBaseUrl(text)).to.equal(normal);
    });
  }

  const none = [
    'p1',
    '/p1',
    'xPatient/p1',
    'Patient1/p1',
    'x/Patient9/p1',
    'xhttps://h/Patient/p1',
    '1https://h/Patient/p1',
  ];
  for (const text of none) {
    it(`${text} names no resource`, () => {
      expect(parseFhirUrl(text)).to.equal(undefined);
    });
  }

  it('a resource may be named over plain HTTP', () => {
    expect(parseFhirUrl('http://fhir.local/Patient/p1')).to.deep.equal({
      base: 'http://fhir.local',
      resourceType: 'Patient',
      id: 'p1',
    });
  });
});

describe('identity/identity: what a host carries', () => {
  const resource = { hostname: 'https://fhir.example.org', resourceType: 'Patient', id: 'p1' };

  it('is read field by field', () => {
    const read = readIdentity({ usableScopes: ['patient/*.r'], patientLaunchContext: resource, sub: '', iss: 5 });
    expect(read).to.deep.include({ scopes: [], usableScopes: ['patient/*.r'], patient: resource, user: undefined });
    expect([read.subject, read.issuer]).to.deep.equal([undefined, undefined]);
  });

  it('names somebody of the server that is asked where the host is empty, and nobody on what is no server', () => {
    const patientOf = (changes: object) => readIdentity({ patientLaunchContext: { ...resource, ...changes } }).patient;
    expect(patientOf({ hostname: '' })).to.deep.equal({ ...resource, hostname: '' });
    for (const changes of [
      { hostname: 'ftp://x' },
      { hostname: undefined },
      { resourceType: '' },
      { resourceType: 5 },
      { id: '' },
    ]) {
      expect(patientOf(changes), JSON.stringify(changes)).to.equal(undefined);
    }
  });

  it('has no claim of the name of a derived field, each of them alone', () => {
    const claims = { sub: 'x', scope: 'y' };
    expect(withoutDerivedFields(claims)).to.deep.equal(claims);
    expect(withoutDerivedFields(claims)).not.to.equal(claims);
    for (const name of ['fhirUserObject', 'patientLaunchContext', 'scopes', 'usableScopes']) {
      expect(withoutDerivedFields({ ...claims, [name]: resource }), name).to.deep.equal(claims);
    }
  });
});

import { expect } from 'chai';
import { isFhirId, normalizeBaseUrl, parseFhirUrl } from '../../src/identity/fhir-url.js';

describe('identity/fhir-url', () => {
  it('hole-23: knows the grammar of a FHIR id, and no path segments', () => {
    for (const id of ['1', 'a-b.C', '...', '.a', 'x'.repeat(64)]) expect(isFhirId(id), id).to.equal(true);
    for (const id of ['', '.', '..', 'a_b', 'a/b', 'a b', 'a%2e', 'é', 'x'.repeat(65), 'a\n']) {
      expect(isFhirId(id), id).to.equal(false);
    }
  });

  it('hole-23: brings base URLs into one spelling', () => {
    const spellings: readonly (readonly [string, string])[] = [
      ['https://fhir.example.org', 'https://fhir.example.org'],
      ['https://fhir.example.org/', 'https://fhir.example.org'],
      ['https://fhir.example.org/r4//', 'https://fhir.example.org/r4'],
      ['HTTPS://FHIR.example.org:443/R4', 'https://fhir.example.org/R4'],
      ['http://fhir.example.org:80', 'http://fhir.example.org'],
      ['http://fhir.example.org:443', 'http://fhir.example.org:443'],
      ['https://fhir.example.org:80/r4', 'https://fhir.example.org:80/r4'],
      ['http://localhost:3000/r4', 'http://localhost:3000/r4'],
    ];
    for (const [text, normal] of spellings) expect(normalizeBaseUrl(text), text).to.equal(normal);
  });

  it('gives the same spelling when it is asked again, and after many others', () => {
    const ask = () => normalizeBaseUrl('HTTPS://fhir.example.org:443/r4/');
    expect(ask()).to.equal('https://fhir.example.org/r4');
    for (let n = 0; n < 1_000; n += 1) expect(normalizeBaseUrl(`https://h${n}/`)).to.equal(`https://h${n}`);
    expect(ask()).to.equal('https://fhir.example.org/r4');
    expect(normalizeBaseUrl('https://fhir.example.org/r4/.')).to.equal(undefined);
    expect(normalizeBaseUrl('https://fhir.example.org/r4/.')).to.equal(undefined);
  });

  it('refuses what is no base URL of a FHIR server', () => {
    for (const text of [
      '',
      'fhir.example.org',
      'ftp://fhir.example.org',
      'https://',
      'https:///r4',
      'https://user@fhir.example.org',
      'https://fhir.example.org?x',
      'https://fhir.example.org/r4#x',
      'https://fhir.example.org/../r4',
      'https://fhir.example.org/./r4',
      'https://fhir.example.org\\r4',
      'https://fhir example.org',
      ' https://fhir.example.org',
      'javascript:alert(1)',
      `https://fhir.example.org/${'a'.repeat(2048)}`,
    ]) {
      expect(normalizeBaseUrl(text), text).to.equal(undefined);
    }
  });

  it('splits absolute and relative URLs of one resource', () => {
    expect(parseFhirUrl('https://h.example/r4/Patient/p1')).to.deep.equal({
      base: 'https://h.example/r4',
      resourceType: 'Patient',
      id: 'p1',
    });
    expect(parseFhirUrl('Patient/p1')).to.deep.equal({ base: undefined, resourceType: 'Patient', id: 'p1' });
    expect(parseFhirUrl('https://x.org/Patient/1/Practitioner/2')).to.deep.equal({
      base: 'https://x.org/Patient/1',
      resourceType: 'Practitioner',
      id: '2',
    });
  });

  it('refuses anything that is not exactly one resource', () => {
    for (const text of [
      '',
      'p1',
      '/p1',
      'Patient/',
      'Patient/..',
      'Patient/p1/',
      'Patient/p1/_history/2',
      'Patient/p1?x=1',
      'Patient/p1#a',
      'patient/p1',
      'P/1',
      'x/Patient/p1',
      '/Patient/p1',
      '//h.example/Patient/p1',
      'https://h.example~/Patient/p1',
      'https://u@h.example/Patient/p1',
      'https:///Patient/p1',
      'https://h.example/../Patient/p1',
      'urn:uuid:4fd4f0c0-0000-0000-0000-000000000000',
      `https://h.example/${'a'.repeat(4096)}/Patient/p1`,
    ]) {
      expect(parseFhirUrl(text), text).to.equal(undefined);
    }
  });
});

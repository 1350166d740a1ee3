import { expect } from 'chai';
import { parseFhirRequest } from '../../src/http/parse.js';
import type { RawRequest } from '../../src/http/parse.js';

const parse = (method: string, url: string, headers: RawRequest['headers']): object =>
  parseFhirRequest({ method, url: `/fhir${url}`, basePath: '/fhir', headers, version: '4.0.1' });

describe('headers that change what is done', () => {
  for (const headers of [
    { 'if-none-match': '*' },
    { 'if-none-match': '"1"' },
    { 'if-modified-since': 'Sat, 21 Nov 2026 08:00:00 GMT' },
    { 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
  ]) {
    // Left out, the write would be done that the client wanted to prevent.
    it(`refuses a write with ${JSON.stringify(headers)}`, () => {
      for (const [method, url] of [
        ['PUT', '/Patient/a'],
        ['PATCH', '/Patient/a'],
        ['DELETE', '/Patient/a'],
        ['POST', '/Patient'],
      ] as const) {
        expect(parse(method, url, headers)).to.include({ malformed: 'header-malformed', status: 400 });
      }
      expect(parse('GET', '/Patient/a', headers)).to.include({ interaction: 'read' });
    });
  }

  for (const name of ['x-provenance', 'x-cascade', 'x-security-context']) {
    it(`refuses ${name}, by which some servers do more than was asked`, () => {
      expect(parse('PUT', '/Patient/a', { [name]: 'delete' })).to.include({ malformed: 'header-malformed' });
      expect(parse('GET', '/Patient/a', { [name]: 'x' })).to.include({ malformed: 'header-malformed' });
    });
  }
});

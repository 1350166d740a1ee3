import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseFhirRequest } from '../../src/http/parse.js';
import { canonicalForm, canonicalUrl } from '../../src/http/print.js';
import { printQuery } from '../../src/http/query.js';
import type { FhirRequest, Malformed, Pairs } from '../../src/http/request.js';
import { isMalformed } from '../../src/http/request.js';

interface Case {
  readonly group: string;
  readonly request: string;
  readonly headers?: Record<string, string>;
  readonly form?: string;
  readonly is?: string;
  readonly not?: number;
}

const cases = JSON.parse(readFileSync(new URL('parse-cases.json', import.meta.url), 'utf8')) as readonly Case[];

function parse(line: string, headers: Record<string, string> = {}, form?: string): FhirRequest | Malformed {
  const at = line.indexOf(' ');
  return parseFhirRequest({
    method: line.slice(0, at),
    url: line.slice(at + 1),
    basePath: '/fhir',
    headers,
    version: '4.0.1',
    ...(form !== undefined && { form }),
  });
}

/** A request in one line, to be compared with the table. */
function summary(request: FhirRequest): string {
  const { kind, resourceType, id, parameters, format } = request;
  const parts: string[] = [];
  if (kind === 'interaction') parts.push(request.interaction);
  else parts.push(kind === 'operation' ? request.operation : kind);
  const target = [resourceType, id, kind === 'interaction' ? request.vid : undefined].filter((each) => each);
  if (target.length > 0) parts.push(target.join('/'));
  if (kind === 'options' && request.path !== '') parts.push(request.path);
  const listed = (pairs: Pairs): string => pairs.map(([name, value]) => `${name}=${value}`).join(',');
  if (kind === 'interaction') {
    const { compartment, condition, ifMatch } = request;
    if (compartment) parts.push(`in:${compartment.type}/${compartment.id}`);
    if (condition) parts.push(`if:${condition.by}(${listed(condition.parameters)})`);
    if (ifMatch !== undefined) parts.push(`if-match:${ifMatch}`);
  }
  const own = kind === 'interaction' && request.condition?.by === 'url' ? [] : parameters;
  const others = own.filter(([name]) => name !== '_format');
  if (others.length > 0) parts.push(`?${listed(others)}`);
  if (format) parts.push(`format:${format}`);
  return parts.join(' ');
}

/** Parses what was printed: the request as a host would execute it. */
function again(request: FhirRequest, headers: Record<string, string> = {}): FhirRequest | Malformed {
  const form = canonicalForm(request);
  return parse(`${request.method} ${canonicalUrl(request)}`, headers, form && printQuery(form));
}

for (const group of new Set(cases.map((each) => each.group))) {
  describe(`a FHIR request: ${group}`, () => {
    for (const { request: line, headers, form, is, not } of cases.filter((each) => each.group === group)) {
      const title = [line, headers && JSON.stringify(headers), form].filter((each) => each !== undefined).join(' · ');
      if (is === undefined) {
        it(`${title} is refused with ${String(not)}`, () => {
          const verdict = parse(line, headers, form);
          expect('malformed' in verdict ? verdict.status : summary(verdict)).to.equal(not);
        });
      } else {
        it(`${title} is ${is}`, () => {
          const verdict = parse(line, headers, form);
          if (isMalformed(verdict)) return expect.fail(verdict.malformed);
          expect(summary(verdict)).to.equal(is);
          expect(again(verdict, headers)).to.deep.equal(verdict);
        });
      }
    }
  });
}

describe('a FHIR request: bounds', () => {
  it('a URL of more than 8192 characters is refused with 414', () => {
    const verdict = parse(`GET /fhir/Patient?name=${'a'.repeat(8192)}`);
    expect(verdict).to.deep.equal({ malformed: 'url-too-long', status: 414 });
  });

  it('more than 256 parameters are refused', () => {
    const query = (count: number): string => Array.from({ length: count }, () => 'a=1').join('&');
    expect(parse(`GET /fhir/Patient?${query(256)}`)).to.have.property('kind');
    expect(parse(`GET /fhir/Patient?${query(257)}`)).to.have.property('malformed', 'query-malformed');
  });

  it('405 names the methods that the path knows', () => {
    expect(parse('POST /fhir/Patient/p1')).to.have.deep.property('allow', ['GET', 'PUT', 'PATCH', 'DELETE']);
  });

  it('the base may be the root', () => {
    const raw = { method: 'GET', basePath: '', headers: {}, version: '4.0.1' } as const;
    const root = parseFhirRequest({ ...raw, url: '/?_type=Patient' });
    expect(root).to.have.property('kind', 'interaction');
    if (!isMalformed(root)) expect(canonicalUrl(root)).to.equal('/?_type=Patient');
    expect(parseFhirRequest({ ...raw, url: '//Patient/p1' })).to.have.property('status', 400);
    expect(parseFhirRequest({ ...raw, url: '/Patient/p1' })).to.have.property('kind', 'interaction');
  });
});

describe('a FHIR request: whatever comes', () => {
  const methods = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'get', 'TRACE', '');
  const token = fc.constantFrom(
    ...[
      '/',
      '//',
      '..',
      '.',
      'Patient',
      'Observation',
      'patient',
      'p1',
      '_history',
      '_search',
      '$everything',
      '$',
      '*',
    ],
    ...[
      '?',
      '&',
      '=',
      ';',
      '%2f',
      '%2e',
      '%',
      '%ff',
      '\\',
      '#',
      '\u0000',
      ' ',
      'ä',
      '+',
      '%2B',
      '|',
      'metadata',
      'a',
      '_format',
    ],
    ...['.well-known', 'smart-configuration', '_type', 'json', 'x$export', '__proto__', '/fhir', 'http://h/fhir'],
  );
  const urls = fc.oneof(
    fc.array(token, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.array(token, { maxLength: 10 }).map((parts) => `/fhir/${parts.join('/')}`),
    fc.array(token, { maxLength: 10 }).map((parts) => `/fhir/Patient${parts.join('')}`),
    fc.tuple(fc.array(token, { maxLength: 6 }), fc.array(token)).map(([a, b]) => `/fhir/${a.join('/')}?${b.join('')}`),
    fc.string({ unit: 'binary' }),
  );

  it('nothing makes it throw, and what it understands has one spelling', () => {
    let understood = 0;
    fc.assert(
      fc.property(methods, urls, fc.option(urls, { nil: undefined }), (method, url, form) => {
        const verdict = parse(`${method} ${url}`, {}, form);
        if (isMalformed(verdict)) return;
        understood += 1;
        const printed = canonicalUrl(verdict);
        expect(printed).to.match(/^\/fhir(?:\/[A-Za-z0-9\-._$*]+)*(?:\?[A-Za-z0-9\-._~%=&]+)?$/);
        expect(printed).to.not.match(/\/\.{1,2}(?:\/|$|\?)/);
        expect(again(verdict)).to.deep.equal(verdict);
      }),
      { numRuns: 4000 },
    );
    expect(understood).to.be.greaterThan(50);
  });

  it('a path with an odd character is never understood', () => {
    const odd = fc.constantFrom(...'%;\\#"<>^`{}|~!\'()+,:@=& \t\r\n\u0000ä\u2215\uff0f'.split(/(?:)/u));
    fc.assert(
      fc.property(
        fc.constantFrom('Patient', 'Patient/p1', 'Patient/p1/_history/2', '$export'),
        fc.nat(20),
        odd,
        (path, at, bad) => {
          const broken = `${path.slice(0, at)}${bad}${path.slice(at)}`;
          expect(parse(`GET /fhir/${broken}`)).to.have.property('malformed');
        },
      ),
      { numRuns: 500 },
    );
  });
});

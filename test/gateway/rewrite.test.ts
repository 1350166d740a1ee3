import { expect } from 'chai';
import fc from 'fast-check';
import { BaseUrls } from '../../src/gateway/base-urls.js';
import { publicLines } from '../../src/gateway/lines.js';
import { rewriteBody, rewriteParameters, rewriteUrls } from '../../src/gateway/rewrite.js';

const PUBLIC = 'https://fhir.example.org/r4';
const UPSTREAM = 'http://inner:8080/fhir';
const bases = new BaseUrls(PUBLIC, [UPSTREAM, 'http://old.inner/fhir']);

describe('the names of a server', () => {
  it("turn from upstream's into the public one, and back", () => {
    const pairs: readonly (readonly [string, string])[] = [
      ['', ''],
      ['/Patient/1', '/Patient/1'],
      ['/Patient/1/_history/2', '/Patient/1/_history/2'],
      ['?_page=2', '?_page=2'],
      ['/', '/'],
      ['#x', '#x'],
    ];
    for (const [below, told] of pairs) {
      expect(bases.toPublic(`${UPSTREAM}${below}`)).to.equal(`${PUBLIC}${told}`);
      expect(bases.toUpstream(`${PUBLIC}${below}`)).to.equal(`${UPSTREAM}${told}`);
    }
    expect(bases.toPublic('http://old.inner/fhir/Patient/1')).to.equal(`${PUBLIC}/Patient/1`);
    expect(bases.toPublic('HTTP://INNER:8080/fhir/Patient/1')).to.equal(`${PUBLIC}/Patient/1`);
    expect(bases.toPublic('http://old.inner:80/fhir/Patient/1')).to.equal(`${PUBLIC}/Patient/1`);
    expect(bases.toUpstream('https://FHIR.example.org:443/r4/Patient/1')).to.equal(`${UPSTREAM}/Patient/1`);
  });

  it('leave alone what only looks like one', () => {
    const others = [
      'Patient/1',
      'http://inner:8080/fhir2/Patient/1',
      'http://inner:8080/fhi',
      'http://inner:8080/FHIR/Patient/1',
      'http://inner:8081/fhir/Patient/1',
      'http://inner/fhir/Patient/1',
      'https://inner:8080/fhir/Patient/1',
      'http://a@inner:8080/fhir/Patient/1',
      'http://inner:8080@evil.example.org/fhir/Patient/1',
      'http://inner.evil.example.org:8080/fhir/Patient/1',
      'see http://inner:8080/fhir/Patient/1',
      'http://inner:8080/fhir/Patient/1 and more',
      'urn:uuid:http://inner:8080/fhir',
      '#p1',
      '',
    ];
    for (const text of others) {
      expect(bases.toPublic(text), text).to.equal(text);
      expect(bases.isPublic(text), text).to.equal(false);
    }
  });

  it('are noticed in JSON however it spells them', () => {
    for (const text of [
      `{"a":"${UPSTREAM}"}`,
      '{"a":"http:\\/\\/x"}',
      '{"a":"\\u0068ttp"}',
      '{"a":"HTTP://INNER:8080"}',
    ]) {
      expect(bases.mayMention(text), text).to.equal(true);
    }
    expect(bases.mayMention('{"a":"Patient/1"}')).to.equal(false);
  });

  it('come back as they were, whatever they name', () => {
    fc.assert(
      fc.property(fc.webPath(), (path) => {
        const below = path === '' || path.startsWith('/') ? path : `/${path}`;
        expect(bases.toUpstream(bases.toPublic(`${UPSTREAM}${below}`))).to.equal(`${UPSTREAM}${below}`);
      }),
    );
  });
});

describe('a resource under other names', () => {
  const up = (below: string): string => `${UPSTREAM}${below}`;
  const pub = (below: string): string => `${PUBLIC}${below}`;

  it('has them where FHIR has addresses, and keeps texts and identities', () => {
    const of = (url: (below: string) => string, kept: (below: string) => string): unknown => ({
      resourceType: 'Bundle',
      link: [{ relation: 'next', url: url('?_page=2') }],
      entry: [
        {
          fullUrl: url('/Observation/1'),
          link: [{ relation: 'self', url: url('/Observation/1') }],
          resource: {
            resourceType: 'Observation',
            subject: { reference: url('/Patient/1'), display: kept('/Patient/1') },
            performer: [{ reference: 'Practitioner/1' }, { reference: url('/Practitioner/1') }],
            extension: [{ url: kept('/StructureDefinition/x'), valueReference: { reference: url('/Patient/2') } }],
            modifierExtension: [{ url: kept('/StructureDefinition/y'), valueUri: kept('/a') }],
            note: [{ text: kept('/Patient/1'), authorReference: { reference: url('/Patient/3') } }],
            identifier: [{ system: kept('/ids'), value: kept('/1') }],
            contained: [{ resourceType: 'ValueSet', url: kept('/ValueSet/1') }],
            valueAttachment: { contentType: 'text/plain', url: url('/Binary/1') },
            meta: { profile: [kept('/StructureDefinition/z')], source: kept('') },
          },
          response: { status: '201', location: url('/Observation/1/_history/1') },
          request: { method: 'GET', url: url('/Observation/1') },
        },
      ],
    });
    const before = of(up, up);
    const frozen = JSON.stringify(before);
    expect(rewriteUrls(before, bases.toPublic)).to.deep.equal(of(pub, up));
    expect(rewriteUrls(of(pub, up), bases.toUpstream)).to.deep.equal(before);
    expect(JSON.stringify(before)).to.equal(frozen);
  });

  it('is the very same object where nothing has another name', () => {
    const resource = { resourceType: 'Patient', link: [{ other: { reference: 'Patient/2' } }, null, [1, 'x']] };
    expect(rewriteUrls(resource, bases.toPublic)).to.equal(resource);
    for (const value of [null, 1, 'x', undefined, true]) expect(rewriteUrls(value, bases.toPublic)).to.equal(value);
  });

  it('a definition keeps its url, which is its name', () => {
    const definition = { resourceType: 'StructureDefinition', url: up('/StructureDefinition/x') };
    expect(rewriteUrls(definition, bases.toPublic)).to.equal(definition);
  });

  it('a JSON Patch has them in what it writes to an address', () => {
    const patch = (url: (below: string) => string): unknown => [
      { op: 'replace', path: '/subject/reference', value: url('/Patient/1') },
      { op: 'add', path: '/performer/-', value: { reference: url('/Patient/1') } },
      { op: 'add', path: '/photo/0/url', value: url('/Binary/1') },
      { op: 'test', path: '/note/0/text', value: up('/Patient/1') },
      { op: 'replace', path: '/url', value: up('/x') },
      { op: 'add', path: '/extension/0/url', value: up('/x') },
    ];
    expect(rewriteUrls(patch(up), bases.toPublic)).to.deep.equal(patch(pub));
  });

  it('a batch has them in the searches of its entries, and in a patch that is a Binary', () => {
    const patch = (url: (below: string) => string): string =>
      Buffer.from(JSON.stringify([{ op: 'add', path: '/subject/reference', value: url('/Patient/1') }])).toString(
        'base64',
      );
    const query = (url: (below: string) => string): string => encodeURIComponent(url('/Patient/1'));
    const batch = (url: (below: string) => string): unknown => ({
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        { request: { method: 'GET', url: `Observation?subject=${query(url)}%2C${query(url)}&status=final` } },
        { request: { method: 'POST', url: 'Observation', ifNoneExist: `subject=${query(url)}` }, resource: {} },
        { request: { method: 'PATCH', url: 'Observation/1' }, resource: { resourceType: 'Binary', data: patch(url) } },
        { request: { method: 'GET', url: 'Patient/1' } },
        'no entry',
      ],
    });
    expect(rewriteBody(batch(pub), bases.toUpstream)).to.deep.equal(batch(up));
  });

  it('a query has them in its values, each of a list', () => {
    const pairs = [
      ['subject', `${pub('/Patient/1')},${pub('/Patient/2')}`],
      ['code', `${pub('/x')}|y`],
      ['name', `a\\,${pub('/Patient/1')}`],
    ] as const;
    expect(rewriteParameters(pairs, bases.toUpstream)).to.deep.equal([
      ['subject', `${up('/Patient/1')},${up('/Patient/2')}`],
      ['code', `${up('/x')}|y`],
      ['name', `a\\,${pub('/Patient/1')}`],
    ]);
  });
});

describe('lines under other names', () => {
  const read = async (chunks: readonly string[]): Promise<string> => {
    const source = (async function* (): AsyncGenerator<Uint8Array> {
      for (const chunk of chunks) yield Buffer.from(chunk);
    })();
    const out: Buffer[] = [];
    for await (const chunk of publicLines(source, bases)) out.push(Buffer.from(chunk));
    return Buffer.concat(out).toString();
  };

  it('come out as lines, wherever the chunks end', async () => {
    const line = (base: string): string =>
      JSON.stringify({ resourceType: 'Patient', link: [{ reference: `${base}/Patient/é` }] });
    const text = `${line(UPSTREAM)}\n{"a":1}\n\n${line(UPSTREAM)}`;
    const expected = `${line(PUBLIC)}\n{"a":1}\n\n${line(PUBLIC)}`;
    for (let size = 1; size < text.length; size += 7) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_each, at) =>
        text.slice(at * size, (at + 1) * size),
      );
      expect(await read(chunks)).to.equal(expected);
    }
    expect(await read([`no json ${UPSTREAM}\n`])).to.equal(`no json ${UPSTREAM}\n`);
    expect(await read([])).to.equal('');
  });
});

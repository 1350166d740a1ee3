// Requests of every shape: most of them next to right, so that they come far.
import fc from 'fast-check';

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

type Request = readonly [path: string, sent: Sent];

const TYPES = ['Patient', 'Observation', 'Condition', 'Practitioner', 'Binary', 'Group', 'patient', 'Bundle'];
const IDS = [
  'alice',
  'bob',
  'alice-obs-1',
  'bob-obs-1',
  'bob-obs-2',
  'bob-condition',
  'dr',
  'none',
  '..',
  '%62ob',
  '*',
];
const PARAMETERS = [
  ...[
    '_id=bob',
    '_format=json',
    '_summary=count',
    '_count=1',
    '_count=0',
    '_total=accurate',
    '_elements=id',
    'status=final',
  ],
  ...['subject=Patient/bob', 'patient=Patient/bob', '_include=Observation:subject', '_revinclude=Observation:subject'],
  ...[
    '_has:Observation:subject:status=final',
    'subject:Patient.name=SECRET',
    '_sort=subject',
    '_type=Patient,Observation',
  ],
  ...[
    '_filter=id+eq+bob',
    'name=SECRET-bob',
    '_offset=1',
    '_id=alice&_id=bob',
    '_method=GET',
    'a=1;b=2',
    '_account=x',
    '_type=Observation',
  ],
];

const type = fc.constantFrom(...TYPES);
const id = fc.constantFrom(...IDS);
const query = fc
  .array(fc.constantFrom(...PARAMETERS), { maxLength: 3 })
  .map((all) => (all.length ? `?${all.join('&')}` : ''));
const path = fc.oneof(
  fc.tuple(type, query).map(([a, b]) => `/${a}${b}`),
  fc.tuple(type, id, query).map(([a, b, c]) => `/${a}/${b}${c}`),
  fc
    .tuple(type, id, fc.constantFrom('_history', '$everything', '_history/1', 'Observation', '*', '$export', '/'))
    .map((all) => `/${all.join('/')}`),
  fc
    .tuple(
      fc.constantFrom(
        '/Patient/_history',
        '/_history',
        '',
        '/',
        '//',
        '/_search',
        '/Patient/x$export',
        '/$export',
        '/bulk-status/aaaaaaaaaaaaaaaaaaaaaa',
      ),
      query,
    )
    .map((all) => all.join('')),
);

const resource = fc
  .tuple(type, fc.option(id, { nil: undefined }), fc.constantFrom('alice', 'bob'))
  .map(([resourceType, own, owner]) => ({
    resourceType,
    ...(own !== undefined && { id: own }),
    status: 'final',
    subject: { reference: `Patient/${owner}` },
  }));
const entry = fc
  .tuple(
    fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH'),
    path,
    fc.option(resource, { nil: undefined }),
    fc.constantFrom(undefined, 'urn:uuid:1', 'https://fhir.example.org/fhir/Patient/bob'),
  )
  .map(([method, url, body, fullUrl]) => ({ fullUrl, resource: body, request: { method, url: url.slice(1) } }));
/** Writes that somebody may do, with one or another thing amiss. */
const observation = fc
  .tuple(
    fc.constantFrom('alice-obs-1', 'alice-obs-2', 'bob-obs-1', 'versioned', 'by-extension'),
    fc.option(fc.constantFrom('alice-obs-1', 'bob-obs-1'), { nil: 'same' }),
    fc.constantFrom('alice', 'alice', 'bob'),
    fc.constantFrom('final', 'amended'),
  )
  .map(([at, own, owner, status]) => ({
    at,
    body: {
      resourceType: 'Observation',
      id: own === 'same' ? at : own,
      status,
      code: {},
      subject: { reference: `Patient/${owner}` },
    },
  }));
const anyWrite = fc
  .tuple(observation, fc.constantFrom('POST', 'PUT', 'PUT', 'DELETE'))
  .map(([{ at, body }, method]) => {
    const url = method === 'POST' ? 'Observation' : `Observation/${at}`;
    return { url, method, ...(method !== 'DELETE' && { body }) };
  });
const writeEntry = anyWrite.map(({ url, method, body }) => ({ resource: body, request: { method, url } }));

const bundle = fc
  .tuple(fc.constantFrom('batch', 'transaction', 'collection'), fc.array(fc.oneof(entry, writeEntry), { maxLength: 4 }))
  .map(([kind, entries]) => ({ resourceType: 'Bundle', type: kind, entry: entries }));
const patch = fc.array(
  fc.constantFrom(
    { op: 'test', path: '/status', value: 'final' },
    { op: 'replace', path: '/subject/reference', value: 'Patient/bob' },
    { op: 'remove', path: '/subject' },
    { op: 'replace', path: '/id', value: 'bob' },
  ),
  { maxLength: 3 },
);

/** Texts that one parser reads in this way and another in that. */
const oddText = fc
  .tuple(
    observation,
    fc.constantFrom<(text: string) => string>(
      (text) => text.replace('{', '{"subject":{"reference":"Patient/bob"},'),
      (text) => text.replace(/\}$/, ',"subject":{"reference":"Patient/bob"}}'),
      (text) => text.replace('{', '{"resourceType":"Patient",'),
      (text) => text.replace('{', '{"__proto__":{"subject":{"reference":"Patient/bob"}},'),
      (text) => text.replace('"subject"', '"sub\\u006aect":{"reference":"Patient/bob"},"subject"'),
      (text) => `\ufeff${text}`,
      (text) => `[${text}]`,
      (text) => `${text} ${text}`,
      (text) => `{"a":${'['.repeat(70)}${']'.repeat(70)},${text.slice(1)}`,
      (text) => text.slice(0, -1),
    ),
  )
  .map(([{ body }, change]) => change(JSON.stringify(body)));

const form = { 'content-type': 'application/x-www-form-urlencoded' };
export const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  fc
    .tuple(path, fc.constantFrom('GET', 'HEAD', 'DELETE', 'OPTIONS'))
    .map(([url, method]) => [url, { method }] as const),
  fc
    .tuple(path, fc.constantFrom('PUT', 'POST'), resource)
    .map(([url, method, body]) => [url, { method, body }] as const),
  fc
    .tuple(path, patch)
    .map(
      ([url, body]) =>
        [url, { method: 'PATCH', body, headers: { 'content-type': 'application/json-patch+json' } }] as const,
    ),
  fc
    .tuple(fc.constantFrom('/Observation/_search', '/_search', '/Patient/_search?_count=1'), query)
    .map(([url, body]) => [url, { method: 'POST', body: body.slice(1), headers: form }] as const),
  anyWrite.map(({ url, ...sent }) => [`/${url}`, sent] as const),
  fc
    .tuple(fc.constantFrom('/Observation', '/Observation/alice-obs-1', '/Observation/bob-obs-1', ''), oddText)
    .map(([url, body]) => [url, { method: url.split('/').length > 2 ? 'PUT' : 'POST', body }] as const),
  bundle.map((body) => ['', { method: 'POST', body }] as const),
  fc
    .tuple(path, fc.constantFrom('if-none-match', 'range', 'prefer', 'accept', 'if-none-exist'))
    .map(([url, header]) => [url, { headers: { [header]: 'x' } }] as const),
);

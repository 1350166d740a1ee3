import { expect } from 'chai';
import fc from 'fast-check';
import { Clinic, Issuer, secretOf } from './clinic.js';
import type { Host } from './hosts.js';
import { HOSTS } from './hosts.js';
import type { Sent } from './send.js';
import { send } from './send.js';

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
      fc.constantFrom('/Patient/_history', '/_history', '', '/', '//', '/_search', '/Patient/x$export', '/$export'),
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
const bundle = fc
  .tuple(fc.constantFrom('batch', 'transaction', 'collection'), fc.array(entry, { maxLength: 4 }))
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

const form = { 'content-type': 'application/x-www-form-urlencoded' };
const request: fc.Arbitrary<Request> = fc.oneof(
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
  bundle.map((body) => ['', { method: 'POST', body }] as const),
  fc
    .tuple(path, fc.constantFrom('if-none-match', 'range', 'prefer', 'accept', 'if-none-exist'))
    .map(([url, header]) => [url, { headers: { [header]: 'x' } }] as const),
);

for (const [name, open] of Object.entries(HOSTS)) {
  describe(`whatever is asked of ${name}`, () => {
    let clinic: Clinic;
    let issuer: Issuer;
    let host: Host;

    before(async () => {
      clinic = await Clinic.open();
      issuer = await Issuer.open();
      host = await open(clinic, issuer.handler(), { lookup: (each, own) => clinic.stored(each, own) });
    });

    after(async () => {
      await host.close();
      await issuer.close();
    });

    const callers: Readonly<Record<string, readonly [scope: string, claims: object]>> = {
      'a patient': ['patient/*.cruds', { launch_response_patient: 'Patient/alice' }],
      'a patient with a granular scope': [
        'patient/Observation.rs?status=final patient/Patient.cud',
        { launch_response_patient: 'alice' },
      ],
      'a user whose token names nobody': ['user/*.cruds patient/*.cruds', {}],
      'a user beside a patient': [
        'user/Practitioner.rs patient/*.rs',
        { fhirUser: 'Practitioner/dr', launch_response_patient: 'alice' },
      ],
    };

    for (const [who, [scope, claims]] of Object.entries(callers)) {
      it(`${who} gets nothing of somebody else's, changes nothing of it, and breaks nothing`, async () => {
        const token = await issuer.token(scope, { ...claims });
        let shown = 0;
        await clinic.reset();
        const before = await Promise.all(bobs(clinic));
        await fc.assert(
          fc.asyncProperty(request, async ([url, sent]) => {
            const { status, text, json } = await send(host, url, { ...sent, token });
            expect(text).to.not.include(secretOf('bob'));
            expect(status).to.be.lessThan(500);
            if (text.includes(secretOf('alice'))) shown += 1;
            // What is counted is shown: nothing else may be told by its number.
            if (json['type'] === 'searchset' && typeof json['total'] === 'number') {
              expect(json['total']).to.equal(((json['entry'] ?? []) as unknown[]).length);
            }
            expect(await Promise.all(bobs(clinic))).to.deep.equal(before);
          }),
          { numRuns: 120 },
        );
        // The oracle has something to look at.
        if (who.startsWith('a patient') || who.includes('beside')) expect(shown).to.be.greaterThan(0);
      });
    }
  });
}

function bobs(clinic: Clinic): readonly Promise<unknown>[] {
  const ids = [
    ['Patient', 'bob'],
    ['Observation', 'bob-obs-1'],
    ['Observation', 'bob-obs-2'],
    ['Condition', 'bob-condition'],
  ];
  return ids.map(([resourceType = '', own = '']) => clinic.stored(resourceType, own));
}

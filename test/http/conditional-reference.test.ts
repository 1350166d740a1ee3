import { expect } from 'chai';
import type { Admission, Guard } from '../../src/http/guard.js';
import { createGuard } from '../../src/http/guard.js';
import { BASE, Issuer } from './clinic.js';

const FOUND = 'Patient?_has:Observation:patient:code=hiv&_id=bob';
const body = { resourceType: 'Observation', id: 'o1', performer: [{ reference: 'Patient/alice' }] };

/** FHIR R4, 3.1.0.11.1.3: some servers follow references by a search in any write, and the query gate never sees them. */
describe('a reference by a search', () => {
  let issuer: Issuer;
  let guard: Guard;
  let token: string;

  before(async () => {
    issuer = await Issuer.open();
    const lookup = (): object => body;
    guard = createGuard(issuer.handler(), { baseUrl: BASE, fhirVersion: '4.0.1', lookup });
    token = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
  });

  after(() => issuer.close());

  const send = (method: string, url: string, content: unknown, type = 'application/fhir+json'): Promise<Admission> =>
    guard.admit({
      method,
      url: `/fhir${url}`,
      headers: { authorization: `Bearer ${token}`, 'content-type': type },
      body: () => Promise.resolve({ bytes: Buffer.from(JSON.stringify(content)) }),
    });

  const patch = [{ op: 'add', path: '/subject', value: { reference: FOUND } }];
  const patchOfText = [{ op: 'add', path: '/performer/0/reference', value: FOUND }];
  const copied = [
    { op: 'add', path: '/note', value: [{ text: FOUND }] },
    { op: 'add', path: '/subject', value: {} },
    { op: 'copy', from: '/note/0/text', path: '/subject/reference' },
  ];
  const transaction = (request: object, resource: object): object => ({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [{ request, resource }],
  });
  const inBinary = (operations: object): object => ({
    resourceType: 'Binary',
    contentType: 'application/json-patch+json',
    data: Buffer.from(JSON.stringify(operations)).toString('base64'),
  });
  const jsonPatch = 'application/json-patch+json';

  const cases: readonly (readonly [string, () => Promise<Admission>])[] = [
    ['a create', () => send('POST', '/Observation', { ...body, subject: { reference: FOUND } })],
    ['a create with a list of one', () => send('POST', '/Observation', { ...body, subject: { reference: [FOUND] } })],
    ['an update', () => send('PUT', '/Observation/o1', { ...body, subject: { reference: FOUND } })],
    [
      'a contained resource',
      () => send('PUT', '/Observation/o1', { ...body, contained: [{ subject: { reference: FOUND } }] }),
    ],
    ['a JSON Patch', () => send('PATCH', '/Observation/o1', patch, jsonPatch)],
    ['a JSON Patch of the text', () => send('PATCH', '/Observation/o1', patchOfText, jsonPatch)],
    ['a JSON Patch that copies the text', () => send('PATCH', '/Observation/o1', copied, jsonPatch)],
    [
      'a JSON Patch that moves the text',
      () => send('PATCH', '/Observation/o1', copied.with(2, { ...copied[2], op: 'move' } as never), jsonPatch),
    ],
    [
      'a JSON Patch that copies the text, in an entry',
      () => send('POST', '', transaction({ method: 'PATCH', url: 'Observation/o1' }, inBinary(copied))),
    ],
    [
      'a merge patch',
      () => send('PATCH', '/Observation/o1', { subject: { reference: FOUND } }, 'application/merge-patch+json'),
    ],
    [
      'an entry',
      () =>
        send(
          'POST',
          '',
          transaction({ method: 'PUT', url: 'Observation/o1' }, { ...body, subject: { reference: FOUND } }),
        ),
    ],
    [
      'a patch in an entry',
      () => send('POST', '', transaction({ method: 'PATCH', url: 'Observation/o1' }, inBinary(patch))),
    ],
  ];
  for (const [name, sent] of cases) {
    it(`is refused in ${name}`, async () => {
      const admission = await sent();
      expect(admission.verdict === 'refused' && admission.answer.status).to.equal(400);
    });
  }

  it('is what is refused there, and nothing else', async () => {
    const plain = { ...body, subject: { reference: 'Patient/alice' } };
    expect((await send('POST', '/Observation', plain)).verdict).to.equal('admitted');
    expect((await send('PUT', '/Observation/o1', plain)).verdict).to.equal('admitted');
    const added = [{ op: 'add', path: '/subject', value: { reference: 'Patient/alice' } }];
    expect((await send('PATCH', '/Observation/o1', added, jsonPatch)).verdict).to.equal('admitted');
    const copy = [...added, { op: 'copy', from: '/performer/0/reference', path: '/subject/reference' }];
    expect((await send('PATCH', '/Observation/o1', copy, jsonPatch)).verdict).to.equal('admitted');
  });
});

describe('the answer to a write', () => {
  it('shows what was stored to those alone who may read it', async () => {
    const issuer = await Issuer.open();
    try {
      const guard = createGuard(issuer.handler(), { baseUrl: BASE, fhirVersion: '4.0.1', lookup: () => body });
      const context = { launch_response_patient: 'Patient/alice' };
      for (const [scope, method, shown] of [
        ['patient/Observation.u', 'PATCH', false],
        ['patient/Observation.u', 'PUT', false],
        ['patient/Observation.ru', 'PATCH', true],
        ['patient/Observation.ru', 'PUT', true],
      ] as const) {
        const isPatch = method === 'PATCH';
        const content = isPatch ? [{ op: 'add', path: '/language', value: 'en' }] : body;
        const admission = await guard.admit({
          method,
          url: '/fhir/Observation/o1',
          headers: {
            authorization: `Bearer ${await issuer.token(scope, context)}`,
            'content-type': isPatch ? 'application/json-patch+json' : 'application/fhir+json',
          },
          body: () => Promise.resolve({ bytes: Buffer.from(JSON.stringify(content)) }),
        });
        if (admission.verdict !== 'admitted') throw new Error(`${method} by ${scope} was not admitted`);
        const answer = await admission.judgeResponse({
          status: 200,
          headers: { 'content-type': 'application/fhir+json' },
          body: JSON.stringify({ ...body, note: [{ text: 'SECRET' }] }),
        });
        expect(String(answer.body ?? '').includes('SECRET'), `${method} by ${scope}`).to.equal(shown);
      }
    } finally {
      await issuer.close();
    }
  });
});

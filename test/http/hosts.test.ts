import { expect } from 'chai';
import type { GuardOptions } from '../../src/http/guard.js';
import type { SMARTHandler } from '../../src/index.js';
import { Clinic, Issuer, secretOf } from './clinic.js';
import type { Host } from './hosts.js';
import type { Answered, Sent } from './send.js';
import { send } from './send.js';
import { HOSTS } from './hosts.js';

type Json = Answered['json'];

const entriesOf = ({ json }: Answered): readonly Json[] => (json['entry'] ?? []) as readonly Json[];
const idsOf = (answer: Answered): readonly unknown[] =>
  entriesOf(answer).map(({ resource }) => (resource as Json)['id']);
const observation = (subject: string, more: Json = {}): Json => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'x' },
  subject: { reference: `Patient/${subject}` },
  ...more,
});

for (const [name, open] of Object.entries(HOSTS)) {
  describe(`a FHIR server behind ${name}`, () => {
    let clinic: Clinic;
    let issuer: Issuer;
    let handler: SMARTHandler;
    let host: Host;
    let hiding: Host;
    let alice: string;
    let system: string;

    before(async () => {
      clinic = await Clinic.open();
      issuer = await Issuer.open();
      handler = issuer.handler();
      const options: Partial<GuardOptions> = { lookup: (type, id) => clinic.stored(type, id) };
      host = await open(clinic, handler, options);
      hiding = await open(clinic, handler, { ...options, hideForbidden: true });
      alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'Patient/alice' });
      system = await issuer.token('system/*.cruds');
    });

    beforeEach(() => clinic.reset());

    after(async () => {
      await host.close();
      await hiding.close();
      await issuer.close();
    });

    it('serves metadata to everybody', async () => {
      const answer = await send(host, '/metadata');
      expect([answer.status, answer.json['resourceType']]).to.deep.equal([200, 'CapabilityStatement']);
    });

    it('R1: without credentials it challenges, and names no error', async () => {
      const answer = await send(host, '/Patient/alice');
      expect(answer.status).to.equal(401);
      expect(answer.headers['www-authenticate']).to.equal('Bearer realm="https://fhir.example.org/fhir"');
      expect(answer.json).to.have.nested.property('issue[0].code', 'login');
      expect(clinic.executed).to.equal(0);
    });

    it('R2: a token in the URL or in the form, beside the header or not, is an invalid request', async () => {
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      const answers = [
        await send(host, `/Patient?access_token=${alice}`),
        await send(host, `/Patient?access_token=${alice}`, { token: alice }),
        await send(host, '/Patient/_search', {
          method: 'POST',
          token: alice,
          headers: form,
          body: `access_token=${alice}`,
        }),
      ];
      for (const { status, headers } of answers) {
        expect(status).to.equal(400);
        expect(headers['www-authenticate']).to.include('error="invalid_request"');
      }
      expect(clinic.executed).to.equal(0);
    });

    it('R3: a token that does not verify is answered 401 invalid_token', async () => {
      const broken = [
        `${alice.slice(0, -4)}AAAA`,
        await issuer.token('patient/*.cruds', { exp: 1 }),
        await issuer.token('patient/*.cruds', { aud: 'https://other.example' }),
        await issuer.token('patient/*.cruds', { iss: 'https://other.example' }),
        'opaque',
      ];
      for (const token of broken) {
        const answer = await send(host, '/Patient/alice', { token });
        expect(answer.status).to.equal(401);
        expect(answer.headers['www-authenticate']).to.include('error="invalid_token"');
      }
      expect(clinic.executed).to.equal(0);
    });

    it('R4: a scope for another type is answered 403 insufficient_scope, with the scope that would do', async () => {
      const token = await issuer.token('system/Patient.rs');
      const answer = await send(host, '/Observation/bob-obs-1', { token });
      expect(answer.status).to.equal(403);
      expect(answer.headers['www-authenticate']).to.include('error="insufficient_scope", scope="system/Observation.r"');
      expect(answer.json).to.have.nested.property('issue[0].code', 'forbidden');
      expect(clinic.executed).to.equal(0);
    });

    it('R5: when the keys cannot be fetched it says 503, and lets nobody in', async () => {
      const deaf = await open(clinic, issuer.handler({}, 'http://127.0.0.1:9/jwks'));
      const answer = await send(deaf, '/Patient/alice', { token: alice });
      await deaf.close();
      expect([answer.status, clinic.executed]).to.deep.equal([503, 0]);
      expect(answer.headers).to.not.have.property('www-authenticate');
    });

    it("reads what is the caller's", async () => {
      for (const path of ['/Patient/alice', '/Observation/alice-obs-1']) {
        const answer = await send(host, path, { token: alice });
        expect(answer.status, path).to.equal(200);
        expect(answer.text).to.include(secretOf('alice'));
        expect(answer.headers['content-type']).to.match(/^application\/fhir\+json/);
      }
    });

    it("R6, hole-40: what is not the caller's is 403, or in every respect like what is not there", async () => {
      const refused = await send(host, '/Observation/bob-obs-1', { token: alice });
      expect([refused.status, (await send(host, '/Observation/none', { token: alice })).status]).to.deep.equal([
        403, 404,
      ]);
      const hidden = await send(hiding, '/Observation/bob-obs-1', { token: alice });
      const absent = await send(hiding, '/Observation/none', { token: alice });
      expect(hidden.status).to.equal(404);
      expect(hidden.text).to.equal(absent.text);
      const names = ({ headers }: Answered): string[] => Object.keys(headers).sort();
      expect(names(hidden)).to.deep.equal(names(absent));
    });

    it('R7: an instance outside the granular part of the scope is refused', async () => {
      const token = await issuer.token('system/Observation.rs?code=http://loinc.org|9');
      expect((await send(host, '/Observation/bob-obs-1', { token })).status).to.equal(403);
      const match = await issuer.token('system/Observation.rs?code=http://loinc.org|1234-5');
      expect((await send(host, '/Observation/bob-obs-1', { token: match })).status).to.equal(200);
    });

    it("R8: a search shows what is the caller's, and counts nothing else", async () => {
      for (const answer of [
        await send(host, '/Observation', { token: alice }),
        await send(host, '/Observation?status=final', { token: alice }),
        await send(host, '/Observation/_search', {
          method: 'POST',
          token: alice,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: 'status=final',
        }),
      ]) {
        expect(answer.status).to.equal(200);
        expect(idsOf(answer)).to.have.members(['alice-obs-1', 'alice-obs-2', 'alice-obs-3']);
        expect(answer.json['total']).to.equal(3);
        expect(answer.text).to.not.include('bob');
      }
      expect((await send(host, '/Observation', { token: system })).json['total']).to.equal(6);
    });

    it('R9: a chain to a type that is not granted is refused', async () => {
      const token = await issuer.token('patient/Observation.rs', { launch_response_patient: 'Patient/alice' });
      const answer = await send(host, '/Observation?subject:Patient.name=x', { token });
      expect([answer.status, clinic.executed]).to.deep.equal([403, 0]);
    });

    const batch = (type: string): Json & { readonly entry: readonly Json[] } => ({
      resourceType: 'Bundle',
      type,
      entry: [
        { request: { method: 'GET', url: 'Observation/alice-obs-1' } },
        { request: { method: 'GET', url: 'Observation/bob-obs-1' } },
        { resource: observation('alice'), request: { method: 'POST', url: 'Observation' } },
        { resource: observation('bob'), request: { method: 'POST', url: 'Observation' } },
        { request: { method: 'GET', url: 'Observation?status=final' } },
        { request: { method: 'DELETE', url: 'Observation/bob-obs-2' } },
        { request: { method: 'GET', url: 'Observation/../Patient/bob' } },
      ],
    });

    it('R10: the entries of a batch are judged one by one, and the others run', async () => {
      const answer = await send(host, '', { method: 'POST', token: alice, body: batch('batch') });
      expect(answer.status, answer.text).to.equal(200);
      const statuses = entriesOf(answer).map(({ response }) => (response as Json)['status']);
      expect(statuses).to.deep.equal(['200', '403', '201', '403', '200', '403', '400']);
      const search = entriesOf(answer)[4]?.['resource'] as Json;
      expect((search['entry'] as unknown[]).length).to.equal(4);
      expect(answer.text).to.not.include(secretOf('bob'));
      expect(await clinic.stored('Observation', 'bob-obs-2')).to.not.equal(null);
    });

    it('R10: a transaction with one refused entry is refused whole', async () => {
      const answer = await send(host, '', {
        method: 'POST',
        token: alice,
        body: { ...batch('transaction'), entry: [batch('').entry[2], batch('').entry[3]] },
      });
      expect([answer.status, clinic.executed]).to.deep.equal([403, 0]);
      const fine = await send(host, '', {
        method: 'POST',
        token: alice,
        body: { ...batch('transaction'), entry: [batch('').entry[2]] },
      });
      expect(fine.status, fine.text).to.equal(200);
      expect(entriesOf(fine).map(({ response }) => (response as Json)['status'])).to.deep.equal(['201']);
    });

    it('a batch cannot make a reference mean somebody else, write one resource twice, or hide in a query', async () => {
      const entries: readonly Json[] = [
        {
          fullUrl: 'https://fhir.example.org/fhir/Patient/alice',
          resource: { resourceType: 'Patient' },
          request: { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=1' },
        },
        {
          resource: observation('alice', { performer: [{ reference: 'Patient?name=bob' }] }),
          request: { method: 'POST', url: 'Observation' },
        },
        { request: { method: 'POST', url: '' }, resource: { resourceType: 'Bundle', type: 'batch', entry: [] } },
        { request: { method: 'GET', url: '/Patient/bob' } },
        { request: { method: 'GET', url: 'https://fhir.example.org/fhir/Patient/bob' } },
      ];
      const answer = await send(host, '', {
        method: 'POST',
        token: alice,
        body: { resourceType: 'Bundle', type: 'batch', entry: entries },
      });
      expect(entriesOf(answer).map(({ response }) => (response as Json)['status'])).to.deep.equal([
        '400',
        '400',
        '400',
        '400',
        '400',
      ]);
      expect(clinic.executed).to.equal(0);
      const twice = observation('alice', { id: 'alice-obs-1' });
      const entry = [1, 2].map(() => ({ resource: twice, request: { method: 'PUT', url: 'Observation/alice-obs-1' } }));
      const second = await send(host, '', {
        method: 'POST',
        token: alice,
        body: { resourceType: 'Bundle', type: 'batch', entry },
      });
      expect(entriesOf(second).map(({ response }) => (response as Json)['status'])).to.deep.equal(['200', '400']);
    });

    it('R11, R13: a scope without its identity opens nothing', async () => {
      for (const scope of ['patient/*.cruds', 'user/*.cruds']) {
        const token = await issuer.token(scope);
        expect((await send(host, '/Observation/alice-obs-1', { token })).status, scope).to.equal(403);
        expect((await send(host, '/Observation', { token })).status, scope).to.equal(403);
      }
      expect(clinic.executed).to.equal(0);
      const doctor = await issuer.token('user/*.rs', { fhirUser: 'https://fhir.example.org/fhir/Practitioner/dr' });
      expect((await send(host, '/Observation/bob-obs-1', { token: doctor })).status).to.equal(200);
    });

    it('R12: in the compartment of somebody else there is nothing', async () => {
      expect((await send(host, '/Observation/bob-obs-1', { token: alice })).status).to.equal(403);
      const answer = await send(host, '/Patient/bob/$everything', { token: alice });
      expect(answer.status).to.equal(403);
      const own = await send(host, '/Patient/alice/$everything', { token: alice });
      expect(own.status).to.equal(200);
      expect(idsOf(own)).to.have.members(['alice', 'alice-obs-1', 'alice-obs-2', 'alice-obs-3', 'alice-condition']);
      expect(own.text).to.not.include(secretOf('bob'));
    });

    it('R14: a user who is no admin sees what refers to the user', async () => {
      const token = await issuer.token('user/*.cruds', { fhirUser: 'Patient/bob' });
      expect(idsOf(await send(host, '/Observation', { token }))).to.have.members([
        'bob-obs-1',
        'bob-obs-2',
        'bob-obs-3',
      ]);
    });

    it('R15: a create is judged by its body, and the body chooses no id', async () => {
      const create = async (body: unknown): Promise<Answered> =>
        send(host, '/Observation', { method: 'POST', token: alice, body });
      expect((await create(observation('bob'))).status).to.equal(403);
      const answer = await create(observation('alice', { id: 'bob-obs-1' }));
      expect(answer.status, answer.text).to.equal(201);
      expect(answer.json['id']).to.not.equal('bob-obs-1');
      expect(await clinic.stored('Observation', 'bob-obs-1')).to.have.nested.property(
        'subject.reference',
        'Patient/bob',
      );
    });

    it('R15, hole-09: an update is judged by what is stored and by what it leaves', async () => {
      const put = async (id: string, body: unknown): Promise<number> =>
        (await send(host, `/Observation/${id}`, { method: 'PUT', token: alice, body })).status;
      expect(await put('alice-obs-1', observation('alice', { id: 'alice-obs-1', status: 'amended' }))).to.equal(200);
      expect(await put('alice-obs-1', observation('bob', { id: 'alice-obs-1' }))).to.equal(403);
      expect(await put('bob-obs-1', observation('alice', { id: 'bob-obs-1' }))).to.equal(403);
      expect(await put('alice-obs-1', observation('alice', { id: 'bob-obs-1' }))).to.equal(400);
      expect(await put('alice-obs-1', observation('alice'))).to.equal(400);
      expect(await put('alice-obs-1', { resourceType: 'Patient', id: 'alice-obs-1' })).to.equal(400);
      expect(await clinic.stored('Observation', 'bob-obs-1')).to.have.nested.property(
        'subject.reference',
        'Patient/bob',
      );
    });

    it('R15, hole-10: a patch is applied to what is stored, then judged', async () => {
      const headers = { 'content-type': 'application/json-patch+json' };
      const patch = async (id: string, body: unknown, type = headers): Promise<number> =>
        (await send(host, `/Observation/${id}`, { method: 'PATCH', token: alice, body, headers: type })).status;
      expect(await patch('alice-obs-1', [{ op: 'replace', path: '/status', value: 'amended' }])).to.equal(200);
      expect(
        await patch('alice-obs-1', [{ op: 'replace', path: '/subject/reference', value: 'Patient/bob' }]),
      ).to.equal(403);
      expect(
        await patch('bob-obs-1', [{ op: 'replace', path: '/subject/reference', value: 'Patient/alice' }]),
      ).to.equal(403);
      expect(await patch('bob-obs-1', [{ op: 'test', path: '/status', value: 'final' }])).to.equal(403);
      expect(await patch('bob-obs-1', [{ op: 'test', path: '/status', value: 'other' }])).to.equal(403);
      expect(await patch('alice-obs-1', [], { 'content-type': 'application/fhir+json' })).to.equal(415);
      expect(await patch('alice-obs-1', {})).to.equal(400);
    });

    it('R15: a delete is judged by what is stored', async () => {
      const remove = async (id: string): Promise<number> =>
        (await send(host, `/Observation/${id}`, { method: 'DELETE', token: alice })).status;
      expect([await remove('bob-obs-1'), await remove('alice-obs-1')]).to.deep.equal([403, 200]);
      expect(await clinic.stored('Observation', 'alice-obs-1')).to.equal(null);
      const blind = await open(clinic, issuer.handler());
      const unseen = await send(blind, '/Observation/bob-obs-1', { method: 'DELETE', token: alice });
      const trusted = await send(blind, '/Observation/bob-obs-1', { method: 'DELETE', token: system });
      await blind.close();
      expect([unseen.status, trusted.status]).to.deep.equal([403, 200]);
    });

    it('conditional writes need the right to find and change every resource of the type', async () => {
      const body = observation('alice');
      const writes: readonly (readonly [string, Sent])[] = [
        ['/Observation', { method: 'POST', body, headers: { 'if-none-exist': 'status=final' } }],
        ['/Observation?status=final&_count=1', { method: 'PUT', body }],
        ['/Observation?status=final', { method: 'DELETE' }],
      ];
      for (const [path, sent] of writes) {
        expect((await send(host, path, { ...sent, token: alice })).status, path).to.equal(403);
      }
      expect(clinic.executed).to.equal(0);
      const created = await send(host, '/Observation', {
        method: 'POST',
        body,
        token: system,
        headers: { 'if-none-exist': 'status=unknown' },
      });
      expect(created.status, created.text).to.equal(201);
    });

    it('hole-33: Patient/_history and Patient/x$export are what they say, and no reads', async () => {
      const token = await issuer.token('patient/Patient.r', { launch_response_patient: 'Patient/alice' });
      expect((await send(host, '/Patient/_history', { token })).status).to.equal(403);
      expect((await send(host, '/Patient/x$export', { token })).status).to.equal(400);
      expect((await send(host, '/Patient/$export', { token: system })).status).to.equal(403);
      expect(clinic.executed).to.equal(0);
      expect((await send(host, '/Patient/alice/_history', { token })).status).to.equal(200);
      expect((await send(host, '/Patient/bob/_history', { token })).status).to.equal(403);
      const hidden = await send(hiding, '/Patient/bob/_history', { token });
      expect([hidden.status, hidden.text]).to.deep.equal([
        404,
        (await send(hiding, '/Patient/none/_history', { token })).text,
      ]);
    });

    it('paths that could be read in two ways never reach the server', async () => {
      const paths = [
        '//Patient/bob',
        '/Patient%2Fbob',
        '/%50atient/bob',
        '/Patient/%2e%2e/Patient/bob',
        '/Patient/../Patient/bob',
        '/Patient;x/bob',
        '/Patient/bob/',
        '/PATIENT/bob',
        'raw://fhir/Patient/bob',
        'raw:/FHIR/Patient/bob',
        'raw:/fhir/./Patient/bob',
        '/Patient/bob;a=b',
        '/Patient\\bob',
        '/Patient?_format=json&_format=xml',
        '/Patient?a=1;_id=bob',
        '/Patient/bob?_method=DELETE',
        '/Patient/bob%3f',
      ];
      for (const path of paths) {
        const answer = await send(host, path, { token: system });
        expect(answer.status, path).to.be.within(400, 404);
        expect(answer.text, path).to.not.include('SECRET');
      }
      const override = { 'x-http-method-override': 'DELETE' };
      expect((await send(host, '/Patient/bob', { token: system, headers: override, method: 'GET' })).status).to.equal(
        400,
      );
      expect(clinic.executed).to.equal(0);
    });

    it('_format and Accept ask for JSON, or get 406; what takes elements away is taken away', async () => {
      expect((await send(host, '/Patient/alice?_format=xml', { token: alice })).status).to.equal(406);
      expect(
        (await send(host, '/Patient/alice', { token: alice, headers: { accept: 'application/fhir+xml' } })).status,
      ).to.equal(406);
      const partial = await send(host, '/Patient/alice?_elements=id&_format=json', { token: alice });
      expect(partial.text).to.include(secretOf('alice'));
      expect((await send(host, '/Patient/alice?_account=x', { token: alice })).status).to.equal(400);
    });

    it('errors of the server keep their status and code, and lose their texts', async () => {
      const answer = await send(host, '/Observation/none', { token: alice });
      expect(answer.status).to.equal(404);
      expect(answer.json).to.have.nested.property('issue[0].code', 'not-found');
      expect(answer.text).to.not.include('SECRET');
      expect((await send(host, '/Observation/none', { token: system })).text).to.include('stack trace');
    });

    it('a HEAD is judged like the GET, and has no body', async () => {
      const own = await send(host, '/Patient/alice', { token: alice, method: 'HEAD' });
      expect([own.status, own.text]).to.deep.equal([200, '']);
      expect(Number(own.headers['content-length'])).to.be.greaterThan(20);
      const other = await send(host, '/Patient/bob', { token: alice, method: 'HEAD' });
      expect([other.status, other.text]).to.deep.equal([403, '']);
      expect(other.headers).to.not.have.property('etag');
    });

    it('bodies are JSON of one meaning, and of a bounded size', async () => {
      const post = async (body: string, type = 'application/fhir+json'): Promise<number> =>
        (await send(host, '/Observation', { method: 'POST', token: alice, body, headers: { 'content-type': type } }))
          .status;
      const text = JSON.stringify(observation('alice'));
      expect(await post(text)).to.equal(201);
      expect(await post('<Observation/>', 'application/fhir+xml')).to.equal(415);
      expect(await post('[]')).to.be.oneOf([400, 415]);
      if (!name.includes('body parser')) {
        expect(await post(text, 'application/fhir+json; charset=utf-16')).to.equal(415);
        expect(await post('{')).to.equal(400);
        expect(await post(text.replace('"subject":', '"subject":{"reference":"Patient/bob"},"subject":'))).to.equal(
          400,
        );
        expect(await post(`\ufeff${text}`)).to.equal(400);
        expect(await post(JSON.stringify({ a: 'a'.repeat(6 * 1024 * 1024) }))).to.equal(413);
      }
    });
  });
}

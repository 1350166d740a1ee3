import { expect } from 'chai';
import sinon from 'sinon';
import type { Bundle, Person, Resource, Setup } from './clinic.js';
import { ALICE, BOB, FULL, observationOf, open, shown, tokenOf, withIssuer } from './clinic.js';
import type { Answer } from './leaky-host.js';
import { LeakyHost } from './leaky-host.js';

const ALICE_APP: Person = { scopes: 'patient/*.*', patient: 'alice' };
const RECORDS: readonly Resource[] = [
  { resourceType: 'Patient', id: 'bob', name: [{ family: 'Secret' }] },
  { resourceType: 'Patient', id: 'alice' },
  observationOf(BOB, 'of-bob'),
  observationOf(ALICE, 'of-alice'),
  { resourceType: 'Condition', id: 'c-bob', subject: { reference: BOB } },
  { resourceType: 'Practitioner', id: 'dr' },
];

describe('holes: behind the router of FHIR Works', () => {
  withIssuer();
  let host: LeakyHost;
  const quiet = sinon.createSandbox();

  before(() => {
    // The router prints every error that it answers, and more.
    quiet.stub(console, 'error');
    quiet.stub(console, 'log');
  });
  after(() => {
    quiet.restore();
  });
  afterEach(() => host.close());

  async function serve(setup: Setup = {}): Promise<void> {
    host = await LeakyHost.start((apiUrl) => open({ apiUrl, ...setup }));
    host.store(...RECORDS);
  }

  const ask = (person: Person, method: string, path: string, body?: unknown): Promise<Answer> =>
    host.ask(tokenOf(person), method, path, body);

  /** No resource of Bob's, and no history of one. A message that repeats the URL of the request tells nothing. */
  function expectNothingOfBob({ body }: Answer, about: string): void {
    const text = JSON.stringify(body);
    expect(text, about).not.to.match(
      /Secret|"(?:id|reference|url)":"(?:Patient\/|Observation\/|Condition\/)?(?:bob|of-bob|c-bob)/,
    );
  }

  describe('hole-33: what was verified is not what is executed', () => {
    /** Verified as one thing, executed as a read of what the odd id finds. */
    const ODD = [
      '/Patient/_history',
      '/Observation/_history',
      '/Patient/bob$export',
      '/Patient/x$export',
      '/Observation/of-bob$export',
      '/Group/x$export',
      '/Patient/_search',
      '/Patient/bob/_history/1$export',
      '/Patient/bob?x=$export',
      '/Patient/bob/?_history',
      '/Patient/bob/_history/1',
      '/Observation/of-bob/_history/_history',
      '//Patient/bob',
      '/Patient//bob',
      '/Patient/bob/',
      '/Patient/bo%62',
      '/Patient%2Fbob',
      '/./Patient/bob',
      '/metadata/../Patient/bob',
      '/Patient/metadata',
      '/_history/Patient',
      '/_history',
      '/Patient/alice/_history',
      '/',
      '/?_type=Patient',
      '/Patient',
      '/Patient?_id=bob',
      '/Patient?_include=*',
    ];

    for (const scopes of ['patient/*.*', 'patient/*.cruds', 'patient/Patient.read patient/Observation.rs']) {
      it(`hole-33: Bob stays unseen at every path by ${scopes}`, async () => {
        await serve();
        for (const path of ODD) {
          for (const method of ['GET', 'POST']) {
            const answer = await ask({ ...ALICE_APP, scopes }, method, path, method === 'POST' ? {} : undefined);
            expectNothingOfBob(answer, `${method} ${path}`);
            expect(answer.status, `${method} ${path}`).to.be.oneOf([200, 201, 202, 400, 401, 403, 404, 405]);
          }
        }
      });
    }

    it('hole-33: a history-type scope does not read, though the router reads', async () => {
      const historyOnly = { read: ['history-type' as const], write: [] };
      await serve({ config: { scopeRule: { patient: historyOnly, user: FULL, system: historyOnly } } });
      for (const person of [ALICE_APP, { scopes: 'system/*.read' }]) {
        const answer = await ask(person, 'GET', '/Patient/_history');
        expect(answer.status).to.equal(401);
        expectNothingOfBob(answer, person.scopes);
      }
    });

    it('hole-33: an export scope does not read: a user who may export everything is still judged', async () => {
      await serve({ userExport: true, bulkTypes: ['RelatedPerson'], adminTypes: [] });
      const person = { scopes: 'user/*.read', fhirUser: `${host.base}/RelatedPerson/rel` };
      expect((await ask(person, 'GET', '/$export')).status).to.equal(202);
      for (const path of ['/Observation/of-bob$export', '/Patient/bob$export', '/Condition/c-bob$export']) {
        const answer = await ask(person, 'GET', path);
        expect(answer.status, path).to.equal(401);
        expectNothingOfBob(answer, path);
      }
    });

    it('hole-33: whoever rightly reads still does', async () => {
      await serve();
      expect((await ask(ALICE_APP, 'GET', '/Patient/alice')).status).to.equal(200);
      expect((await ask(ALICE_APP, 'GET', '/Observation/of-alice')).status).to.equal(200);
      const admin = { scopes: 'user/*.read', fhirUser: `${host.base}/Practitioner/dr` };
      expect((await ask(admin, 'GET', '/Patient/bob')).status).to.equal(200);
      expect((await ask({ scopes: 'system/Patient.read' }, 'GET', '/Patient/bob')).status).to.equal(200);
    });
  });

  describe('hole-34: every returned entry is judged by its own type and its own grant', () => {
    const ways: readonly [string, string, string?][] = [
      ['GET', '/Observation'],
      ['POST', '/Observation/_search'],
      ['GET', '/'],
      ['GET', '/_history'],
      ['GET', '/Observation/_history'],
      ['GET', '/Observation/of-alice/_history'],
      ['GET', '/Patient'],
    ];

    it('hole-34: a search that includes everything shows what is alice’s', async () => {
      await serve();
      for (const [method, path] of ways) {
        const answer = await ask(ALICE_APP, method, path, method === 'POST' ? {} : undefined);
        if (path === '/Observation/_history') continue;
        expect(answer.status, path).to.equal(200);
        expectNothingOfBob(answer, path);
        const ids = new Set(
          shown({
            ...(answer.body as Bundle),
            entry: ((answer.body as Bundle).entry ?? []).filter(({ resource }) => resource),
          }),
        );
        expect([...ids], path).to.have.members(['alice', 'of-alice']);
      }
    });

    it('hole-34: what a scope for one type may search, a scope for none of the others shows', async () => {
      await serve();
      const person = { scopes: 'system/Observation.read patient/Patient.read', patient: 'alice' };
      const { body } = await ask(person, 'GET', '/Observation');
      expect(shown(body)).to.have.members(['of-bob', 'of-alice']);
      const both = {
        scopes: 'user/Practitioner.read patient/*.read',
        patient: 'alice',
        fhirUser: `${host.base}/Practitioner/dr`,
      };
      expect(shown((await ask(both, 'GET', '/Practitioner')).body)).to.have.members(['dr', 'alice', 'of-alice']);
    });

    it('hole-34: a total tells nothing of what was dropped', async () => {
      await serve();
      const { body } = await ask(ALICE_APP, 'GET', '/Observation');
      expect((body as Bundle).total).to.equal(1);
    });

    it('hole-34: read entries of a batch are judged one by one', async () => {
      await serve();
      const read = (url: string) => ({ request: { method: 'GET', url } });
      const entry = [
        read('Patient/alice'),
        read('Patient/bob'),
        read('Observation/of-bob'),
        read('Observation/of-alice'),
      ];
      for (const type of ['batch', 'transaction']) {
        const answer = await ask(ALICE_APP, 'POST', '/', { resourceType: 'Bundle', type, entry });
        expect(JSON.stringify(answer.body), type).not.to.match(/Secret|of-bob","status/);
        expect(answer.status).to.equal(200);
        expect(shown(answer.body), type).to.deep.equal(['alice', undefined, undefined, 'of-alice']);
      }
    });
  });

  describe('hole-03, 07, 08, 11b: writes through the router', () => {
    const bundle = (method: string, url: string, resource?: unknown) => ({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [{ request: { method, url }, ...(resource !== undefined && { resource }) }],
    });

    it('hole-07: a body of another type than the URL names is not written', async () => {
      await serve();
      const before = host.stored.size;
      const person = { scopes: 'patient/Observation.* patient/MedicationRequest.read', patient: 'alice' };
      const body = { resourceType: 'MedicationRequest', subject: { reference: ALICE } };
      expect((await ask(person, 'POST', '/Observation', body)).status).to.equal(401);
      expect((await ask({ scopes: 'system/*.*' }, 'POST', '/Observation', body)).status).to.equal(401);
      expect(host.stored.size).to.equal(before);
    });

    it('hole-08: nobody becomes somebody by the id in a body', async () => {
      await serve();
      const own = { resourceType: 'Patient', id: 'alice', active: true };
      expect((await ask(ALICE_APP, 'POST', '/Patient', own)).status).to.equal(401);
      expect((await ask(ALICE_APP, 'PUT', '/Patient/bob', own)).status).to.be.oneOf([400, 401]);
      expect((await ask(ALICE_APP, 'PATCH', '/Patient/bob', own)).status).to.be.oneOf([400, 401]);
      expect((await ask(ALICE_APP, 'PATCH', '/Patient/bob', { resourceType: 'Patient' })).status).to.equal(401);
      expect((await ask(ALICE_APP, 'PUT', '/Patient/alice', own)).status).to.equal(200);
      expect((await ask(ALICE_APP, 'POST', '/', bundle('POST', 'Patient', own))).status).to.equal(401);
      expect(host.stored.get('Patient/bob')).to.deep.equal(RECORDS[0]);
    });

    it('hole-10: a JSON Patch of Bob’s record is refused', async () => {
      await serve();
      const patch = [{ op: 'replace', path: '/subject/reference', value: ALICE }];
      expect((await ask(ALICE_APP, 'PATCH', '/Observation/of-bob', patch)).status).to.equal(401);
      expect(host.stored.get('Observation/of-bob')).to.deep.equal(RECORDS[2]);
    });

    it('hole-11b: Bob’s record is not deleted by a Bundle, with or without an invented body', async () => {
      await serve();
      for (const resource of [undefined, observationOf(ALICE, 'of-bob')]) {
        const answer = await ask(ALICE_APP, 'POST', '/', bundle('DELETE', 'Observation/of-bob', resource));
        expect(answer.status).to.equal(401);
      }
      expect((await ask(ALICE_APP, 'DELETE', '/Observation/of-bob')).status).to.equal(401);
      expect(host.stored.has('Observation/of-bob')).to.equal(true);
      expect((await ask(ALICE_APP, 'DELETE', '/Observation/of-alice')).status).to.equal(200);
    });

    it('hole-03: one entry that is not covered stops the whole Bundle', async () => {
      await serve();
      const before = host.stored.size;
      const entry = [ALICE, BOB].map((patient) => ({
        request: { method: 'POST', url: 'Observation' },
        resource: observationOf(patient, `new-${patient}`),
      }));
      const answer = await ask(ALICE_APP, 'POST', '/', { resourceType: 'Bundle', type: 'transaction', entry });
      expect(answer.status).to.equal(401);
      expect(host.stored.size).to.equal(before);
    });
  });

  describe('hole-06, 14: exports through the router', () => {
    it('hole-06: a Group export writes out only what system scopes grant', async () => {
      await serve();
      const scopes = 'system/Group.read system/Patient.read system/Medication.read user/*.read patient/*.read';
      const person = { scopes, patient: 'alice', fhirUser: `${host.base}/Practitioner/dr` };
      expect((await ask(person, 'GET', '/Group/g/$export')).status).to.equal(202);
      expect(host.exports[0]?.allowedResourceTypes).to.have.members(['Group', 'Patient', 'Medication']);
      expect(
        (await ask({ ...person, scopes: 'system/Medication.read patient/*.read' }, 'GET', '/Group/g/$export')).status,
      ).to.equal(401);
      expect(host.exports).to.have.lengthOf(1);
    });

    it('hole-14: a job is shown to the subject that started it', async () => {
      await serve();
      const starter = { scopes: 'system/*.read', claims: { sub: 'starter' } };
      expect((await ask(starter, 'GET', '/$export')).status).to.equal(202);
      expect((await ask(starter, 'GET', '/$export/0')).status).to.equal(200);
      for (const sub of ['other', '', undefined, null, 'Starter', 'starter ']) {
        const answer = await ask({ scopes: 'system/*.read', claims: { sub } }, 'GET', '/$export/0');
        expect(answer.status, String(sub)).to.equal(401);
        expect(JSON.stringify(answer.body)).not.to.include('secret');
        expect((await ask({ scopes: 'system/*.read', claims: { sub } }, 'DELETE', '/$export/0')).status).to.equal(401);
      }
    });
  });

  it('hole-40: without a scope for the type, what exists and what does not are refused alike', async () => {
    await serve();
    const person = { scopes: 'patient/Observation.read', patient: 'alice' };
    const there = await ask(person, 'GET', '/Patient/bob');
    const missing = await ask(person, 'GET', '/Patient/nobody');
    expect(there.status).to.equal(401);
    expect({ status: missing.status, body: missing.body }).to.deep.equal({ status: there.status, body: there.body });
    // Where the type is granted, the router reads before it asks: 404 against 401 is then the host's choice.
  });

  it('hole-21a: hostile authorization headers are answered with 401', async () => {
    await serve();
    const kid = Buffer.from('{"alg":"none","kid":{"toString":"x"}}').toString('base64url');
    for (const token of [
      '',
      'x',
      `${kid}.e30.`,
      'Bearer Bearer',
      '....',
      'a'.repeat(8_000),
      'null',
      '[object Object]',
    ]) {
      expect((await host.ask(token, 'GET', '/Patient/alice')).status, token.slice(0, 20)).to.equal(401);
    }
    expect((await fetch(`${host.base}/Patient/alice`)).status).to.equal(401);
    expect((await fetch(`${host.base}/Patient/alice`, { headers: { authorization: 'Basic eDp5' } })).status).to.equal(
      401,
    );
  });
});

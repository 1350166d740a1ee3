import { get as httpGet } from 'node:http';
import { expect } from 'chai';
import { createMemoryStore } from '../../src/backend-services/state/memory-store.js';
import type { BulkDataOptions, JobStore } from '../../src/http/bulk-data.js';
import { bulkDataSettings } from '../../src/http/bulk-data.js';
import type { SMARTHandlerOptions } from '../../src/index.js';
import { ConfigError, SMARTHandler } from '../../src/index.js';
import { BASE, Clinic, Issuer } from './clinic.js';
import { Exporter } from './exporter.js';
import type { Host } from './hosts.js';
import { HOSTS } from './hosts.js';
import type { Answered, Sent } from './send.js';
import { send } from './send.js';

type Json = Readonly<Record<string, unknown>>;

const patient = (id: string): Json => ({ resourceType: 'Patient', id });
const observation = (id: string): Json => ({ resourceType: 'Observation', id, valueQuantity: { value: 1 } });

for (const [name, open] of Object.entries(HOSTS)) {
  describe(`bulk data behind ${name}`, () => {
    let clinic: Clinic;
    let issuer: Issuer;
    let exporter: Exporter;
    let host: Host;
    let store: JobStore;

    before(async () => {
      clinic = await Clinic.open();
      issuer = await Issuer.open();
    });
    after(() => issuer.close());

    async function serve(bulkData: BulkDataOptions = {}): Promise<void> {
      exporter = new Exporter();
      store = createMemoryStore();
      const handler = issuer.handler({ patientExport: true });
      host = await open(clinic, handler, { bulkData: { jobs: store, ...bulkData } }, exporter.serve);
    }
    beforeEach(() => serve());
    afterEach(() => host.close());

    const system = (scope = 'system/*.read', claims: Json = {}): Promise<string> => issuer.token(scope, claims);
    const ask = async (path: string, token: string, sent: Sent = {}): Promise<Answered> =>
      send(host, path, { ...sent, token });
    const below = (url: unknown): string => String(url).slice(BASE.length);

    /** Starts a job and gives the path of its status. */
    async function start(token: string, path = '/$export', sent: Sent = {}): Promise<string> {
      const { status, headers } = await ask(path, token, sent);
      expect(status).to.equal(202);
      return below(headers['content-location']);
    }

    /** Polls until the manifest is there. */
    async function manifest(token: string, status: string): Promise<Json> {
      await ask(status, token);
      const { json } = await ask(status, token);
      return json;
    }

    const filesIn = (json: Json, list = 'output'): readonly string[] =>
      ((json[list] ?? []) as readonly Json[]).map(({ url }) => below(url));

    it('R16: a job, its state and its files, all under URLs of the guard', async () => {
      const token = await system();
      exporter.file('/files/p.ndjson', patient('a'), patient('b'));
      exporter.lists = { output: [{ type: 'Patient', url: `${BASE}/files/p.ndjson?x=1`, count: 2, extension: {} }] };
      const kickOff = await ask('/$export?_since=2025-01-01T00:00:00Z', token);
      expect(kickOff.status).to.equal(202);
      expect(kickOff.headers['content-location']).to.match(
        /^https:\/\/fhir\.example\.org\/fhir\/bulk-status\/[\w-]{22}$/,
      );
      expect(kickOff.headers).to.not.have.property('x-secret');
      expect(exporter.started[0]).to.include({
        asked: '/$export?_since=2025-01-01T00%3A00%3A00Z',
        prefer: 'respond-async',
      });
      const path = below(kickOff.headers['content-location']);
      const waiting = await ask(path, token);
      expect([waiting.status, waiting.headers['x-progress'], waiting.headers['retry-after']]).to.deep.equal([
        202,
        'half',
        '1',
      ]);
      const done = await ask(path, token, { headers: { accept: 'application/json' } });
      const [url = ''] = filesIn(done.json);
      expect(done.json).to.deep.equal({
        transactionTime: '2026-01-01T00:00:00Z',
        request: `${BASE}/$export?_since=2025-01-01T00%3A00%3A00Z`,
        requiresAccessToken: true,
        output: [{ type: 'Patient', url: `${BASE}${url}`, count: 2 }],
        error: [],
      });
      expect(done.headers['expires']).to.equal('Thu, 01 Jan 2026 00:00:00 GMT');
      expect(filesIn((await ask(path, token)).json)).to.deep.equal([url]);
      const file = await ask(url, token, { headers: { accept: 'application/fhir+ndjson', 'accept-encoding': 'gzip' } });
      expect([file.status, file.headers['content-type']]).to.deep.equal([200, 'application/fhir+ndjson']);
      expect(file.text).to.equal('{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n');
      expect(file.headers).to.not.have.any.keys('etag', 'x-secret');
      expect(exporter.accepted).to.deep.equal([['application/fhir+ndjson', 'identity']]);
    });

    it('R16: is there for whoever started it and for nobody else, whatever else they may see', async () => {
      const owner = await system();
      exporter.file('/files/p.ndjson', patient('a'));
      exporter.lists = { output: [{ type: 'Patient', url: '/fhir/files/p.ndjson' }] };
      const path = await start(owner);
      const [url = ''] = filesIn(await manifest(owner, path));
      const others: Readonly<Record<string, readonly [string, number]>> = {
        'another subject': [await system('system/*.read', { sub: 'y' }), 404],
        'another app of the same subject': [await system('system/*.read', { client_id: 'y' }), 404],
        'no scope for exports any more': [await system('system/*.read?status=final'), 403],
        'a patient': [await issuer.token('patient/*.read', { launch_response_patient: 'alice' }), 403],
      };
      for (const [who, [token, status]] of Object.entries(others)) {
        for (const [method, target] of [
          ['GET', path],
          ['DELETE', path],
          ['GET', url],
        ] as const) {
          expect((await ask(target, token, { method })).status, `${who}: ${method} ${target}`).to.equal(status);
        }
      }
      for (const target of [path, url]) {
        const unknown = await send(host, target);
        expect([unknown.status, unknown.headers['www-authenticate']]).to.deep.equal([401, `Bearer realm="${BASE}"`]);
      }
      expect((await ask(url, owner)).status).to.equal(200);
    });

    it('ends with its deletion, and no name finds another job', async () => {
      const token = await system();
      exporter.file('/files/p.ndjson', patient('a'));
      exporter.lists = { output: [{ type: 'Patient', url: `${BASE}/files/p.ndjson` }] };
      const path = await start(token);
      const [url = ''] = filesIn(await manifest(token, path));
      for (const target of [path, url]) expect((await ask(target, token, { method: 'HEAD' })).status).to.equal(405);
      expect((await ask(path, token, { method: 'DELETE' })).status).to.equal(202);
      for (const target of [path, url]) expect((await ask(target, token)).status).to.equal(404);
      const odd = [
        '/bulk-status',
        '/bulk-status/x',
        `${path}/x`,
        '/bulk-files/__proto__/x',
        '/poll?_jobId=0',
        '/files/p.ndjson',
      ];
      for (const target of odd) expect((await ask(target, token)).status, target).to.be.oneOf([404, 400]);
      expect((await ask(`${path}?_jobId=0`, token)).status).to.equal(400);
      expect((await ask(path, token, { method: 'PUT', body: {} })).status).to.equal(405);
      expect((await ask(url.replace(/.{22}$/, 'constructor00000000000'), token)).status).to.equal(404);
    });

    it('R16: what is granted bounds what is exported', async () => {
      const cases: readonly (readonly [scope: string, path: string, expected: number | string])[] = [
        ['system/*.read', '/$export?_type=Patient,Observation', '/$export?_type=Patient%2CObservation'],
        ['system/Patient.read', '/$export', 403],
        ['system/Patient.read', '/$export?_type=Patient', '/$export?_type=Patient'],
        ['system/Patient.read', '/$export?_type=Patient,Observation', 403],
        ['system/Patient.rs system/Observation.rs?status=final', '/$export?_type=Observation', 403],
        ['system/Patient.write', '/$export?_type=Patient', 403],
        ['user/*.read', '/$export', 403],
        ['system/Patient.rs system/Observation.rs', '/Patient/$export', '/Patient/$export?_type=Patient%2CObservation'],
        ['system/Observation.rs', '/Patient/$export', 403],
        ['system/Patient.rs', '/Patient/$export?_type=Observation', 403],
        ['system/*.rs', '/Patient/alice/$export', 403],
        ['system/*.rs', '/Observation/$export', 403],
        ['system/*.rs', '/Group/$export', 403],
        ['system/*.rs', '/$import', 403],
      ];
      for (const [scope, path, expected] of cases) {
        const { status } = await ask(path, await system(scope));
        const about = `${scope}: ${path}`;
        if (typeof expected === 'number') expect(status, about).to.equal(expected);
        else expect([status, exporter.started.at(-1)?.asked], about).to.deep.equal([202, expected]);
      }
    });

    it('R17: a group is exported only by who may read it, and its patients', async () => {
      const cases: readonly (readonly [string, number])[] = [
        ['system/Patient.rs system/Observation.rs', 403],
        ['system/Group.rs system/Observation.rs', 403],
        ['system/Group.rs?code=x system/Patient.rs', 403],
        ['system/Group.rs system/Patient.rs', 202],
      ];
      for (const [scope, status] of cases) {
        expect((await ask('/Group/g1/$export', await system(scope))).status, scope).to.equal(status);
      }
      expect(exporter.started.map(({ asked }) => asked)).to.deep.equal(['/Group/g1/$export?_type=Group%2CPatient']);
    });

    it('judges the parameters of the start, in a URL and in a body', async () => {
      const token = await system('system/Patient.rs system/Observation.rs');
      const bad: Readonly<Record<string, number>> = {
        '_type=Patien': 400,
        '_type=Patient&_outputFormat=csv': 400,
        '_type=Patient&_since=yesterday': 400,
        '_type=Patient&patient=Patient/a': 400,
        '_type=Patient&includeAssociatedData=LatestProvenanceResources': 403,
        '_type=Patient&includeAssociatedData=_mine': 400,
        '_type=Patient&organizeOutputBy=Patient': 400,
        '_type=Patient&_typeFilter=Observation%3Fstatus=final': 400,
        '_type=Observation&_typeFilter=Observation%3Fsubject:Patient.name%3Dx%26status%3Dfinal': 202,
        '_type=Observation&_typeFilter=Observation%3Fencounter.status%3Dplanned': 403,
        '_type=Observation&_typeFilter=Observation%3F_include%3DObservation:subject': 400,
        '_type=Observation&_typeFilter=Condition%3Fcode%3D1': 400,
        '_type=Observation&_typeFilter=Observation': 400,
        '_type=Observation&_typeFilter=Observation%3Fstatus%3Dfinal,amended,Observation%3Fcode%3D1': 202,
        '_type=Patient&x=1': 400,
        '_type=Patient&allowPartialManifests=true': 202,
        '_type=Patient&_outputFormat=application/fhir%2Bndjson&_elements=id': 202,
      };
      for (const [query, status] of Object.entries(bad)) {
        expect((await ask(`/$export?${query}`, token)).status, query).to.equal(status);
      }
      const parameter = [
        { name: '_type', valueString: 'Patient' },
        { name: '_since', valueInstant: '2025-01-01T00:00:00Z' },
        { name: 'patient', valueReference: { reference: 'Patient/a', display: 'x' } },
      ];
      const body = { resourceType: 'Parameters', parameter };
      expect((await ask('/Patient/$export', token, { method: 'POST', body })).status).to.equal(202);
      const last = exporter.started.at(-1);
      expect(last?.asked).to.equal('/Patient/$export');
      expect(last?.body).to.deep.equal({
        resourceType: 'Parameters',
        parameter: [
          { name: '_type', valueString: 'Patient' },
          { name: '_since', valueInstant: '2025-01-01T00:00:00Z' },
          { name: 'patient', valueReference: { reference: 'Patient/a' } },
        ],
      });
      const posts: readonly (readonly [unknown, number])[] = [
        [{ resourceType: 'Patient' }, 400],
        [{ resourceType: 'Parameters', parameter: [{ name: '_type', part: [] }] }, 400],
        [{ resourceType: 'Parameters', parameter: [{ name: '_type', valueString: 'Patient', valueCode: 'x' }] }, 400],
        [{ resourceType: 'Parameters', parameter: [{ name: '_type', valueString: 'Condition' }] }, 403],
        [{ resourceType: 'Parameters' }, 403],
      ];
      for (const [each, status] of posts) {
        expect((await ask('/$export', token, { method: 'POST', body: each })).status).to.equal(status);
      }
      expect((await ask('/$export?_type=Patient', token, { method: 'POST', body })).status).to.equal(400);
    });

    it('leaves elements out only where nothing is judged by them', async () => {
      const labelled = { ...patient('labelled'), meta: { security: [{ code: 'R' }] } };
      const narrow: SMARTHandlerOptions['narrow'] = ({ resourceType, resource }) =>
        resourceType !== 'Patient' || (resource as Json)['meta'] === undefined;
      const whole = await system();
      const admin = await issuer.token('user/*.read', { fhirUser: 'Practitioner/dr' });
      // May export here, and is no admin.
      const nurse = await issuer.token('user/*.read', { fhirUser: 'PractitionerRole/nurse' });
      const cases: readonly (readonly [why: string, SMARTHandlerOptions, token: string, path: string, boolean])[] = [
        ['nothing left to judge', {}, whole, '/$export?_type=Patient', true],
        ['everything, and nothing left to judge', {}, whole, '/$export', true],
        ['an admin', {}, admin, '/$export?_type=Patient', true],
        ['a user', {}, nurse, '/$export?_type=Patient', false],
        ['a rule of the host', { narrow }, whole, '/$export?_type=Patient', false],
        ['a rule of the host', { narrow }, whole, '/$export', false],
        ['contained resources', { membership: { contained: 'refuse' } }, whole, '/$export?_type=Binary', true],
        ['contained resources', { membership: { contained: 'refuse' } }, whole, '/$export?_type=Binary,Patient', false],
      ];
      for (const [why, options, token, path, passes] of cases) {
        await host.close();
        exporter = new Exporter();
        const [admins, exporters] = [['Practitioner'], ['Practitioner', 'PractitionerRole']];
        const handler = new SMARTHandler(issuer.config, BASE, '4.0.1', admins, exporters, true, options);
        host = await open(clinic, handler, { bulkData: { jobs: store } }, exporter.serve);
        const mark = path.includes('?') ? '&' : '?';
        const status = await start(
          token,
          `${path}${mark}_elements=Patient.name,Patient.gender&_since=2025-01-01T00:00:00Z`,
        );
        const asked = exporter.started.at(-1)?.asked;
        expect(asked?.includes('_elements'), `${why}: ${path}`).to.equal(passes);
        expect(asked, `${why}: ${path}`).to.include('_since');
        if (options.narrow === undefined) continue;
        const parameter = [
          { name: '_type', valueString: 'Patient' },
          { name: '_elements', valueString: 'Patient.name' },
        ];
        await start(token, '/$export', { method: 'POST', body: { resourceType: 'Parameters', parameter } });
        expect(exporter.started.at(-1)?.body).to.deep.equal({
          resourceType: 'Parameters',
          parameter: parameter.slice(0, 1),
        });
        // The exporter is not asked to cut the label away, so the line shows it.
        exporter.file('/files/p.ndjson', patient('a'), labelled);
        exporter.lists = { output: [{ type: 'Patient', url: `${BASE}/files/p.ndjson` }] };
        const [url = ''] = filesIn(await manifest(token, status));
        expect((await ask(url, token)).text).to.equal('{"resourceType":"Patient","id":"a"}\n');
      }
    });

    it('lets no file out of which the types were not granted, and no line that is not of its type', async () => {
      const token = await system('system/Patient.rs');
      exporter.file('/files/p.ndjson', patient('a'), observation('SECRET'), patient('b'), { id: 'SECRET' });
      exporter.file('/files/o.ndjson', observation('SECRET'));
      exporter.file('/files/e.ndjson', {
        resourceType: 'OperationOutcome',
        issue: [{ severity: 'error', code: 'exception', diagnostics: 'SECRET' }],
      });
      const deletion = (url: string): Json => ({ request: { method: 'DELETE', url } });
      exporter.file('/files/d.ndjson', {
        resourceType: 'Bundle',
        type: 'transaction',
        entry: [deletion('Patient/gone'), deletion('Observation/SECRET'), { resource: observation('SECRET') }],
      });
      exporter.lists = {
        output: [
          { type: 'Patient', url: `${BASE}/files/p.ndjson` },
          { type: 'Observation', url: `${BASE}/files/o.ndjson` },
        ],
        error: [
          { type: 'OperationOutcome', url: `${BASE}/files/e.ndjson` },
          { type: 'Patient', url: `${BASE}/files/o.ndjson` },
        ],
        deleted: [{ type: 'Bundle', url: `${BASE}/files/d.ndjson` }],
      };
      const path = await start(token, '/$export?_type=Patient');
      const json = await manifest(token, path);
      expect((json['output'] as Json[]).map(({ type }) => type)).to.deep.equal(['Patient']);
      const texts = await Promise.all(
        ['output', 'error', 'deleted'].map(async (list) => (await ask(filesIn(json, list)[0] ?? '', token)).text),
      );
      expect(texts.join('')).to.not.include('SECRET');
      expect(texts).to.deep.equal([
        '{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n',
        '{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}\n',
        '{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/gone"}}]}\n',
      ]);
    });

    it('refuses a manifest of files elsewhere, unless they may pass without a token', async () => {
      const token = await system();
      const output = [{ type: 'Patient', url: 'https://files.example/signed?x=1' }];
      exporter.lists = { output };
      exporter.requiresAccessToken = false;
      const polled = async (): Promise<Answered> => {
        const path = await start(token);
        await ask(path, token);
        return ask(path, token);
      };
      expect((await polled()).status).to.equal(403);
      await host.close();
      await serve({ foreignFiles: 'pass' });
      exporter.lists = { output };
      exporter.requiresAccessToken = false;
      expect((await polled()).json).to.deep.include({ requiresAccessToken: false, output });
      exporter.requiresAccessToken = true;
      expect((await polled()).status, 'the token of this server').to.equal(403);
      exporter.requiresAccessToken = false;
      exporter.lists = { output: [...output, { type: 'Patient', url: `${BASE}/files/p` }] };
      expect((await polled()).status, 'a token for some of them').to.equal(403);
      exporter.lists = { output: [{ type: 'Patient', url: 'javascript:alert(1)' }] };
      expect((await polled()).status).to.equal(403);
    });

    it('refuses a start whose job lies elsewhere', async () => {
      for (const url of [
        'https://elsewhere.example/fhir/poll',
        `${BASE}/../x`,
        'x y',
        `${BASE}/a%2fb`,
        '//evil/fhir/x',
      ]) {
        exporter.contentLocation = () => url;
        expect((await ask('/$export', await system())).status, url).to.equal(403);
      }
    });

    it('judges line by line, while they come, and breaks off where it cannot', async function () {
      this.timeout(20_000);
      const token = await system();
      const line = `${JSON.stringify({ ...patient('a'), text: { div: 'x'.repeat(1000) } })}\n`;
      let written = 0;
      exporter.files.set('/files/big.ndjson', function* () {
        for (; written < 64 * 1024; written += 64) yield line.repeat(64);
      });
      exporter.files.set('/files/odd.ndjson', function* () {
        yield line.repeat(500);
        yield Buffer.from('{"resourceType":"Patient","resourceType":"Observation"}\n');
        yield line;
      });
      // A letter of two bytes in two pieces, an empty line, and none at the end.
      const split = Buffer.from('{"resourceType":"Patient","id":"a","language":"ä"}\n\n{"resourceType":"Patient"}');
      const at = split.indexOf(0xc3) + 1;
      exporter.files.set('/files/split.ndjson', () => [split.subarray(0, at), split.subarray(at)]);
      exporter.lists = {
        output: ['big', 'odd', 'split'].map((each) => ({ type: 'Patient', url: `${BASE}/files/${each}.ndjson` })),
      };
      const [big = '', odd = '', pieces = ''] = filesIn(await manifest(token, await start(token)));
      expect((await ask(pieces, token)).text).to.equal(
        '{"resourceType":"Patient","id":"a","language":"ä"}\n{"resourceType":"Patient"}\n',
      );
      await new Promise<void>((resolve, reject) => {
        httpGet(`${host.base}${big}`, { headers: { authorization: `Bearer ${token}` } }, (response) => {
          // A client that reads no further: neither does anybody else, though 70 MB are left.
          response.once('data', () => {
            response.pause();
            setTimeout(() => {
              expect(written).to.be.within(64, 48 * 1024);
              response.destroy();
              resolve();
            }, 300);
          });
        }).on('error', reject);
      });
      const failure = await ask(odd, token).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure).to.be.an('error');
    });

    it('keeps jobs where other guards of the server find them, under names that tell nothing', async () => {
      const token = await system();
      const path = await start(token);
      const other = await open(clinic, issuer.handler(), { bulkData: { jobs: store } }, exporter.serve);
      expect((await send(other, path, { token })).status).to.equal(202);
      await other.close();
      const failing: JobStore = {
        ...createMemoryStore(),
        get: () => Promise.reject(new Error('SECRET down')),
      };
      await host.close();
      await serve({ jobs: failing });
      const refused = await ask(path, token);
      expect(refused.status).to.equal(500);
      expect(refused.text).to.not.include('SECRET');
    });

    it('starts nothing by a HEAD', async () => {
      expect((await ask('/$export', await system(), { method: 'HEAD' })).status).to.equal(405);
      expect(exporter.started).to.deep.equal([]);
    });

    it('is refused without the option', async () => {
      await host.close();
      exporter = new Exporter();
      host = await open(clinic, issuer.handler(), {}, exporter.serve);
      const token = await system();
      expect((await ask('/$export', token)).status).to.equal(403);
      expect((await ask(`/bulk-status/${'a'.repeat(22)}`, token)).status).to.equal(404);
      expect(exporter.started).to.deep.equal([]);
    });
  });
}

describe('the options of bulk data', () => {
  it('name what is wrong with them', () => {
    const bad: readonly BulkDataOptions[] = [
      { statusPath: 'Patient' },
      { statusPath: 'a/b' },
      { statusPath: 'metadata' },
      { filePath: 'bulk-status' },
      { foreignFiles: 'maybe' as never },
      { jobLifetimeSeconds: 1 },
      { jobs: {} as never },
      true as never,
    ];
    for (const options of bad) expect(() => bulkDataSettings(options), JSON.stringify(options)).to.throw(ConfigError);
  });
});

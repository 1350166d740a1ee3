import { expect } from 'chai';
import merge from 'lodash/merge.js';
import sinon from 'sinon';
import { compareDecisions } from '../../src/replay/compare.js';
import type { LineOptions } from '../../src/replay/line.js';
import { recordedLookup } from '../../src/replay/lookups.js';
import type { Outcome } from '../../src/replay/replay.js';
import { Replay } from '../../src/replay/replay.js';
import type { RecordedRequest } from '../../src/replay/request.js';
import { Clinic, Issuer } from '../http/clinic.js';
import { Exporter } from '../http/exporter.js';
import type { Host } from '../http/hosts.js';
import { HOSTS } from '../http/hosts.js';
import type { Answered } from '../http/send.js';
import { send } from '../http/send.js';
import { openWorks } from '../scenarios/works-face.js';
import type { Recording, ServerSettings } from './recording.js';
import { record, settingsOf } from './recording.js';

type Json = Readonly<Record<string, unknown>>;

const observation = (patient: string): Json => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'SECRET code' },
  subject: { reference: `Patient/${patient}` },
});
const entry = (method: string, url: string, resource?: Json, more: Json = {}): Json => ({
  ...(resource && { resource }),
  request: { method, url, ...more },
});
const bundle = (type: string, ...entries: readonly Json[]): Json => ({ resourceType: 'Bundle', type, entry: entries });

/** The settings with others in place. */
function changed(settings: ServerSettings, change: object): ServerSettings {
  return merge(structuredClone(settings), change);
}

/** What becomes of each entry, by what it is: several are judged at a time. */
function fates({ entries = [] }: RecordedRequest, { entries: passed = [] }: Outcome): Record<string, boolean[]> {
  const found: Record<string, boolean[]> = {};
  entries.forEach(({ operation, resourceType, id = 'new' }, at) => {
    (found[`${operation} ${String(resourceType)}/${id}`] ??= []).push(passed[at] === true);
  });
  return found;
}

const noCreation = (settings: ServerSettings): ServerSettings => {
  const without = structuredClone(settings);
  const rule = { ...without.smart.scopeRule.patient, write: ['update', 'delete', 'patch', 'batch', 'transaction'] };
  return { ...without, smart: { ...without.smart, scopeRule: { ...without.smart.scopeRule, patient: rule as never } } };
};

for (const [name, open] of Object.entries(HOSTS)) {
  describe(`recordRequests behind ${name}`, () => {
    let clinic: Clinic;
    let issuer: Issuer;
    let exporter: Exporter;
    let host: Host;
    let recording: Recording;

    before(async () => {
      clinic = await Clinic.open();
      issuer = await Issuer.open();
    });
    after(() => issuer.close());
    afterEach(() => host.close());

    async function serve(options: Partial<LineOptions> = {}): Promise<void> {
      await clinic.reset();
      exporter = new Exporter();
      recording = record(settingsOf(issuer), options);
      const lookup = (type: string, id: string): unknown => clinic.stored(type, id);
      const more = { bulkData: {}, ...(name !== 'the gateway' && { lookup }) };
      host = await open(clinic, recording.handler, more, exporter.serve);
    }

    const alice = (scope = 'patient/*.cruds'): Promise<string> =>
      issuer.token(scope, { launch_response_patient: 'alice' });
    const post = async (body: Json, token?: string): Promise<Answered> =>
      send(host, '', { method: 'POST', body, token: token ?? (await alice()) });

    /** The lines about what was asked, before anything was executed. */
    function asked(): RecordedRequest[] {
      const requests = recording.requests();
      expect(recording.lines.join('\n')).not.to.match(/eyJ/);
      return requests.filter(({ operation }) => operation === 'batch' || operation === 'transaction');
    }

    it('records a transaction as one request with its entries', async () => {
      await serve({ resources: true });
      const { status } = await post(
        bundle(
          'transaction',
          entry('POST', 'Observation', observation('alice')),
          entry('GET', 'Observation?status=final'),
          entry('PUT', 'Observation/alice-obs-1', { ...observation('alice'), id: 'alice-obs-1' }),
        ),
      );
      expect(status).to.equal(200);
      const [line, ...others] = asked();
      expect(others).to.deep.equal([]);
      expect(
        line?.entries?.map(({ operation, resourceType, id }) => [operation, resourceType, id]),
      ).to.have.deep.members([
        ['create', 'Observation', undefined],
        ['search-type', 'Observation', undefined],
        ['update', 'Observation', 'alice-obs-1'],
      ]);
      expect(line?.entries?.[1]?.query).to.deep.equal([['status', 'final']]);
      expect(line?.entries?.[2]?.storedResource).to.include({ id: 'alice-obs-1' });
      const [before, after] = [recording.settings, noCreation(recording.settings)].map((each) => new Replay(each));
      const { kind, new: refused } = await compareDecisions(line!, before!, after!);
      expect(kind).to.equal('closed');
      expect(refused).to.deep.include({ entry: 1 });
      expect(refused.decision.reasons[0]).to.include({ code: 'scope-rule-excludes' });
    });

    it('records a refused transaction, with the entry for which it was refused', async () => {
      await serve({ resources: true });
      const { status } = await post(
        bundle(
          'transaction',
          entry('POST', 'Observation', observation('alice')),
          entry('PUT', 'Observation/bob-obs-1', { ...observation('alice'), id: 'bob-obs-1' }),
          entry('GET', 'Patient/alice'),
        ),
      );
      expect(status).to.equal(403);
      const [line] = asked();
      const { decision, entry: at = 0 } = await new Replay(recording.settings).outcome(line!);
      expect(decision.decision).to.equal('deny');
      expect(line?.entries?.[at - 1]).to.include({ operation: 'update', id: 'bob-obs-1' });
    });

    it('records a batch, of which some entries are executed and others are not', async () => {
      await serve({ resources: 'references' });
      const { status } = await post(
        bundle(
          'batch',
          entry('POST', 'Observation', observation('alice')),
          entry('POST', 'Observation', observation('bob')),
          entry('DELETE', 'Observation/alice-obs-2'),
          entry('DELETE', 'Observation/bob-obs-2'),
          entry('GET', 'Patient/alice'),
        ),
      );
      expect(status).to.equal(200);
      const [line] = asked();
      expect(recording.lines.join('\n')).not.to.include('SECRET');
      const outcome = await new Replay(recording.settings).outcome(line!);
      expect(outcome.decision.decision).to.equal('allow');
      const others = {
        'delete Observation/alice-obs-2': [true],
        'delete Observation/bob-obs-2': [false],
        'read Patient/alice': [true],
      };
      expect(fates(line!, outcome)).to.deep.equal({ ...others, 'create Observation/new': [true, false] });
      const compared = await compareDecisions(
        line!,
        new Replay(recording.settings),
        new Replay(noCreation(recording.settings)),
      );
      expect(compared.kind).to.equal('entries');
      expect(fates(line!, compared.new)).to.deep.equal({ ...others, 'create Observation/new': [false, false] });
    });

    it('records a conditional write with the search that it makes', async () => {
      await serve({ resources: true });
      const system = await issuer.token('system/*.cruds');
      const conditional = entry('POST', 'Observation', observation('bob'), { ifNoneExist: 'status=final' });
      await post(bundle('batch', conditional, entry('GET', 'Observation?status=final')), system);
      await post(bundle('batch', conditional, entry('GET', 'Observation?status=final')), await alice());
      const lines = asked();
      expect(lines).to.have.lengthOf(2);
      const outcomes = await Promise.all(lines.map((line) => new Replay(recording.settings).outcome(line)));
      expect(new Set(outcomes[0]?.entries)).to.deep.equal(new Set([true]));
      // What is not the patient's is not created, nor looked for by others' apps.
      expect(fates(lines[1]!, outcomes[1]!)['create Observation/new']).to.deep.equal([false]);
      const [{ entries = [] }] = lines as [RecordedRequest, RecordedRequest];
      expect(entries.some(({ conditional: isConditional }) => isConditional)).to.equal(true);
      expect(entries.filter(({ query }) => query?.[0]?.join('=') === 'status=final')).to.have.lengthOf(2);
    });

    it('tells nothing of the content of entries unless it is told to', async () => {
      await serve();
      await post(bundle('batch', entry('POST', 'Observation', observation('bob')), entry('GET', 'Patient/alice')));
      const [line] = asked();
      expect(line?.entries).to.deep.equal([
        { operation: 'create', resourceType: 'Observation' },
        { operation: 'read', resourceType: 'Patient', id: 'alice' },
      ]);
      expect(recording.lines.join('\n')).not.to.match(/SECRET|bob/);
    });

    it('records exports with their level, types and searches, and what is asked about a job', async () => {
      await serve();
      const token = await issuer.token('system/*.rs');
      const types = await send(host, '/$export?_type=Patient,Observation&_typeFilter=Observation%3Fstatus%3Dfinal', {
        token,
      });
      const all = await send(host, '/Patient/$export', { token });
      const group = await send(host, '/Group/g1/$export', { token });
      const patients = await issuer.token('system/Patient.rs');
      const refused = await send(host, '/$export', { token: patients });
      expect([types, all, group, refused].map(({ status }) => status)).to.deep.equal([202, 202, 202, 403]);
      const job = new URL(String(types.headers['content-location'])).pathname.replace('/fhir', '');
      expect((await send(host, job, { token })).status).to.equal(202);
      expect((await send(host, job, { token, method: 'DELETE' })).status).to.equal(202);

      const lines = recording.requests();
      const exports = lines.filter(({ bulkDataAuth }) => bulkDataAuth);
      expect(lines, 'nothing else, no search by itself').to.have.lengthOf(exports.length);
      const shown = exports.map(({ operation, bulkDataAuth, types: asks, filters }) =>
        [operation, bulkDataAuth?.operation, bulkDataAuth?.exportType, asks?.join(), filters?.length]
          .filter((each) => each !== undefined)
          .join(' '),
      );
      expect(shown).to.have.members([
        '$export initiate-export system Patient,Observation 1',
        '$export initiate-export patient',
        '$export initiate-export group',
        '$export initiate-export system',
        '$export get-status-export',
        '$export cancel-export',
      ]);
      const replay = new Replay(recording.settings);
      const outcomes = await Promise.all(exports.map((line) => replay.outcome(line)));
      expect(outcomes.filter(({ decision }) => decision.decision === 'deny')).to.have.lengthOf(1);

      const filtered = exports.find(({ filters }) => filters);
      expect((await replay.outcome(filtered!)).types).to.deep.equal(['Observation', 'Patient']);
      const narrower = filtered && { ...filtered, claims: { ...filtered.claims, scope: 'system/Patient.rs' } };
      expect((await replay.outcome(narrower!)).decision.reasons[0]).to.include({ code: 'scope-not-for-export' });
      const withoutPatients = new Replay(changed(recording.settings, { access: { patientExport: false } }));
      const level = exports.find(({ bulkDataAuth }) => bulkDataAuth?.exportType === 'patient');
      expect((await compareDecisions(level!, replay, withoutPatients)).kind).to.equal('closed');
    });

    it('records refused tokens with the reason, and with the claims that are proved, never the token', async () => {
      await serve();
      const elsewhere = await issuer.token('system/*.rs', { aud: 'https://other.example.org', name: 'Alice Example' });
      const expired = await issuer.token('system/*.rs', { exp: 1, name: 'Alice Example' });
      const both = await issuer.token('system/*.rs', { aud: 'https://other.example.org', exp: 1 });
      const forged = `${await alice()}AAAA`;
      const broken = await issuer.token('user/*.rs', { fhirUser: 'Group/1' });
      for (const token of [elsewhere, expired, both, forged, broken, 'opaque-secret']) {
        expect((await send(host, '/Patient/alice', { token })).status).to.equal(401);
      }
      const lines = recording.requests();
      expect(recording.lines.join('\n')).not.to.match(/eyJ|opaque|Alice/);
      expect(lines.map(({ operation, refused, claims }) => [operation, refused, claims['scope']])).to.deep.equal([
        ['authenticate', 'ERR_TOKEN_AUDIENCE', 'system/*.rs'],
        ['authenticate', 'ERR_TOKEN_EXPIRED', undefined],
        ['authenticate', 'ERR_TOKEN_AUDIENCE', undefined],
        ['authenticate', 'ERR_TOKEN_SIGNATURE', undefined],
        ['authenticate', 'identity-claim-malformed', 'user/*.rs'],
        ['authenticate', 'ERR_TOKEN_MALFORMED', undefined],
      ]);
      const wider = changed(recording.settings, { smart: { expectedAudValue: 'https://other.example.org' } });
      const kinds = [];
      for (const line of lines) {
        const { kind, old: refused } = await compareDecisions(line, new Replay(recording.settings), new Replay(wider));
        expect(refused.decision.decision).to.equal('deny');
        kinds.push(kind);
      }
      // The last but one is read by its claims: its audience is not the new one.
      expect(kinds).to.deep.equal(['opened', 'same', 'same', 'same', 'reason', 'same']);
    });
  });
}

describe('recordRequests behind FHIR Works', () => {
  let clinic: Clinic;
  let issuer: Issuer;
  let recording: Recording;
  const quiet = sinon.createSandbox();
  let works: { readonly origin: string; readonly close: () => Promise<void> };

  before(async () => {
    // The router prints every refusal.
    quiet.replace(console, 'error', () => undefined);
    quiet.replace(console, 'log', () => undefined);
    clinic = await Clinic.open();
    issuer = await Issuer.open();
  });
  after(() => {
    quiet.restore();
    return issuer.close();
  });
  afterEach(() => works.close());

  async function serve(options: Partial<LineOptions> = {}, looksUp = true): Promise<void> {
    await clinic.reset();
    const lookup = recordedLookup((type, id) => clinic.stored(type, id));
    recording = record(settingsOf(issuer), options, looksUp ? { lookup } : {});
    works = await openWorks(clinic, () => recording.handler);
  }

  async function ask(method: string, path: string, token: string, body?: Json): Promise<number> {
    const { status } = await fetch(`${works.origin}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    return status;
  }
  const alice = (scope = 'patient/*.cruds'): Promise<string> =>
    issuer.token(scope, { launch_response_patient: 'alice' });

  it('records a transaction with its entries, and what was looked up for them', async () => {
    await serve({ resources: true });
    const own = bundle(
      'transaction',
      entry('POST', 'Observation', observation('alice')),
      entry('PUT', 'Observation/alice-obs-1', { ...observation('alice'), id: 'alice-obs-1' }),
    );
    expect(await ask('POST', '/', await alice(), own)).to.equal(200);
    const others = { ...observation('alice'), id: 'bob-obs-1' };
    expect(
      await ask('POST', '/', await alice(), bundle('transaction', entry('PUT', 'Observation/bob-obs-1', others))),
    ).to.equal(401);
    const lines = recording.requests().filter(({ operation }) => operation === 'transaction');
    expect(lines.map(({ entries }) => entries?.map(({ operation }) => operation))).to.deep.equal([
      ['create', 'update'],
      ['update'],
    ]);
    expect(lines[1]?.entries?.[0]?.storedResource).to.include({ id: 'bob-obs-1' });
    const replay = new Replay(recording.settings);
    expect((await replay.outcome(lines[0]!)).decision.decision).to.equal('allow');
    const refused = await replay.outcome(lines[1]!);
    expect(refused).to.include({ entry: 1 });
    expect(refused.decision.reasons[0]).to.include({ code: 'not-referenced', state: 'stored' });
  });

  it('judges an update of somebody else’s by what was looked up, if it is recorded', async () => {
    for (const [resources, looksUp, expected] of [
      ['references', true, 'deny'],
      ['references', false, 'allow'],
    ] as const) {
      await serve({ resources }, looksUp);
      const status = await ask('PUT', '/Observation/bob-obs-1', await alice(), {
        ...observation('alice'),
        id: 'bob-obs-1',
      });
      expect(status === 401 ? 'deny' : 'allow').to.equal(expected);
      const [line] = recording.requests().filter(({ operation }) => operation === 'update');
      expect(line).to.include({ resourceType: 'Observation', id: 'bob-obs-1' });
      expect(recording.lines.join('\n')).not.to.include('SECRET');
      expect((await new Replay(recording.settings).outcome(line!)).decision.decision).to.equal(expected);
      await works.close();
    }
    await serve();
  });

  it('says what a read was about, though the interface does not', async () => {
    await serve();
    expect(await ask('GET', '/Observation/alice-obs-1', await alice('patient/Observation.rs'))).to.equal(200);
    const lines = recording.requests();
    expect(lines.map(({ operation, resourceType, id }) => [operation, resourceType, id])).to.deep.equal([
      ['read', 'Observation', 'alice-obs-1'],
    ]);
    const { decision } = await new Replay(recording.settings).outcome(lines[0]!);
    expect(decision.decision).to.equal('allow');
  });

  it('records tokens that are refused, or whose scopes do not do, with what was asked', async () => {
    await serve();
    const elsewhere = await issuer.token('patient/*.rs', {
      aud: 'https://x.example',
      launch_response_patient: 'alice',
    });
    expect(await ask('GET', '/Observation/alice-obs-1', elsewhere)).to.equal(401);
    expect(await ask('GET', '/Observation/alice-obs-1', await alice('patient/Patient.rs'))).to.equal(401);
    expect(await ask('GET', '/$export', await alice())).to.equal(401);
    const lines = recording.requests();
    expect(recording.lines.join('\n')).not.to.match(/eyJ/);
    expect(
      lines.map(({ refused, operation, resourceType, bulkDataAuth }) => ({
        refused,
        operation,
        resourceType,
        bulkDataAuth,
      })),
    ).to.deep.equal([
      {
        refused: 'ERR_TOKEN_AUDIENCE',
        operation: 'read',
        resourceType: 'Observation',
        bulkDataAuth: undefined,
      },
      { refused: 'scope-other-type', operation: 'read', resourceType: 'Observation', bulkDataAuth: undefined },
      {
        refused: 'scope-not-for-export',
        operation: 'read',
        resourceType: undefined,
        bulkDataAuth: { operation: 'initiate-export', exportType: 'system' },
      },
    ]);
    const wider = changed(recording.settings, { smart: { expectedAudValue: 'https://x.example' } });
    const { kind } = await compareDecisions(lines[0]!, new Replay(recording.settings), new Replay(wider));
    expect(kind).to.equal('opened');
    const { decision } = await new Replay(recording.settings).outcome(lines[1]!);
    expect(decision.reasons[0]).to.include({ code: 'scope-other-type' });
  });

  it('records an export that was allowed', async () => {
    await serve();
    await ask('GET', '/Group/g1/$export', await issuer.token('system/*.rs'));
    const [line] = recording.requests();
    expect(line).to.deep.include({
      operation: '$export',
      bulkDataAuth: { operation: 'initiate-export', exportType: 'group' },
    });
    expect((await new Replay(recording.settings).outcome(line!)).types).to.include('Observation');
  });
});

import { expect } from 'chai';
import sinon from 'sinon';
import type { SMARTConfig } from '../../src/config.js';
import { compareDecisions } from '../../src/replay/compare.js';
import { Replay } from '../../src/replay/replay.js';
import type { RecordedRequest } from '../../src/replay/request.js';
import { RequestLineError, readRequest } from '../../src/replay/request.js';
import { BASE } from '../http/clinic.js';
import type { ServerSettings } from './recording.js';
import { record, settingsOf } from './recording.js';

const settings = settingsOf({ jwksEndpoint: 'http://127.0.0.1:1/jwks' });
const claims = { iss: 'https://idp.example.org', scope: 'patient/*.cruds', launch_response_patient: 'p1', sub: 'x' };
const userIdentity = {
  ...claims,
  scopes: ['patient/*.cruds'],
  usableScopes: ['patient/*.cruds'],
  patientLaunchContext: { hostname: BASE, resourceType: 'Patient', id: 'p1' },
};
const observation = (patient: string): object => ({
  resourceType: 'Observation',
  id: 'o1',
  subject: { reference: `Patient/${patient}` },
});

async function decided(replay: Replay, request: RecordedRequest): Promise<string> {
  const { decision } = await replay.outcome(request);
  return decision.decision === 'allow' ? `allow ${decision.code}` : `deny ${decision.reasons[0]?.code ?? ''}`;
}

describe('Replay', () => {
  it('takes what was stored out of the line, and asks a lookup of the host’s where the line has nothing', async () => {
    const update = { claims, operation: 'update', resourceType: 'Observation', id: 'o1' } as const;
    const sent = { ...update, resource: observation('p1') };
    const replay = new Replay(settings);
    expect(await decided(replay, sent)).to.equal('allow referenced');
    expect(await decided(replay, { ...sent, storedResource: observation('p2') })).to.equal('deny not-referenced');
    const looking = new Replay(settings, { lookup: () => observation('p2') });
    expect(await decided(looking, sent)).to.equal('deny not-referenced');
    expect(await decided(looking, { ...sent, storedResource: observation('p1') })).to.equal('allow referenced');
  });

  it('asks the host’s own rule', async () => {
    const request = { claims, operation: 'read', resourceType: 'Observation', resource: observation('p1') } as const;
    const narrowed = new Replay(settings, { narrow: ({ identity }) => identity !== 'Patient/p1' });
    const { kind } = await compareDecisions(request, new Replay(settings), narrowed);
    expect(kind).to.equal('closed');
    expect(await decided(narrowed, request)).to.equal('deny host-rule');
  });

  it('finds the tenant by the recorded base URL', async () => {
    const of = (tenant: string): SMARTConfig => ({ ...settings.smart, expectedIssValue: `https://${tenant}.example` });
    const tenants = { 'https://fhir.example.org/a': of('a'), 'https://fhir.example.org/b': of('b') };
    const replay = new Replay(settings, {
      tenantOf: ({ fhirServiceBaseUrl: apiUrl = '' }) => {
        if (apiUrl === 'https://fhir.example.org/broken') throw new Error('no such tenant');
        const config = Object.hasOwn(tenants, apiUrl) ? tenants[apiUrl as keyof typeof tenants] : undefined;
        return config && { config, apiUrl };
      },
    });
    const request = {
      claims: { ...claims, iss: 'https://a.example' },
      operation: 'read',
      resourceType: 'Patient',
    } as const;
    const outcomes = [];
    for (const path of ['/a', '/b', '/c', '/broken']) {
      outcomes.push(await decided(replay, { ...request, baseUrl: `https://fhir.example.org${path}` }));
    }
    expect(outcomes).to.deep.equal([
      'allow scope-covers',
      'deny token-invalid',
      'deny tenant-mismatch',
      'deny tenant-mismatch',
    ]);
    expect(await decided(replay, request)).to.equal('deny tenant-mismatch');
  });

  it('decides a transaction by its entries, and says which refuses it', async () => {
    const transaction = (...patients: string[]): RecordedRequest => ({
      claims,
      operation: 'transaction',
      entries: patients.map((patient) => ({
        operation: 'create',
        resourceType: 'Observation',
        resource: observation(patient),
      })),
    });
    const replay = new Replay(settings);
    expect((await replay.outcome(transaction('p1', 'p1'))).decision).to.include({ decision: 'allow' });
    expect(await replay.outcome(transaction('p1', 'p2', 'p3'))).to.include({ entry: 2 });
    // Another entry refuses it now: refused all the same, for another reason.
    const bySystem = { ...transaction('p2'), claims: { ...claims, scope: 'system/*.u' } };
    expect((await replay.outcome(bySystem)).decision.decision).to.equal('deny');
    const write = ['create'];
    const only: ServerSettings = {
      ...settings,
      smart: { ...settings.smart, scopeRule: { patient: { read: [], write } } as never },
    };
    expect(await decided(new Replay(only), transaction('p1'))).to.equal('deny scope-rule-excludes');
  });

  it('reads lines as they were written before there were entries, exports and refusals', async () => {
    const older = [
      { claims, operation: 'read', resourceType: 'Observation', id: 'o1' },
      { claims, operation: 'search-type', resourceType: 'Observation', query: [['status', 'final']] },
      { claims, operation: 'read', bulkDataAuth: { operation: 'initiate-export', exportType: 'system' } },
      { claims, operation: 'transaction' },
      { claims, operation: 'delete', resourceType: 'Observation', storedResource: observation('p1') },
      { claims, operation: 'patch', resourceType: 'Observation', patch: [], storedResource: observation('p1') },
      { claims, operation: 'update', resourceType: 'Observation', conditional: true, vid: '1', baseUrl: BASE },
      { claims, operation: 'search-type', bundle: { resourceType: 'Bundle', type: 'searchset', entry: [] } },
      { claims, operation: '$everything', resourceType: 'Patient', id: 'p1' },
    ].map((line) => readRequest(JSON.stringify(line)));
    const outcomes = [];
    for (const line of older) outcomes.push(await decided(new Replay(settings), line));
    expect(outcomes).to.deep.equal([
      'allow scope-covers',
      'allow scope-covers',
      'deny scope-not-for-export',
      'allow scope-covers',
      'allow referenced',
      'allow referenced',
      'allow scope-covers',
      'allow scope-covers',
      'allow scope-covers',
    ]);
  });

  it('refuses lines that say what no recorder writes, and repeats nothing of them', () => {
    for (const [line, problem] of [
      ['{"operation": "read"}', 'claims: is missing'],
      ['{"claims": {}, "operation": "authenticate"}', 'operation: must be'],
      ['{"refused": "hunter2 hunter2"}', 'refused: must be the code'],
      ['{"refused": "ERR_TOKEN_KEY", "accessToken": "hunter2"}', 'accessToken: is no key'],
      ['{"claims": {}, "operation": "batch", "entries": [{"operation": "hunter2"}]}', 'entries[0].operation: must be'],
      [
        '{"claims": {}, "operation": "batch", "entries": [{"operation": "read", "claims": {}}]}',
        'entries[0].claims: is no',
      ],
      ['{"claims": {}, "operation": "$export", "filters": [{}]}', 'filters[0].resourceType: is missing'],
      ['[]', 'must be an object'],
      ['null', 'must be an object'],
      ['"x"', 'must be an object'],
      ['['.repeat(100_000), 'no JSON'],
      [`{"claims": {"scope": "${'x'.repeat(70_000)}`, 'no JSON: '],
      [`{"claims": {"scope": "${'x'.repeat(70_000)}" "x"`, 'no JSON: at column 70025'],
    ] as const) {
      expect(() => readRequest(line), line.slice(0, 80))
        .to.throw(RequestLineError, problem)
        .with.property('message')
        .that.does.not.match(/hunter2|xxx/);
    }
  });

  it('takes a claim for what it is, whatever its name', async () => {
    const line = `{"claims": {"__proto__": {"scope": "system/*.cruds"}, "constructor": {}}, "operation": "read", "resourceType": "Patient"}`;
    expect(await decided(new Replay(settings), readRequest(line))).to.equal('deny scope-missing');
  });
});

describe('recordRequests, on a handler that is asked by nobody in particular', () => {
  afterEach(() => {
    sinon.restore();
  });
  const entry = { operation: 'create', resourceType: 'Observation', userIdentity } as const;

  it('writes the line of a batch when no question has come for a while, or another one shows that it is over', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { handler, lines } = record(settings);
    await handler.decide({ operation: 'batch', userIdentity });
    await handler.decide(entry);
    clock.tick(9_000);
    await handler.decide(entry);
    clock.tick(9_000);
    expect(lines).to.deep.equal([]);
    clock.tick(1_001);
    expect(lines.map(readRequest).map(({ entries }) => entries?.length)).to.deep.equal([2]);
    await handler.decide({ operation: 'batch', userIdentity });
    await handler.decide({ operation: 'read', resourceType: 'Observation', userIdentity, resource: observation('p1') });
    expect(lines.map(readRequest).map(({ operation }) => operation)).to.deep.equal(['batch', 'batch', 'read']);
    // What comes too late stands by itself.
    await handler.decide(entry);
    expect(lines).to.have.lengthOf(4);
  });

  it('joins the questions about one entry, in the order of the Bundle, where the asker tells which it is', async () => {
    const { handler, requests } = record(settings);
    const search = { operation: 'search-type', resourceType: 'Observation', userIdentity } as const;
    const about = (position: number): object => ({ entry: position });
    const removal = { operation: 'delete', resourceType: 'Observation', id: 'o1', userIdentity } as const;
    await handler.decide({ operation: 'batch', userIdentity });
    await Promise.all([
      handler
        .decide({ ...entry, conditional: true, ...about(2) })
        .then(() => handler.authorizeSearch({ ...search, query: 'code=1', ...about(2) })),
      handler.authorizeSearch({ ...search, query: 'status=final', ...about(0) }),
      handler.decide({ ...removal, ...about(1) }),
      handler.decide({ ...removal, storedResource: null, ...about(1) }),
    ]);
    expect(requests()[0]?.entries).to.deep.equal([
      { operation: 'search-type', resourceType: 'Observation', query: [['status', 'final']] },
      { operation: 'delete', resourceType: 'Observation', id: 'o1', storedResource: null },
      { operation: 'create', resourceType: 'Observation', conditional: true, query: [['code', '1']] },
    ]);
  });

  it('holds no more than a hundred requests', async () => {
    const { handler, lines } = record(settings);
    const identities = Array.from({ length: 130 }, (_, at) => ({ ...userIdentity, sub: String(at) }));
    for (const identity of identities) {
      await handler.decide({ operation: 'batch', userIdentity: identity });
      await handler.decide({ ...entry, userIdentity: identity });
    }
    // The oldest are written; of each, what had come until then.
    expect(lines.map(readRequest).map(({ claims: { sub }, entries }) => [sub, entries?.length])).to.deep.equal(
      identities.slice(0, 30).map(({ sub }) => [sub, 1]),
    );
  });

  it('keeps the entries of requests apart that run at the same time', async () => {
    const { handler, requests } = record(settings);
    const other = { ...userIdentity, sub: 'y' };
    await Promise.all([
      handler.decide({ operation: 'batch', userIdentity }),
      handler.decide({ operation: 'transaction', userIdentity: other }),
    ]);
    await Promise.all([
      handler.decide(entry),
      handler.decide({ ...entry, userIdentity: other }),
      handler.decide({ ...entry, userIdentity: other }),
      handler.decide({ ...entry, userIdentity: { ...userIdentity } }),
    ]);
    const lines = requests().map(({ operation, claims: { sub }, entries }) => [operation, sub, entries?.length]);
    expect(lines).to.have.deep.members([
      ['create', 'x', undefined],
      ['batch', 'x', 1],
      ['transaction', 'y', 2],
    ]);
  });

  it('writes down the result of a patch in place of its values', async () => {
    const { handler, requests, lines } = record(settings, { resources: 'references' });
    const patch = { operation: 'patch', resourceType: 'Observation', id: 'o1', userIdentity } as const;
    const stolen = [{ op: 'replace', path: '/subject/reference', value: 'Patient/p2' }];
    const asked = [
      { ...patch, storedResource: observation('p1'), patch: [{ op: 'add', path: '/valueString', value: 'SECRET' }] },
      { ...patch, storedResource: observation('p1'), patch: stolen },
      { ...patch, storedResource: observation('p1'), patch: { valueString: 'SECRET' } },
      { ...patch, storedResource: observation('p1'), patch: [{ op: 'remove', path: '/SECRET' }] },
      { ...patch, patch: stolen },
    ];
    const made = [];
    for (const each of asked) made.push((await handler.decide(each)).decision);
    expect(made).to.deep.equal(['allow', 'deny', 'allow', 'deny', 'deny']);
    expect(lines.join()).not.to.include('SECRET');
    const again = [];
    for (const line of requests()) again.push((await new Replay(settings).outcome(line)).decision.decision);
    expect(again).to.deep.equal(made);
  });
});

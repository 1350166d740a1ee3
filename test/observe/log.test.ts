import { Writable } from 'node:stream';
import { expect } from 'chai';
import { pino } from 'pino';
import { logDecisions, logRequests } from '../../src/observe/index.js';
import { plainScope } from '../../src/observe/labels.js';
import { Issuer } from '../http/clinic.js';
import { send } from '../http/send.js';
import { fakeUpstream, openGateway } from '../gateway/open-gateway.js';

type Json = Readonly<Record<string, unknown>>;

/** A pino logger, and the lines that it wrote. */
function logger(): {
  readonly log: ReturnType<typeof pino>;
  readonly lines: () => readonly Json[];
  readonly text: () => string;
} {
  const chunks: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk.toString());
      done();
    },
  });
  const text = (): string => chunks.join('');
  const lines = (): readonly Json[] =>
    text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
  return { log: pino({ base: null, timestamp: false }, stream), lines, text };
}

describe('the log', () => {
  it('has a line for each decision and each request, and names nobody in it', async () => {
    const { log, lines, text } = logger();
    const issuer = await Issuer.open();
    const handler = issuer.handler({ onDecision: logDecisions(log) });
    const upstream = await fakeUpstream((request, response) => {
      const id = /Patient\/(\w+)/.exec(request.url ?? '')?.[1];
      response.statusCode = id === 'broken' ? 302 : 200;
      response.setHeader('content-type', 'application/fhir+json');
      response.end(JSON.stringify({ resourceType: 'Patient', id, name: [{ family: 'SECRET' }] }));
    });
    const gateway = await openGateway(handler, upstream, { onRequest: logRequests(log) });
    const token = await issuer.token('patient/Patient.rs patient/Observation.rs?subject=Patient/alice openid SECRET', {
      launch_response_patient: 'Patient/alice',
      sub: 'SECRET',
    });
    await send(gateway, '/Patient/alice', { token });
    await send(gateway, '/Patient/bob', { token });
    await send(gateway, '/Patient/broken', { token });
    await send(gateway, '/Observation/$SECRET', { token });
    await send(gateway, '/Patient/alice', { token: 'SECRET' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await gateway.close();
    await upstream.close();
    await issuer.close();

    expect(text()).to.not.match(/SECRET|alice|bob|eyJ|Bearer/);
    const requests = lines().filter(({ event }) => event === 'request');
    expect(
      requests.map(({ level, operation, status, failure, answeredBy }) => [
        level,
        operation,
        status,
        failure,
        answeredBy,
      ]),
    ).to.deep.equal([
      [30, 'read', 200, undefined, 'upstream'],
      [30, 'read', 403, undefined, 'upstream'],
      [50, 'none', 502, 'ERR_UPSTREAM_REDIRECT', 'gateway'],
      [30, 'none', 403, undefined, 'guard'],
      [30, 'none', 401, undefined, 'guard'],
    ]);
    expect(requests[0]).to.have.all.keys(
      ...[
        'level',
        'event',
        'requestId',
        'method',
        'operation',
        'resourceType',
        'status',
        'answeredBy',
        'durationMs',
        'upstreamMs',
        'msg',
      ],
    );
    const decisions = lines().filter(({ event }) => event === 'decision');
    const allowed = decisions.find(({ code }) => code === 'self');
    expect(allowed).to.deep.equal({
      level: 30,
      event: 'decision',
      method: 'decide',
      operation: 'read',
      resourceType: 'Patient',
      decision: 'allow',
      code: 'self',
      grant: { level: 'patient', scope: 'patient/Patient.rs' },
      msg: 'access allowed',
    });
    const denied = decisions.find(({ code, level }) => code === 'not-referenced' && level === 40);
    expect(denied).to.include({ operation: 'read', resourceType: 'Patient', decision: 'deny', msg: 'access denied' });
    const invalid = decisions.find(({ code }) => code === 'token-invalid');
    expect(invalid).to.have.nested.property('reasons[0].name').that.matches(/^ERR_/);
    expect(decisions.some(({ operation }) => operation === 'other')).to.equal(true);
  });

  it('says how many entries were kept', () => {
    const { log, lines } = logger();
    const decision = { decision: 'allow', code: 'scope-covers', reasons: [] } as const;
    logDecisions(log)({
      method: 'filterBundle',
      operation: 'search-type',
      decision,
      filtered: { kept: 2, dropped: 3 },
    });
    expect(lines()[0]).to.include({ kept: 2, dropped: 3 });
  });

  it('shows of a scope what every token could have', () => {
    const cases: readonly (readonly [string, string | undefined])[] = [
      ['patient/Observation.rs?subject=Patient/1', 'patient/Observation.rs'],
      ['system/*.cruds', 'system/*.cruds'],
      ['user/Patient.read', 'user/Patient.read'],
      ['patient/Observation.rs#x', undefined],
      ['patient/1', undefined],
      ['Maria Meier', undefined],
    ];
    for (const [scope, shown] of cases) expect(plainScope(scope), scope).to.equal(shown);
  });
});

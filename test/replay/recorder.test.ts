import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createHandlerFrom } from '../../src/config-file/create.js';
import { readConfig } from '../../src/config-file/read.js';
import type { Settings } from '../../src/config-file/settings.js';
import { appendLines, recordRequests } from '../../src/replay/recorder.js';
import type { RecordedRequest } from '../../src/replay/request.js';
import { readRequest } from '../../src/replay/request.js';
import { Replay } from '../../src/replay/replay.js';
import { largest, smallest } from '../config-file/settings.js';

const base = 'https://fhir.example.org';
const JWT = `eyJhbGciOiJFUzI1NiJ9.${'a'.repeat(40)}.${'b'.repeat(40)}`;

const identity = {
  iss: 'https://idp.example.org',
  aud: base,
  sub: 'u1',
  scope: 'openid patient/*.rs',
  launch_response_patient: 'p1',
  name: 'Alice Example',
  email: 'alice@example.org',
  jti: 'id-of-the-token',
  scopes: ['openid', 'patient/*.rs'],
  usableScopes: ['patient/*.rs'],
  patientLaunchContext: { hostname: base, resourceType: 'Patient', id: 'p1' },
};
const mine = { resourceType: 'Observation', id: 'o1', subject: { reference: 'Patient/p1' } };
const other = { resourceType: 'Observation', id: 'o2', subject: { reference: 'Patient/p2' } };

function recording(options: { resources?: boolean; claims?: string[] } = {}, file: object = smallest()) {
  const settings = readConfig(file, { env: {} }) as Settings & { baseUrl: string };
  const handler = createHandlerFrom(settings);
  const lines: string[] = [];
  const stop = recordRequests(handler, { ...settings, ...options, write: (line) => lines.push(line) });
  const requests = (): RecordedRequest[] => lines.map(readRequest);
  return { settings, handler, lines, requests, stop };
}

describe('recordRequests', () => {
  it('writes what a decision depends on, and none of the other claims', async () => {
    const { handler, requests } = recording();
    const decision = await handler.decide({
      operation: 'read',
      resourceType: 'Observation',
      id: 'o1',
      userIdentity: identity,
      resource: mine,
    });
    expect(decision.decision).to.equal('allow');
    expect(requests()).to.deep.equal([
      {
        claims: {
          iss: 'https://idp.example.org',
          aud: base,
          sub: 'u1',
          scope: 'openid patient/*.rs',
          launch_response_patient: 'p1',
        },
        operation: 'read',
        resourceType: 'Observation',
        id: 'o1',
      },
    ]);
  });

  it('keeps the claims that admin rules look at, and those that are asked for', async () => {
    const { handler, requests } = recording(
      { claims: ['name'] },
      { ...largest(), gateway: undefined, $schema: undefined, smart: smallest().smart },
    );
    const userIdentity = { ...identity, organizations: ['Organization/1'] };
    await handler.decide({ operation: 'read', resourceType: 'Patient', userIdentity });
    expect(requests()[0]?.claims).to.include({ name: 'Alice Example' }).and.to.have.property('organizations');
  });

  it('keeps no more than the context where its claims have no prefix', async () => {
    const file = smallest();
    file.smart['launchContextPathPrefix'] = '';
    const { handler, requests } = recording({}, file);
    const userIdentity = { ...identity, patient: 'p1', encounter: 'e1' };
    await handler.decide({ operation: 'read', resourceType: 'Patient', userIdentity });
    expect(Object.keys(requests()[0]?.claims ?? {})).to.have.members([
      'iss',
      'aud',
      'sub',
      'scope',
      'patient',
      'encounter',
    ]);
  });

  it('writes resources only if it is told to', async () => {
    const ask = async (resources: boolean): Promise<string> => {
      const { handler, lines } = recording({ resources });
      await handler.decide({
        operation: 'update',
        resourceType: 'Observation',
        userIdentity: identity,
        resource: mine,
        storedResource: { ...mine, status: 'final' },
      });
      await handler.decide({
        operation: 'patch',
        resourceType: 'Observation',
        userIdentity: identity,
        patch: [{ op: 'add', path: '/x', value: 'o1-patch' }],
        storedResource: mine,
      });
      const bundle = { resourceType: 'Bundle', type: 'searchset', entry: [{ resource: mine }, { resource: other }] };
      await handler.filterBundle({ operation: 'search-type', userIdentity: identity, bundle });
      await handler.authorizeAndFilterReadResponse({
        operation: 'read',
        userIdentity: identity,
        readResponse: mine,
        requestContext: {} as never,
      });
      return lines.join('\n');
    };
    expect(await ask(false)).not.to.match(/o1|o2|final|p2/);
    const all = await ask(true);
    for (const part of ['"resource":', '"storedResource":', '"patch":', '"bundle":', 'o2', 'final', 'o1-patch']) {
      expect(all).to.include(part);
    }
  });

  it('never writes a token, wherever one may stand', async () => {
    const { handler, lines } = recording({ resources: true, claims: ['jti', 'act'] });
    await handler.decide({ operation: 'read', resourceType: 'Observation', accessToken: JWT }).catch(() => undefined);
    expect(lines.splice(0), 'who asks is not known').to.deep.equal([
      '{"refused":"ERR_TOKEN_KEY","operation":"read","resourceType":"Observation"}',
    ]);
    const userIdentity = { ...identity, jti: JWT, act: { token: `Bearer ${JWT}` } };
    await handler.authorizeSearch({
      operation: 'search-type',
      resourceType: 'Observation',
      userIdentity,
      query: `access_token=${JWT}&Access_Token=opaque-secret&code=${JWT}&status=final`,
    });
    await handler.decide({
      operation: 'create',
      userIdentity,
      resource: { ...mine, note: [{ text: JWT.slice(0, 50) }, { text: `x_${JWT}` }, { text: `xy${JWT}` }] },
    });
    expect(lines).to.have.lengthOf(2);
    expect(lines.join()).not.to.match(/eyJ|opaque-secret/);
    expect(lines.join()).to.include('(token)').and.to.include('"status","final"');
  });

  it('takes no longer for texts that clients choose than they are long', async () => {
    const { handler, lines } = recording({ resources: true });
    const note = 'eyJ-'.repeat(500_000);
    const started = process.hrtime.bigint();
    await handler.decide({ operation: 'create', userIdentity: identity, resource: { ...mine, note } });
    // Looking for the end of a token from each beginning would take hours.
    expect(Number(process.hrtime.bigint() - started) / 1e9).to.be.lessThan(20);
    expect(lines[0]).to.have.length.greaterThan(2_000_000);
  });

  it('changes no decision, also when it fails', async () => {
    const settings = readConfig(smallest());
    const handler = createHandlerFrom(settings);
    const request = { operation: 'read', resourceType: 'Observation', userIdentity: identity, resource: mine } as const;
    const before = await handler.decide(request);
    recordRequests(handler, {
      ...settings,
      write: () => {
        throw new Error('the disk is full');
      },
    });
    expect(await handler.decide(request)).to.deep.equal(before);
    const circular: Record<string, unknown> = { ...identity };
    circular['scope'] = circular;
    expect((await handler.decide({ ...request, userIdentity: circular })).decision).to.equal('allow');
  });

  it('records what the interface of FHIR Works asks, and ends when it is told', async () => {
    const { handler, requests, stop } = recording({ resources: true });
    const write = { userIdentity: identity, operation: 'delete', resourceBody: mine } as never;
    await handler.isWriteRequestAuthorized(write).catch(() => undefined);
    await handler.isAuthorized({ operation: 'read', resourceType: 'Patient', userIdentity: identity });
    expect(requests().map(({ operation }) => operation)).to.deep.equal(['delete', 'read']);
    expect(requests()[0]).to.have.property('storedResource');
    stop();
    await handler.decide({ operation: 'read', resourceType: 'Patient', userIdentity: identity });
    expect(requests()).to.have.lengthOf(2);
  });

  it('stands on another recorder, or under one, whichever ends first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const settings = readConfig(smallest(), { env: {} }) as Settings & { baseUrl: string };
      const handler = createHandlerFrom(settings);
      const lines: string[][] = [[], []];
      const stops = lines.map((each) => recordRequests(handler, { ...settings, write: (line) => each.push(line) }));
      const ask = (): Promise<unknown> =>
        handler.decide({ operation: 'read', resourceType: 'Patient', userIdentity: identity });
      const counts = [];
      for (const at of [...order, 0]) {
        await ask();
        counts.push(lines.map((each) => each.length));
        stops[at]!();
      }
      const [first = 0] = order;
      const after = first === 0 ? [1, 2] : [2, 1];
      expect(counts).to.deep.equal([[1, 1], after, after]);
      expect(Object.keys(handler)).to.deep.equal([]);
    }
  });

  it('replays to the decision that was made', async () => {
    const { handler, requests, settings } = recording({ resources: true });
    const made = [];
    for (const resource of [mine, other, { resourceType: 'Patient', id: 'p1' }, 7]) {
      made.push(
        await handler.decide({ operation: 'read', resourceType: 'Observation', userIdentity: identity, resource }),
      );
    }
    const replay = new Replay(settings);
    const again = await Promise.all(requests().map(async (request) => (await replay.outcome(request)).decision));
    expect(again).to.deep.equal(made);
    expect(new Set(made.map(({ decision }) => decision))).to.deep.equal(new Set(['allow', 'deny']));
  });

  it('appends to a file of its owner’s', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'recorder-'));
    const path = join(directory, 'requests.jsonl');
    const write = appendLines(path);
    write('{"a":1}');
    write('{"a":2}');
    write.close();
    expect(await readFile(path, 'utf8')).to.equal('{"a":1}\n{"a":2}\n');
    if (process.platform !== 'win32') expect((await stat(path)).mode & 0o777).to.equal(0o600);
    await rm(directory, { recursive: true });
  });
});

import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { createHandlerFrom } from '../../src/config-file/create.js';
import { readConfig } from '../../src/config-file/read.js';
import type { Settings } from '../../src/config-file/settings.js';
import { smartFhirExpress } from '../../src/http/express.js';
import { compareDecisions } from '../../src/replay/compare.js';
import { recordRequests } from '../../src/replay/recorder.js';
import { Replay } from '../../src/replay/replay.js';
import { readRequest } from '../../src/replay/request.js';
import { smallest } from '../config-file/settings.js';

const BASE = 'https://fhir.example.org';

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
}

describe('recordRequests behind Express', () => {
  const servers: Server[] = [];
  const lines: string[] = [];
  let origin = '';
  let token = '';
  let settings: Settings & { baseUrl: string };

  before(async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }] });
    const issuer = createServer((_, response) => response.end(keys));
    servers.push(issuer);
    const file = smallest();
    settings = readConfig({ ...file, smart: { ...file.smart, jwksEndpoint: await listen(issuer) } }) as typeof settings;
    token = await new SignJWT({ scope: 'patient/*.rs', launch_response_patient: 'p1', name: 'Alice Example' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
      .setIssuer('https://idp.example.org')
      .setAudience(BASE)
      .setSubject('u1')
      .setExpirationTime('5m')
      .sign(privateKey);

    const handler = createHandlerFrom(settings);
    recordRequests(handler, { ...settings, resources: true, write: (line) => lines.push(line) });
    const observation = (id: string, patient: string): object => ({
      resourceType: 'Observation',
      id,
      subject: { reference: `Patient/${patient}` },
    });
    const stored: Readonly<Record<string, object>> = {
      own: observation('own', 'p1'),
      others: observation('others', 'p2'),
    };
    const app = express();
    app.use(smartFhirExpress(handler, { baseUrl: BASE, fhirVersion: '4.0.1' }));
    app.get('/Observation', (_, response) => {
      const entry = Object.values(stored).map((resource) => ({ resource }));
      response.type('application/fhir+json').send(JSON.stringify({ resourceType: 'Bundle', type: 'searchset', entry }));
    });
    app.get('/Observation/:id', (request, response) => {
      response.type('application/fhir+json').send(JSON.stringify(stored[request.params.id]));
    });
    const server = createServer(app);
    servers.push(server);
    origin = await listen(server);
  });
  after(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });
  beforeEach(() => {
    lines.length = 0;
  });

  const get = (path: string, bearer = token): Promise<Response> =>
    fetch(`${origin}${path}`, { headers: { authorization: `Bearer ${bearer}` } });

  it('records what is asked and what was found, and no token', async () => {
    expect((await get('/Observation/own')).status).to.equal(200);
    expect((await get('/Observation/others')).status).to.equal(403);
    expect(lines.length).to.be.greaterThan(1);
    expect(lines.join()).not.to.match(/eyJ|Alice/);
    expect(lines.join()).to.include('"id":"own"').and.to.include('"id":"others"');
    expect((await get('/Observation/own', `${token}x`)).status).to.equal(401);
    expect(lines.join()).not.to.include('eyJ');
  });

  it('replays to the answers that were given', async () => {
    const replay = new Replay(settings);
    for (const [path, status] of [
      ['/Observation/own', 200],
      ['/Observation/others', 403],
    ] as const) {
      lines.length = 0;
      expect((await get(path)).status).to.equal(status);
      const judged = lines.map(readRequest).filter(({ resource }) => resource !== undefined);
      expect(judged, path).to.have.lengthOf(1);
      const { decision } = await replay.outcome(judged[0]!);
      expect(decision.decision, path).to.equal(status === 200 ? 'allow' : 'deny');
    }
  });

  it('tells which entries of a search another configuration would show', async () => {
    const { entry } = (await (await get('/Observation')).json()) as { entry: unknown[] };
    expect(entry).to.have.lengthOf(1);
    const [bundle] = lines.map(readRequest).filter((request) => request.bundle !== undefined);
    const wider = new Replay({ ...settings, smart: { ...settings.smart, launchContextPathPrefix: 'other_' } });
    const compared = await compareDecisions(bundle!, new Replay(settings), wider);
    expect(compared.old.entries).to.deep.equal([true, false]);
    expect(compared.kind).to.equal('closed');
  });
});

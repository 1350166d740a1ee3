// From requests over HTTP, through a file, to what would change.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { createHandlerFrom, readConfigFile } from '../../src/config-file/index.js';
import type { Settings } from '../../src/config-file/index.js';
import { appendLines, recordRequests } from '../../src/replay/index.js';
import { FULL_RULE } from '../../src/scope/rule.js';
import { BASE, Clinic, Issuer } from '../http/clinic.js';
import { Exporter } from '../http/exporter.js';
import { HOSTS } from '../http/hosts.js';
import { send } from '../http/send.js';
import { settingsOf } from '../replay/recording.js';
import { commandLine, useDirectory } from './command-line.js';

describe('smart-fhir-authz compare, with what recordRequests has written', () => {
  const file = useDirectory();
  let clinic: Clinic;
  let issuer: Issuer;
  before(async () => {
    clinic = await Clinic.open();
    issuer = await Issuer.open();
  });
  after(() => issuer.close());

  it('tells of a batch, an export and a token what another configuration makes of them', async () => {
    const config = settingsOf(issuer);
    const audiences = [BASE, 'https://new.example.org'];
    const readOnly = { read: FULL_RULE.read, write: ['batch', 'transaction'] };
    const next = {
      ...config,
      smart: {
        ...config.smart,
        expectedAudValue: audiences,
        scopeRule: { patient: readOnly, user: FULL_RULE, system: FULL_RULE },
      },
      access: {},
    };
    await writeFile(file('old.json'), JSON.stringify(config));
    await writeFile(file('new.json'), JSON.stringify(next));

    const settings: Settings = await readConfigFile(file('old.json'));
    const handler = createHandlerFrom(settings);
    const write = appendLines(file('requests.jsonl'));
    const stop = recordRequests(handler, { ...settings, write, resources: 'references' });
    const host = await HOSTS['Express 5']!(clinic, handler, { bulkData: {} }, new Exporter().serve);
    const alice = await issuer.token('patient/*.cruds', { launch_response_patient: 'alice' });
    const entry = [
      { request: { method: 'GET', url: 'Patient/alice' } },
      {
        request: { method: 'POST', url: 'Observation' },
        resource: { resourceType: 'Observation', status: 'final', subject: { reference: 'Patient/alice' } },
      },
    ];
    const body = { resourceType: 'Bundle', type: 'transaction', entry };
    const early = await issuer.token('patient/*.rs', {
      aud: 'https://new.example.org',
      launch_response_patient: 'alice',
    });
    const statuses = [
      (await send(host, '', { method: 'POST', token: alice, body })).status,
      (await send(host, '/Patient/$export', { token: await issuer.token('system/*.rs') })).status,
      (await send(host, '/Patient/alice', { token: early })).status,
      (await send(host, '/Patient/bob', { token: alice })).status,
    ];
    await host.close();
    stop();
    write.close();
    expect(statuses).to.deep.equal([200, 202, 401, 403]);
    expect(await readFile(file('requests.jsonl'), 'utf8')).not.to.match(/eyJ|SECRET/);
    if (process.platform !== 'win32') expect((await stat(file('requests.jsonl'))).mode & 0o777).to.equal(0o600);

    const argv = ['compare', '--requests', file('requests.jsonl'), file('old.json')];
    const same = await commandLine([...argv, file('old.json')]);
    expect(same.exitCode, same.stdout).to.equal(0);
    const { exitCode, stdout } = await commandLine([...argv, file('new.json')]);
    expect(exitCode).to.equal(1);
    const kinds = [...stdout.matchAll(/^line \d+ {2}(\S+).* {2}(\w+)$/gm)].map(([, what, kind]) => `${what} ${kind}`);
    // What a creation answers with is judged by the right to create, which is gone as well.
    expect(kinds).to.have.members(['transaction closed', 'create closed', '$export closed', 'token opened']);
    expect(stdout).to.include('deny scope-rule-excludes [patient/*.cruds], for entry 2');
  });
});

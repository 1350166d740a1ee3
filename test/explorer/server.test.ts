import { request } from 'node:http';
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { DEMO_SETTINGS, EXAMPLE_IDENTITIES, EXAMPLE_RESOURCES } from '../../src/explorer/demo.js';
import type { Answer, PageConfig } from '../../src/explorer/answer.js';
import type { RunningExplorer } from '../../src/explorer/server.js';
import { serveExplorer } from '../../src/explorer/server.js';

const pages = new URL('../../src/explorer/page/', import.meta.url);

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

describe('the server of the explorer', () => {
  let explorer: RunningExplorer;
  let port = 0;

  before(async () => {
    explorer = await serveExplorer(
      { ...DEMO_SETTINGS, smart: { ...DEMO_SETTINGS.smart, jwksHeaders: { authorization: 'hunter2' } } },
      { pages },
    );
    port = Number(new URL(explorer.url).port);
  });
  after(() => explorer.close());

  function send(
    path: string,
    {
      method = 'GET',
      headers = {},
      body,
    }: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  function ask(question: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const own = { 'content-type': 'application/json', origin: `http://127.0.0.1:${port}` };
    const body = typeof question === 'string' ? question : JSON.stringify(question);
    return send('/api/answer', { method: 'POST', headers: { ...own, ...headers }, body });
  }

  async function answer(question: unknown): Promise<Answer> {
    const { status, text } = await ask(question);
    expect(status, text).to.equal(200);
    return JSON.parse(text) as Answer;
  }

  const claims = { scope: 'patient/*.rs', launch_response_patient: 'p1' };
  const observation = { resourceType: 'Observation', id: 'o1', subject: { reference: 'Patient/p1' } };

  it('serves every file of the page, and no other', async () => {
    for (const file of readdirSync(pages)) {
      const { status, text, headers } = await send(file === 'index.html' ? '/' : `/${file}`);
      expect(status, file).to.equal(200);
      expect(text).to.equal(readFileSync(new URL(file, pages), 'utf8'));
      expect(headers['content-type']).to.match(/^(?:text\/(?:html|css|javascript); charset=utf-8|image\/svg\+xml)$/);
    }
    for (const path of [
      '/index.html',
      '/../server.ts',
      '/%2e%2e/server.ts',
      '/page.css?x',
      '//',
      '/constructor',
      '/api/answer/',
    ]) {
      const { status } = await send(path);
      expect(status, path).to.be.oneOf([400, 404]);
    }
  });

  it('lets nothing run but its own files, on any answer', async () => {
    for (const path of ['/', '/main.mjs', '/api/config', '/nowhere']) {
      const { headers } = await send(path);
      const policy = String(headers['content-security-policy']);
      expect(policy)
        .to.include("default-src 'none'")
        .and.to.include("script-src 'self'")
        .and.to.include("trusted-types 'none'");
      expect(policy).not.to.match(/unsafe|\*|https?:|data:/);
      expect(headers['x-content-type-options']).to.equal('nosniff');
      expect(headers['access-control-allow-origin']).to.equal(undefined);
    }
    const page = readFileSync(new URL('index.html', pages), 'utf8');
    expect(page).not.to.match(/<script>|<style|style=|\son[a-z]+=|https?:/);
  });

  it('answers to names of this machine only', async () => {
    for (const host of [`localhost:${port}`, `LOCALHOST:${port}`, `127.0.0.1:${port}`]) {
      expect((await send('/', { headers: { host } })).status, host).to.equal(200);
    }
    for (const host of [
      'attacker.example',
      `attacker.example:${port}`,
      'localhost',
      `localhost.attacker.example:${port}`,
      `0.0.0.0:${port}`,
    ]) {
      expect((await send('/api/config', { headers: { host } })).status, host).to.equal(421);
      expect((await ask({ claims, operation: 'read' }, { host })).status, host).to.equal(421);
    }
  });

  it('is asked by its own page only', async () => {
    const question = { claims, operation: 'read', resourceType: 'Observation' };
    expect((await ask(question)).status).to.equal(200);
    for (const origin of [
      'http://attacker.example',
      'null',
      '',
      `http://localhost:${port}`,
      `https://127.0.0.1:${port}`,
    ]) {
      expect((await ask(question, { origin })).status, origin).to.equal(403);
    }
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'application/jsonp',
    ]) {
      expect((await ask(question, { 'content-type': type })).status, type).to.equal(415);
    }
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      expect((await send('/api/answer', { method })).status, method).to.equal(405);
    }
    expect((await send('/', { method: 'POST' })).status).to.equal(405);
  });

  it('reads no more than it has to', async () => {
    const { status } = await ask(
      JSON.stringify({ claims: { scope: 'x'.repeat(6 * 1024 * 1024) }, operation: 'read' }),
    ).catch(() => ({ status: 413 }));
    expect(status).to.equal(413);
  });

  it('says what is wrong with a question, and repeats nothing of it', async () => {
    for (const [question, said] of [
      ['{"claims": ', 'syntax'],
      ['{"claims": {}, "claims": {}}', 'repeated-name'],
      ['[]', 'must be an object'],
      [{ claims, operation: '<script>alert(1)</script>' }, 'operation: must be a FHIR interaction'],
      [{ claims: [], operation: 'read' }, 'claims: must be an object'],
      [{ claims, operation: 'read', accessToken: 'hunter3' }, 'accessToken: is no key'],
    ] as const) {
      const { status, text } = await ask(question);
      expect(status).to.equal(400);
      expect((JSON.parse(text) as { error: string }).error).to.include(said);
      expect(text).not.to.match(/hunter|alert/);
    }
  });

  it('tells the page about the configuration, but no secret', async () => {
    const { text } = await send('/api/config');
    const config = JSON.parse(text) as PageConfig;
    expect(config).to.include({ name: 'demo', fhirVersion: '4.0.1', scopeKey: 'scope' });
    expect(config.resourceTypes).to.include('Observation');
    expect(text).not.to.include('hunter2');
  });

  it('shows the grant and the reference that carried a permission', async () => {
    const { decision, text } = await answer({
      claims,
      operation: 'read',
      resourceType: 'Observation',
      resource: observation,
    });
    expect(decision).to.deep.include({ decision: 'allow', code: 'referenced', path: 'subject' });
    expect(text).to.include('patient/*.rs').and.to.include('at subject');
  });

  it('shows the nearest grant first, and what it lacked', async () => {
    const { reasons, decision } = await answer({
      claims: {
        ...claims,
        scope: 'patient/Patient.rs patient/Observation.c patient/Observation.rs?category=laboratory user/*.rs bad/*.rs',
      },
      operation: 'read',
      resourceType: 'Observation',
      resource: observation,
    });
    expect(decision.decision).to.equal('deny');
    expect(reasons.map(({ code }) => code)).to.deep.equal([
      'constraint-not-met',
      'user-missing',
      'scope-lacks-interaction',
      'scope-other-type',
      'scope-unparsable',
    ]);
    expect(reasons[0]?.text).to.equal('the resource does not meet its granular part (Observation)');
  });

  it('shows of each entry of a Bundle whether and why it may be seen', async () => {
    const other = { resourceType: 'Condition', id: 'c1', subject: { reference: 'Patient/p2' } };
    const bundle = {
      resourceType: 'Bundle',
      type: 'searchset',
      entry: [{ resource: observation }, { resource: other }, { resource: 3 }, 4],
    };
    const { entries = [] } = await answer({ claims, operation: 'search-type', resourceType: 'Observation', bundle });
    expect(entries.map(({ visible, name }) => `${String(visible)} ${name}`)).to.deep.equal([
      'true Observation/o1',
      'false Condition/c1',
      'false no resource',
      'false no resource',
    ]);
    expect(entries[0]?.decision).to.include({ path: 'subject' });
    expect(entries[1]?.reasons[0]).to.include({ code: 'not-referenced' });
  });

  it('draws what scopes open', async () => {
    const scope =
      'openid patient/*.rs patient/Condition.c user/Patient.r patient/Observation.u?category=laboratory system/Foo.sr patient/Encounter.d?value-x=1';
    const { matrix } = await answer({ claims: { ...claims, scope }, operation: 'read' });
    const row = (type: string): string[] =>
      Object.entries(matrix.rows.find((each) => each.type === type)?.cells ?? {}).map(
        ([key, { state }]) => `${key} ${state}`,
      );
    expect(row('*')).to.deep.equal(['patient.r open', 'patient.s open']);
    expect(row('Condition')).to.deep.equal(['patient.c open', 'patient.r open', 'patient.s open']);
    expect(row('Observation')).to.deep.equal(['patient.r open', 'patient.u granular', 'patient.s open']);
    expect(row('Patient')).to.deep.equal(['patient.r open', 'patient.s open', 'user.r nobody']);
    // A parameter that cannot be evaluated opens nothing.
    expect(row('Encounter')).to.deep.equal(['patient.r open', 'patient.s open']);
    expect(matrix.idle.map(({ scope: text }) => text)).to.deep.equal(['openid', 'system/Foo.sr']);
  });

  it('judges each entry of a batch or transaction, and says for which one the whole is refused', async () => {
    const entry = (method: string, url: string, resource?: unknown, more: object = {}): object => ({
      ...(resource !== undefined && { resource }),
      request: { method, url, ...more },
    });
    const contentType = 'application/json-patch+json';
    const data = Buffer.from('[{"op":"add","path":"/x","value":1}]').toString('base64');
    const sent = {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        entry('POST', 'Observation', observation),
        entry('GET', 'Observation?status=final&_format=json'),
        entry('PUT', 'Observation/o2', { ...observation, id: 'o2', subject: { reference: 'Patient/p2' } }),
        entry('PATCH', 'Observation/o1', { resourceType: 'Binary', contentType, data }),
        entry('GET', 'Patient/p1/$everything'),
        entry('DELETE', 'Observation/o1'),
        entry('POST', 'Observation', observation, { ifNoneExist: 'status=final' }),
        entry('PATCH', 'Observation/o1', { resourceType: 'Binary', contentType, data: '<script>' }),
        // The guard refuses these, too.
        entry('PATCH', 'Observation/o1', { resourceType: 'Binary', data }),
        entry('GET', 'Observation/o1', undefined, { ifMatch: 'broken' }),
        entry('GET', '../<img src=x>'),
        entry('POST', 'Observation'),
        { resource: observation },
        null,
      ],
    };
    const asked = { claims: { ...claims, scope: 'patient/*.cruds' }, operation: 'batch', resource: sent };
    const { entries = [], decision } = await answer(asked);
    expect(decision).to.include({ decision: 'allow' });
    expect(
      entries.map(({ name, decision: { decision: fate, reasons } }) => `${fate} ${reasons[0]?.code ?? ''} ${name}`),
    ).to.deep.equal([
      'allow  POST Observation',
      'allow  GET Observation?status=final&_format=json',
      'deny not-referenced PUT Observation/o2',
      // What it is to be applied to, nobody knows here.
      'deny stored-unknown PATCH Observation/o1',
      'allow  GET Patient/p1/$everything',
      'allow  DELETE Observation/o1',
      'deny stored-unknown POST Observation',
      'deny resource-malformed PATCH Observation/o1',
      'deny resource-malformed PATCH Observation/o1',
      'deny resource-malformed GET Observation/o1',
      'deny resource-malformed GET ../<img src=x>',
      'deny resource-malformed POST Observation',
      'deny resource-malformed no request',
      'deny resource-malformed no request',
    ]);
    const whole = await answer({ ...asked, operation: 'transaction' });
    expect(whole.entry).to.equal(3);
    expect(whole.reasons[0]).to.include({ code: 'not-referenced' });
    const broken = await answer({
      ...asked,
      operation: 'transaction',
      resource: { ...sent, entry: [entry('GET', 'Patient/p1'), null, ...sent.entry] },
    });
    expect(broken).to.include({ entry: 2 });
    expect(broken.reasons[0]).to.include({ code: 'resource-malformed' });
    const scope = 'patient/Observation.rs';
    const unpermitted = await answer({ ...asked, operation: 'transaction', claims: { ...claims, scope } });
    expect(unpermitted).to.not.have.property('entry');
    expect(unpermitted.reasons[0]).to.include({ code: 'scope-lacks-interaction' });
    const empty = await answer({ ...asked, resource: { ...sent, entry: [] } });
    expect(empty).to.not.have.property('entries');
  });

  it('says which types an export may write out', async () => {
    const { types } = await answer({
      claims: { scope: 'system/Patient.rs system/Group.rs', sub: 'x' },
      operation: '$export',
      bulkDataAuth: { operation: 'initiate-export', exportType: 'group' },
    });
    expect(types).to.deep.equal(['Group', 'Patient']);
  });

  it('draws no more than can be looked at, and takes no longer for it', async function () {
    this.timeout(30_000);
    const name = (at: number): string =>
      `Type${String(at).replace(/\d/g, (digit) => 'ABCDEFGHIJ'[Number(digit)] ?? '')}`;
    const scopes = Array.from({ length: 10_000 }, (_, at) => `patient/${name(at)}.cruds nonsense-${at}`);
    const { matrix } = await answer({ claims: { ...claims, scope: scopes.join(' ') }, operation: 'read' });
    expect(matrix.rows).to.have.lengthOf(200);
    expect(matrix.idle).to.have.lengthOf(100);
    expect(matrix.more).to.deep.equal({ rows: 9800, idle: 9900 });
    const entry = Array.from({ length: 5000 }, () => ({ resource: observation }));
    const { entries, entryCount } = await answer({
      claims,
      operation: 'search-type',
      resourceType: 'Observation',
      bundle: { resourceType: 'Bundle', type: 'searchset', entry },
    });
    expect(entries).to.have.lengthOf(200);
    expect(entryCount).to.equal(5000);
  });

  it('decides its own examples as their titles promise', async () => {
    const outcome = async (identity: number, example: number): Promise<string> => {
      const { scopes, fhirUser, patient } = EXAMPLE_IDENTITIES[identity]!;
      const { operation, resource } = EXAMPLE_RESOURCES[example]!;
      const { decision } = await answer({
        claims: { scope: scopes, ...(fhirUser && { fhirUser }), ...(patient && { launch_response_patient: patient }) },
        operation,
        resourceType: (resource as { resourceType: string }).resourceType,
        resource,
      });
      return decision.decision === 'allow' ? decision.code : 'deny';
    };
    expect(await outcome(0, 0)).to.equal('referenced');
    expect(await outcome(0, 1)).to.equal('self');
    expect(await outcome(0, 3)).to.equal('deny');
    expect(await outcome(1, 0)).to.equal('deny');
    expect(await outcome(2, 2)).to.equal('referenced');
    expect(await outcome(3, 3)).to.equal('admin');
    expect(await outcome(4, 0)).to.equal('system');
  });

  it('says so when its port is taken', async () => {
    const second = await serveExplorer(DEMO_SETTINGS, { pages, port }).catch((error: unknown) => error);
    expect(second).to.include({ code: 'EADDRINUSE' });
  });
});

import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import type { LaunchResult, StateStore } from '../../../src/backend-services/oidc-provider.js';
import { createMemoryStore } from '../../../src/backend-services/oidc-provider.js';
import { Browser } from './browser.js';
import { formThen } from './interaction-page.js';
import { LaunchingApp, REDIRECT } from './launching-app.js';
import type { RunningServer } from './running-server.js';
import { runServer } from './running-server.js';
import { expectToken } from './token-request.js';

const SCOPE = 'launch openid fhirUser patient/*.rs';

describe('an EHR launch is good once', () => {
  let as: RunningServer;
  let app: LaunchingApp;
  let store: StateStore;
  let keys: string[];
  let values: string[];
  let result: LaunchResult;

  before(async () => {
    const inner = createMemoryStore();
    store = {
      ...inner,
      set: (key, value, seconds) => {
        keys.push(key);
        values.push(value);
        return inner.set(key, value, seconds);
      },
    };
    const client = {
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      redirect_uris: [REDIRECT],
      scope: `${SCOPE} launch/patient`,
    } as const;
    as = await runServer(
      [
        { client_id: 'app', ...client },
        { client_id: 'thief', ...client },
      ],
      {
        store,
        launch: { interaction: formThen((interaction) => interaction.complete(result)) },
      },
    );
    app = new LaunchingApp(as);
  });
  after(() => as.close());
  beforeEach(() => {
    keys = [];
    values = [];
    result = { accountId: 'u1', fhirUser: 'Practitioner/p1' };
  });

  const errorOf = (response: Response): string | null => Browser.location(response).searchParams.get('error');
  const isPage = (response: Response): boolean => Browser.location(response).pathname.startsWith('/interaction/');

  it('a launch that was used is an error to the app, finished or not', async () => {
    const finished = await as.server.createLaunch({ patient: 'ehr-1' });
    expect(expectToken(await app.launch(SCOPE, { launch: finished }))).to.include({ patient: 'ehr-1' });
    const begun = await as.server.createLaunch({ patient: 'ehr-2' });
    expect(isPage((await app.start(SCOPE, { launch: begun })).response)).to.equal(true);
    for (const launch of [finished, begun]) {
      const { response, state } = await app.start(SCOPE, { launch });
      expect(errorOf(response)).to.equal('invalid_request');
      expect(Browser.location(response).searchParams.get('state')).to.equal(state);
      expect(response.headers.getSetCookie()).to.deep.equal([]);
    }
  });

  it('of twenty parallel requests with one launch exactly one comes to the page', async () => {
    const launch = await as.server.createLaunch({ patient: 'ehr-1' });
    const visits = await Promise.all(Array.from({ length: 20 }, () => app.start(SCOPE, { launch })));
    const pages = visits.filter(({ response }) => isPage(response));
    expect(pages).to.have.length(1);
    expect(visits.filter((visit) => !pages.includes(visit)).map(({ response }) => errorOf(response))).to.deep.equal(
      Array<string>(19).fill('invalid_request'),
    );
    const [visit] = pages;
    expect(expectToken(await app.exchange(await app.finish(visit!), visit!))).to.include({ patient: 'ehr-1' });
  });

  it('what is refused for another reason does not use it up', async () => {
    const launch = await as.server.createLaunch({ patient: 'ehr-1', clientId: 'app' });
    const thief = new LaunchingApp(as, 'thief');
    expect(errorOf((await thief.start(SCOPE, { launch })).response)).to.equal('invalid_request');
    for (const params of [
      { aud: 'https://evil.example/r4' },
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge_method: 'plain' },
      { response_type: 'token' },
      { prompt: 'none' },
      { scope: 'nonsense' },
    ]) {
      const { response } = await app.start(SCOPE, { launch, ...params });
      expect(response.headers.get('location'), JSON.stringify(params)).to.match(/[?#&]error=/);
    }
    const nowhere = await app.start(SCOPE, { launch, redirect_uri: 'https://evil.example/' });
    expect(nowhere.response.status).to.equal(400);
    expect(expectToken(await app.launch('openid', { launch }))).not.to.have.property('patient');
    expect(expectToken(await app.launch(SCOPE, { launch }))).to.include({ patient: 'ehr-1' });
  });

  it('the page may be loaded again and again until it is completed, and then no more', async () => {
    const launch = await as.server.createLaunch({ patient: 'ehr-1' });
    const visit = await app.start(SCOPE, { launch });
    const page = Browser.location(visit.response).href;
    for (let times = 0; times < 3; times += 1) expect((await visit.browser.fetch(page)).status).to.equal(200);
    const back = await app.finish(visit);
    expect((await visit.browser.fetch(page, { method: 'POST' })).status).to.equal(400);
    expect(expectToken(await app.exchange(back, visit))).to.include({ patient: 'ehr-1' });
  });

  it('of parallel completions of one visit one counts', async () => {
    const launch = await as.server.createLaunch({ patient: 'ehr-1' });
    const { browser, response } = await app.start(SCOPE, { launch });
    const page = Browser.location(response).href;
    const answers = await Promise.all(Array.from({ length: 10 }, () => browser.fetch(page, { method: 'POST' })));
    expect(answers.filter(({ status }) => status === 303)).to.have.length(1);
    expect(keys.filter((key) => key.startsWith('Grant:'))).to.have.length(1);
  });

  it('the handle of a visit is no launch', async () => {
    await app.start(SCOPE, { launch: await as.server.createLaunch({ patient: 'ehr-1' }) });
    const visit = values.map((value) => /"launch":"([\w-]{43})"/.exec(value)?.[1]).find((found) => found !== undefined);
    expect(visit).to.be.a('string');
    expect(errorOf((await app.start(SCOPE, { launch: visit })).response)).to.equal('invalid_request');
  });

  it('binds state, nonce and PKCE of the request that used it', async () => {
    const launch = await as.server.createLaunch({ patient: 'ehr-1' });
    const visit = await app.start(SCOPE, { launch, nonce: 'n-0S6_WzA2Mj' });
    const back = await app.finish(visit);
    expect(back.searchParams.get('state')).to.equal(visit.state);
    const stolen = { verifier: createHash('sha256').update('of the thief').digest('base64url') };
    expect((await app.exchange(back, stolen)).body).to.include({ error: 'invalid_grant' });
    const body = expectToken(await app.exchange(back, visit));
    expect(decodeJwt(String(body['id_token']))).to.include({ nonce: 'n-0S6_WzA2Mj', sub: 'u1', aud: 'app' });
  });
});

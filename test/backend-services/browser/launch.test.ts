import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { Browser, Page, Request } from 'playwright-core';
import { answerLoginPage } from '../../../docs/examples/fhir-works/login-page.js';
import type { EhrLaunch } from '../../../src/backend-services/oidc-provider.js';
import type { RunningServer } from '../authorization-server/running-server.js';
import { runServer } from '../authorization-server/running-server.js';
import type { App, Shown } from './app.js';
import { startApp } from './app.js';
import { chromiumPath, openChromium } from './chromium.js';
import type { FhirServer } from './fhir-server.js';
import { startFhirServer } from './fhir-server.js';

const SCOPE = 'launch/patient openid fhirUser patient/Patient.rs patient/Observation.rs';
const EHR_SCOPE = SCOPE.replace('launch/patient', 'launch');
const CLIENT = 'growth-chart';

const OWN = 'Observation/f001';
const ANOTHERS = 'Observation/example';
const ASKED = ['Patient/example', OWN, ANOTHERS, 'Observation', 'Observation?patient=example', 'Condition'];

describe('a browser app made with fhirclient, in Chromium', function () {
  this.timeout(60_000);
  let chromium: Browser;
  let fhir: FhirServer;
  let as: RunningServer;
  let app: App;
  /** Somebody else's site. */
  let stranger: App;
  let page: Page;
  let requests: Request[];

  before(async function () {
    const path = chromiumPath();
    // Needs Debian's chromium: apt-get install chromium
    if (path === undefined) this.skip();
    chromium = await openChromium(path);
    fhir = await startFhirServer();
    [app, stranger] = await Promise.all([startApp(CLIENT, ASKED), startApp(CLIENT, [])]);
    as = await runServer(
      [
        {
          client_id: CLIENT,
          token_endpoint_auth_method: 'none',
          grant_types: ['authorization_code'],
          redirect_uris: [app.redirectUri],
          scope: `launch ${SCOPE}`,
        },
      ],
      // The picker of the example, as it is.
      { fhirBaseUrl: fhir.base, launch: { interaction: answerLoginPage } },
    );
    fhir.trust(as.server);
  });
  after(() => Promise.all([chromium, fhir, as, app, stranger].map(async (each?: Closing) => each?.close())));

  beforeEach(async () => {
    // Each with cookies and storage of its own.
    page = await (await chromium.newContext()).newPage();
    requests = [];
    page.on('request', (request) => requests.push(request));
    fhir.served.length = 0;
  });
  afterEach(() => page.context().close());

  const launchUrl = (query: Readonly<Record<string, string>>): string =>
    `${app.launchPage}?${new URLSearchParams({ iss: fhir.base, scope: SCOPE, ...query }).toString()}`;
  const ehrLaunch = async (context: EhrLaunch): Promise<string> =>
    launchUrl({ scope: EHR_SCOPE, launch: await as.server.createLaunch(context) });

  async function shown(): Promise<Shown> {
    const text = await page.locator('pre').textContent({ timeout: 10_000 });
    return JSON.parse(text ?? '') as Shown;
  }

  /** Chooses in the picker, and follows wherever that leads. */
  async function signIn(person: string, patient?: string): Promise<void> {
    await page.locator('select[name=person]').selectOption(person);
    if (patient !== undefined) await page.locator('select[name=patient]').selectOption(patient);
    await page.locator('button').click();
  }

  const sentTo = (url: string): Request[] =>
    requests.filter((request) => request.url().split('?')[0] === url && request.method() !== 'OPTIONS');

  it('launches standalone with PKCE S256, reads its patient, and is refused the other', async () => {
    await page.goto(launchUrl({}));
    await signIn('Patient/f001', 'Patient/f001');
    const { patient, patientId, fhirUser, idToken, scope, asked } = await shown();
    expect(patient).to.include({ resourceType: 'Patient', id: 'f001' });
    expect([patientId, fhirUser]).to.deep.equal(['f001', 'Patient/f001']);
    expect(idToken).to.include({ iss: as.server.issuer, aud: CLIENT, fhirUser: `${fhir.base}/Patient/f001` });
    expect(new Set(scope?.split(' '))).to.deep.equal(new Set(SCOPE.split(' ')));
    expect(asked).to.deep.equal({
      'Patient/example': 403,
      [OWN]: ['Observation/f001'],
      [ANOTHERS]: 403,
      Observation: ['Observation/f001', 'Observation/f002'],
      'Observation?patient=example': ['Observation/f001', 'Observation/f002'],
      Condition: 403,
    });

    const query = new URL(sentTo(as.server.endpoints.authorization)[0]!.url()).searchParams;
    expect(query.get('code_challenge_method')).to.equal('S256');
    const [exchange, ...others] = sentTo(as.token);
    expect(others).to.deep.equal([]);
    const verifier = new URLSearchParams(exchange!.postData() ?? '').get('code_verifier') ?? '';
    expect(createHash('sha256').update(verifier).digest('base64url')).to.equal(query.get('code_challenge'));
  });

  it('launches from the EHR: the practitioner signs in, the patient is the one of the launch', async () => {
    await page.goto(await ehrLaunch({ patient: 'example', clientId: CLIENT }));
    await signIn('Practitioner/example');
    const { patient, fhirUser, asked } = await shown();
    expect(patient).to.include({ resourceType: 'Patient', id: 'example' });
    expect(fhirUser).to.equal('Practitioner/example');
    expect(asked).to.deep.include({
      'Patient/example': ['Patient/example'],
      [ANOTHERS]: ['Observation/example'],
      [OWN]: 403,
      Observation: ['Observation/example'],
    });
  });

  it('is refused without PKCE', async () => {
    await page.goto(launchUrl({ pkce: 'disabled' }));
    expect((await shown()).error).to.match(/PKCE/);
    expect(new URL(page.url()).searchParams.get('error')).to.equal('invalid_request');
    expect(sentTo(as.token)).to.deep.equal([]);
  });

  it('does not take an answer with another state', async () => {
    const answer = await stopBeforeReturn();
    answer.searchParams.set('state', 'made-up');
    await page.goto(answer.href);
    expect((await shown()).error).to.match(/state/i);
    expect(sentTo(as.token)).to.deep.equal([]);
  });

  it("does not get a token for somebody else's code, put under its own state", async () => {
    const foreign = (await stopBeforeReturn()).searchParams.get('code') ?? '';
    await page.context().clearCookies();
    requests = [];
    const answer = await stopBeforeReturn('Patient/example');
    answer.searchParams.set('code', foreign);
    await page.goto(answer.href);
    expect((await shown()).error).to.match(/invalid_grant|grant/i);
    expect(sentTo(as.token)).to.have.length(1);
    expect(fhir.served).to.deep.equal([]);
  });

  it('is not sent anywhere but to its registered redirect URI', async () => {
    const tampered = await authorizationUrl();
    const { redirectUri } = stranger;
    for (const uri of [
      redirectUri,
      `${app.redirectUri}elsewhere`,
      `${app.redirectUri}@${new URL(redirectUri).host}/`,
    ]) {
      tampered.searchParams.set('redirect_uri', uri);
      const response = await page.goto(tampered.href);
      expect(response?.status(), uri).to.equal(400);
      expect(page.url()).to.equal(tampered.href);
      expect(await page.locator('select').count(), 'nobody is asked to sign in').to.equal(0);
    }
    expect(requests.filter((request) => request.url().startsWith(stranger.origin))).to.deep.equal([]);
  });

  it('launches once by what the EHR announced: loaded anew, the app is told so', async () => {
    const url = await ehrLaunch({ patient: 'example', clientId: CLIENT });
    await page.goto(url);
    await signIn('Practitioner/example');
    expect((await shown()).patient).to.include({ id: 'example' });
    await page.goto(url);
    expect((await shown()).error).to.include('launch is unknown, expired or used');
  });

  it('does not launch by what the EHR never announced, or announced to another app', async () => {
    const others = await ehrLaunch({ patient: 'example', clientId: 'another-app' });
    for (const url of [others, launchUrl({ scope: EHR_SCOPE, launch: 'made-up' })]) {
      await page.goto(url);
      expect((await shown()).error, url).to.include('launch is unknown, expired or used');
    }
    expect(sentTo(as.token)).to.deep.equal([]);
  });

  it('cannot be given the patient of another person', async () => {
    await page.goto(launchUrl({}));
    const refused = page.waitForResponse((response) => response.request().method() === 'POST');
    await signIn('Patient/f001', 'Patient/example');
    expect((await refused).status()).to.equal(400);
    expect(sentTo(as.token)).to.deep.equal([]);
  });

  /** Where the app sends the user, caught before the user arrives. */
  async function authorizationUrl(): Promise<URL> {
    const going = page.waitForRequest((request) => request.url().startsWith(as.server.endpoints.authorization));
    await page.goto(launchUrl({}));
    const url = new URL((await going).url());
    // Where the app is led: a page that is still on its way would break off the next one.
    await page.locator('select').first().waitFor();
    return url;
  }

  /** Signs in, and catches the answer before the app sees it. */
  async function stopBeforeReturn(person = 'Patient/f001'): Promise<URL> {
    app.asleep = true;
    await page.goto(launchUrl({}));
    await signIn(person, person);
    await page.waitForURL((url) => url.href.startsWith(`${app.redirectUri}?`));
    app.asleep = false;
    return new URL(page.url());
  }
});

interface Closing {
  close(): Promise<void>;
}

import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { Browser } from './browser.js';
import { key } from './keys.js';
import { LaunchingApp, REDIRECT } from './launching-app.js';
import type { RunningServer } from './running-server.js';
import { runServer } from './running-server.js';
import { expectError, expectToken, requestToken } from './token-request.js';

const ec = key('ec');
/** So many scopes that their number alone is a burden: 300 codes, each a scope of its own. */
const registered = (level: string): string =>
  Array.from({ length: 300 }, (_, at) => `${level}/Observation.rs?code=http://loinc.org|${at}`).join(' ');
/** Each meets every registered one, and none is another's. */
const asked = (level: string, count: number): string =>
  Array.from({ length: count }, (_, at) => `${level}/*.rs?c${at}=1`).join(' ');
/** An ordinary answer takes milliseconds; without bounds these took a minute and a half each. */
const PATIENCE_MS = 4_000;

describe('scopes that cost more to judge than to send', function () {
  this.timeout(180_000);
  let as: RunningServer;

  before(async () => {
    as = await runServer(
      [
        { client_id: 'c', jwks: { keys: [ec.jwk] }, scope: registered('system') },
        { client_id: 'few', jwks: { keys: [ec.jwk] }, scope: 'system/Patient.rs system/Observation.rs' },
        { client_id: 'app', token_endpoint_auth_method: 'none', redirect_uris: [REDIRECT], scope: registered('user') },
      ],
      { launch: { interaction: (_req, res) => void res.end() } },
    );
  });
  after(() => as.close());

  async function inTime<T>(work: Promise<T>): Promise<T> {
    const started = performance.now();
    const outcome = await work;
    expect(performance.now() - started).to.be.lessThan(PATIENCE_MS);
    return outcome;
  }

  it('are refused in time at the authorization endpoint, which anybody may ask', async () => {
    const { response } = await inTime(new LaunchingApp(as).start(asked('user', 450)));
    expect(Browser.location(response).searchParams.get('error')).to.equal('invalid_scope');
  });

  it('are refused in time at the token endpoint', async () => {
    for (const scope of [asked('system', 450), `system/Observation.rs?${'a=1&'.repeat(1500)}b=1`, 'x'.repeat(60_000)]) {
      expectError(await inTime(requestToken(as, { key: ec, clientId: 'c', scope })), 400, 'invalid_scope');
    }
  });

  it('one scope said five hundred times is one scope', async () => {
    const scope = Array<string>(500).fill('system/Patient.rs').join(' ');
    const body = expectToken(await inTime(requestToken(as, { key: ec, clientId: 'few', scope })));
    expect(body['scope']).to.equal('system/Patient.rs');
  });

  it('a grant that no token can carry is refused, and not cut short', async () => {
    // 300 scopes fit the registration, and a request of eleven characters asks for all of them.
    expectError(await requestToken(as, { key: ec, clientId: 'c', scope: 'system/*.rs' }), 400, 'invalid_scope');
    const one = 'system/Observation.rs?code=http://loinc.org|7';
    const body = expectToken(await requestToken(as, { key: ec, clientId: 'c', scope: one }));
    expect(decodeJwt(String(body['access_token']))['scope']).to.equal(one);
  });
});

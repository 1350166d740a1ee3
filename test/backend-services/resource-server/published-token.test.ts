import { expect } from 'chai';
import { after, before, beforeEach, describe, it } from 'mocha';
import type { SMARTConfig } from '../../../src/index.js';
import { Issuer, mint, newRsa, rsaA } from '../../token/issuer.js';
import { facadeGuide } from '../data/published-samples.js';
import { partsOf } from './broken-tokens.js';
import { handlerFor, outcome, READ_PATIENT } from './facility.js';

const published = partsOf(facadeGuide.accessToken);
const issuer = String(published.claims['iss']);

/** The published token with its two dates moved to now, under a key that can be checked. */
function sample(key = rsaA): string {
  const now = Math.floor(Date.now() / 1000);
  const own = { aud: undefined, scope: undefined };
  return mint({ header: published.header, claims: { ...own, ...published.claims, iat: now, exp: now + 3600 }, key });
}

describe('resource server: the access token that the facade guide publishes', () => {
  let server: Issuer;
  before(async () => {
    server = await Issuer.start(rsaA.jwk({ kid: published.header['kid'] }));
  });
  after(() => server.close());
  beforeEach(() => {
    server.introspection = { body: { active: true, scope: 'system/Patient.rs' } };
  });

  const by = {
    keys: () => ({ jwksEndpoint: server.jwksUrl }),
    introspection: (options: object = {}) => ({
      tokenIntrospection: { clientId: 'fhir', clientSecret: 'secret', introspectUrl: server.introspectUrl, ...options },
    }),
  };
  const ask = (config: Partial<SMARTConfig>, token = sample(), iss = issuer) =>
    outcome(handlerFor(iss, config), token, READ_PATIENT);
  const vouching = () => by.introspection({ vouchesForAudience: true });

  it('is RS256 with a kid, has azp, an iss with a slash at its end, and neither aud nor scope', () => {
    const { header, claims } = partsOf(sample());
    expect(header).to.deep.equal({ kid: 'rsa1', alg: 'RS256' });
    expect(header).to.deep.equal(published.header);
    expect(Object.keys(claims).sort()).to.deep.equal(['azp', 'exp', 'iat', 'iss', 'jti', 'sub']);
    expect(Object.keys(claims).sort()).to.deep.equal(Object.keys(published.claims).sort());
    expect(issuer).to.match(/\/$/);
  });

  it('is refused by default, for want of an audience: by its keys, by introspection, by both', async () => {
    expect(await ask(by.keys())).to.equal('ERR_TOKEN_AUDIENCE');
    expect(await ask(by.introspection())).to.equal('ERR_TOKEN_AUDIENCE');
    expect(await ask({ ...by.keys(), ...by.introspection() })).to.equal('ERR_TOKEN_AUDIENCE');
  });

  it('is taken with tokenIntrospection.vouchesForAudience, and has the scopes of the introspection answer', async () => {
    for (const config of [vouching(), { ...by.keys(), ...vouching() }]) {
      server.introspection = { body: { active: true, scope: 'system/Patient.rs' } };
      expect(await ask(config)).to.equal('allowed');
      server.introspection = { body: { active: true, scope: 'system/Observation.rs' } };
      expect(await ask(config)).to.equal('scope-other-type');
      server.introspection = { body: { active: true } };
      expect(await ask(config), 'no scope in the answer').not.to.equal('allowed');
    }
  });

  it('is held to everything else all the same: active, issuer, expiration, an audience that is there', async () => {
    server.introspection = { body: { active: false, scope: 'system/Patient.rs' } };
    expect(await ask(vouching())).to.equal('ERR_INTROSPECTION_INACTIVE');
    const good = { active: true, scope: 'system/Patient.rs' };
    server.introspection = { body: { ...good, aud: 'https://fhir.other.example' } };
    expect(await ask(vouching())).to.equal('ERR_TOKEN_AUDIENCE');
    server.introspection = { body: good };
    expect(await ask(vouching(), sample(), issuer.slice(0, -1)), 'iss without its slash').to.equal('ERR_TOKEN_ISSUER');
    expect(await ask(vouching(), facadeGuide.accessToken), 'the published one').to.equal('ERR_TOKEN_EXPIRED');
    const both = { ...by.keys(), ...vouching() };
    expect(await ask(both, sample(newRsa())), 'forged').to.equal('ERR_TOKEN_SIGNATURE');
  });
});

// What is read out of a token once is used again with it: never for another one, never after the host has changed it.
import { expect } from 'chai';
import type { UserIdentity } from '../src/index.js';
import { SMARTHandler } from '../src/index.js';
import { BASE, CONFIG } from './access/world.js';
import { Issuer, edA, mint } from './token/issuer.js';

describe('callers: the same token again', () => {
  let issuer: Issuer;
  let handler: SMARTHandler;
  const tokenOf = (claims: Record<string, unknown>): string =>
    mint({ key: edA, claims: { iss: CONFIG.expectedIssValue, aud: BASE, ...claims } });
  const read = (accessToken: string, resourceType = 'Patient'): Promise<UserIdentity> =>
    handler.verifyAccessToken({ accessToken, operation: 'read', resourceType, id: 'p1' });

  before(async () => {
    issuer = await Issuer.start(edA.jwk({ kid: 'a' }));
    handler = new SMARTHandler({ ...CONFIG, jwksEndpoint: issuer.jwksUrl }, BASE, '4.0.1');
  });
  after(() => issuer.close());

  const claims = {
    scope: 'patient/Patient.rs user/Observation.rs',
    launch_response_patient: 'p1',
    fhirUser: 'Practitioner/d1',
    ext: { nested: ['x'] },
  };

  it('gives equal identities that share nothing which a host could change', async () => {
    const token = tokenOf(claims);
    const [first, second] = [await read(token), await read(token)];
    expect(second).to.deep.equal(first);
    expect(second).not.to.equal(first);
    first.scopes.push('system/*.cruds');
    first.usableScopes.push('system/*.cruds');
    first.patientLaunchContext!.id = 'p2';
    first['fhirUser'] = 'Practitioner/other';
    expect(() => {
      (first['ext'] as { nested: string[] }).nested.push('y');
    }).to.throw(TypeError);
    expect(await read(token)).to.deep.equal(second);
  });

  it('gives each request the scopes that are usable for it', async () => {
    const token = tokenOf(claims);
    for (const type of ['Patient', 'Observation', 'Patient'] as const) {
      const { usableScopes, patientLaunchContext, fhirUserObject } = await read(token, type);
      expect(usableScopes).to.deep.equal([type === 'Patient' ? 'patient/Patient.rs' : 'user/Observation.rs']);
      expect(patientLaunchContext?.id).to.equal(type === 'Patient' ? 'p1' : undefined);
      expect(fhirUserObject?.id).to.equal(type === 'Observation' ? 'd1' : undefined);
    }
  });

  it('hole-15: drops claims that bear the names of derived fields, each time', async () => {
    const token = tokenOf({ ...claims, fhirUserObject: { id: 'admin' }, usableScopes: ['system/*.*'], scopes: 'x' });
    for (const identity of [await read(token), await read(token)]) {
      expect(identity.usableScopes).to.deep.equal(['patient/Patient.rs']);
      expect(identity.scopes).to.deep.equal(claims.scope.split(' '));
      expect(identity).not.to.have.property('fhirUserObject');
    }
  });

  it('reads relative identities anew for another base URL', async () => {
    const accessToken = tokenOf(claims);
    const hosts = [];
    for (const fhirServiceBaseUrl of [BASE, 'https://other.example/r4', undefined, BASE]) {
      const request = { accessToken, operation: 'read', resourceType: 'Patient', id: 'p1' } as const;
      const identity = await handler.verifyAccessToken({
        ...request,
        ...(fhirServiceBaseUrl && { fhirServiceBaseUrl }),
      });
      hosts.push(identity.patientLaunchContext?.hostname);
    }
    expect(hosts).to.deep.equal([BASE, 'https://other.example/r4', BASE, BASE]);
  });
});

import { expect } from 'chai';
import { thenFollowed } from '../../src/gateway/then-followed.js';
import { createGuard } from '../../src/http/guard.js';
import { BASE, Issuer } from '../http/clinic.js';

describe('thenFollowed', () => {
  it('lets nobody by who is known already, and keeps out who is not known at all', async () => {
    const issuer = await Issuer.open();
    try {
      const handler = issuer.handler();
      const accessToken = await issuer.token('system/*.rs');
      let followed = 0;
      const following = thenFollowed(handler, async () => {
        followed += 1;
      });
      const guard = createGuard(following, { baseUrl: BASE, fhirVersion: '4.0.1' });
      const verdictFor = async (token: string): Promise<string> => {
        const headers = { authorization: `Bearer ${token}` };
        const body = async (): Promise<{ bytes: Uint8Array }> => ({ bytes: new Uint8Array() });
        return (await guard.admitDirectly({ method: 'GET', url: '/fhir/Patient/p1', headers, body })).verdict;
      };
      expect(await verdictFor(accessToken)).to.equal('admitted');
      expect(handler.authenticateAtOnce({ accessToken, fhirServiceBaseUrl: BASE })).to.be.an('object');
      expect(await verdictFor(accessToken)).to.equal('admitted');
      expect(followed).to.equal(2);
      expect(await verdictFor('x')).to.equal('refused');
      expect(followed).to.equal(2);
    } finally {
      await issuer.close();
    }
  });
});

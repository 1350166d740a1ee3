import { expect } from 'chai';
import { thenFollowed } from '../../src/gateway/then-followed.js';
import { Issuer } from '../http/clinic.js';

describe('thenFollowed', () => {
  it('lets nobody by who is known already, and keeps out who is not known at all', async () => {
    const issuer = await Issuer.open();
    try {
      const handler = issuer.handler();
      const accessToken = await issuer.token('system/*.rs');
      const identity = await handler.authenticate({ accessToken });
      expect(handler.authenticateAtOnce({ accessToken })).to.deep.equal(identity);
      let followed = 0;
      const following = thenFollowed(handler, async () => {
        followed += 1;
      });
      expect(following.authenticateAtOnce({ accessToken })).to.equal(undefined);
      expect(await following.authenticate({ accessToken })).to.deep.equal(identity);
      expect(followed).to.equal(1);
      const refused = await following.authenticate({ accessToken: 'x' }).catch((error: unknown) => error);
      expect(refused).to.have.property('code', 'ERR_TOKEN_MALFORMED');
      expect(followed).to.equal(1);
      const question = { operation: 'read', resourceType: 'Patient', userIdentity: identity } as const;
      expect(following.decideAtOnce(question)).to.have.property('decision', 'allow');
    } finally {
      await issuer.close();
    }
  });
});

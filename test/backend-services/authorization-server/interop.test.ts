import type { webcrypto } from 'node:crypto';
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import { createBackendServicesClient } from '../../../src/backend-services/index.js';
import { generateSigningKey } from '../../../src/backend-services/keys/generate.js';
import { createJwks, readKey } from '../../../src/backend-services/index.js';
import { key } from './keys.js';
import type { RunningServer } from './running-server.js';
import { FHIR_BASE, runServer } from './running-server.js';

/** Clients that were not written for this server. */
describe('the authorization server and clients of others', () => {
  const rsa = key('interop-rsa', 'RS384');
  const ec = key('interop-ec');
  let as: RunningServer;

  before(async () => {
    as = await runServer(
      [
        { client_id: 'rsa', jwks: { keys: [rsa.jwk] }, scope: 'system/Patient.rs __introspect' },
        { client_id: 'ec', jwks: { keys: [ec.jwk] }, scope: 'system/Patient.rs __introspect' },
      ],
      { acceptIssuerAsAudience: true },
    );
  });
  after(() => as.close());

  async function cryptoKey(testKey: typeof rsa): Promise<webcrypto.CryptoKey> {
    const pkcs8 = testKey.privateKey.export({ type: 'pkcs8', format: 'der' });
    return testKey.alg === 'RS384'
      ? crypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' }, false, ['sign'])
      : crypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign']);
  }

  for (const [clientId, testKey] of [
    ['rsa', rsa],
    ['ec', ec],
  ] as const) {
    it(`oauth4webapi discovers it, gets a token with ${testKey.alg}, introspects and revokes it`, async () => {
      // Marked deprecated so that nobody uses it away from the loopback interface.
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      const http = { [oauth.allowInsecureRequests]: true };
      const issuer = new URL(as.server.issuer);
      const found = await oauth.discoveryRequest(issuer, { ...http, algorithm: 'oauth2' });
      const metadata = await oauth.processDiscoveryResponse(issuer, found);
      const client: oauth.Client = { client_id: clientId };
      // It names the issuer as the audience by default, as the successor of RFC 7523 asks for.
      const auth = oauth.PrivateKeyJwt({ key: await cryptoKey(testKey), kid: testKey.kid });
      const parameters = new URLSearchParams({ scope: 'system/*.rs __introspect' });
      const answered = await oauth.clientCredentialsGrantRequest(metadata, client, auth, parameters, http);
      const token = await oauth.processClientCredentialsResponse(metadata, client, answered);
      expect(token).to.include({ token_type: 'bearer', expires_in: 300, scope: 'system/Patient.rs __introspect' });

      const introspect = async (): Promise<oauth.IntrospectionResponse> => {
        const response = await oauth.introspectionRequest(metadata, client, auth, token.access_token, http);
        return oauth.processIntrospectionResponse(metadata, client, response);
      };
      expect(await introspect()).to.include({ active: true, client_id: clientId });
      const request = new Request('https://rs.example/', {
        headers: { authorization: `Bearer ${token.access_token}` },
      });
      const claims = await oauth.validateJwtAccessToken(metadata, request, FHIR_BASE, http);
      expect(claims).to.include({ client_id: clientId, scope: 'system/Patient.rs __introspect' });

      const revoked = await oauth.revocationRequest(metadata, client, auth, token.access_token, http);
      await oauth.processRevocationResponse(revoked);
      expect(await introspect()).to.deep.equal({ active: false });
    });
  }

  it("this package's own client gets a token with a key it generated", async () => {
    const generated = await generateSigningKey({ alg: 'ES384' });
    const jwks = createJwks([readKey(generated.publicPem)]);
    const { client_id: clientId } = await as.server.registerClient({ jwks, scope: 'system/Patient.rs' });
    const client = createBackendServicesClient({
      fhirBaseUrl: `${as.origin}/`,
      clientId,
      privateKey: generated.privatePem,
      scope: 'system/Patient.rs',
      allowInsecureLoopback: true,
    });
    const { accessToken } = await client.getToken();
    expect(decodeJwt(accessToken)).to.include({ client_id: clientId, aud: FHIR_BASE });
  });
});

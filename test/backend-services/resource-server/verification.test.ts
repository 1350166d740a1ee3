import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { createGuard } from '../../../src/http/guard.js';
import { TokenError } from '../../../src/index.js';
import { Issuer } from '../../token/issuer.js';
import { key } from '../authorization-server/keys.js';
import { FHIR_BASE } from '../authorization-server/running-server.js';
import { BROKEN_TOKENS, encode, partsOf, signed, signedByPublicKey } from './broken-tokens.js';
import { FHIR_CREDENTIALS, openFacility, outcome, READ_PATIENT, verify, type Facility } from './facility.js';

const signingKey = key('server-ec');

describe('resource server: tokens of the authorization server', () => {
  let facility: Facility;
  before(async () => {
    facility = await openFacility();
  });
  after(() => facility.close());

  describe('R3: signature, issuer, audience, expiration, type and algorithm', () => {
    it('R3: a token as it was issued opens what its scopes say, and so does the same signed anew', async () => {
      const handler = facility.handler();
      const token = await facility.token('system/Patient.rs');
      expect(await outcome(handler, token, READ_PATIENT)).to.equal('allowed');
      expect(await outcome(handler, signed(partsOf(token), signingKey), READ_PATIENT)).to.equal('allowed');
    });

    for (const { name, code, header = {}, claims = {} } of BROKEN_TOKENS) {
      it(`R3: the same with one thing broken is refused: ${name}`, async () => {
        const good = partsOf(await facility.token('system/Patient.rs'));
        const broken = { header: { ...good.header, ...header }, claims: { ...good.claims, ...claims } };
        expect(await outcome(facility.handler(), signed(broken, signingKey), READ_PATIENT)).to.equal(code);
      });
    }

    it('R3: a signature that is not of the key, or not there, is refused', async () => {
      const handler = facility.handler();
      const token = await facility.token('system/Patient.rs');
      const parts = partsOf(token);
      const [header = '', claims = '', signature = ''] = token.split('.');
      const wider = encode({ ...parts.claims, scope: 'system/*.cruds' });
      const codes: Record<string, string> = {};
      for (const [name, forged] of Object.entries({
        'by another key': signed(parts, key('exporter-key')),
        'by the public key as a secret': signedByPublicKey(parts, signingKey.publicKey),
        'of other claims': [header, wider, signature].join('.'),
        'cut off': [header, claims, ''].join('.'),
        shortened: token.slice(0, -8),
        'alg none': [encode({ ...parts.header, alg: 'none' }), claims, ''].join('.'),
        'alg none, signed': signed({ ...parts, header: { ...parts.header, alg: 'none' } }, signingKey),
      })) {
        codes[name] = await outcome(handler, forged, READ_PATIENT);
      }
      expect(codes).to.deep.equal({
        'by another key': 'ERR_TOKEN_SIGNATURE',
        'by the public key as a secret': 'ERR_TOKEN_ALGORITHM',
        'of other claims': 'ERR_TOKEN_SIGNATURE',
        'cut off': 'ERR_TOKEN_SIGNATURE',
        shortened: 'ERR_TOKEN_SIGNATURE',
        'alg none': 'ERR_TOKEN_ALGORITHM',
        'alg none, signed': 'ERR_TOKEN_ALGORITHM',
      });
    });
  });

  describe('R5: introspection', () => {
    const introspecting = (introspectUrl: string, clientSecret = FHIR_CREDENTIALS.clientSecret) =>
      facility.handler({
        tokenIntrospection: { ...FHIR_CREDENTIALS, clientSecret, introspectUrl, timeoutMs: 2000 },
      });
    const unavailable = async (introspectUrl: string, clientSecret?: string) => {
      const error: unknown = await verify(
        introspecting(introspectUrl, clientSecret),
        await facility.token('system/Patient.rs'),
        READ_PATIENT,
      ).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(TokenError).and.to.include({
        code: 'ERR_INTROSPECTION_UNAVAILABLE',
        // By this a host answers 503 instead of 401.
        unavailable: true,
      });
    };

    it('R5: a token is good for as long as the authorization server says so', async () => {
      const handler = introspecting(facility.as.server.endpoints.introspection);
      const token = await facility.token('system/Patient.rs');
      expect(await outcome(handler, token, READ_PATIENT)).to.equal('allowed');
      expect(await facility.as.server.revokeAccessToken(token)).to.equal(true);
      expect(await outcome(handler, token, READ_PATIENT)).to.equal('ERR_INTROSPECTION_INACTIVE');
      expect(await outcome(facility.handler(), token, READ_PATIENT), 'without asking').to.equal('allowed');
    });

    for (const active of [false, 'true', 'false', 1, null, undefined, {}]) {
      it(`R5: an active of ${active === undefined ? 'nothing' : JSON.stringify(active)} refuses`, async () => {
        const server = await Issuer.start();
        try {
          const token = await facility.token('system/Patient.rs');
          const { claims } = partsOf(token);
          server.introspection = { body: { ...claims, active } };
          const handler = introspecting(server.introspectUrl);
          expect(await outcome(handler, token, READ_PATIENT)).to.equal('ERR_INTROSPECTION_INACTIVE');
          server.introspection = { body: { ...claims, active: true } };
          expect(await outcome(handler, token, READ_PATIENT)).to.equal('allowed');
        } finally {
          await server.close();
        }
      });
    }

    it('R5: over HTTP, inactive is 401 invalid_token, and a server that is down 503, with no challenge', async () => {
      const server = await Issuer.start();
      try {
        const guard = createGuard(introspecting(server.introspectUrl), { baseUrl: FHIR_BASE, fhirVersion: '4.0.1' });
        const token = await facility.token('system/Patient.rs');
        const { claims } = partsOf(token);
        const ask = async (body: unknown, status = 200) => {
          server.introspection = { body, status };
          const admission = await guard.admit({
            method: 'GET',
            url: `${new URL(FHIR_BASE).pathname}/Patient/alice`,
            headers: { authorization: `Bearer ${token}` },
            body: () => Promise.resolve({ parsed: undefined }),
          });
          if (admission.verdict !== 'refused') return admission.verdict;
          return [admission.answer.status, admission.answer.headers['www-authenticate']];
        };
        expect(await ask({ ...claims, active: true })).to.equal('admitted');
        for (const active of [false, 'true']) {
          const [status, challenge] = await ask({ ...claims, active });
          expect(status).to.equal(401);
          expect(challenge).to.match(/^Bearer realm=.*error="invalid_token"/);
        }
        expect(await ask({ ...claims, active: true }, 500)).to.deep.equal([503, undefined]);
      } finally {
        await server.close();
      }
    });

    it('R5: no answer, a failure and refused credentials refuse as unavailable, never allow', async () => {
      const server = await Issuer.start();
      try {
        for (const reply of [{ status: 500, body: { active: true } }, { fault: 'hangup' }, { body: 'x' }] as const) {
          server.introspection = reply;
          await unavailable(server.introspectUrl);
        }
      } finally {
        await server.close();
      }
      await unavailable('http://127.0.0.1:9/introspect');
      await unavailable(facility.as.server.endpoints.introspection, 'not the secret of it');
    });
  });
});

import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import sinon from 'sinon';
import type { SMARTConfig, SMARTHandler } from '../../src/index.js';
import {
  AUDIENCE,
  ISSUER,
  edA,
  encode,
  goodClaims,
  mint,
  newEd,
  newRsa,
  rsaA,
  seconds,
  signature,
} from '../token/issuer.js';
import {
  ALICE,
  BASE,
  DOCTOR,
  FOREIGN,
  admit,
  allowed,
  filter,
  match,
  observationOf,
  open,
  reads,
  searchset,
  shown,
  theIssuer,
  tokenOf,
  withIssuer,
} from './clinic.js';

const ASKED = { operation: 'read', resourceType: 'Observation', id: 'o' } as const;
const SYSTEM = { scope: 'system/*.*' };

/** Whether a token, whatever it is, lets a read begin. */
async function accepts(handler: SMARTHandler, accessToken: unknown): Promise<boolean> {
  return allowed(() =>
    handler.verifyAccessToken({ ...ASKED, accessToken: accessToken as string, fhirServiceBaseUrl: BASE }),
  );
}

function introspecting(more: Partial<SMARTConfig> = {}, timeoutMs = 10_000): SMARTHandler {
  const config: Partial<SMARTConfig> = {
    tokenIntrospection: {
      clientId: 'rs',
      clientSecret: 'secret',
      introspectUrl: theIssuer().introspectUrl,
      timeoutMs,
    },
    ...more,
  };
  if (!('jwksEndpoint' in more)) Reflect.set(config, 'jwksEndpoint', undefined);
  return open({ config });
}

function unsigned(header: Record<string, unknown>, claims: unknown = { ...goodClaims(), ...SYSTEM }): string {
  return `${encode({ alg: 'none', ...header })}.${encode(claims)}.`;
}

describe('holes: tokens and claims', () => {
  withIssuer();

  describe('hole-15: claims that bear the names of derived fields', () => {
    const admin = { hostname: BASE, resourceType: 'Practitioner', id: 'dr' };
    const alice = { hostname: BASE, resourceType: 'Patient', id: 'alice' };
    const injected = {
      fhirUserObject: admin,
      patientLaunchContext: alice,
      scopes: ['system/*.*', 'user/*.*'],
      usableScopes: ['system/*.*', 'user/*.*'],
    };

    it('hole-15: are never read as ours', async () => {
      const handler = open();
      for (const person of [
        { scopes: 'user/Observation.read', fhirUser: `${BASE}/Patient/bob`, claims: injected },
        { scopes: 'patient/Observation.read', patient: 'bob', claims: injected },
      ]) {
        const identity = await admit(handler, person, { operation: 'search-type', resourceType: 'Observation' });
        expect(identity.scopes).to.deep.equal([person.scopes]);
        expect(identity.usableScopes).to.deep.equal([person.scopes]);
        expect(identity.fhirUserObject?.id).to.equal('fhirUser' in person ? 'bob' : undefined);
        expect(identity.patientLaunchContext?.id).to.equal('patient' in person ? 'bob' : undefined);
        const bundle = searchset(
          match(observationOf('Patient/bob')),
          match(observationOf(ALICE)),
          match({ ...observationOf('Patient/x') }),
        );
        expect(shown(await filter(handler, identity, bundle))).to.deep.equal(['o-Patient-bob']);
      }
    });

    it('hole-15: give nothing to a token that has only them', async () => {
      const handler = open();
      for (const scopes of ['user/*.* patient/*.*', '', 'openid']) {
        expect(await allowed(() => admit(handler, { scopes, claims: injected }, ASKED)), scopes).to.equal(false);
      }
      const person = { scopes: 'system/Observation.read', claims: injected };
      const identity = await admit(handler, person, ASKED);
      expect(identity).not.to.have.any.keys('fhirUserObject', 'patientLaunchContext');
    });

    it('hole-15: neither does an identity whose fields are inherited', async () => {
      const handler = open();
      const userIdentity = Object.create(injected) as Record<string, unknown>;
      expect(await allowed(() => filter(handler, userIdentity, observationOf(ALICE), 'read'))).to.equal(false);
      expect(shown(await filter(handler, userIdentity, searchset(match(observationOf(ALICE)))))).to.deep.equal([]);
      expect(await handler.getAllowedResourceTypesForOperation({ userIdentity, operation: 'read' })).to.deep.equal([]);
    });
  });

  describe('hole-16: claim paths', () => {
    const withPath = (fhirUserClaimPath: string, launchContextPathPrefix = 'launch_response_') =>
      open({ config: { fhirUserClaimPath, launchContextPathPrefix } });
    const userOf = async (handler: SMARTHandler, claims: Record<string, unknown>): Promise<unknown> => {
      let found: unknown;
      // A claim that is there and names nobody refuses the request: nobody is found then either.
      await allowed(async () => {
        found = (await admit(handler, { scopes: 'user/*.read system/*.read', claims }, ASKED)).fhirUserObject?.id;
      });
      return found;
    };

    it('hole-16: an own claim of exactly that name comes first', async () => {
      const url = 'https://idp.example/fhirUser';
      expect(await userOf(withPath(url), { [url]: DOCTOR })).to.equal('dr');
      const flat = { 'ext.fhirUser': DOCTOR, ext: { fhirUser: `${BASE}/Practitioner/nested` } };
      expect(await userOf(withPath('ext.fhirUser'), flat)).to.equal('dr');
      expect(await userOf(withPath('a[0].b'), { 'a[0].b': DOCTOR })).to.equal('dr');
    });

    it('hole-16: then own nested ones', async () => {
      expect(await userOf(withPath('ext.fhirUser'), { ext: { fhirUser: DOCTOR } })).to.equal('dr');
      expect(await userOf(withPath('ext.users[0].fhirUser'), { ext: { users: [{ fhirUser: DOCTOR }] } })).to.equal(
        'dr',
      );
    });

    it('hole-16: never inherited ones', async () => {
      const inherited = [
        'constructor.name',
        '__proto__.constructor.name',
        'toString',
        'ext.length',
        'ext.constructor',
        '__proto__',
      ];
      for (const path of inherited) {
        for (const ext of [{}, [], [DOCTOR], DOCTOR]) {
          expect(await userOf(withPath(path), { ext }), path).to.equal(undefined);
        }
      }
      const prototype = Object.prototype as unknown as Record<string, unknown>;
      Object.defineProperty(prototype, 'leaked', { value: DOCTOR, configurable: true });
      try {
        expect(await userOf(withPath('leaked'), {})).to.equal(undefined);
        expect(await userOf(withPath('ext.leaked'), { ext: {} })).to.equal(undefined);
      } finally {
        Reflect.deleteProperty(prototype, 'leaked');
      }
    });

    it('hole-16: the same holds for the launch context and for the scopes', async () => {
      const handler = open({ config: { launchContextPathPrefix: 'ext.ctx.', scopeKey: 'ext.scp' } });
      const claims = { ext: { ctx: { patient: 'alice' }, scp: ['patient/Observation.read'] } };
      const identity = await admit(handler, { scopes: 'system/*.*', claims }, ASKED);
      expect(identity.patientLaunchContext?.id).to.equal('alice');
      expect(identity.scopes).to.deep.equal(['patient/Observation.read']);
    });
  });

  it('hole-16: an issuer may put the launch context beside the other claims, with no prefix at all', async () => {
    const handler = open({ config: { launchContextPathPrefix: '' } });
    const identity = await admit(handler, { scopes: 'patient/Observation.read', claims: { patient: 'alice' } }, ASKED);
    expect(identity.patientLaunchContext?.id).to.equal('alice');
  });

  it('hole-17: a launch patient is a Patient: as a bare id, relative or absolute', async () => {
    const handler = open();
    const patientOf = async (patient: unknown): Promise<unknown> => {
      const person = { scopes: 'patient/*.read', patient };
      let found: unknown;
      const isAllowed = await allowed(async () => {
        found = (await admit(handler, person, ASKED)).patientLaunchContext;
      });
      return isAllowed ? found : 'refused';
    };
    for (const patient of ['alice', ALICE, `${BASE}/${ALICE}`]) {
      expect(await patientOf(patient)).to.deep.equal({ hostname: BASE, resourceType: 'Patient', id: 'alice' });
    }
    for (const patient of [
      'Organization/org1',
      'Group/g',
      'Encounter/e',
      'RelatedPerson/alice',
      `${BASE}/Organization/org1`,
      'patient/alice',
      'Patient/',
      'Patient/..',
      '.',
      '..',
      '/alice',
      'alice/',
      'Patient/alice/_history/1',
      'Patient/alice?x=1',
      'Patient/alice#x',
      'Patient/a b',
      'a_b',
      '',
      ' ',
      'x'.repeat(65),
      ['alice'],
      { id: 'alice' },
      7,
      true,
      null,
    ]) {
      expect(await patientOf(patient), JSON.stringify(patient)).to.equal('refused');
    }
  });

  it('hole-17: an Organization in the launch context opens none of its patients', async () => {
    const handler = open();
    const person = { scopes: 'patient/*.read', patient: 'Organization/org1' };
    const patient = { resourceType: 'Patient', id: 'p', managingOrganization: { reference: 'Organization/org1' } };
    expect(await reads(handler, person, patient)).to.equal(false);
    const userIdentity = {
      scopes: ['patient/*.read'],
      usableScopes: ['patient/*.read'],
      patientLaunchContext: { hostname: BASE, resourceType: 'Organization', id: 'org1' },
    };
    expect(await allowed(() => filter(handler, userIdentity, patient, 'read'))).to.equal(false);
    expect(shown(await filter(handler, userIdentity, searchset(match(patient))))).to.deep.equal([]);
  });

  describe('hole-18: claims of any shape', () => {
    // As JSON texts: some are too deep to be written from a value.
    const shapes = [
      'null',
      'true',
      '0',
      '-1',
      '1e999',
      '""',
      '" "',
      `"${'x'.repeat(9_000)}"`,
      '[]',
      '[[]]',
      '[null]',
      '{}',
      '{"toString":"x"}',
      '{"length":1,"0":"x"}',
      '[{"toString":null}]',
      '{"__proto__":{"x":1}}',
      `${'['.repeat(4_000)}${']'.repeat(4_000)}`,
      `${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`,
    ];

    for (const claim of [
      'fhirUser',
      'launch_response_patient',
      'scope',
      'aud',
      'iss',
      'sub',
      'exp',
      'nbf',
      'typ',
      'jti',
      'azp',
    ]) {
      it(`hole-18: ${claim} of the wrong shape ends in an answer or an UnauthorizedError`, async () => {
        const handler = open();
        for (const shape of shapes) {
          for (const scope of ['user/*.* patient/*.*', 'system/Observation.read']) {
            const claims = { ...goodClaims(), scope, fhirUser: DOCTOR, launch_response_patient: 'alice', [claim]: '@' };
            const payload = JSON.stringify(claims).replace('"@"', () => shape);
            const isAccepted = await accepts(handler, mint({ key: edA, claims: payload }));
            if (['aud', 'iss', 'exp', 'scope'].includes(claim)) expect(isAccepted, shape.slice(0, 40)).to.equal(false);
          }
        }
      });
    }

    it('hole-18: claims by the thousand', async () => {
      const handler = open();
      const claims = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`c${index}`, index]));
      expect(await accepts(handler, tokenOf({ scopes: 'system/*.*', claims }))).to.equal(true);
      expect(await accepts(handler, tokenOf({ scopes: 'system/*.* '.repeat(20_000) }))).to.equal(false);
      expect(await accepts(handler, tokenOf({ scopes: ' '.repeat(5_000) }))).to.equal(false);
    });
  });

  describe('hole-19: introspection', () => {
    const jwt = (): string => tokenOf({ scopes: 'system/*.*' });
    const active = { active: true, aud: AUDIENCE, iss: ISSUER, sub: 's', scope: 'system/*.*' };

    it('hole-19: only the boolean true is active', async () => {
      const handler = introspecting();
      for (const value of ['true', 'false', 1, 'yes', {}, [true], null, undefined, false, 0, '']) {
        theIssuer().introspection = { body: { ...active, active: value } };
        expect(await accepts(handler, jwt()), JSON.stringify(value)).to.equal(false);
        expect(await accepts(handler, 'opaque-1'), JSON.stringify(value)).to.equal(false);
      }
      for (const body of [[active], { data: active }, 'true', '"active"', null, '', '{"active":true', 7]) {
        theIssuer().introspection = { body };
        expect(await accepts(handler, jwt()), JSON.stringify(body)).to.equal(false);
      }
      theIssuer().introspection = { body: active };
      expect(await accepts(handler, jwt())).to.equal(true);
    });

    it('hole-19: opaque tokens work, and their answer is what they say', async () => {
      theIssuer().introspection = (token) => ({
        body:
          token === 'opaque-1'
            ? { ...active, scope: 'patient/Observation.read', launch_response_patient: 'alice' }
            : { active: false },
      });
      const handler = introspecting();
      const identity = await handler.verifyAccessToken({ ...ASKED, accessToken: 'opaque-1', fhirServiceBaseUrl: BASE });
      expect(identity.patientLaunchContext?.id).to.equal('alice');
      expect(await accepts(handler, 'opaque-2')).to.equal(false);
    });

    it('hole-19: an expired, unsigned or foreign payload is not trusted, whatever the server says', async () => {
      const handler = introspecting();
      theIssuer().introspection = { body: { active: true } };
      const claims = { ...goodClaims(), ...SYSTEM };
      expect(await accepts(handler, mint({ key: edA, claims: SYSTEM }))).to.equal(true);
      expect(await accepts(handler, unsigned({}, claims)), 'alg none').to.equal(false);
      for (const bad of [
        { exp: seconds() - 1 },
        { nbf: seconds() + 60 },
        { aud: 'https://other.example' },
        { iss: 'https://evil.example' },
        { exp: 'never' },
      ]) {
        expect(await accepts(handler, mint({ key: edA, claims: { ...SYSTEM, ...bad } })), JSON.stringify(bad)).to.equal(
          false,
        );
      }
      for (const bad of [
        { exp: 1 },
        { nbf: seconds() + 60 },
        { aud: 'https://other.example' },
        { iss: 'https://evil.example' },
      ]) {
        theIssuer().introspection = { body: { ...active, ...bad } };
        expect(await accepts(handler, jwt()), `answer ${JSON.stringify(bad)}`).to.equal(false);
        expect(await accepts(handler, 'opaque'), `answer ${JSON.stringify(bad)}`).to.equal(false);
      }
    });

    it('hole-19: the answer narrows the scopes of the token, whatever the claim is called', async () => {
      theIssuer().introspection = { body: { active: true, scope: 'openid' } };
      expect(await accepts(introspecting(), jwt())).to.equal(false);
      for (const scopeKey of ['scp', 'permissions', 'ext.scp', 'https://idp.example/scope']) {
        const handler = introspecting({ scopeKey });
        const nested = { ext: { scp: 'system/*.*' }, [scopeKey]: 'system/*.*' };
        expect(await accepts(handler, mint({ key: edA, claims: nested })), scopeKey).to.equal(false);
        const onlyNested = { ext: { scp: 'system/*.*' } };
        if (scopeKey === 'ext.scp')
          expect(await accepts(handler, mint({ key: edA, claims: onlyNested }))).to.equal(false);
      }
      theIssuer().introspection = { body: { active: true, scope: '' } };
      expect(await accepts(introspecting(), jwt()), 'an empty scope').to.equal(false);
    });

    it('hole-19: no audience anywhere denies, unless the config says that the server vouches for it', async () => {
      theIssuer().introspection = { body: { active: true, scope: 'system/*.*' } };
      const introspectUrl = theIssuer().introspectUrl;
      const options = { clientId: 'rs', clientSecret: 'secret', introspectUrl };
      expect(await accepts(introspecting(), 'opaque')).to.equal(false);
      const vouching = introspecting({ tokenIntrospection: { ...options, vouchesForAudience: true } });
      expect(await accepts(vouching, 'opaque')).to.equal(true);
      theIssuer().introspection = { body: { active: true, scope: 'system/*.*', aud: 'https://other.example' } };
      expect(await accepts(vouching, 'opaque'), 'a wrong audience is wrong all the same').to.equal(false);
    });

    it('hole-19: with a JWKS endpoint beside it, the signature must verify too', async () => {
      theIssuer().introspection = { body: active };
      const both = introspecting({ jwksEndpoint: theIssuer().jwksUrl });
      expect(await accepts(both, jwt())).to.equal(true);
      expect(await accepts(both, mint({ key: newEd(), claims: SYSTEM })), 'forged').to.equal(false);
      const [header = '', payload = ''] = jwt().split('.');
      expect(await accepts(both, `${header}.${payload}.AAAA`)).to.equal(false);
    });

    it('hole-19: a failure of the server denies, in bounded time', async () => {
      const handler = introspecting({}, 200);
      const begun = performance.now();
      for (const reply of [
        { fault: 'silence' },
        { fault: 'hangup' },
        { fault: 'drip' },
        { status: 500, body: active },
        { status: 401, body: active },
        { status: 302, headers: { location: `${theIssuer().origin}/elsewhere` } },
        { status: 200, body: `{"active":true,"x":"${'y'.repeat(200_000)}"}` },
      ] as const) {
        theIssuer().introspection = reply;
        expect(await accepts(handler, jwt()), JSON.stringify(reply).slice(0, 60)).to.equal(false);
      }
      expect(performance.now() - begun).to.be.below(20_000);
      expect(theIssuer().count('/elsewhere'), 'redirects are not followed').to.equal(0);
    });
  });

  describe('hole-20: a RegExp as audience', () => {
    const audience = 'https://fhir.example.com';

    it('hole-20: g and y flags do not make answers alternate', async () => {
      for (const flags of ['g', 'y', 'gy', 'gi']) {
        const handler = open({ config: { expectedAudValue: new RegExp(`^${audience}$`, flags) } });
        for (let turn = 0; turn < 4; turn += 1) {
          const token = mint({ key: edA, claims: { ...SYSTEM, aud: audience, jti: `${flags}-${turn}` } });
          expect(await accepts(handler, token), `${flags}, turn ${turn}`).to.equal(true);
        }
      }
    });

    it('hole-20: the RegExp of the caller is neither used up nor followed when it changes', async () => {
      const expectedAudValue = new RegExp(`^${audience}$`, 'g');
      const handler = open({ config: { expectedAudValue } });
      expect(await accepts(handler, mint({ key: edA, claims: { ...SYSTEM, aud: [audience] } }))).to.equal(true);
      expect(expectedAudValue.lastIndex).to.equal(0);
      expectedAudValue.lastIndex = 5;
      expect(await accepts(handler, mint({ key: edA, claims: { ...SYSTEM, aud: [audience], jti: '2' } }))).to.equal(
        true,
      );
    });

    it('hole-20: values that are no strings are not turned into strings', async () => {
      const handler = open({ config: { expectedAudValue: /.*/ } });
      for (const aud of [null, 7, true, {}, [[]], [7], [{}], [], [null]]) {
        expect(await accepts(handler, mint({ key: edA, claims: { ...SYSTEM, aud } })), JSON.stringify(aud)).to.equal(
          false,
        );
      }
      // That an unanchored expression matches more than it should is for the configuration check to say.
    });
  });

  describe('hole-21: what is no access token', () => {
    it('hole-21: no exp, or one that is no time', async () => {
      const handler = open();
      for (const exp of [undefined, null, '9999999999', NaN, {}, [9999999999], true, 0, -1, seconds() - 1]) {
        expect(await accepts(handler, mint({ key: edA, claims: { ...SYSTEM, exp } })), JSON.stringify(exp)).to.equal(
          false,
        );
      }
      const endless = mint({
        key: edA,
        claims: JSON.stringify({ ...goodClaims(), ...SYSTEM }).replace(/"exp":\d+/, '"exp":1e999'),
      });
      expect(await accepts(handler, endless)).to.equal(false);
    });

    it('hole-21: ID tokens, refresh tokens, other kinds by typ', async () => {
      const handler = open();
      for (const claims of [
        { nonce: 'n' },
        { at_hash: 'x' },
        { c_hash: 'x' },
        { token_use: 'id' },
        { typ: 'ID' },
        { typ: 'Refresh' },
        { events: {} },
      ]) {
        expect(
          await accepts(handler, mint({ key: edA, claims: { ...SYSTEM, ...claims } })),
          JSON.stringify(claims),
        ).to.equal(false);
      }
      for (const typ of [
        'id_token+jwt',
        'logout+jwt',
        'dpop+jwt',
        'secevent+jwt',
        'JOSE',
        '',
        7,
        null,
        ['JWT'],
        { toString: 'JWT' },
      ]) {
        expect(
          await accepts(handler, mint({ key: edA, header: { typ }, claims: SYSTEM })),
          JSON.stringify(typ),
        ).to.equal(false);
      }
      for (const typ of ['at+jwt', 'application/at+jwt', 'AT+JWT', 'JWT', undefined]) {
        expect(await accepts(handler, mint({ key: edA, header: { typ }, claims: SYSTEM })), String(typ)).to.equal(true);
      }
    });

    it('hole-21: alg none, in any spelling, with and without a signature', async () => {
      const handler = open();
      for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, 0, [], ['EdDSA'], {}, 'none ']) {
        const token = unsigned({ alg, kid: 'a' });
        expect(await accepts(handler, token), JSON.stringify(alg)).to.equal(false);
        expect(await accepts(handler, `${token}${signature('EdDSA', token.slice(0, -1), edA.privateKey)}`)).to.equal(
          false,
        );
      }
    });

    it('hole-21: HS256 signed with the public key, in each of its spellings', async () => {
      theIssuer().publish(edA.jwk({ kid: 'a' }), rsaA.jwk({ kid: 'rsa' }), {
        ...rsaA.jwk({ kid: 'no-alg' }),
        alg: undefined,
      });
      const handler = open();
      const input = (kid: string): string =>
        `${encode({ alg: 'HS256', kid })}.${encode({ ...goodClaims(), ...SYSTEM })}`;
      const secrets = [
        rsaA.publicKey.export({ type: 'spki', format: 'pem' }),
        rsaA.publicKey.export({ type: 'pkcs1', format: 'pem' }),
        rsaA.publicKey.export({ type: 'spki', format: 'der' }),
        JSON.stringify(rsaA.jwk()),
        String(rsaA.jwk().n),
        '',
      ];
      for (const kid of ['rsa', 'no-alg', 'a']) {
        for (const secret of secrets) {
          const signed = `${input(kid)}.${createHmac('sha256', secret).update(input(kid)).digest('base64url')}`;
          expect(await accepts(handler, signed), kid).to.equal(false);
        }
      }
      expect(
        await accepts(handler, mint({ key: rsaA, header: { kid: 'rsa' }, claims: SYSTEM })),
        'the key itself',
      ).to.equal(true);
    });

    it('hole-21: unknown crit, b64 and keys that the token brings along', async () => {
      const handler = open();
      const rogue = newEd();
      for (const header of [
        { crit: ['b64'], b64: false },
        { crit: ['exp'], exp: 1 },
        { crit: [] },
        { crit: 'x' },
        { crit: null },
        { crit: ['toString'] },
      ]) {
        expect(await accepts(handler, mint({ key: edA, header, claims: SYSTEM })), JSON.stringify(header)).to.equal(
          false,
        );
      }
      const url = `${theIssuer().origin}/elsewhere`;
      for (const header of [{ jwk: rogue.jwk() }, { jku: url }, { x5u: url }, { jwk: rogue.jwk(), kid: undefined }]) {
        expect(
          await accepts(handler, mint({ key: rogue, header, claims: SYSTEM })),
          JSON.stringify(Object.keys(header)),
        ).to.equal(false);
      }
      expect(theIssuer().count('/elsewhere')).to.equal(0);
    });
  });

  it('hole-21a: no header or payload shape ends or hangs the process', async () => {
    const handlers = [open(), introspecting(), introspecting({ jwksEndpoint: theIssuer().jwksUrl })];
    const kids: unknown[] = [
      { toString: 'x' },
      { toString: 1, valueOf: 1 },
      [{ toString: 1, valueOf: 1 }],
      { toJSON: 'x' },
      { length: -1 },
      [],
      [[[]]],
      null,
      0,
      true,
      '',
      '__proto__',
      'constructor',
      '\u0000',
      '🔑',
      'x'.repeat(9_000),
    ];
    const failures: unknown[] = [];
    const note = (reason: unknown): number => failures.push(reason);
    process.on('unhandledRejection', note);
    process.on('uncaughtException', note);
    try {
      for (const handler of handlers) {
        for (const kid of kids) {
          theIssuer().introspection = { body: { active: true, aud: kid, iss: kid, scope: kid, exp: kid } };
          await accepts(handler, unsigned({ alg: 'RS256', kid }));
          theIssuer().introspection = { body: { active: false } };
          expect(await accepts(handler, unsigned({ kid }))).to.equal(false);
          expect(await accepts(handler, unsigned({ alg: 'RS256', kid }))).to.equal(false);
          expect(await accepts(handler, unsigned({ alg: kid, kid: 'a', typ: kid, crit: kid }))).to.equal(false);
        }
        for (const text of [
          '',
          '.',
          '..',
          '...',
          'e30.e30.',
          'e30.e30.e30',
          `${encode('null')}.${encode('null')}.`,
          `${encode('[]')}.e30.AA`,
          `${encode('{"alg":"EdDSA","kid":"a"')}.e30.AA`,
          `${encode({ alg: 'EdDSA', kid: 'a' })}.${encode('{'.repeat(50_000))}.AA`,
          `${encode('['.repeat(5_000))}.e30.AA`,
          'a'.repeat(1_000_000),
          'Bearer x',
          '\u0000',
          'ünïcode.ünïcode.ünïcode',
        ]) {
          expect(await accepts(handler, text), text.slice(0, 30)).to.equal(false);
        }
        for (const value of [
          undefined,
          null,
          7,
          {},
          [],
          { split: () => [] },
          Symbol('x'),
          () => 'x',
          new String('x'),
          10n,
        ]) {
          expect(await accepts(handler, value)).to.equal(false);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(failures).to.deep.equal([]);
    } finally {
      process.off('unhandledRejection', note);
      process.off('uncaughtException', note);
    }
  });

  it('hole-21b: weak keys, and keys that are not for this', async () => {
    const weak = newRsa(1024);
    const cases: Record<string, Record<string, unknown>> = {
      enc: rsaA.jwk({ kid: 'enc', use: 'enc' }),
      ops: { ...rsaA.jwk({ kid: 'ops', key_ops: ['encrypt'] }), use: undefined },
      alg: rsaA.jwk({ kid: 'alg', alg: 'RS512' }),
      pss: rsaA.jwk({ kid: 'pss', alg: 'PS256' }),
      oaep: rsaA.jwk({ kid: 'oaep', alg: 'RSA-OAEP' }),
      private: { ...rsaA.privateKey.export({ format: 'jwk' }), kid: 'private', use: 'sig', alg: 'RS256' },
    };
    theIssuer().publish(
      edA.jwk({ kid: 'a' }),
      weak.jwk({ kid: 'weak' }),
      ...Object.values(cases),
      rsaA.jwk({ kid: 'good' }),
    );
    const handler = open();
    expect(await accepts(handler, mint({ key: weak, header: { kid: 'weak' }, claims: SYSTEM })), '1024 bits').to.equal(
      false,
    );
    for (const kid of Object.keys(cases)) {
      expect(await accepts(handler, mint({ key: rsaA, header: { kid }, claims: SYSTEM })), kid).to.equal(false);
    }
    expect(await accepts(handler, mint({ key: rsaA, header: { kid: 'good' }, claims: SYSTEM }))).to.equal(true);
  });

  describe('hole-22: unknown kids and outages', () => {
    it('hole-22: a flood of unknown kids on a cold cache locks no good token out', async () => {
      theIssuer().publish(edA.jwk({ kid: 'a' }));
      const before = theIssuer().count('/jwks');
      const handler = open();
      const flood = Array.from({ length: 150 }, (_, index) =>
        accepts(handler, unsigned({ alg: 'EdDSA', kid: `k-${index}` })),
      );
      const good = Array.from({ length: 20 }, (_, index) =>
        accepts(handler, tokenOf({ scopes: 'system/*.*', claims: { jti: `j-${index}` } })),
      );
      expect(await Promise.all(good)).to.deep.equal(good.map(() => true));
      expect(await Promise.all(flood)).not.to.include(true);
      expect(await accepts(handler, tokenOf({ scopes: 'system/*.*', claims: { jti: 'after' } }))).to.equal(true);
      expect(theIssuer().count('/jwks') - before, 'fetches').to.be.below(8);
    });

    it('hole-22: a new key is found, and the last good ones survive an outage', async () => {
      const rotated = newEd();
      const handler = open();
      expect(await accepts(handler, tokenOf({ scopes: 'system/*.*' }))).to.equal(true);
      theIssuer().publish(edA.jwk({ kid: 'a' }), rotated.jwk({ kid: 'b' }));
      const later = mint({ key: rotated, header: { kid: 'b' }, claims: SYSTEM });
      expect(await accepts(handler, later)).to.equal(true);
      const published = theIssuer().jwks;
      for (const fault of [{ status: 500 }, { fault: 'hangup' }, { body: '<html/>' }, { body: {} }] as const) {
        theIssuer().jwks = fault;
        expect(await accepts(handler, unsigned({ alg: 'EdDSA', kid: `new-${JSON.stringify(fault)}` }))).to.equal(false);
        const again = tokenOf({ scopes: 'system/*.*', claims: { jti: JSON.stringify(fault) } });
        expect(await accepts(handler, again), JSON.stringify(fault)).to.equal(true);
      }
      theIssuer().jwks = published;
    });

    it('hole-22: an issuer that was down when the first token came is asked again', async () => {
      const handler = open();
      const published = theIssuer().jwks;
      theIssuer().jwks = { status: 503 };
      expect(await accepts(handler, tokenOf({ scopes: 'system/*.*' }))).to.equal(false);
      theIssuer().jwks = published;
      expect(await accepts(handler, tokenOf({ scopes: 'system/*.*' }))).to.equal(true);
    });
  });

  describe('hole-23: base URLs and ids', () => {
    it('hole-23: a trailing slash, upper-case host or default port costs nobody anything', async () => {
      for (const apiUrl of [
        `${BASE}/`,
        `${BASE}//`,
        BASE.toUpperCase().replace('/R4', '/r4'),
        BASE.replace('/r4', ':443/r4'),
      ]) {
        const handler = open({ apiUrl });
        const admin = { scopes: 'user/*.read', fhirUser: DOCTOR };
        const token = tokenOf(admin);
        for (const fhirServiceBaseUrl of [undefined, apiUrl, BASE]) {
          const request = {
            ...ASKED,
            accessToken: token,
            ...(fhirServiceBaseUrl !== undefined && { fhirServiceBaseUrl }),
          };
          const userIdentity = await handler.verifyAccessToken(request);
          const reading = { operation: 'read', userIdentity, readResponse: observationOf(ALICE) } as const;
          const work = () =>
            handler.authorizeAndFilterReadResponse({
              ...reading,
              ...(fhirServiceBaseUrl !== undefined && { fhirServiceBaseUrl }),
            });
          expect(await allowed(work), `${apiUrl} asked as ${String(fhirServiceBaseUrl)}`).to.equal(true);
        }
      }
    });

    it('hole-23: what is no FHIR id names nobody', async () => {
      const handler = open();
      for (const id of [
        '.',
        '..',
        '',
        'a/b',
        'a_b',
        'a b',
        'a%20b',
        'a\n',
        'ä',
        '*',
        'x'.repeat(65),
        'dr?x',
        'dr#x',
        'dr\u0000',
        '%2e%2e',
      ]) {
        const person = { scopes: 'user/*.read', fhirUser: `${BASE}/Practitioner/${id}` };
        expect(await allowed(() => admit(handler, person, ASKED)), JSON.stringify(id)).to.equal(false);
      }
      expect(
        await allowed(() =>
          admit(handler, { scopes: 'user/*.read', fhirUser: `${BASE}/Practitioner/${'x'.repeat(64)}` }, ASKED),
        ),
      ).to.equal(true);
    });

    it('hole-23: nor does a fhirUser of another type or at no proper base', async () => {
      const handler = open();
      for (const fhirUser of [
        `${BASE}/Organization/o`,
        `${BASE}/Device/d`,
        `${BASE}/practitioner/dr`,
        `${BASE}/../Practitioner/dr`,
        `${BASE}/x/../Practitioner/dr`,
        `ftp://fhir.clinic.example/r4/Practitioner/dr`,
        `javascript:Practitioner/dr`,
        `//fhir.clinic.example/r4/Practitioner/dr`,
        `https://user:pw@fhir.clinic.example/r4/Practitioner/dr`,
        `${BASE}?x=/Practitioner/dr`,
        `${BASE}#/Practitioner/dr`,
        `${BASE}\\Practitioner\\dr`,
        ` ${DOCTOR}`,
        `${DOCTOR} `,
        `${DOCTOR}\n`,
        'Practitioner',
        'dr',
      ]) {
        expect(await allowed(() => admit(handler, { scopes: 'user/*.read', fhirUser }, ASKED)), fhirUser).to.equal(
          false,
        );
      }
    });
  });

  describe('hole-24: a fhirUser of another server', () => {
    for (const fhirUser of [
      `${FOREIGN}/Practitioner/dr`,
      'https://fhir.clinic.example/r5/Practitioner/dr',
      'https://fhir.clinic.example/r4/tenant/Practitioner/dr',
      'https://fhir.clinic.example.evil.test/r4/Practitioner/dr',
      'http://fhir.clinic.example/r4/Practitioner/dr',
      'https://fhir.clinic.example:8443/r4/Practitioner/dr',
    ]) {
      it(`hole-24: ${fhirUser} is no admin here, and no local reference means it`, async () => {
        const handler = open();
        const person = { scopes: 'user/*.*', fhirUser };
        const own = { resourceType: 'Practitioner', id: 'dr' };
        const local = { ...observationOf(ALICE), performer: [{ reference: 'Practitioner/dr' }] };
        const absolute = { ...observationOf(ALICE), performer: [{ reference: fhirUser }] };
        expect(await reads(handler, person, observationOf(ALICE))).to.equal(false);
        expect(await reads(handler, person, own)).to.equal(false);
        expect(await reads(handler, person, local)).to.equal(false);
        expect(await reads(handler, person, absolute)).to.equal(true);
        const atHome = { ...observationOf(ALICE), performer: [{ reference: DOCTOR }] };
        expect(await reads(handler, person, atHome)).to.equal(false);
      });
    }

    it('hole-24: nor does it export, unless it is of this server', async () => {
      const handler = open({ userExport: true });
      const starting = {
        operation: 'read',
        bulkDataAuth: { operation: 'initiate-export', exportType: 'system' },
      } as const;
      const exports = (fhirUser: string) =>
        allowed(() => admit(handler, { scopes: 'user/*.read', fhirUser }, starting));
      expect(await exports(DOCTOR)).to.equal(true);
      expect(await exports(`${FOREIGN}/Practitioner/dr`)).to.equal(false);
    });
  });

  describe('hole-42: caches never outlive exp', () => {
    let clock: sinon.SinonFakeTimers;
    beforeEach(() => {
      clock = sinon.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
    });
    afterEach(() => {
      clock.restore();
    });

    for (const more of [{}, { iat: undefined }, { jti: undefined, iat: undefined, sub: undefined }]) {
      it(`hole-42: a token that was proved is refused from exp on (${JSON.stringify(Object.keys(more))} missing)`, async () => {
        const handler = open();
        const token = mint({ key: edA, claims: { ...SYSTEM, exp: seconds() + 60, ...more } });
        expect(await accepts(handler, token)).to.equal(true);
        expect(await accepts(handler, token)).to.equal(true);
        clock.tick(59_000);
        expect(await accepts(handler, token)).to.equal(true);
        clock.tick(1_000);
        expect(await accepts(handler, token)).to.equal(false);
        clock.setSystemTime(Date.now() - 30_000);
        expect(await accepts(handler, token), 'the clock went back').to.equal(true);
      });
    }

    it('hole-42: nor does one that introspection vouched for', async () => {
      const handler = introspecting();
      theIssuer().introspection = { body: { active: true, aud: AUDIENCE, scope: 'system/*.*', exp: seconds() + 60 } };
      expect(await accepts(handler, 'opaque')).to.equal(true);
      clock.tick(60_000);
      expect(await accepts(handler, 'opaque')).to.equal(false);
    });
  });
});

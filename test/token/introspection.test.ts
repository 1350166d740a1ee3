import { expect } from 'chai';
import {
  createTokenVerifier,
  type TokenEvent,
  type TokenVerifier,
  type TokenVerifierOptions,
} from '../../src/token/verifier.js';
import { AUDIENCE, ISSUER, Issuer, codeOf, codesOf, edA, encode, goodClaims, mint, rsaB, seconds } from './issuer.js';

type Introspection = NonNullable<TokenVerifierOptions['introspection']>;

describe('token/introspection: the word of the issuer (RFC 7662)', () => {
  let issuer: Issuer;
  let now: number;
  let events: TokenEvent[];
  const make = (introspection: Partial<Introspection> = {}, more: Partial<TokenVerifierOptions> = {}): TokenVerifier =>
    createTokenVerifier({
      introspection: {
        introspectUrl: issuer.introspectUrl,
        clientId: 'fhir-api',
        clientSecret: 's3cr3t',
        ...introspection,
      },
      issuer: ISSUER,
      audience: AUDIENCE,
      now: () => now,
      onEvent: (event) => events.push(event),
      ...more,
    });
  const withKeys = (introspection: Partial<Introspection> = {}): TokenVerifier =>
    make(introspection, { jwksEndpoint: issuer.jwksUrl });
  const active = (members: Record<string, unknown> = {}): void => {
    issuer.introspection = { body: { active: true, ...members } };
  };

  beforeEach(async () => {
    issuer = await Issuer.start(edA.jwk({ kid: 'a' }));
    now = Date.now();
    events = [];
  });
  afterEach(() => issuer.close());

  describe('the request', () => {
    it('is a form POST with the token, its kind, and Basic credentials (RFC 7662 §2.1)', async () => {
      active({ aud: AUDIENCE });
      await make().verify('opaque-token_1~+/=');
      const [request] = issuer.requests;
      expect(request).to.deep.include({ method: 'POST', path: '/introspect' });
      expect(request!.headers).to.include({
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from('fhir-api:s3cr3t').toString('base64')}`,
      });
      expect(Object.fromEntries(new URLSearchParams(request!.body))).to.deep.equal({
        token: 'opaque-token_1~+/=',
        token_type_hint: 'access_token',
      });
    });

    it('form-encodes the credentials before it joins them (RFC 6749 §2.3.1)', async () => {
      active({ aud: AUDIENCE });
      await make({ clientId: 'client/with:specials', clientSecret: 'p@ss word+%é' }).verify('opaque');
      const [, encoded = ''] = issuer.requests[0]!.headers.authorization!.split(' ');
      expect(Buffer.from(encoded, 'base64').toString()).to.equal('client%2Fwith%3Aspecials:p%40ss+word%2B%25%C3%A9');
    });

    it('is never made for what cannot be a token', async () => {
      const codes = await codesOf(make(), {
        undefined: undefined,
        null: null,
        empty: '',
        blank: '   ',
        'space within': 'a b',
        'line feed': 'a\nb',
        'line feed behind': 'abc\n',
        control: 'a\u0000b',
        'not ASCII': 'tökén',
        'padding within': 'a=b',
        Bearer: `Bearer ${mint()}`,
        number: 42,
        object: { token: 'x' },
        'too long': 'x'.repeat(16_385),
      });
      const missing = ['undefined', 'null', 'empty'];
      expect(codes).to.deep.equal(
        Object.fromEntries(
          Object.keys(codes).map((name) => [
            name,
            missing.includes(name) ? 'ERR_TOKEN_MISSING' : 'ERR_TOKEN_MALFORMED',
          ]),
        ),
      );
      expect(issuer.requests).to.deep.equal([]);
    });
  });

  describe('R5: only `active: true` opens', () => {
    for (const [name, value] of [
      ['false', false],
      ['the string "true"', 'true'],
      ['the string "false"', 'false'],
      ['1', 1],
      ['null', null],
      ['an object', {}],
      ['a list', [true]],
      ['nothing', undefined],
    ] as const) {
      it(`R5: hole-19: ${name} does not`, async () => {
        issuer.introspection = { body: { active: value, aud: AUDIENCE, scope: 'system/*.*', sub: 'x' } };
        expect(await codesOf(make(), { opaque: 'opaque', JWT: mint() })).to.deep.equal({
          opaque: 'ERR_INTROSPECTION_INACTIVE',
          JWT: 'ERR_INTROSPECTION_INACTIVE',
        });
      });
    }

    it('R5: hole-19: an `active` that is not the own top-level member does not', async () => {
      issuer.introspection = { body: { data: { active: true }, aud: AUDIENCE } };
      expect(await codeOf(make().verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
      issuer.introspection = { body: `{"__proto__":{"active":true},"aud":"${AUDIENCE}"}` };
      expect(await codeOf(make().verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
    });
  });

  describe('R5: a server that gives no usable answer', () => {
    const good = { active: true, aud: AUDIENCE, iss: ISSUER };
    for (const [name, reply, reason] of [
      ['status 204', { status: 204, body: '' }, 'status'],
      ['status 400', { status: 400, body: good }, 'status'],
      ['status 401', { status: 401, body: good }, 'status'],
      ['status 403', { status: 403, body: good }, 'status'],
      ['status 429', { status: 429, body: good }, 'status'],
      ['status 500', { status: 500, body: good }, 'status'],
      ['status 503', { status: 503, body: 'busy' }, 'status'],
      ['redirect 301', { status: 301, body: good, headers: { location: '/elsewhere' } }, 'status'],
      ['redirect 302', { status: 302, body: good, headers: { location: '/elsewhere' } }, 'status'],
      ['redirect 307', { status: 307, body: good, headers: { location: '/elsewhere' } }, 'status'],
      ['redirect 308', { status: 308, body: good, headers: { location: '/elsewhere' } }, 'status'],
      ['HTML', { body: '<html>login</html>', type: 'text/html' }, 'not-json'],
      ['an empty body', { body: '' }, 'not-json'],
      ['JSON that is cut off', { body: '{"active":true' }, 'not-json'],
      ['a list', { body: [good] }, 'not-an-object'],
      ['null', { body: 'null' }, 'not-an-object'],
      ['true', { body: 'true' }, 'not-an-object'],
      ['more than maxBytes', { body: { ...good, filler: 'x'.repeat(70_000) } }, 'too-large'],
      ['a connection that is cut', { fault: 'hangup' }, 'network'],
      ['silence', { fault: 'silence' }, 'timeout'],
      ['bytes without end', { fault: 'drip' }, 'timeout'],
      ['an answer that comes too late', { body: good, delayMs: 400 }, 'timeout'],
    ] as const) {
      it(`R5: hole-19: ${name}: unavailable, never allowed`, async () => {
        issuer.introspection = reply;
        const verifier = make({ timeoutMs: reason === 'timeout' ? 100 : 5_000 });
        const error: unknown = await verifier.verify('opaque').catch((thrown: unknown) => thrown);
        expect(error).to.include({ code: 'ERR_INTROSPECTION_UNAVAILABLE', unavailable: true });
        expect(events).to.have.length(1);
        const status = reason === 'status' ? { status: reply.status } : {};
        expect(events[0]).to.include({ type: 'introspection.failed', reason, ...status });
        expect(JSON.stringify(events)).not.to.include('opaque').and.not.to.include('s3cr3t');
        expect(issuer.count('/elsewhere')).to.equal(0);
      });
    }

    it('R5: hole-19: a closed port: unavailable', async () => {
      const verifier = make();
      await issuer.close();
      expect(await codeOf(verifier.verify('opaque'))).to.equal('ERR_INTROSPECTION_UNAVAILABLE');
      issuer = await Issuer.start();
    });

    it('a slow answer within the timeout, status 201 and any content type are fine', async () => {
      for (const reply of [{ delayMs: 50 }, { status: 201 }, { type: 'text/plain' }]) {
        issuer.introspection = { body: good, ...reply };
        expect(await codeOf(make().verify('opaque'))).to.equal(undefined);
      }
    });
  });

  describe('hole-19: opaque tokens', () => {
    it('hole-19: work, with the claims of the answer', async () => {
      const answer = {
        aud: AUDIENCE,
        iss: ISSUER,
        sub: 's',
        scope: 'user/Patient.rs',
        exp: seconds() + 60,
        patient: '1',
      };
      active(answer);
      expect(await make().verify('2YotnFZFEjr1zCsicMWpAA')).to.deep.equal({ claims: answer, proof: 'introspection' });
    });

    it('hole-19: work beside a JWKS endpoint too, which is not asked', async () => {
      active({ aud: AUDIENCE });
      const codes = await codesOf(withKeys(), { opaque: 'opaque', 'with dots': 'a.b.c', JWE: 'a.b.c.d.e' });
      expect(new Set(Object.values(codes))).to.deep.equal(new Set(['accepted']));
      expect(issuer.count('/jwks')).to.equal(0);
    });

    it('hole-19: exp, nbf, iss and aud of the answer are checked', async () => {
      for (const [members, code] of [
        [{ exp: seconds() - 1 }, 'ERR_TOKEN_EXPIRED'],
        [{ exp: '2099' }, 'ERR_TOKEN_EXPIRED'],
        [{ exp: null }, 'ERR_TOKEN_EXPIRED'],
        [{ nbf: seconds() + 60 }, 'ERR_TOKEN_NOT_YET_VALID'],
        [{ iss: 'https://evil.example' }, 'ERR_TOKEN_ISSUER'],
        [{ iss: null }, 'ERR_TOKEN_ISSUER'],
        [{ aud: 'https://other.example' }, 'ERR_TOKEN_AUDIENCE'],
        [{ aud: 7 }, 'ERR_TOKEN_AUDIENCE'],
        [{ aud: [] }, 'ERR_TOKEN_AUDIENCE'],
        [{}, undefined],
      ] as const) {
        active({ aud: AUDIENCE, ...members });
        expect(await codeOf(make().verify('opaque')), JSON.stringify(members)).to.equal(code);
      }
    });

    it('hole-19: no aud anywhere denies, unless the server is said to vouch for it; a wrong one always denies', async () => {
      active();
      expect(await codeOf(make().verify('opaque'))).to.equal('ERR_TOKEN_AUDIENCE');
      const vouching = make({ vouchesForAudience: true });
      expect(await codeOf(vouching.verify('opaque'))).to.equal(undefined);
      active({ aud: 'https://other.example' });
      expect(await codeOf(vouching.verify('opaque'))).to.equal('ERR_TOKEN_AUDIENCE');
    });

    it('hole-19: no iss anywhere is fine with one expected issuer, and denies with several', async () => {
      active({ aud: AUDIENCE });
      const several = make({}, { issuer: [ISSUER, 'https://b.example'] });
      expect(await codeOf(make().verify('opaque'))).to.equal(undefined);
      expect(await codesOf(several, { opaque: 'opaque', JWT: mint({ key: edA }) })).to.deep.equal({
        opaque: 'ERR_TOKEN_ISSUER',
        JWT: 'accepted',
      });
      active({ aud: AUDIENCE, iss: 'https://b.example' });
      expect(await codeOf(several.verify('opaque'))).to.equal(undefined);
    });

    it('hole-21: a refresh token is no access token, however active', async () => {
      for (const members of [{ token_type: 'refresh_token' }, { typ: 'Refresh' }, { token_use: 'id' }]) {
        active({ aud: AUDIENCE, ...members });
        expect(await codeOf(make().verify('opaque')), JSON.stringify(members)).to.equal('ERR_TOKEN_TYPE');
      }
    });

    it('hole-18: an answer of odd shapes is refused, or its claims handed on as they are', async () => {
      issuer.introspection = { body: `{"active":true,"aud":"${AUDIENCE}","__proto__":{"scope":"system/*.*"}}` };
      expect(await codeOf(make().verify('opaque'))).to.equal('ERR_TOKEN_MALFORMED');
      issuer.introspection = { body: `{"active":true,"aud":"${AUDIENCE}","x":${'['.repeat(5000)}${']'.repeat(5000)}}` };
      expect(await codeOf(make().verify('opaque'))).to.equal('ERR_TOKEN_MALFORMED');
      active({ aud: AUDIENCE, scope: 7, fhirUser: ['x'] });
      expect((await make().verify('opaque')).claims).to.deep.equal({ aud: AUDIENCE, scope: 7, fhirUser: ['x'] });
    });
  });

  describe('hole-19: JWTs', () => {
    it('hole-19: the claims of the answer override those of the token, which fill what it lacks', async () => {
      active({ sub: 'someone', client_id: 'app' });
      const { claims } = await make().verify(mint({ claims: { fhirUser: 'Patient/1' } }));
      expect(claims).to.deep.include({
        sub: 'someone',
        client_id: 'app',
        fhirUser: 'Patient/1',
        iss: ISSUER,
        aud: AUDIENCE,
      });
      expect(claims).not.to.have.property('active');
    });

    it('hole-19: an answer without scopes leaves those of the token', async () => {
      active({ sub: 'someone' });
      const { claims } = await make({}, { scopeClaim: 'scp' }).verify(
        mint({ claims: { scp: ['launch'], scope: 'openid' } }),
      );
      expect(claims).to.deep.include({ scp: ['launch'], scope: 'openid' });
    });

    it('hole-19: a narrower scope in the answer displaces the scopes of the token, under whatever name', async () => {
      active({ scope: 'openid' });
      const read = async (scopeClaim: string | undefined, claims: Record<string, unknown>): Promise<unknown> =>
        (await make({}, { scopeClaim }).verify(mint({ claims: { scope: undefined, ...claims } }))).claims;
      const wide = 'system/*.*';
      expect(await read(undefined, { scope: wide })).to.include({ scope: 'openid' });
      expect(await read(undefined, { scp: [wide] })).to.include({ scope: 'openid', scp: 'openid' });
      expect(await read('scp', { scp: [wide], scope: wide })).to.include({ scope: 'openid', scp: 'openid' });
      expect(await read('https://idp.example/scopes', { 'https://idp.example/scopes': wide })).to.include({
        'https://idp.example/scopes': 'openid',
      });
      active({ scp: ['openid'] });
      expect(await read('scope', { scope: wide, scp: [wide] })).to.deep.include({ scope: ['openid'], scp: ['openid'] });
    });

    it('hole-19: for opaque tokens, the scope of the answer is found under the name that the host reads', async () => {
      active({ aud: AUDIENCE, scope: 'patient/*.rs' });
      expect((await make({}, { scopeClaim: 'scp' }).verify('opaque')).claims).to.include({ scp: 'patient/*.rs' });
    });

    it('hole-19: with a JWKS endpoint, the signature must verify, and then the server is asked', async () => {
      const verifier = withKeys();
      expect(
        await codesOf(verifier, {
          good: mint({ key: edA }),
          'unknown kid': mint({ key: edA, header: { kid: 'x' } }),
          forged: mint({ key: rsaB, header: { alg: 'EdDSA' }, alg: 'RS256' }),
          HS256: mint({ key: edA, header: { alg: 'HS256' }, alg: 'EdDSA' }),
        }),
      ).to.deep.equal({
        good: 'accepted',
        'unknown kid': 'ERR_TOKEN_KEY',
        forged: 'ERR_TOKEN_SIGNATURE',
        HS256: 'ERR_TOKEN_ALGORITHM',
      });
      expect(issuer.count('/introspect'), 'only about the good one').to.equal(1);
      issuer.introspection = { body: { active: false } };
      expect(await codeOf(verifier.verify(mint({ key: edA })))).to.equal('ERR_INTROSPECTION_INACTIVE');
    });

    it('hole-19: a JWKS endpoint that is down denies, whatever the server says', async () => {
      issuer.jwks = { status: 500 };
      expect(await codeOf(withKeys().verify(mint({ key: edA })))).to.equal('ERR_JWKS_UNAVAILABLE');
    });

    it('hole-19: without a JWKS endpoint, the server vouches for the signature, by an algorithm of its own', async () => {
      const codes = await codesOf(make(), {
        'any key': mint({ key: rsaB }),
        'no kid': mint({ header: { kid: undefined } }),
        HS256: mint({ header: { alg: 'HS256' }, alg: 'RS256' }),
      });
      expect(new Set(Object.values(codes))).to.deep.equal(new Set(['accepted']));
    });

    it('hole-19: an unsecured JWT, one of another type or with crit is refused unasked', async () => {
      const unsecured = `${encode({ alg: 'none' })}.${encode(goodClaims())}.`;
      expect(
        await codesOf(make(), {
          none: unsecured,
          'no alg': `${encode({ typ: 'JWT' })}.${encode(goodClaims())}.AAAA`,
          typ: mint({ header: { typ: 'logout+jwt' } }),
          crit: mint({ header: { crit: [] } }),
          'ID token': mint({ claims: { at_hash: 'x' } }),
          'no JSON': mint({ claims: 'text' }),
          'null payload': mint({ claims: 'null' }),
          'broken payload': `${encode({ alg: 'RS256' })}.~.AAAA`,
        }),
      ).to.deep.equal({
        none: 'ERR_TOKEN_ALGORITHM',
        'no alg': 'ERR_TOKEN_ALGORITHM',
        typ: 'ERR_TOKEN_TYPE',
        crit: 'ERR_TOKEN_CRITICAL',
        'ID token': 'ERR_TOKEN_TYPE',
        'no JSON': 'ERR_TOKEN_MALFORMED',
        'null payload': 'ERR_TOKEN_MALFORMED',
        'broken payload': 'ERR_TOKEN_MALFORMED',
      });
      expect(issuer.requests).to.deep.equal([]);
    });

    it('hole-19: exp, nbf, iss and aud are checked in the token as well as in the answer', async () => {
      for (const verifier of [make(), withKeys()]) {
        active({ exp: seconds() + 600, iss: ISSUER, aud: AUDIENCE });
        expect(
          await codesOf(verifier, {
            expired: mint({ key: edA, claims: { exp: seconds() - 1 } }),
            'not yet': mint({ key: edA, claims: { nbf: seconds() + 60 } }),
            issuer: mint({ key: edA, claims: { iss: 'https://evil.example' } }),
            audience: mint({ key: edA, claims: { aud: 7 } }),
            'all absent': mint({ key: edA, claims: { aud: undefined, iss: undefined, exp: undefined } }),
          }),
        ).to.deep.equal({
          expired: 'ERR_TOKEN_EXPIRED',
          'not yet': 'ERR_TOKEN_NOT_YET_VALID',
          issuer: 'ERR_TOKEN_ISSUER',
          audience: 'ERR_TOKEN_AUDIENCE',
          'all absent': 'accepted',
        });
        active({ exp: 1 });
        expect(await codeOf(verifier.verify(mint({ key: edA })))).to.equal('ERR_TOKEN_EXPIRED');
        active({ aud: 'https://other.example' });
        expect(await codeOf(verifier.verify(mint({ key: edA })))).to.equal('ERR_TOKEN_AUDIENCE');
        active({ iss: 'https://evil.example' });
        expect(await codeOf(verifier.verify(mint({ key: edA })))).to.equal('ERR_TOKEN_ISSUER');
        active();
        expect(await codeOf(verifier.verify(mint({ key: edA, claims: { aud: undefined } })))).to.equal(
          'ERR_TOKEN_AUDIENCE',
        );
      }
    });
  });

  describe('hole-42: answers that are used again', () => {
    const ask = (token: string): number =>
      issuer.requests.filter((request) => new URLSearchParams(request.body).get('token') === token).length;

    it('hole-42: by default none is: a revoked token stops with the next request', async () => {
      active({ aud: AUDIENCE });
      const verifier = make();
      await verifier.verify('opaque');
      issuer.introspection = { body: { active: false } };
      expect(await codeOf(verifier.verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
    });

    it('hole-42: with cacheMaxAgeMs, for so long, and never for another token', async () => {
      active({ aud: AUDIENCE });
      const verifier = make({ cacheMaxAgeMs: 10_000 });
      for (const ms of [0, 5_000, 4_999]) {
        now += ms;
        await verifier.verify('opaque');
      }
      expect(ask('opaque')).to.equal(1);
      now += 1;
      await verifier.verify('opaque');
      expect(ask('opaque')).to.equal(2);
      await verifier.verify('opaque2');
      expect(ask('opaque2')).to.equal(1);
    });

    it('hole-42: never beyond exp, though the clock tolerance would let the token pass', async () => {
      now = seconds(now) * 1000;
      active({ aud: AUDIENCE, exp: now / 1000 + 3 });
      const verifier = make({ cacheMaxAgeMs: 60_000 }, { clockToleranceSeconds: 10 });
      await verifier.verify('opaque');
      now += 2_999;
      await verifier.verify('opaque');
      expect(ask('opaque')).to.equal(1);
      now += 1;
      expect(await codeOf(verifier.verify('opaque'))).to.equal(undefined);
      expect(ask('opaque')).to.equal(2);
      now += 10_000;
      expect(await codeOf(verifier.verify('opaque'))).to.equal('ERR_TOKEN_EXPIRED');
    });

    it('hole-42: an answer without exp is kept no longer than cacheMaxAgeMs; one that says no, not at all', async () => {
      const verifier = make({ cacheMaxAgeMs: 10_000 });
      issuer.introspection = { body: { active: false } };
      expect(await codeOf(verifier.verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
      active({ aud: AUDIENCE });
      expect(await codeOf(verifier.verify('opaque'))).to.equal(undefined);
      issuer.introspection = { body: { active: false } };
      now += 9_999;
      expect(await codeOf(verifier.verify('opaque'))).to.equal(undefined);
      now += 1;
      expect(await codeOf(verifier.verify('opaque'))).to.equal('ERR_INTROSPECTION_INACTIVE');
    });

    it('hole-42: what is kept is the answer, not the verdict: times are judged again', async () => {
      active({ aud: AUDIENCE, iss: ISSUER });
      const verifier = make({ cacheMaxAgeMs: 3_600_000 });
      const token = mint({ claims: { exp: seconds(now) + 10 } });
      await verifier.verify(token);
      now += 11_000;
      expect(await codeOf(verifier.verify(token))).to.equal('ERR_TOKEN_EXPIRED');
    });

    it('hole-42: the number of answers is bounded: the one not used for longest goes', async () => {
      active({ aud: AUDIENCE });
      const verifier = make({ cacheMaxAgeMs: 60_000, cacheSize: 2 });
      for (const token of ['one', 'two', 'one', 'three', 'one', 'two']) {
        await verifier.verify(token);
      }
      expect([ask('one'), ask('two'), ask('three')]).to.deep.equal([1, 2, 1]);
    });
  });
});

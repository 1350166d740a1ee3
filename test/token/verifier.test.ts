import { createHmac } from 'node:crypto';
import { UnauthorizedError, isUnauthorizedError } from 'fhir-works-on-aws-interface';
import { expect } from 'chai';
import { TokenError, type TokenVerifier, type TokenVerifierOptions } from '../../src/token/verifier.js';
import {
  AUDIENCE,
  ISSUER,
  Issuer,
  codeOf,
  codesOf,
  edA,
  encode,
  goodClaims,
  mint,
  newEc,
  newEd,
  newRsa,
  rsaA,
  rsaB,
  seconds,
  signature,
  without,
} from './issuer.js';

describe('token/verifier: JWTs', () => {
  let issuer: Issuer;
  const make = (options: Partial<TokenVerifierOptions> = {}): TokenVerifier => issuer.verifier(options);

  beforeEach(async () => {
    issuer = await Issuer.start();
  });
  afterEach(() => issuer.close());

  it('hands out the claims as they are in the token, with what proved them', async () => {
    const claims = {
      ...goodClaims(),
      nested: { list: [1, { deep: null }] },
      'https://idp.example/fhirUser': 'Patient/1',
    };
    const verified = await make().verify(mint({ claims }));
    expect(verified).to.deep.equal({ claims, proof: 'jwks' });
  });

  it('freezes the claims all the way down: no caller can change what the next one sees', async () => {
    const verifier = make();
    const token = mint({ claims: { fhirUser: { list: [{ id: 'x' }] } } });
    const { claims } = await verifier.verify(token);
    expect(() => Object.assign(claims, { scope: 'system/*.*' })).to.throw(TypeError);
    expect(() => (claims as { fhirUser: { list: unknown[] } }).fhirUser.list.push('y')).to.throw(TypeError);
    expect(() => Object.assign((claims as { fhirUser: { list: object[] } }).fhirUser.list[0]!, { id: 'y' })).to.throw(
      TypeError,
    );
    expect((await verifier.verify(token)).claims).to.deep.include({ fhirUser: { list: [{ id: 'x' }] } });
  });

  describe('TokenError', () => {
    it('is an UnauthorizedError of the interface, by class and by name, and tells its code', async () => {
      const error: unknown = await make()
        .verify('x')
        .catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(UnauthorizedError).and.instanceOf(TokenError);
      expect(isUnauthorizedError(error)).to.equal(true);
      expect(error).to.include({ name: 'UnauthorizedError', code: 'ERR_TOKEN_MALFORMED', unavailable: false });
    });

    it('has one message for every code, without a word of the token', async () => {
      const messages = new Set<string>();
      for (const token of ['', 'x', mint({ key: rsaB }), mint({ claims: { aud: 'secret-audience' } })]) {
        await make()
          .verify(token)
          .catch((error: unknown) => messages.add((error as Error).message));
      }
      expect([...messages]).to.deep.equal(['The access token was not accepted']);
    });
  });

  describe('R3: signature, issuer, audience, expiration, type and algorithm', () => {
    it('R3: each one broken is refused, under its own code', async () => {
      const past = seconds() - 1;
      const codes = await codesOf(make(), {
        good: mint(),
        'another key': mint({ key: rsaB }),
        'tampered payload': mint().replace(/\.[^.]+\./, `.${encode({ ...goodClaims(), scope: 'system/*.*' })}.`),
        'tampered header': mint().replace(/^[^.]+/, encode({ alg: 'RS256', kid: 'a', x: 1 })),
        'no signature': mint().replace(/[^.]+$/, ''),
        'cut signature': mint().slice(0, -8),
        'iss of another': mint({ claims: { iss: 'https://evil.example' } }),
        'iss with a slash more': mint({ claims: { iss: `${ISSUER}/` } }),
        'iss in upper case': mint({ claims: { iss: ISSUER.toUpperCase() } }),
        'aud of another': mint({ claims: { aud: 'https://other.example' } }),
        'aud with more behind': mint({ claims: { aud: `${AUDIENCE}/x` } }),
        expired: mint({ claims: { exp: past } }),
        'not yet valid': mint({ claims: { nbf: seconds() + 60 } }),
        'another type': mint({ header: { typ: 'logout+jwt' } }),
        'alg none': mint().replace(/^[^.]+/, encode({ alg: 'none', kid: 'a' })),
      });
      expect(codes).to.deep.equal({
        good: 'accepted',
        'another key': 'ERR_TOKEN_SIGNATURE',
        'tampered payload': 'ERR_TOKEN_SIGNATURE',
        'tampered header': 'ERR_TOKEN_SIGNATURE',
        'no signature': 'ERR_TOKEN_SIGNATURE',
        'cut signature': 'ERR_TOKEN_SIGNATURE',
        'iss of another': 'ERR_TOKEN_ISSUER',
        'iss with a slash more': 'ERR_TOKEN_ISSUER',
        'iss in upper case': 'ERR_TOKEN_ISSUER',
        'aud of another': 'ERR_TOKEN_AUDIENCE',
        'aud with more behind': 'ERR_TOKEN_AUDIENCE',
        expired: 'ERR_TOKEN_EXPIRED',
        'not yet valid': 'ERR_TOKEN_NOT_YET_VALID',
        'another type': 'ERR_TOKEN_TYPE',
        'alg none': 'ERR_TOKEN_ALGORITHM',
      });
    });

    it('R3: with several issuers or audiences, any of them will do', async () => {
      const verifier = make({ issuer: [ISSUER, 'https://b.example'], audience: [AUDIENCE, 'urn:fhir'] });
      expect(
        await codesOf(verifier, {
          both: mint({ claims: { iss: 'https://b.example', aud: ['x', 'urn:fhir'] } }),
          neither: mint({ claims: { iss: 'https://c.example' } }),
          'list of issuers': mint({ claims: { iss: [ISSUER] } }),
        }),
      ).to.deep.equal({ both: 'accepted', neither: 'ERR_TOKEN_ISSUER', 'list of issuers': 'ERR_TOKEN_ISSUER' });
    });

    it('R3: all eleven algorithms verify, each with its own kind of key', async () => {
      const keys = [
        ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => ({ ...rsaA, alg })),
        newEc('P-256', 'ES256'),
        newEc('P-384', 'ES384'),
        newEc('P-521', 'ES512'),
        edA,
        newEd('Ed25519'),
      ];
      issuer.publish(...keys.map((key) => ({ ...key.jwk(), alg: key.alg, kid: key.alg })));
      const verifier = make();
      const tokens = Object.fromEntries(keys.map((key) => [key.alg, mint({ key, header: { kid: key.alg } })]));
      expect(Object.entries(await codesOf(verifier, tokens)).filter(([, code]) => code !== 'accepted')).to.deep.equal(
        [],
      );
      expect(Object.keys(tokens)).to.have.length(11);
    });

    it('R3: `algorithms` narrows the list', async () => {
      issuer.publish(without(rsaA.jwk({ kid: 'a' }), 'alg'));
      const verifier = make({ algorithms: ['RS384'] });
      expect(
        await codesOf(verifier, {
          RS384: mint({ header: { alg: 'RS384' } }),
          RS256: mint({ header: { alg: 'RS256' } }),
        }),
      ).to.deep.equal({ RS384: 'accepted', RS256: 'ERR_TOKEN_ALGORITHM' });
    });
  });

  describe('hole-18: claims of the wrong type', () => {
    it('hole-18: aud that is no string or list of strings is refused; strings beside it count', async () => {
      const codes = await codesOf(make(), {
        number: mint({ claims: { aud: 7 } }),
        true: mint({ claims: { aud: true } }),
        null: mint({ claims: { aud: null } }),
        object: mint({ claims: { aud: { toString: AUDIENCE } } }),
        'empty list': mint({ claims: { aud: [] } }),
        'list of lists': mint({ claims: { aud: [[AUDIENCE]] } }),
        'list of objects': mint({ claims: { aud: [{}] } }),
        absent: mint({ claims: { aud: undefined } }),
        'empty string': mint({ claims: { aud: '' } }),
        mixed: mint({ claims: { aud: [7, null, AUDIENCE] } }),
      });
      const { mixed, ...others } = codes;
      expect(mixed).to.equal('accepted');
      expect(new Set(Object.values(others))).to.deep.equal(new Set(['ERR_TOKEN_AUDIENCE']));
    });

    it('hole-18: odd or huge values in other claims neither crash nor matter here', async () => {
      const claims = {
        fhirUser: ['Patient/1'],
        scp: 12,
        scope: { a: 1 },
        iat: 'yesterday',
        groups: Array(500).fill('g'),
      };
      expect((await make().verify(mint({ claims }))).claims).to.deep.include(claims);
    });

    it('hole-18: exp, nbf and iss of the wrong type are refused', async () => {
      const codes = await codesOf(make(), {
        'exp string': mint({ claims: { exp: String(seconds() + 600) } }),
        'exp null': mint({ claims: { exp: null } }),
        'exp list': mint({ claims: { exp: [seconds() + 600] } }),
        'exp infinite': mint({ claims: JSON.stringify(goodClaims()).replace(/"exp":\d+/, '"exp":1e999') }),
        'nbf string': mint({ claims: { nbf: 'tomorrow' } }),
        'nbf null': mint({ claims: { nbf: null } }),
        'nbf minus infinity': mint({ claims: JSON.stringify(goodClaims()).replace('{', '{"nbf":-1e999,') }),
        'iss number': mint({ claims: { iss: 1 } }),
        'iss absent': mint({ claims: { iss: undefined } }),
      });
      expect(codes).to.deep.equal({
        'exp string': 'ERR_TOKEN_EXPIRED',
        'exp null': 'ERR_TOKEN_EXPIRED',
        'exp list': 'ERR_TOKEN_EXPIRED',
        'exp infinite': 'ERR_TOKEN_EXPIRED',
        'nbf string': 'ERR_TOKEN_NOT_YET_VALID',
        'nbf null': 'ERR_TOKEN_NOT_YET_VALID',
        'nbf minus infinity': 'ERR_TOKEN_NOT_YET_VALID',
        'iss number': 'ERR_TOKEN_ISSUER',
        'iss absent': 'ERR_TOKEN_ISSUER',
      });
    });
  });

  describe('hole-20: an expression as audience', () => {
    for (const flags of ['', 'g', 'y', 'gy', 'i', 'giy']) {
      it(`hole-20: with flags '${flags}' it gives the same answer every time`, async () => {
        const audience = new RegExp('^https://fhir\\.example/r[45]$', flags);
        audience.lastIndex = 5;
        const verifier = make({ audience });
        for (let i = 0; i < 4; i += 1) {
          // A new token each time: no proof is remembered for it.
          expect(await codeOf(verifier.verify(mint({ claims: { jti: `${i}` } })))).to.equal(undefined);
          const other = mint({ claims: { jti: `${i}`, aud: 'https://other.example' } });
          expect(await codeOf(verifier.verify(other))).to.equal('ERR_TOKEN_AUDIENCE');
        }
        expect(audience.lastIndex, "the caller's object is left alone").to.equal(5);
      });
    }

    it('hole-20: the sticky flag keeps its meaning, which is to match at the start', async () => {
      const verifier = make({ audience: /https:\/\/fhir\.example/y });
      expect(
        await codesOf(verifier, {
          start: mint({ claims: { aud: 'https://fhir.example/x' } }),
          middle: mint({ claims: { aud: 'https://evil.test/?https://fhir.example/x' } }),
        }),
      ).to.deep.equal({ start: 'accepted', middle: 'ERR_TOKEN_AUDIENCE' });
    });

    it('hole-20: members that are no strings never match, whatever they would look like as strings', async () => {
      const verifier = make({ audience: /null|undefined|object|7|true/ });
      expect(
        await codesOf(verifier, {
          null: mint({ claims: { aud: [null] } }),
          object: mint({ claims: { aud: [{}] } }),
          number: mint({ claims: { aud: 7 } }),
          true: mint({ claims: { aud: true } }),
          absent: mint({ claims: { aud: undefined } }),
          string: mint({ claims: { aud: 'null' } }),
        }),
      ).to.deep.equal({
        null: 'ERR_TOKEN_AUDIENCE',
        object: 'ERR_TOKEN_AUDIENCE',
        number: 'ERR_TOKEN_AUDIENCE',
        true: 'ERR_TOKEN_AUDIENCE',
        absent: 'ERR_TOKEN_AUDIENCE',
        string: 'accepted',
      });
    });

    it('hole-20: a later change of the expression changes nothing', async () => {
      const audience = /^https:\/\/fhir\.example\/r4$/;
      const verifier = make({ audience });
      audience.test = () => true;
      audience.exec = () => [] as unknown as RegExpExecArray;
      expect(await codeOf(verifier.verify(mint({ claims: { aud: 'x' } })))).to.equal('ERR_TOKEN_AUDIENCE');
    });
  });

  describe('hole-21: what is no access token', () => {
    it('hole-21: a token without exp is refused', async () => {
      expect(await codeOf(make().verify(mint({ claims: { exp: undefined } })))).to.equal('ERR_TOKEN_EXPIRED');
    });

    it('hole-21: types other than at+jwt, JWT or none at all are refused; case and application/ do not count', async () => {
      const types = {
        'at+jwt': 'accepted',
        'AT+JWT': 'accepted',
        'application/at+jwt': 'accepted',
        JWT: 'accepted',
        jwt: 'accepted',
        'id+jwt': 'ERR_TOKEN_TYPE',
        'logout+jwt': 'ERR_TOKEN_TYPE',
        'secevent+jwt': 'ERR_TOKEN_TYPE',
        'dpop+jwt': 'ERR_TOKEN_TYPE',
        'client-authentication+jwt': 'ERR_TOKEN_TYPE',
        'token-introspection+jwt': 'ERR_TOKEN_TYPE',
        'text/at+jwt': 'ERR_TOKEN_TYPE',
        'application/at+jwt/x': 'ERR_TOKEN_TYPE',
        '': 'ERR_TOKEN_TYPE',
      };
      const tokens = Object.fromEntries(Object.keys(types).map((typ) => [typ, mint({ header: { typ } })]));
      expect(await codesOf(make(), tokens)).to.deep.equal(types);
      expect(
        await codesOf(make(), {
          absent: mint({ header: { typ: undefined } }),
          null: mint({ header: { typ: null } }),
          list: mint({ header: { typ: ['at+jwt'] } }),
          number: mint({ header: { typ: 1 } }),
        }),
      ).to.deep.equal({ absent: 'accepted', null: 'ERR_TOKEN_TYPE', list: 'ERR_TOKEN_TYPE', number: 'ERR_TOKEN_TYPE' });
    });

    it('hole-21: `acceptedTypes` can insist on at+jwt (RFC 9068 §4), or allow one more', async () => {
      const strict = make({ acceptedTypes: ['at+jwt'] });
      const tokens = { at: mint({ header: { typ: 'at+jwt' } }), JWT: mint({ header: { typ: 'JWT' } }), absent: mint() };
      expect(await codesOf(strict, tokens)).to.deep.equal({
        at: 'accepted',
        JWT: 'ERR_TOKEN_TYPE',
        absent: 'ERR_TOKEN_TYPE',
      });
      const wide = make({ acceptedTypes: ['vendor+jwt', null] });
      expect(await codesOf(wide, { vendor: mint({ header: { typ: 'Vendor+JWT' } }), ...tokens })).to.deep.equal({
        vendor: 'accepted',
        at: 'ERR_TOKEN_TYPE',
        JWT: 'ERR_TOKEN_TYPE',
        absent: 'accepted',
      });
    });

    it('hole-21: ID tokens, refresh tokens and security events are known by their claims', async () => {
      const codes = await codesOf(make(), {
        'ID token with nonce': mint({ claims: { nonce: 'n' } }),
        'ID token with at_hash': mint({ claims: { at_hash: 'h' } }),
        'ID token with c_hash': mint({ claims: { c_hash: 'h' } }),
        'ID token with s_hash': mint({ claims: { s_hash: 'h' } }),
        'Cognito ID token': mint({ claims: { token_use: 'id' } }),
        'Keycloak ID token': mint({ claims: { typ: 'ID' } }),
        'Keycloak refresh token': mint({ claims: { typ: 'Refresh' } }),
        'Keycloak offline token': mint({ claims: { typ: 'Offline' }, header: { typ: 'at+jwt' } }),
        'logout token': mint({ claims: { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } } }),
        'token of RFC 8693 that refreshes': mint({
          claims: { token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
        }),
      });
      expect(new Set(Object.values(codes))).to.deep.equal(new Set(['ERR_TOKEN_TYPE']));
    });

    it('hole-21: access tokens with similar claims are not mistaken', async () => {
      const codes = await codesOf(make(), {
        'Cognito access token': mint({ claims: { token_use: 'access' } }),
        'Keycloak access token': mint({ claims: { typ: 'Bearer', nonce: 'n' } }),
        'at+jwt with nonce': mint({ header: { typ: 'at+jwt' }, claims: { nonce: 'n' } }),
        'RFC 9068 §2.2.1': mint({ claims: { auth_time: 1, acr: 'x', amr: ['pwd'] } }),
        'token_type Bearer': mint({ claims: { token_type: 'Bearer' } }),
      });
      expect(new Set(Object.values(codes))).to.deep.equal(new Set(['accepted']));
    });

    it('hole-21: alg none in any spelling, and symmetric algorithms signed with the public key, are refused', async () => {
      const forge = (alg: string, secret: string | Buffer): string => {
        const input = `${encode({ alg, kid: 'a' })}.${encode(goodClaims())}`;
        return `${input}.${createHmac(`sha${alg.slice(2)}`, secret)
          .update(input)
          .digest('base64url')}`;
      };
      const unsecured = (alg: unknown): string => `${encode({ alg, kid: 'a' })}.${encode(goodClaims())}.`;
      const codes = await codesOf(make(), {
        none: unsecured('none'),
        None: unsecured('None'),
        NONE: unsecured('NONE'),
        'none with the signature of another token': `${unsecured('none')}${mint().split('.')[2]!}`,
        'HS256 with SPKI PEM': forge('HS256', rsaA.publicKey.export({ type: 'spki', format: 'pem' })),
        'HS256 with PKCS#1 PEM': forge('HS256', rsaA.publicKey.export({ type: 'pkcs1', format: 'pem' })),
        'HS512 with SPKI DER': forge('HS512', rsaA.publicKey.export({ type: 'spki', format: 'der' })),
        'HS256 with n': forge('HS256', Buffer.from(rsaA.jwk().n!, 'base64url')),
        'RSA-OAEP': mint({ header: { alg: 'RSA-OAEP' }, alg: 'RS256' }),
        'rs256 in lower case': mint({ header: { alg: 'rs256' }, alg: 'RS256' }),
        'no alg': mint({ header: { alg: undefined }, alg: 'RS256' }),
        'alg list': mint({ header: { alg: ['RS256'] }, alg: 'RS256' }),
        'alg object': mint({ header: { alg: { toString: 'RS256' } }, alg: 'RS256' }),
        'alg of Object.prototype': mint({ header: { alg: 'constructor' }, alg: 'RS256' }),
      });
      expect(new Set(Object.values(codes))).to.deep.equal(new Set(['ERR_TOKEN_ALGORITHM']));
      expect(issuer.requests, 'nothing is fetched for them').to.deep.equal([]);
    });

    it('hole-21: any crit is refused, known extension or not, empty or not', async () => {
      const crits = [['exp'], [], ['b64'], ['https://idp.example/ext'], 'b64', null, { 0: 'b64' }];
      const tokens = Object.fromEntries(
        crits.map((crit) => [
          JSON.stringify(crit),
          mint({ header: { crit, b64: true, 'https://idp.example/ext': 1 } }),
        ]),
      );
      expect(new Set(Object.values(await codesOf(make(), tokens)))).to.deep.equal(new Set(['ERR_TOKEN_CRITICAL']));
    });

    it('hole-21: keys and addresses in the header are never used', async () => {
      const rogue = newEd();
      const where = { jku: `${issuer.origin}/elsewhere`, x5u: `${issuer.origin}/elsewhere` };
      const codes = await codesOf(make(), {
        jku: mint({ key: rogue, header: { ...where } }),
        jwk: mint({ key: rogue, header: { jwk: rogue.jwk({ kid: 'a' }) } }),
        'a good token beside them': mint({ header: { ...where, jwk: rogue.jwk({ kid: 'a' }), x5c: ['x'] } }),
      });
      expect(codes).to.deep.equal({
        jku: 'ERR_TOKEN_KEY',
        jwk: 'ERR_TOKEN_KEY',
        'a good token beside them': 'accepted',
      });
      expect(issuer.count('/elsewhere')).to.equal(0);
    });
  });

  describe('hole-21a: tokens of no shape', () => {
    it('hole-21a: what is no JWT is refused', async () => {
      const good = mint();
      const [header = '', payload = '', last = ''] = good.split('.');
      const codes = await codesOf(make(), {
        undefined: undefined,
        null: null,
        empty: '',
        blank: '   ',
        number: 42,
        object: { toString: () => good },
        list: [good],
        function: () => good,
        text: 'abc',
        'one part': header,
        'two parts': `${header}.${payload}`,
        'four parts': `${good}.${last}`,
        'five parts': `${good}.x.y`,
        dots: '..',
        'many dots': '.'.repeat(5000),
        'no header': `.${payload}.${last}`,
        'no payload': `${header}..${last}`,
        Bearer: `Bearer ${good}`,
        'line feed behind': `${good}\n`,
        'line feed within': `${header}\n.${payload}.${last}`,
        'space within': `${header} .${payload}.${last}`,
        padding: `${good}==`,
        'upper case': good.toUpperCase(),
        'base64 instead of base64url': `${Buffer.from('{"alg":"RS256","kid":"a","x":"ÿÿÿ???"}').toString('base64')}.${payload}.${last}`,
        'lone surrogate': `${header}.${payload}.\ud800`,
        NUL: `${good}\0`,
        'too long': mint({ claims: { filler: 'x'.repeat(20_000) } }),
      });
      const expected = Object.fromEntries(Object.keys(codes).map((name) => [name, 'ERR_TOKEN_MALFORMED']));
      Object.assign(expected, {
        undefined: 'ERR_TOKEN_MISSING',
        null: 'ERR_TOKEN_MISSING',
        empty: 'ERR_TOKEN_MISSING',
      });
      expect(codes).to.deep.equal(expected);
      expect(issuer.requests, 'nothing is fetched for them').to.deep.equal([]);
    });

    it('hole-21a: `maxTokenLength` moves the limit', async () => {
      const token = mint({ claims: { filler: 'x'.repeat(20_000) } });
      expect(await codeOf(make({ maxTokenLength: token.length }).verify(token))).to.equal(undefined);
      expect(await codeOf(make({ maxTokenLength: token.length - 1 }).verify(token))).to.equal('ERR_TOKEN_MALFORMED');
    });

    it('hole-21a: a kid that is no non-empty string is refused', async () => {
      const kids: unknown[] = [{ toString: 'x' }, [{ toString: 1, valueOf: 1 }], ['a'], 7, null, true, '', { a: 1 }];
      const tokens = Object.fromEntries(kids.map((kid) => [JSON.stringify(kid), mint({ header: { kid } })]));
      tokens.absent = mint({ header: { kid: undefined } });
      expect(new Set(Object.values(await codesOf(make(), tokens)))).to.deep.equal(new Set(['ERR_TOKEN_KEY']));
      expect(issuer.requests, 'nothing is fetched for them').to.deep.equal([]);
    });

    it('hole-21a: kids that name members of objects find no key', async () => {
      const kids = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '0'];
      const tokens = Object.fromEntries(kids.map((kid) => [`kid ${kid}`, mint({ header: { kid } })]));
      expect(new Set(Object.values(await codesOf(make(), tokens)))).to.deep.equal(new Set(['ERR_TOKEN_KEY']));
    });

    it('hole-21a: a kid outside ASCII is compared as it is', async () => {
      issuer.publish(rsaA.jwk({ kid: 'clé-1' }));
      expect(
        await codesOf(make(), {
          same: mint({ header: { kid: 'clé-1' } }),
          decomposed: mint({ header: { kid: 'cle\u0301-1' } }),
        }),
      ).to.deep.equal({ same: 'accepted', decomposed: 'ERR_TOKEN_KEY' });
    });

    it('hole-21a: signed payloads that are no claim set are refused', async () => {
      const deep = (levels: number): string =>
        `{"a":${'['.repeat(levels)}${']'.repeat(levels)},${JSON.stringify(goodClaims()).slice(1)}`;
      const invalid = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]).toString(
        'base64url',
      );
      const input = `${encode({ alg: 'RS256', kid: 'a' })}.${invalid}`;
      const codes = await codesOf(make(), {
        null: mint({ claims: 'null' }),
        list: mint({ claims: '[]' }),
        number: mint({ claims: '1' }),
        string: mint({ claims: '"x"' }),
        text: mint({ claims: 'text' }),
        'cut off': mint({ claims: '{"iss":"x"' }),
        'byte order mark': mint({ claims: `\ufeff${JSON.stringify(goodClaims())}` }),
        'invalid UTF-8': `${input}.${signature('RS256', input, rsaA.privateKey)}`,
        '5,000 levels': mint({ claims: deep(5_000) }),
        '33 levels': mint({ claims: deep(32) }),
        '31 levels': mint({ claims: deep(30) }),
        __proto__: mint({ claims: `{"__proto__":{"scope":"system/*.*"},${JSON.stringify(goodClaims()).slice(1)}` }),
        'deeper __proto__': mint({ claims: `{"x":[{"__proto__":{}}],${JSON.stringify(goodClaims()).slice(1)}` }),
        'constructor and prototype': mint({ claims: { constructor: { prototype: { admin: true } } } }),
      });
      const expected = Object.fromEntries(Object.keys(codes).map((name) => [name, 'ERR_TOKEN_MALFORMED']));
      Object.assign(expected, { '31 levels': 'accepted', 'constructor and prototype': 'accepted' });
      expect(codes).to.deep.equal(expected);
    });

    it('hole-21a: a header of __proto__ inherits nothing', async () => {
      const input = `${encode('{"__proto__":{"alg":"RS256","kid":"a"},"typ":"JWT"}')}.${encode(goodClaims())}`;
      const token = `${input}.${signature('RS256', input, rsaA.privateKey)}`;
      expect(await codeOf(make().verify(token))).to.equal('ERR_TOKEN_ALGORITHM');
    });
  });

  describe('hole-21b: keys that are too weak or do not fit', () => {
    it('hole-21b: RSA keys under 2048 bits verify nothing', async () => {
      const weak = newRsa(1024);
      issuer.publish(weak.jwk({ kid: 'a' }), rsaA.jwk({ kid: 'strong' }));
      expect(
        await codesOf(make(), { weak: mint({ key: weak }), strong: mint({ header: { kid: 'strong' } }) }),
      ).to.deep.equal({ weak: 'ERR_TOKEN_KEY', strong: 'accepted' });
    });

    it('hole-21b: the alg, use and key_ops of the JWK bind it', async () => {
      const codes: Record<string, string> = {};
      for (const [name, members, alg] of [
        ['alg RS256, token RS256', { alg: 'RS256' }, 'RS256'],
        ['alg RS256, token RS384', { alg: 'RS256' }, 'RS384'],
        ['alg RS256, token PS256', { alg: 'RS256' }, 'PS256'],
        ['no alg, token PS384', { alg: undefined }, 'PS384'],
        ['alg null', { alg: null }, 'RS256'],
        ['alg RSA-OAEP', { alg: 'RSA-OAEP' }, 'RS256'],
        ['alg EdDSA', { alg: 'EdDSA' }, 'RS256'],
        ['use enc', { use: 'enc' }, 'RS256'],
        ['use null', { use: null }, 'RS256'],
        ['no use', { use: undefined }, 'RS256'],
        ['key_ops verify', { key_ops: ['verify'] }, 'RS256'],
        ['key_ops encrypt', { key_ops: ['encrypt', 'wrapKey'] }, 'RS256'],
        ['key_ops empty', { key_ops: [] }, 'RS256'],
        ['key_ops string', { key_ops: 'verify' }, 'RS256'],
        ['token ES256', { alg: undefined }, 'ES256'],
      ] as const) {
        issuer.publish(rsaA.jwk({ kid: 'a', ...members }));
        const token = mint({ header: { alg }, alg: alg === 'ES256' ? 'RS256' : alg });
        codes[name] = (await codeOf(make().verify(token))) ?? 'accepted';
      }
      const refused = Object.keys(codes).filter((name) => codes[name] === 'ERR_TOKEN_KEY');
      expect(refused).to.deep.equal([
        'alg RS256, token RS384',
        'alg RS256, token PS256',
        'alg null',
        'alg RSA-OAEP',
        'alg EdDSA',
        'use enc',
        'use null',
        'key_ops encrypt',
        'key_ops empty',
        'key_ops string',
        'token ES256',
      ]);
      expect(new Set(Object.values(codes))).to.deep.equal(new Set(['accepted', 'ERR_TOKEN_KEY']));
    });

    it('hole-21b: an algorithm takes the curve that belongs to it', async () => {
      const p256 = newEc('P-256', 'ES256');
      issuer.publish(without(p256.jwk({ kid: 'a' }), 'alg'));
      expect(
        await codesOf(make(), { ES256: mint({ key: p256 }), ES384: mint({ key: p256, header: { alg: 'ES384' } }) }),
      ).to.deep.equal({ ES256: 'accepted', ES384: 'ERR_TOKEN_KEY' });
    });
  });

  describe('time', () => {
    it('R3: exp is the first moment at which a token no longer holds, nbf the first at which it does', async () => {
      let now = Date.now();
      const from = seconds(now) + 100;
      const token = mint({ claims: { nbf: from, exp: from + 50 } });
      const verifier = make({ now: () => now });
      const at = async (ms: number): Promise<string | undefined> => {
        now = ms;
        return codeOf(verifier.verify(token));
      };
      expect(await at(from * 1000 - 1)).to.equal('ERR_TOKEN_NOT_YET_VALID');
      expect(await at(from * 1000)).to.equal(undefined);
      expect(await at((from + 50) * 1000 - 1)).to.equal(undefined);
      expect(await at((from + 50) * 1000)).to.equal('ERR_TOKEN_EXPIRED');
      expect(await at((from + 40) * 1000), 'a clock that is set back').to.equal(undefined);
      expect(await at(from * 1000 - 1)).to.equal('ERR_TOKEN_NOT_YET_VALID');
    });

    it('R3: clockToleranceSeconds moves both ends, and 0 is the default', async () => {
      let now = Date.now();
      const from = seconds(now) + 100;
      const token = mint({ claims: { nbf: from, exp: from + 50 } });
      const verifier = make({ now: () => now, clockToleranceSeconds: 10 });
      const at = async (ms: number): Promise<string | undefined> => {
        now = ms;
        return codeOf(verifier.verify(token));
      };
      expect(await at((from - 10) * 1000 - 1)).to.equal('ERR_TOKEN_NOT_YET_VALID');
      expect(await at((from - 10) * 1000)).to.equal(undefined);
      expect(await at((from + 60) * 1000 - 1)).to.equal(undefined);
      expect(await at((from + 60) * 1000)).to.equal('ERR_TOKEN_EXPIRED');
    });

    it('R3: fractions of seconds count; iat has no say', async () => {
      const now = Date.now();
      const verifier = make({ now: () => now });
      expect(
        await codesOf(verifier, {
          'expires in half a second': mint({ claims: { exp: now / 1000 + 0.5 } }),
          'expired for half a second': mint({ claims: { exp: now / 1000 - 0.5 } }),
          'issued tomorrow': mint({ claims: { iat: now / 1000 + 86_400 } }),
          'no iat': mint({ claims: { iat: undefined } }),
        }),
      ).to.deep.equal({
        'expires in half a second': 'accepted',
        'expired for half a second': 'ERR_TOKEN_EXPIRED',
        'issued tomorrow': 'accepted',
        'no iat': 'accepted',
      });
    });

    it('R3: a token that expires while the keys are on their way is refused', async () => {
      const start = Date.now();
      const token = mint({ claims: { exp: seconds(start) + 10 } });
      let now = start;
      const verifier = make({
        now: () => now,
        fetch: async (...request) => {
          now = start + 60_000;
          return fetch(...request);
        },
      });
      expect(await codeOf(verifier.verify(token))).to.equal('ERR_TOKEN_EXPIRED');
    });
  });

  it('denies, and says so to onEvent without the message, when something breaks inside', async () => {
    const token = mint();
    const events: unknown[] = [];
    const verifier = make({
      now: () => {
        throw new RangeError(`no clock for ${token}`);
      },
      onEvent: (event) => {
        events.push(event);
        throw new Error('a listener that fails, too');
      },
    });
    expect(await codeOf(verifier.verify(token))).to.equal('ERR_TOKEN_INTERNAL');
    expect(events).to.have.length(1);
    expect(events[0]).to.include({ type: 'internal', name: 'RangeError' });
    expect(JSON.stringify(events)).not.to.include(token.slice(0, 20));
  });
});

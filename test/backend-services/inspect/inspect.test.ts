import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { SignJWT, importJWK } from 'jose';
import { inspectToken } from '../../../src/backend-services/inspect/inspect.js';
import type { InspectOptions, TokenReport } from '../../../src/backend-services/inspect/inspect.js';
import { createTokenVerifier } from '../../../src/token/verifier.js';
import type { DefectCode } from '../../../src/backend-services/inspect/defect.js';
import { facadeGuide, smartGuide } from '../data/published-samples.js';
import { ecKey, rsaKey } from '../test-keys.js';
import { ACCESS_TOKEN, ASSERTION, NOW, accessTokenCases, assertionCases } from './cases.js';

describe('backend-services/inspect', () => {
  const now = (): number => NOW * 1000;
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const compact = (header: unknown, payload: unknown, signature = 'c2lnbmF0dXJl'): string =>
    `${encode(header)}.${encode(payload)}.${signature}`;
  const codes = ({ defects }: TokenReport, level?: 'must' | 'should'): DefectCode[] =>
    defects.filter((defect) => level === undefined || defect.level === level).map(({ code }) => code);

  describe('the published samples', () => {
    const at = (seconds: number): InspectOptions => ({ now: () => seconds * 1000 });

    it('sample: the assertion lacks kid and jti, has an http audience and lives ten hours', async () => {
      const report = await inspectToken(facadeGuide.assertion, at(facadeGuide.issuedAt));
      expect(report).to.include({ kind: 'client-assertion', signature: 'not-checked' });
      expect(codes(report)).to.deep.equal(['kid-missing', 'aud-not-https', 'jti-missing', 'lifetime-too-long']);
      expect(report.defects.every(({ level }) => level === 'must')).to.equal(true);
      expect(report.defects.at(-1)?.message).to.include('36000 s (10 hours)').and.to.include('300 s');
    });

    it('sample: and its key is published', async () => {
      const expected = { keys: [facadeGuide.jwk] };
      const report = await inspectToken(facadeGuide.assertion, { ...at(facadeGuide.issuedAt), expected });
      expect(report.signature).to.equal('valid');
      expect(codes(report)).to.include('key-published');
    });

    it('sample: years later it is expired as well, and its lifetime is still ten hours', async () => {
      const report = await inspectToken(facadeGuide.assertion, at(facadeGuide.issuedAt + 1e8));
      expect(codes(report)).to.include.members(['expired', 'lifetime-too-long', 'kid-missing', 'jti-missing']);
      expect(report.defects.find(({ code }) => code === 'lifetime-too-long')?.message).to.include('10 hours');
    });

    it('sample: the access token lacks typ, aud, client_id and scope', async () => {
      const report = await inspectToken(facadeGuide.accessToken, at(1_709_158_200));
      expect(report.kind).to.equal('access-token');
      expect(codes(report, 'must')).to.deep.equal(['typ-missing', 'aud-missing', 'client-id-missing']);
      expect(codes(report, 'should')).to.deep.equal(['iss-not-https', 'scope-missing', 'lifetime-too-long']);
    });

    it('sample: its issuer ends in a slash, which counts', async () => {
      const issuer = 'http://192.168.40.133:8081/openid-connect-server-webapp';
      const without = await inspectToken(facadeGuide.accessToken, { ...at(1_709_158_200), expected: { issuer } });
      expect(codes(without)).to.include('iss-unexpected');
      const list = { issuer: ['https://other', `${issuer}/`] };
      const withSlash = await inspectToken(facadeGuide.accessToken, { ...at(1_709_158_200), expected: list });
      expect(codes(withSlash)).not.to.include('iss-unexpected');
    });

    it('sample: the token of the curl example is signed with a shared secret', async () => {
      const report = await inspectToken(facadeGuide.curlToken, at(1_633_532_100));
      expect(report.kind).to.equal('access-token');
      expect(codes(report)).to.include.members([
        'alg-symmetric',
        'typ-wrong',
        'iss-missing',
        'aud-missing',
        'jti-missing',
      ]);
    });

    it('sample: the assertions of the SMART guide are without fault at their time, but for their published keys', async () => {
      for (const { assertion, jwk } of [smartGuide.rs384, smartGuide.es384]) {
        const report = await inspectToken(assertion, { ...at(smartGuide.exp - 60), expected: { keys: [jwk] } });
        expect(report.signature).to.equal('valid');
        expect(codes(report)).to.deep.equal(['key-published']);
      }
    });
  });

  const kinds = [
    { as: 'client-assertion', base: ASSERTION, cases: assertionCases },
    { as: 'access-token', base: ACCESS_TOKEN, cases: accessTokenCases },
  ] as const;
  for (const { as, base, cases } of kinds) {
    describe(as, () => {
      for (const item of cases) {
        it(item.name, async () => {
          const token = compact(
            { ...base.header, ...item.header },
            { ...base.payload, ...item.payload },
            item.signature,
          );
          const report = await inspectToken(token, { now, as });
          expect(codes(report, 'must').filter((code) => code !== 'wrong-kind')).to.deep.equal(item.must ?? []);
          expect(codes(report, 'should')).to.deep.equal(item.should ?? []);
        });
      }

      it('looks like what it is', async () => {
        expect((await inspectToken(compact(base.header, base.payload), { now })).kind).to.equal(as);
        const other = as === 'access-token' ? 'client-assertion' : 'access-token';
        expect(codes(await inspectToken(compact(base.header, base.payload), { now, as: other }))).to.include(
          'wrong-kind',
        );
      });
    });
  }

  it('compares with what is expected of an assertion', async () => {
    const token = compact({ ...ASSERTION.header, jku: 'https://app.example/a' }, ASSERTION.payload);
    const inspect = async (expected: InspectOptions['expected']): Promise<DefectCode[]> =>
      codes(await inspectToken(token, { now, expected }));
    const right = { clientId: 'app', audience: 'https://as.example/token', jku: 'https://app.example/a' };
    expect(await inspect(right)).to.deep.equal([]);
    expect(await inspect({ ...right, audience: ['https://other', right.audience] })).to.deep.equal([]);
    expect(await inspect({ ...right, clientId: 'App' })).to.deep.equal(['client-unexpected']);
    expect(await inspect({ ...right, audience: 'https://as.example/token/' })).to.deep.equal(['aud-unexpected']);
    expect(await inspect({ ...right, jku: 'https://app.example/b' })).to.deep.equal(['jku-unexpected']);
  });

  it('compares with what is expected of an access token', async () => {
    const token = compact(ACCESS_TOKEN.header, ACCESS_TOKEN.payload);
    const inspect = async (expected: InspectOptions['expected']): Promise<DefectCode[]> =>
      codes(await inspectToken(token, { now, expected }));
    const right = {
      clientId: 'app',
      audience: 'https://fhir.example/r4',
      issuer: 'https://as.example',
      scope: 'system/Patient.rs',
    };
    expect(await inspect(right)).to.deep.equal([]);
    expect(await inspect({ ...right, clientId: 'other' })).to.deep.equal(['client-unexpected']);
    expect(await inspect({ ...right, audience: 'https://fhir.example' })).to.deep.equal(['aud-unexpected']);
    expect(await inspect({ ...right, issuer: 'https://as.example/' })).to.deep.equal(['iss-unexpected']);
    expect(await inspect({ ...right, scope: 'system/Patient.cruds' })).to.deep.equal(['scope-narrowed']);
    expect(await inspect({ ...right, scope: 'system/Patient.r' })).to.deep.equal(['scope-widened']);
  });

  it('notices scopes that speak for somebody whom no claim names, where the server looks for them', async () => {
    const identity = { fhirUserClaimPath: 'fhirUser', launchContextPathPrefix: 'launch_response_' };
    const inspect = async (claims: object): Promise<DefectCode[]> => {
      const token = compact(ACCESS_TOKEN.header, { ...ACCESS_TOKEN.payload, ...claims });
      return codes(await inspectToken(token, { now, expected: { identity } }));
    };
    expect(await inspect({})).to.deep.equal([]);
    const scope = 'patient/Observation.rs user/Patient.rs';
    expect(await inspect({ scope })).to.deep.equal(['patient-missing', 'user-missing']);
    expect(await inspect({ scope, patient: '1', fhirUser: 'somebody' })).to.deep.equal([
      'patient-missing',
      'user-missing',
    ]);
    const named = { launch_response_patient: '1', fhirUser: 'https://fhir.example/r4/Practitioner/1' };
    expect(await inspect({ scope, ...named })).to.deep.equal([]);
    expect(await inspect({ scope, ...named, fhirUser: 'Practitioner/1' })).to.deep.equal([]);
  });

  it('checks the signature with the keys that fit, and says when none does', async () => {
    const rsa = await rsaKey();
    const ec = await ecKey();
    const sign = async (header: Record<string, unknown>): Promise<string> =>
      new SignJWT(ASSERTION.payload)
        .setProtectedHeader({ ...ASSERTION.header, ...header })
        .sign(await importJWK(rsa.privateJwk as Parameters<typeof importJWK>[0], 'RS384'));
    const check = async (token: string, keys: Record<string, unknown>[]): Promise<[string, DefectCode[]]> => {
      const report = await inspectToken(token, { now, expected: { keys } });
      return [report.signature, codes(report)];
    };
    const named = { ...rsa.publicJwk, kid: 'k1' };
    expect(await check(await sign({}), [ec.publicJwk, named])).to.deep.equal(['valid', []]);
    expect(await check(await sign({}), [{ ...named, kid: undefined }])).to.deep.equal(['valid', []]);
    expect(await check(await sign({}), [rsa.publicJwk])).to.deep.equal(['not-checked', ['key-unknown']]);
    expect(await check(await sign({}), [ec.publicJwk])).to.deep.equal(['not-checked', ['key-unknown']]);
    expect(await check(await sign({}), [{ ...facadeGuide.jwk, kid: 'k1' }])).to.deep.equal([
      'invalid',
      ['signature-invalid'],
    ]);
    const tampered = (await sign({})).replace(/\.[^.]+\./, `.${encode({ ...ASSERTION.payload, jti: 'j2' })}.`);
    expect(await check(tampered, [named])).to.deep.equal(['invalid', ['signature-invalid']]);
    // Damaged keys verify nothing, and stop nothing.
    expect(await check(await sign({}), [{ kty: 'RSA', kid: 'k1', n: 5 }, named])).to.deep.equal(['valid', []]);
    expect(await check(await sign({}), [{ kty: 'RSA', kid: 'k1' }])).to.deep.equal(['invalid', ['signature-invalid']]);
  });

  it('never verifies HS256 with a public key as the secret', async () => {
    const { publicPem, publicJwk } = await rsaKey();
    const input = `${encode({ ...ASSERTION.header, alg: 'HS256' })}.${encode(ASSERTION.payload)}`;
    const forged = `${input}.${createHmac('sha256', publicPem).update(input).digest('base64url')}`;
    const keys = [publicJwk, { kty: 'oct', k: Buffer.from(publicPem).toString('base64url') }];
    const report = await inspectToken(forged, { now, expected: { keys } });
    expect(report.signature).to.equal('not-checked');
    expect(codes(report)).to.include('alg-symmetric');
  });

  it('takes tokens as people have them at hand', async () => {
    const token = compact(ASSERTION.header, ASSERTION.payload);
    const texts = [
      ` ${token}\r\n`,
      `Bearer ${token}`,
      `bearer  ${token}`,
      `"${token}"`,
      `\`${token}\``,
      `\uFEFF${token}`,
      JSON.stringify({ access_token: token, token_type: 'Bearer' }),
      JSON.stringify({ client_assertion: token }),
    ];
    for (const text of texts)
      expect((await inspectToken(text, { now })).payload, text.slice(0, 12)).to.deep.equal(ASSERTION.payload);
  });

  it('says what a text is that is no JWT', async () => {
    const jwe = `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.a.b.c.d`;
    expect(codes(await inspectToken(jwe))).to.deep.equal(['encrypted']);
    expect(codes(await inspectToken('2YotnFZFEjr1zCsicMWpAA'))).to.deep.equal(['opaque']);
    expect(codes(await inspectToken('2YotnFZFEjr1zCsicMWpAA', { as: 'client-assertion' }))).to.deep.equal([
      'malformed',
    ]);
    const idToken = compact(
      { alg: 'RS256', kid: 'k' },
      { iss: 'https://as.example', sub: 'u', aud: 'app', nonce: 'n', exp: NOW + 60, iat: NOW },
    );
    expect(codes(await inspectToken(idToken, { now }))).to.include('id-token');
    for (const text of [
      '',
      'two words',
      'a.b.c',
      `${encode({})}.${encode({})}`.concat('.sig!'),
      `${encode([])}.${encode({})}.c`,
      `${encode({})}.${Buffer.from('{"a":1').toString('base64url')}.c`,
      `${encode({})}.${Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url')}.c`,
      'a.b.c.d',
    ]) {
      expect(codes(await inspectToken(text)), text).to.deep.equal(['malformed']);
    }
  });

  describe('agrees with the verifier on what is malformed', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' };
    const verifier = createTokenVerifier({
      jwksEndpoint: 'https://as.example/jwks',
      issuer: ACCESS_TOKEN.payload.iss,
      audience: ACCESS_TOKEN.payload.aud,
      now,
      fetch: () => Promise.resolve(Response.json({ keys: [jwk] })),
    });
    const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url');
    const signed = (input: string): string =>
      `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
    const header = base64(JSON.stringify({ ...ACCESS_TOKEN.header, alg: 'ES256' }));
    const claims = JSON.stringify(ACCESS_TOKEN.payload);
    const having = (member: string): string => signed(`${header}.${base64(claims.replace('{', `{${member},`))}`);
    const deep = (levels: number): string => `"x":${'['.repeat(levels)}${']'.repeat(levels)}`;
    const good = having('"x":1');
    /** One character more than bytes can be encoded in. */
    const uneven = (text: string): string => `${text}${'A'.repeat((5 - (text.length % 4)) % 4)}`;
    const texts: Readonly<Record<string, string>> = {
      'a good one': good,
      'a payload of a length that no bytes have': signed(`${header}.${uneven(base64(claims))}`),
      'a signature of a length that no bytes have': `${good.split('.').slice(0, 2).join('.')}.${uneven(good.split('.')[2]!)}`,
      'a member called __proto__': having('"__proto__":{"scope":"x"}'),
      'one of that name further down': having('"x":[{"__proto__":1}]'),
      'one of that name in escapes': having('"\\u005f_proto__":1'),
      'a text of that name': having('"x":"__proto__"'),
      'a claim with 31 levels': having(deep(31)),
      'a claim with 32 levels': having(deep(32)),
      'a name twice': having('"exp":1'),
      'a byte order mark': signed(`${header}.${base64(`\uFEFF${claims}`)}`),
      'bytes that are no UTF-8': signed(
        `${header}.${base64(Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff]), Buffer.from('"}')]))}`,
      ),
      padding: signed(`${header}.${base64(claims)}=`),
      'a list': signed(`${header}.${base64('[]')}`),
      nothing: signed(`${header}.`),
    };
    for (const [name, token] of Object.entries(texts)) {
      it(name, async () => {
        const code = await verifier.verify(token).then(
          () => undefined,
          (error: unknown) => (error as { code: string }).code,
        );
        const report = await inspectToken(token, { now, as: 'access-token' });
        expect(codes(report, 'must').includes('malformed')).to.equal(code === 'ERR_TOKEN_MALFORMED');
        if (code === undefined)
          expect(codes(report, 'must').filter((each) => each !== 'alg-not-smart')).to.deep.equal([]);
      });
    }

    it('and these it knows: of those above eleven', async () => {
      const reports = await Promise.all(Object.values(texts).map((token) => inspectToken(token, { now })));
      expect(reports.filter((report) => codes(report).includes('malformed'))).to.have.length(11);
    });
  });

  it('RFC 7519 §4: names what is there more than once, wherever, and once', async () => {
    const base64 = (text: string): string => Buffer.from(text).toString('base64url');
    const { header, payload } = ASSERTION;
    const inspect = async (extraHeader: string, extraPayload: string): Promise<string[]> => {
      const [h, p] = [JSON.stringify(header), JSON.stringify(payload)];
      const token = `${base64(h.replace('{', `{${extraHeader}`))}.${base64(p.replace('{', `{${extraPayload}`))}.c2lnbmF0dXJl`;
      const { defects } = await inspectToken(token, { now });
      return defects.map(
        ({ code, level, message }) => `${level} ${code} ${/^"[^"]*" is in the \w+/.exec(message)?.[0] ?? ''}`,
      );
    };
    expect(await inspect('', '')).to.deep.equal([]);
    expect(await inspect('', '"iss":"x","exp":1,"iss":"y",')).to.deep.equal([
      'should member-repeated "iss" is in the payload',
      'should member-repeated "exp" is in the payload',
    ]);
    expect(await inspect('"alg" : "none",', '')).to.deep.equal(['should member-repeated "alg" is in the header']);
    expect(await inspect('', '"x":{"a":[{"b":1,"\\u0062":2}]},')).to.deep.equal([
      'should member-repeated "b" is in the payload',
    ]);
    // Alike in different objects, in values, and behind quotes that end no text.
    expect(await inspect('', '"x":[{"a":1},{"a":"a","b":{"a":"\\"a\\":{"}}],"y":["a","a"],')).to.deep.equal([]);
  });

  it('holds no signature, so that the token cannot be put together from the report', async () => {
    for (const token of [facadeGuide.assertion, facadeGuide.accessToken]) {
      const report = await inspectToken(token, { expected: { keys: [facadeGuide.jwk] } });
      expect(JSON.stringify(report)).not.to.include(token.split('.')[2]!);
    }
  });

  it('answers any text and any JSON in the place of claims, and throws at none', async () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const member = fc.constantFrom(
      'alg',
      'kid',
      'typ',
      'jku',
      'crit',
      'iss',
      'sub',
      'aud',
      'exp',
      'iat',
      'nbf',
      'jti',
      'scope',
      'azp',
      'client_id',
    );
    const object = fc.dictionary(member, value);
    await fc.assert(
      fc.asyncProperty(
        object,
        object,
        fc.constantFrom(undefined, 'client-assertion' as const, 'access-token' as const),
        async (header, payload, as) => {
          const expected = { keys: [facadeGuide.jwk], clientId: 'a', audience: 'b', issuer: 'c', jku: 'd', scope: 'e' };
          const report = await inspectToken(compact(header, payload), { now, as, expected });
          expect(report.header).to.deep.equal(JSON.parse(JSON.stringify(header)));
          expect(report.defects).not.to.have.length(0);
        },
      ),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        expect((await inspectToken(text)).defects).not.to.have.length(0);
      }),
      { numRuns: 300 },
    );
  });
});

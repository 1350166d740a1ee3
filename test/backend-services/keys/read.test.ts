import { createPrivateKey, createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { publicJwk, publicPem } from '../../../src/backend-services/keys/export.js';
import { generateSigningKey } from '../../../src/backend-services/keys/generate.js';
import { keyFromJwk } from '../../../src/backend-services/keys/key.js';
import { thumbprint } from '../../../src/backend-services/keys/kid.js';
import { readKey, readKeys } from '../../../src/backend-services/keys/read.js';
import { facadeGuide } from '../data/published-samples.js';
import { ecKey, rsaKey, unfitKeys } from '../test-keys.js';
import { thrown } from '../thrown.js';

describe('backend-services/keys/read', () => {
  /** Every PEM encoding of the two test keys. */
  async function encodings(): Promise<{ name: string; type: 'private' | 'public'; pem: string; thumbprint: string }[]> {
    const cases = [];
    for (const key of [await rsaKey(), await ecKey()]) {
      const secret = createPrivateKey(key.privatePem);
      const open = createPublicKey(key.publicPem);
      const own = key.alg === 'RS384' ? 'pkcs1' : 'sec1';
      const print = thumbprint(readKey(key.publicPem));
      const text = (pem: string | Buffer): string => pem.toString();
      cases.push(
        { name: `${key.alg} PKCS#8`, type: 'private', pem: key.privatePem, thumbprint: print } as const,
        {
          name: `${key.alg} ${own}`,
          type: 'private',
          pem: text(secret.export({ type: own, format: 'pem' })),
          thumbprint: print,
        } as const,
        { name: `${key.alg} SPKI`, type: 'public', pem: key.publicPem, thumbprint: print } as const,
      );
      if (own === 'pkcs1') {
        const pem = text(open.export({ type: 'pkcs1', format: 'pem' }));
        cases.push({ name: 'RS384 PKCS#1 public', type: 'public', pem, thumbprint: print } as const);
      }
    }
    return cases;
  }

  const layouts: Record<string, (pem: string) => string> = {
    'as it is': (pem) => pem,
    CRLF: (pem) => pem.replaceAll('\n', '\r\n'),
    'without the last line end': (pem) => pem.trimEnd(),
    indented: (pem) => pem.replace(/^/gm, '    '),
    'indented by tabs, CRLF': (pem) => pem.replace(/^/gm, '\t').replaceAll('\n', '\r\n'),
    'on one line, with \\n as two characters': (pem) => pem.replaceAll('\n', '\\n'),
    'with a byte order mark': (pem) => `\uFEFF${pem}`,
    'among other text': (pem) => `The key:\n\n${pem}\n-- \nregards\n`,
    'with blank lines': (pem) => pem.replaceAll('\n', '\n\n'),
  };

  it('reads PKCS#1, PKCS#8, SEC 1 and SPKI in every layout', async () => {
    const cases = await encodings();
    expect(cases).to.have.length(7);
    for (const { name, type, pem, thumbprint: print } of cases) {
      for (const [layout, lay] of Object.entries(layouts)) {
        const key = readKey(lay(pem));
        expect(key.type, `${name}, ${layout}`).to.equal(type);
        expect(thumbprint(key), `${name}, ${layout}`).to.equal(print);
      }
    }
  });

  it('reads the published sample key of an immunization facade guide, indented as it stands there', () => {
    const key = readKey(facadeGuide.publicPem.replace(/^/gm, '    '));
    expect(publicJwk(key, facadeGuide.jwk.kid)).to.include(facadeGuide.jwk);
    expect(publicPem(key)).to.equal(facadeGuide.publicPem);
  });

  it('goes from PEM to JWK to JWKS and back without a difference', async () => {
    for (const key of [await rsaKey(), await ecKey()]) {
      const fromPem = readKey(key.publicPem);
      const fromJwk = readKey(JSON.stringify(publicJwk(fromPem, 'a')));
      const [fromJwks] = readKeys(JSON.stringify({ keys: [publicJwk(fromJwk, 'b')] }));
      expect(fromJwks?.kid).to.equal('b');
      expect(publicPem(fromJwks!)).to.equal(key.publicPem);
    }
  });

  it('reads both halves of a pair from one text, and picks the one that is asked for', async () => {
    const { privatePem, publicPem: open } = await rsaKey();
    const text = `${open}\n${privatePem}`;
    expect(readKeys(text).map((key) => key.type)).to.deep.equal(['public', 'private']);
    expect(readKey(text, { type: 'private' }).type).to.equal('private');
    expect((await thrown(() => readKey(text))).code).to.equal('ERR_KEY_UNREADABLE');
  });

  it('passes over the curve parameters that openssl writes in front of an EC key', async () => {
    const { privatePem } = await ecKey();
    const sec1 = createPrivateKey(privatePem).export({ type: 'sec1', format: 'pem' }).toString();
    const key = readKey(`-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n${sec1}`);
    expect(key).to.include({ type: 'private', alg: 'ES384' });
  });

  it('opens encrypted PKCS#8 with the passphrase and not without', async () => {
    const { privatePem } = await ecKey();
    const pem = createPrivateKey(privatePem)
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' })
      .toString();
    expect(readKey(pem, { passphrase: 'right' }).type).to.equal('private');
    expect((await thrown(() => readKey(pem, { passphrase: 'wrong' }))).message).to.match(/passphrase/);
    expect((await thrown(() => readKey(pem))).message).to.match(/passphrase/);
  });

  it('C1: refuses keys that serve neither RS384 nor ES384', async () => {
    for (const { name, code, privatePem, publicPem: open } of unfitKeys()) {
      for (const pem of [privatePem, open]) {
        expect((await thrown(() => readKey(pem))).code, name).to.equal(code);
      }
      // JWK has no name for an RSA key that is bound to PSS.
      if (name === 'RSA-PSS') continue;
      const jwk = createPublicKey(open).export({ format: 'jwk' });
      expect((await thrown(() => keyFromJwk({ ...jwk }))).code, name).to.equal(code);
    }
  });

  it('refuses RSA moduli that only serve to keep a verifier busy', async () => {
    const n = Buffer.alloc(2048, 0xff).toString('base64url');
    expect((await thrown(() => keyFromJwk({ kty: 'RSA', n, e: 'AQAB' }))).code).to.equal('ERR_KEY_TOO_WEAK');
  });

  it('refuses a private key whose halves do not belong together', async () => {
    const { privateJwk } = await ecKey();
    const { publicJwk: other } = await generateSigningKey({ alg: 'ES384' });
    const mixed = { ...privateJwk, x: (other as { x: string }).x, y: (other as { y: string }).y };
    // Node refuses some of these itself, as damaged; none passes.
    expect((await thrown(() => keyFromJwk(mixed))).code).to.be.oneOf(['ERR_KEY_MISMATCH', 'ERR_KEY_UNREADABLE']);
    const { privateJwk: rsa } = await rsaKey();
    const wrongN = { ...rsa, n: facadeGuide.jwk.n };
    expect((await thrown(() => keyFromJwk(wrongN))).code).to.be.oneOf(['ERR_KEY_MISMATCH', 'ERR_KEY_UNREADABLE']);
  });

  it('hole-21b: refuses a JWK whose alg, use or key_ops does not fit', async () => {
    const { publicJwk: open, privateJwk: secret } = await rsaKey();
    const misfits = [
      { ...open, alg: 'RS256' },
      { ...open, use: 'enc' },
      { ...open, key_ops: ['encrypt'] },
      { ...open, key_ops: 'verify' },
      { ...open, alg: null },
      { ...secret, key_ops: ['verify'] },
    ];
    for (const jwk of misfits) {
      expect((await thrown(() => keyFromJwk(jwk))).code, JSON.stringify(Object.keys(jwk))).to.equal(
        'ERR_KEY_UNSUPPORTED',
      );
    }
    const bare = { kty: 'RSA', n: (open as { n: string }).n, e: 'AQAB' };
    expect(keyFromJwk(bare).alg).to.equal('RS384');
  });

  it('refuses symmetric keys', async () => {
    for (const jwk of [{ kty: 'oct', k: 'c2VjcmV0' }, { kty: 'RSA', k: 'c2VjcmV0' }, { kty: 'oct' }]) {
      expect((await thrown(() => keyFromJwk(jwk))).code).to.equal('ERR_KEY_SYMMETRIC');
    }
  });

  it('answers every damaged text with ERR_KEY_UNREADABLE, and quotes none of it', async () => {
    const { privatePem, privateJwk } = await rsaKey();
    const body = privatePem.split('\n')[3]!;
    const jwk = JSON.stringify(privateJwk);
    const { privatePem: padded } = await ecKey();
    expect(padded).to.include('=\n');
    const damaged: Record<string, string> = {
      empty: '',
      'no key at all': 'hello',
      'no END': privatePem.replace(/-----END[\s\S]*/, ''),
      'END of another label': privatePem.replace('-----END PRIVATE KEY', '-----END PUBLIC KEY'),
      'header cut off': '-----BEGIN PRIVATE KEY',
      'strange label': privatePem.replaceAll('PRIVATE KEY', 'private_key'),
      'a letter lost': privatePem.replace(body, body.slice(1)),
      'a line lost': privatePem.replace(`${body}\n`, ''),
      'padding lost': padded.replace(/=+\n/, '\n'),
      'not base64': privatePem.replace(body, body.replace(/./, '*')),
      certificate: privatePem.replaceAll('PRIVATE KEY', 'CERTIFICATE'),
      'legacy encryption': privatePem.replace(
        'KEY-----\n',
        'KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n',
      ),
      'JSON cut off': jwk.slice(0, -20),
      'JSON of something else': '{"keys": "none"}',
      'keys that are no objects': '{"keys": [1, null]}',
      'a JWK without members': '{"kty": "RSA"}',
      'a JWK with a number as modulus': '{"kty": "RSA", "n": 5, "e": 3}',
      'a kid that is no string': JSON.stringify({ ...privateJwk, kid: 5 }),
      'a private JWK without its primes': JSON.stringify({ ...privateJwk, p: undefined }),
      'too many keys': JSON.stringify({ keys: Array.from({ length: 101 }, () => ({ kty: 'RSA' })) }),
      'too long': ' '.repeat(2_000_000),
    };
    for (const [name, text] of Object.entries(damaged)) {
      const error = await thrown(() => readKeys(text));
      expect(error.code, name).to.equal('ERR_KEY_UNREADABLE');
      const shown = `${error.message} ${String(error.cause)} ${JSON.stringify(error)}`;
      for (const secret of [body.slice(0, 12), (privateJwk['d'] as string).slice(0, 12)])
        expect(shown, name).not.to.include(secret);
    }
  });

  it('takes linear time over a text that begins many blocks', () => {
    const started = process.hrtime.bigint();
    expect(() => readKeys('-----BEGIN PUBLIC KEY-----\n'.repeat(35_000))).to.throw();
    expect(Number(process.hrtime.bigint() - started) / 1e6).to.be.below(2000);
  });
});

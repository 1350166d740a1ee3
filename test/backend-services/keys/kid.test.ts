import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { calculateJwkThumbprint } from 'jose';
import { keyFromJwk } from '../../../src/backend-services/keys/key.js';
import { kidOf, thumbprint } from '../../../src/backend-services/keys/kid.js';
import { readKey } from '../../../src/backend-services/keys/read.js';
import { facadeGuide, rfc7638 } from '../data/published-samples.js';
import { ecKey, rsaKey } from '../test-keys.js';
import { thrown } from '../thrown.js';

describe('backend-services/keys/kid', () => {
  it('sample: the pem-sha256 rule gives xprjIcx94sSj_opw, whatever the line ends and indentation', () => {
    const { publicPem } = facadeGuide;
    for (const text of [
      publicPem,
      publicPem.trimEnd(),
      publicPem.replaceAll('\n', '\r\n'),
      publicPem.replace(/^/gm, '    '),
    ]) {
      expect(kidOf(readKey(text), 'pem-sha256')).to.equal('xprjIcx94sSj_opw');
    }
    expect(kidOf(keyFromJwk(facadeGuide.jwk), 'pem-sha256')).to.equal(facadeGuide.jwk.kid);
    // The same rule over the text without its final line end: the trap that the canonical form avoids.
    const without = createHash('sha256').update(publicPem.trimEnd()).digest('base64url').slice(0, 16);
    expect(without).to.equal('B1aiFW7yF1YpGgNz');
  });

  it('sample: the RFC 7638 thumbprint of the facade guide key', () => {
    expect(kidOf(readKey(facadeGuide.publicPem))).to.equal(facadeGuide.thumbprint);
  });

  it('sample: the worked example of RFC 7638 §3.1', () => {
    const { kty, n, e } = rfc7638.jwk;
    expect(thumbprint(keyFromJwk({ kty, n, e }))).to.equal(rfc7638.thumbprint);
  });

  it('agrees with jose, and is the same for both halves of a pair', async () => {
    for (const key of [await rsaKey(), await ecKey()]) {
      const oracle = await calculateJwkThumbprint({ ...key.publicJwk, key_ops: ['verify'] });
      expect(thumbprint(readKey(key.publicPem))).to.equal(oracle);
      expect(thumbprint(readKey(key.privatePem))).to.equal(oracle);
      expect(key.kid).to.equal(oracle);
    }
  });

  it('is not fooled by another spelling of the same key', async () => {
    const { n } = facadeGuide.jwk;
    const padded = Buffer.concat([Buffer.alloc(3), Buffer.from(n, 'base64url')]).toString('base64url');
    expect(thumbprint(keyFromJwk({ kty: 'RSA', n: padded, e: 'AAEAAQ' }))).to.equal(facadeGuide.thumbprint);
    expect((await thrown(() => kidOf(readKey(facadeGuide.publicPem), 'md5' as 'rfc7638'))).code).to.equal('ERR_CONFIG');
  });
});

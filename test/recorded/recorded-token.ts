import type { JsonWebKey } from 'node:crypto';
import { constants, createHmac, createPrivateKey, sign } from 'node:crypto';
import type { TokenSpec } from './recorded-case.js';
import { readRecordedJson } from './recorded-case.js';

interface RecordedKey {
  readonly private: JsonWebKey;
  readonly public: JsonWebKey;
  readonly spkiPem: string;
  readonly pkcs1Pem?: string;
  readonly x5c?: readonly string[];
}

const keys = readRecordedJson('keys.json') as Record<string, RecordedKey>;

export function keyNamed(name: string): RecordedKey {
  const key = keys[name];
  if (!key) throw new TypeError(`keys.json has no ${name}`);
  return key;
}

/** Makes the compact JWS that a case describes, whatever is wrong with it. */
export function mintToken(spec: TokenSpec): string {
  const payload = spec.payloadRaw ?? JSON.stringify(atTime(spec.claims, Math.floor(Date.now() / 1000)));
  const input = `${encode(JSON.stringify(spec.header))}.${encode(payload)}`;
  return spoil(`${input}.${signatureOf(input, spec)}`, spec.mutate);
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function atTime(value: unknown, now: number): unknown {
  if (Array.isArray(value)) return value.map((member) => atTime(member, now));
  if (typeof value !== 'object' || value === null) return value;
  const { $now: offset } = value as { readonly $now?: unknown };
  if (typeof offset === 'number') return now + offset;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, atTime(member, now)]));
}

function signatureOf(input: string, { header, key, alg: real, hmac }: TokenSpec): string {
  const alg = real ?? header['alg'];
  if (key === null || typeof alg !== 'string' || alg === 'none') return '';
  const hash = `sha${alg.slice(2)}`;
  const data = Buffer.from(input);
  if (alg.startsWith('HS')) {
    const secret = keyNamed(key)[hmac ?? 'spkiPem'] ?? '';
    return createHmac(hash, secret).update(data).digest('base64url');
  }
  const privateKey = createPrivateKey({ key: keyNamed(key).private, format: 'jwk' });
  if (alg === 'EdDSA') return sign(null, data, privateKey).toString('base64url');
  const padding = alg.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {};
  return sign(hash, data, { key: privateKey, ...padding, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

function spoil(token: string, mutation: TokenSpec['mutate']): string {
  const at = token.lastIndexOf('.') + 1;
  switch (mutation) {
    case undefined:
      return token;
    case 'newline':
      return `${token}\n`;
    case 'junkSig':
      return `${token.slice(0, at)}AAAA`;
    case 'truncateSig':
      return token.slice(0, -8);
    case 'flipSig':
      return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
  }
}

import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { BackendServicesError } from '../errors.js';

/** One `-----BEGIN …-----` block of a text. RFC 7468. */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

const BEGIN = '-----BEGIN ';
const DASHES = '-----';

/**
 * Finds the PEM blocks of a text. Lines may end in LF or CRLF, be indented, carry the two characters `\n` instead of a
 * line break (as environment variables do), and stand among other text.
 *
 * One pass: a BEGIN without its END is an error, not a reason to scan on, so hostile text costs linear time.
 */
export function findPemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let at = text.indexOf(BEGIN);
  while (at !== -1) {
    const labelStart = at + BEGIN.length;
    const labelEnd = text.indexOf(DASHES, labelStart);
    const label = labelEnd === -1 ? '' : text.slice(labelStart, labelEnd);
    if (!/^[A-Z0-9 ]{1,40}$/.test(label)) throw unreadable('a PEM header line is damaged');
    const end = `${DASHES}END ${label}${DASHES}`;
    const bodyStart = labelEnd + DASHES.length;
    const bodyEnd = text.indexOf(end, bodyStart);
    if (bodyEnd === -1) throw unreadable(`the PEM block "${label}" has no END line`);
    blocks.push({ label, der: decodeBody(label, text.slice(bodyStart, bodyEnd)) });
    at = text.indexOf(BEGIN, bodyEnd + end.length);
  }
  return blocks;
}

function decodeBody(label: string, body: string): Buffer {
  const base64 = body.replace(/\\[rn]|\s/g, '');
  // RFC 1421 headers mean the legacy encryption of OpenSSL, whose key derivation is one round of MD5.
  if (base64.includes(':')) {
    throw unreadable(
      `the PEM block "${label}" has header lines (legacy encryption); convert it to PKCS#8 with \`openssl pkcs8 -topk8\``,
    );
  }
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    throw unreadable(`the body of the PEM block "${label}" is not base64`);
  }
  return Buffer.from(base64, 'base64');
}

/**
 * Turns a PEM block into a key: PKCS#1, PKCS#8 (also encrypted), SPKI and SEC 1. Blocks that accompany a key without
 * being one give undefined.
 */
export function keyFromPemBlock({ label, der }: PemBlock, passphrase: string | undefined): KeyObject | undefined {
  try {
    switch (label) {
      case 'PRIVATE KEY':
        return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
      case 'ENCRYPTED PRIVATE KEY':
        if (passphrase === undefined) throw unreadable('the private key is encrypted and no passphrase was given');
        return createPrivateKey({ key: der, format: 'der', type: 'pkcs8', passphrase });
      case 'RSA PRIVATE KEY':
        return createPrivateKey({ key: der, format: 'der', type: 'pkcs1' });
      case 'EC PRIVATE KEY':
        return createPrivateKey({ key: der, format: 'der', type: 'sec1' });
      case 'PUBLIC KEY':
        return createPublicKey({ key: der, format: 'der', type: 'spki' });
      case 'RSA PUBLIC KEY':
        return createPublicKey({ key: der, format: 'der', type: 'pkcs1' });
      case 'EC PARAMETERS':
        // `openssl ecparam -genkey` writes the curve's name in front of the key; the key names it again.
        return undefined;
      default:
        throw unreadable(`a PEM block "${label}" is no key; a private key, a public key or a JSON Web Key is needed`);
    }
  } catch (cause) {
    if (cause instanceof BackendServicesError) throw cause;
    const hint = label === 'ENCRYPTED PRIVATE KEY' ? ' with this passphrase' : '';
    throw unreadable(`the PEM block "${label}" does not hold a key that can be read${hint}`);
  }
}

export function unreadable(problem: string): BackendServicesError {
  return new BackendServicesError('ERR_KEY_UNREADABLE', `key: ${problem}`);
}

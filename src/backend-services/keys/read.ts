import { BackendServicesError } from '../errors.js';
import type { Jwk } from './jwk.js';
import type { SmartKey } from './key.js';
import { keyFromJwk, smartKey } from './key.js';
import { findPemBlocks, keyFromPemBlock, unreadable } from './pem.js';
import { isJsonObject } from '../../json-object.js';

/** How key texts are read. */
export interface ReadKeyOptions {
  /** For encrypted PKCS#8. */
  readonly passphrase?: string | undefined;
}

/** A text longer than this holds no keys. In UTF-16 code units. */
const MAX_TEXT_LENGTH = 1_048_576;
/** Keys in one text. */
const MAX_KEYS = 100;

/**
 * Reads every key of a text: PEM blocks (PKCS#1, PKCS#8, SPKI, SEC 1), one JSON Web Key, or a JSON Web Key Set.
 *
 * @throws BackendServicesError `ERR_KEY_*`; no message ever quotes the text.
 */
export function readKeys(text: string, options: ReadKeyOptions = {}): SmartKey[] {
  if (text.length > MAX_TEXT_LENGTH) throw unreadable(`the text is longer than ${MAX_TEXT_LENGTH} characters`);
  const body = text.replace(/^\uFEFF/, '').trim();
  const keys = body.startsWith('{') ? readJson(body) : readPem(body, options.passphrase);
  if (keys.length === 0) throw unreadable('the text holds neither a PEM block nor a JSON Web Key');
  return keys;
}

/** Reads the one key of a text. With `type`, the one key of that type: a file may hold both halves of a pair. */
export function readKey(text: string, options: ReadKeyOptions & { readonly type?: SmartKey['type'] } = {}): SmartKey {
  const { type } = options;
  const keys = readKeys(text, options).filter((key) => type === undefined || key.type === type);
  const [key] = keys;
  if (key === undefined) throw unreadable(`the text holds no ${type ?? ''} key`);
  if (keys.length > 1) throw unreadable(`the text holds ${keys.length} keys, and it is not said which one is meant`);
  return key;
}

function readPem(text: string, passphrase: string | undefined): SmartKey[] {
  const blocks = findPemBlocks(text);
  if (blocks.length > MAX_KEYS) throw unreadable(`the text holds more than ${MAX_KEYS} PEM blocks`);
  return blocks
    .map((block) => keyFromPemBlock(block, passphrase))
    .filter((key) => key !== undefined)
    .map((key) => smartKey(key));
}

function readJson(text: string): SmartKey[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The message of JSON.parse quotes the text around the fault, and the text may be a private key.
    throw unreadable('the text is not valid JSON');
  }
  return jwksOf(json).map(keyFromJwk);
}

/** The members of a parsed JWK or JWK Set. */
export function jwksOf(json: unknown): Jwk[] {
  if (!isJsonObject(json)) throw unreadable('the JSON is neither a JSON Web Key nor a JSON Web Key Set');
  if (!('keys' in json)) return [json];
  const { keys } = json;
  if (!Array.isArray(keys) || !keys.every(isJsonObject)) {
    throw unreadable('"keys" is not a list of JSON Web Keys (RFC 7517 §5.1)');
  }
  if (keys.length > MAX_KEYS) {
    throw new BackendServicesError('ERR_KEY_UNREADABLE', `key: the set holds more than ${MAX_KEYS} keys`);
  }
  return keys;
}

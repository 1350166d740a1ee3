import type { IncomingMessage } from 'node:http';
import { ConfigError } from '../../../errors.js';
import { OAuthError } from './oauth-error.js';

export interface BodyLimits {
  /** Bytes. */
  readonly maxBodyBytes: number;
  /** Seconds from the request's headers to the last byte of its body. */
  readonly bodyTimeoutSeconds: number;
}

/** The parameters of a form: each at most once, none empty. */
export type Form = ReadonlyMap<string, string>;

/**
 * Reads an `application/x-www-form-urlencoded` body. RFC 6749 §3.2: parameters without a value count as omitted, and
 * none may be sent twice.
 *
 * @throws OAuthError
 */
export async function readForm(req: IncomingMessage, limits: BodyLimits): Promise<Form> {
  requireMediaType(req, 'application/x-www-form-urlencoded');
  const text = await readBody(req, limits);
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (form.has(name)) throw new OAuthError('invalid_request', 'a parameter is repeated');
    form.set(name, value);
  }
  for (const [name, value] of form) if (value === '') form.delete(name);
  return form;
}

/** Reads an `application/json` body. @throws OAuthError */
export async function readJson(req: IncomingMessage, limits: BodyLimits): Promise<unknown> {
  requireMediaType(req, 'application/json');
  const text = await readBody(req, limits);
  try {
    return JSON.parse(text);
  } catch {
    throw new OAuthError('invalid_request', 'the body is not valid JSON');
  }
}

function requireMediaType(req: IncomingMessage, expected: string): void {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== expected) throw new OAuthError('invalid_request', `the body must be ${expected}`);
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=', 2);
    if (name.trim().toLowerCase() !== 'charset') continue;
    if (!/^"?utf-?8"?$/i.test(value.trim())) throw new OAuthError('invalid_request', 'the body must be in UTF-8');
  }
  const encoding = req.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') throw new OAuthError('invalid_request', 'the body must not be compressed');
}

/** Reads a body within its bounds of size and time; an oversized one is refused before it is read. */
async function readBody(req: IncomingMessage, limits: BodyLimits): Promise<string> {
  if (Number(req.headers['content-length'] ?? 0) > limits.maxBodyBytes) throw tooLarge();
  const bytes = await collect(req, limits);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new OAuthError('invalid_request', 'the body must be in UTF-8');
  }
}

function collect(req: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  if (req.readableEnded)
    throw new ConfigError('callback()', 'the body was read before: mount the authorization server before body parsers');
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let received = 0;
    const timer = setTimeout(() => {
      settle(() => {
        reject(new OAuthError('invalid_request', 'the body took too long', { status: 408, headers: CLOSE }));
      });
    }, limits.bodyTimeoutSeconds * 1000);
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > limits.maxBodyBytes) {
        settle(() => {
          reject(tooLarge());
        });
      } else {
        chunks.push(chunk);
      }
    };
    const onEnd = (): void => {
      settle(() => {
        resolve(Buffer.concat(chunks, received));
      });
    };
    const onClose = (): void => {
      settle(() => {
        reject(new OAuthError('invalid_request', 'the body ended early'));
      });
    };
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      // Whatever still comes must not stop the process; the answer closes the connection.
      req.on('error', () => undefined);
      outcome();
    };
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/** A connection whose request was not read to its end cannot carry another one. */
const CLOSE = { connection: 'close' } as const;

function tooLarge(): OAuthError {
  return new OAuthError('invalid_request', 'the body is too large', { status: 413, headers: CLOSE });
}

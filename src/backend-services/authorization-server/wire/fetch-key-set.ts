import { lookup as dnsLookup } from 'node:dns';
import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { isLoopbackAddress, isLoopbackHost, isPublicAddress } from './addresses.js';

/** Why a key set was not fetched; for the log. */
export type KeySetFetchProblem =
  'url' | 'private-address' | 'redirect' | 'status' | 'too-large' | 'timeout' | 'not-json' | 'network';

/** A key set that could not be had. Callers refuse the client. */
export class KeySetFetchError extends Error {
  readonly code = 'ERR_KEY_SET_FETCH';
  readonly problem: KeySetFetchProblem;

  constructor(problem: KeySetFetchProblem, options?: ErrorOptions) {
    super(`the key set could not be fetched (${problem})`, options);
    this.name = 'KeySetFetchError';
    this.problem = problem;
  }
}

export interface KeySetFetchPolicy {
  /** For the whole exchange, from the name look-up to the last byte. Milliseconds. */
  readonly timeoutMilliseconds: number;
  /** Bytes of body. */
  readonly maxBytes: number;
  /** `http:` and loopback addresses may be fetched. For development and tests. */
  readonly allowInsecureLoopback: boolean;
  /** Hosts that may have private addresses. TLS stays required. */
  readonly allowedPrivateHosts: ReadonlySet<string>;
  /** Certificate authorities to trust instead of Node's own list, PEM. */
  readonly ca: string | readonly string[] | undefined;
}

/** A name look-up that answers with all addresses: the part of `dns.lookup` that is used. */
export type Lookup = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface FetchedKeySet {
  readonly body: unknown;
  /** Seconds the answer may be kept (RFC 9111 §4.2), 0 for not at all, undefined where the answer does not say. */
  readonly freshForSeconds: number | undefined;
}

/**
 * Fetches a client's key set (SMART App Launch 2.2, Client Authentication; RFC 7517).
 *
 * The URL is a stranger's, so: TLS or the loopback opt-in; no redirect is followed; every address that the host's name
 * has is checked, and the connection goes to a checked address and no other, so that a second look-up cannot lead it
 * elsewhere; the body and the time are bounded.
 *
 * Node's own request is used and not fetch, because fetch cannot be told which address to connect to.
 *
 * @param lookup - Default: the operating system's, `dns.lookup`.
 */
export async function fetchKeySet(
  uri: string,
  policy: KeySetFetchPolicy,
  lookup: Lookup = dnsLookup,
): Promise<FetchedKeySet> {
  const url = new URL(uri);
  const loopback = policy.allowInsecureLoopback && isLoopbackHost(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) throw new KeySetFetchError('url');

  const allowed = (address: string): boolean =>
    isPublicAddress(address) ||
    (loopback && isLoopbackAddress(address)) ||
    policy.allowedPrivateHosts.has(url.hostname);
  // An address in the URL is connected to without a look-up.
  const literal = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(literal) !== 0 && !allowed(literal)) throw new KeySetFetchError('private-address');

  const signal = AbortSignal.timeout(policy.timeoutMilliseconds);
  const response = await send(url, {
    method: 'GET',
    // SMART App Launch 2.2, Client Authentication: "… SHALL include an Accept header of application/json".
    headers: { accept: 'application/json', 'user-agent': 'smart-fhir-authz' },
    agent: false,
    lookup: checkedLookup(lookup, allowed),
    signal,
    ...(policy.ca === undefined ? {} : { ca: typeof policy.ca === 'string' ? policy.ca : [...policy.ca] }),
  });
  try {
    const { statusCode = 0, headers } = response;
    if (statusCode >= 300 && statusCode < 400) throw new KeySetFetchError('redirect');
    if (statusCode !== 200) throw new KeySetFetchError('status');
    const text = await readText(response, policy.maxBytes);
    return {
      body: parseJson(text),
      freshForSeconds: freshness(headers['cache-control'], headers['age'], headers['expires']),
    };
  } finally {
    response.destroy();
  }
}

type Options = RequestOptions & { ca?: string | string[] };

function send(url: URL, options: Options): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, resolve);
    request.on('error', (cause) => {
      reject(asFetchError(cause));
    });
    request.end();
  });
}

function asFetchError(cause: unknown): KeySetFetchError {
  if (cause instanceof KeySetFetchError) return cause;
  const timedOut = cause instanceof Error && (cause.name === 'TimeoutError' || cause.name === 'AbortError');
  return new KeySetFetchError(timedOut ? 'timeout' : 'network', { cause });
}

function checkedLookup(lookup: Lookup, allowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = (addresses as LookupAddress[] | undefined) ?? [];
      if (error !== null || first === undefined) {
        callback(error ?? new KeySetFetchError('network'), '', 0);
        return;
      }
      // One private address among public ones is no accident worth serving.
      if (!addresses.every(({ address }) => allowed(address))) {
        callback(new KeySetFetchError('private-address'), '', 0);
        return;
      }
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw new KeySetFetchError('too-large');
  const chunks: Buffer[] = [];
  let received = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > maxBytes) throw new KeySetFetchError('too-large');
      chunks.push(chunk);
    }
  } catch (cause) {
    throw asFetchError(cause);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new KeySetFetchError('not-json');
  }
}

/** RFC 9111 §5.2.2, §4.2.3 and §5.3, reduced to what shortens or forbids keeping. */
function freshness(
  cacheControl: string | undefined,
  age: string | undefined,
  expires: string | undefined,
): number | undefined {
  const directives = new Map(
    (cacheControl ?? '').split(',').map((directive) => {
      const [name = '', value = ''] = directive.split('=', 2);
      return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')] as const;
    }),
  );
  if (directives.has('no-store') || directives.has('no-cache')) return 0;
  const maxAge = directives.get('max-age');
  if (maxAge !== undefined) {
    // RFC 9111 §4.2.1: freshness information that is invalid means stale.
    return /^\d+$/.test(maxAge) ? Math.max(0, Number(maxAge) - (Number(age) || 0)) : 0;
  }
  if (expires === undefined) return undefined;
  const expiresAt = Date.parse(expires);
  return Number.isNaN(expiresAt) ? 0 : Math.max(0, (expiresAt - Date.now()) / 1000);
}

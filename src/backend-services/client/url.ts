import { ConfigError } from '../../errors.js';
import { BackendServicesError } from '../errors.js';

export interface UrlPolicy {
  /** Accept `http:` URLs of the loopback interface (127.0.0.0/8, ::1, localhost), for development. */
  readonly allowInsecureLoopback: boolean;
}

/**
 * Parses the URL of an endpoint and refuses what no endpoint may be: not https (SMART App Launch 2.2, Backend Services:
 * all exchanges over TLS; Node itself refuses TLS below 1.2), with a fragment (RFC 6749 §3.2), or with credentials.
 *
 * @throws BackendServicesError `ERR_URL_REFUSED`
 */
export function endpointUrl(text: string, what: string, policy: UrlPolicy, base?: URL): URL {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch {
    throw new BackendServicesError('ERR_URL_REFUSED', `${what}: not a URL`);
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && policy.allowInsecureLoopback && isLoopback(url))) {
    const hint =
      url.protocol === 'http:' && isLoopback(url)
        ? ' (for development, allowInsecureLoopback permits it; on the command line --allow-insecure-loopback)'
        : '';
    throw new BackendServicesError('ERR_URL_REFUSED', `${what}: ${url.protocol}//${url.host} is not https${hint}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new BackendServicesError('ERR_URL_REFUSED', `${what}: a URL with credentials in it`);
  }
  if (url.hash !== '' || url.href.endsWith('#')) {
    throw new BackendServicesError('ERR_URL_REFUSED', `${what}: a URL with a fragment (RFC 6749 §3.2)`);
  }
  return url;
}

export function isLoopback(url: URL): boolean {
  // The URL parser has already turned every spelling of an IPv4 address into four decimal numbers.
  return url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(url.hostname);
}

/**
 * The FHIR base URL, with the slash at its end that makes relative URLs resolve inside it: without it, `auth/token`
 * against `https://h/apis/fhir` would lose `fhir`.
 */
export function fhirBase(text: string, policy: UrlPolicy): URL {
  const url = endpointUrl(text, 'fhirBaseUrl', policy);
  if (url.search !== '' || url.href.endsWith('?')) throw new ConfigError('fhirBaseUrl', 'a URL without a query');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/**
 * Says whether a URL lies inside a FHIR base, so that the base's token may go with it.
 *
 * Exact on origin, prefix on the path. An encoded slash or backslash puts a URL outside: the server behind may decode
 * it and leave the base by `..`, where this comparison cannot follow.
 */
export function isInside(url: URL, base: URL): boolean {
  return (
    url.origin === base.origin &&
    (url.pathname.startsWith(base.pathname) || `${url.pathname}/` === base.pathname) &&
    !/%(?:2f|5c)/i.test(url.pathname.slice(base.pathname.length))
  );
}

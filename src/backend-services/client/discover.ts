import { BackendServicesError } from '../errors.js';
import type { RequestBounds } from './bounded-request.js';
import { boundedRequest } from './bounded-request.js';
import type { UrlPolicy } from './url.js';
import { endpointUrl, fhirBase } from './url.js';

/** What a FHIR server says about its authorization server. SMART App Launch 2.2, Conformance. */
export interface SmartConfiguration {
  /** Absolute. Verbatim where the server wrote an https URL out in full: it is also the audience of client assertions. */
  readonly tokenEndpoint: string;
  /** The whole document, as it came. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface DiscoverOptions extends UrlPolicy, RequestBounds {
  /** The origin that the token endpoint has to have; without it, any. */
  readonly tokenEndpointOrigin?: string | undefined;
}

/**
 * Reads `/.well-known/smart-configuration` of a FHIR server: the path is appended to the base, not to the host
 * (SMART App Launch 2.2, Conformance, "Using .well-known").
 *
 * What is trusted: the FHIR base URL, which the operator configured, names the token endpoint over TLS. A redirect is
 * refused, and the assertion's audience is the very URL it is posted to, so a forged document cannot make this client
 * sign an assertion for one server and hand it to another (the audience injection of CVE-2025-27370). A forged document
 * could still send the client to somebody else's token endpoint; `tokenEndpointOrigin` rules that out.
 *
 * @throws BackendServicesError `ERR_DISCOVERY`, `ERR_DISCOVERY_ORIGIN`, `ERR_URL_REFUSED` and those of HTTP
 */
export async function discover(fhirBaseUrl: string, options: DiscoverOptions): Promise<SmartConfiguration> {
  const base = fhirBase(fhirBaseUrl, options);
  const url = new URL('.well-known/smart-configuration', base);
  const response = await boundedRequest(url.href, { headers: { accept: 'application/json' } }, 'discovery', options);
  if (response.status !== 200) {
    throw new BackendServicesError('ERR_DISCOVERY', `discovery: ${url.href} answered with status ${response.status}`, {
      status: response.status,
    });
  }
  const metadata = await jsonObject(response);
  if (metadata === undefined)
    throw new BackendServicesError('ERR_DISCOVERY', `discovery: ${url.href} is not a JSON object`);
  const { token_endpoint: text } = metadata;
  if (typeof text !== 'string' || text === '') {
    throw new BackendServicesError('ERR_DISCOVERY', `discovery: ${url.href} names no token_endpoint`);
  }
  const endpoint = endpointUrl(text, 'discovery: token_endpoint', options, base);
  if (options.tokenEndpointOrigin !== undefined && endpoint.origin !== options.tokenEndpointOrigin) {
    throw new BackendServicesError(
      'ERR_DISCOVERY_ORIGIN',
      `discovery: the token endpoint is at ${endpoint.origin}, and ${options.tokenEndpointOrigin} is expected`,
    );
  }
  return { tokenEndpoint: spellingOf(text, endpoint), metadata };
}

/**
 * The server's own spelling of the URL that was checked, as that is what it compares the audience with.
 *
 * `https:as.example/token` is a path inside an https base and a host without one (URL Standard, special schemes). Nobody
 * who means well writes it, and no reading of it may pass the checks of the other.
 */
function spellingOf(text: string, endpoint: URL): string {
  if (URL.canParse(text) && new URL(text).href !== endpoint.href) {
    throw new BackendServicesError('ERR_URL_REFUSED', 'discovery: token_endpoint: a URL that can be read in two ways');
  }
  return /^https?:\/\/[^/\\\s]\S*$/i.test(text) ? text : endpoint.href;
}

async function jsonObject(response: Response): Promise<Record<string, unknown> | undefined> {
  try {
    const json: unknown = await response.json();
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

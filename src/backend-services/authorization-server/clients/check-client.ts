import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { parseScope } from '../../../scope/parse.js';
import { BackendServicesError } from '../../errors.js';
import type { DenyListOptions } from '../../keys/deny-list.js';
import type { PublicJwks } from '../../keys/jwk.js';
import { checkJwks } from '../../keys/publish.js';
import { isLoopbackHost, isPublicAddress } from '../wire/addresses.js';
import type { ClientAuthMethod, ClientGrantType, RegisteredClient } from './client.js';
import { isJsonObject } from '../../../json-object.js';

/** What a server's configuration decides about registrations. */
export interface ClientPolicy {
  /** Keys that may not be registered, or may although they are published. */
  readonly keys: DenyListOptions;
  /** `http:` on the loopback interface passes for TLS. For development and tests. */
  readonly allowInsecureLoopback: boolean;
  /** Hosts of client key sets that may have private addresses. */
  readonly allowedPrivateHosts: ReadonlySet<string>;
}

/** Client metadata that cannot be registered; the codes of RFC 7591 §3.2.2. */
export class ClientMetadataError extends Error {
  readonly code = 'ERR_CLIENT_METADATA';
  readonly error: 'invalid_client_metadata' | 'invalid_redirect_uri';

  constructor(error: ClientMetadataError['error'], message: string) {
    super(message);
    this.name = 'ClientMetadataError';
    this.error = error;
  }
}

const GRANT_TYPES: readonly string[] = [
  'client_credentials',
  'authorization_code',
  'refresh_token',
] satisfies ClientGrantType[];
const AUTH_METHODS: readonly string[] = ['private_key_jwt', 'none'] satisfies ClientAuthMethod[];
const MAX_SCOPE_LENGTH = 16_384;
const MAX_REDIRECT_URIS = 50;

/**
 * Checks client metadata, as it comes from an administrator or out of a registry, and fills in the defaults. Members
 * that nobody here knows are dropped (RFC 7591 §2).
 *
 * @throws ClientMetadataError
 */
export function checkClient(metadata: unknown, policy: ClientPolicy): RegisteredClient {
  if (!isJsonObject(metadata)) throw invalid('client metadata must be a JSON object');
  const redirectUris = checkRedirectUris(metadata['redirect_uris'] ?? []);
  const authMethod = checkAuthMethod(metadata['token_endpoint_auth_method'] ?? 'private_key_jwt');
  const grantTypes = checkGrantTypes(
    metadata['grant_types'] ?? (redirectUris.length > 0 ? ['authorization_code'] : ['client_credentials']),
  );
  const interactive = grantTypes.includes('authorization_code');
  if (interactive && redirectUris.length === 0) {
    throw new ClientMetadataError('invalid_redirect_uri', 'redirect_uris are needed for authorization_code');
  }
  if (authMethod === 'none' && grantTypes.includes('client_credentials')) {
    // RFC 6749 §4.4: the client credentials grant is for confidential clients only.
    throw invalid('client_credentials needs token_endpoint_auth_method private_key_jwt');
  }
  if (grantTypes.includes('refresh_token') && !interactive) {
    // SMART Backend Services: no refresh tokens there.
    throw invalid('refresh_token needs authorization_code');
  }
  const name = metadata['client_name'];
  if (name !== undefined && (typeof name !== 'string' || name.length > 255)) {
    throw invalid('client_name must be a string of up to 255 characters');
  }
  const issuedAt = metadata['client_id_issued_at'];
  if (issuedAt !== undefined && !isSeconds(issuedAt)) {
    throw invalid('client_id_issued_at must be a number of seconds since 1970');
  }
  return {
    client_id: checkClientId(metadata['client_id'] ?? randomUUID()),
    ...(name === undefined ? {} : { client_name: name }),
    ...checkKeys(metadata, authMethod, policy),
    scope: checkScope(metadata['scope']),
    grant_types: grantTypes,
    token_endpoint_auth_method: authMethod,
    redirect_uris: redirectUris,
    ...(issuedAt === undefined ? {} : { client_id_issued_at: issuedAt }),
  };
}

/** RFC 6749 §A.1: client-id = *VSCHAR. */
export function isClientId(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value);
}

function checkClientId(value: unknown): string {
  if (isClientId(value)) return value;
  throw invalid('client_id must be 1 to 255 printable ASCII characters');
}

/** Milliseconds would be beyond the year 5000. */
function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 95_617_584_000;
}

/** SMART App Launch 2.2, Client Authentication: keys are registered as a JWKS URL or as the set itself. */
function checkKeys(
  metadata: Readonly<Record<string, unknown>>,
  authMethod: ClientAuthMethod,
  policy: ClientPolicy,
): { jwks?: PublicJwks; jwks_uri?: string } {
  const { jwks, jwks_uri: jwksUri } = metadata;
  // RFC 7591 §2: "The jwks_uri and jwks parameters MUST NOT both be present".
  if (jwks !== undefined && jwksUri !== undefined) throw invalid('jwks and jwks_uri must not both be present');
  if (jwks !== undefined) {
    try {
      return { jwks: checkJwks(jwks, policy.keys) };
    } catch (cause) {
      if (cause instanceof BackendServicesError) throw invalid(`jwks: ${cause.message}`);
      throw cause;
    }
  }
  if (jwksUri !== undefined) return { jwks_uri: checkJwksUri(jwksUri, policy) };
  if (authMethod === 'private_key_jwt') throw invalid('private_key_jwt needs jwks or jwks_uri');
  return {};
}

/** SMART App Launch 2.2, Client Authentication: the URL of a key set is TLS-protected. */
function checkJwksUri(value: unknown, policy: ClientPolicy): string {
  const url = typeof value === 'string' ? parseUrl(value) : undefined;
  if (typeof value !== 'string' || url === undefined) throw invalid('jwks_uri must be an absolute URL');
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw invalid('jwks_uri must have neither credentials nor a fragment');
  }
  const loopback = policy.allowInsecureLoopback && isLoopbackHost(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
    throw invalid('jwks_uri must be an https URL');
  const address = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0 && !loopback && !isPublicAddress(address) && !policy.allowedPrivateHosts.has(url.hostname)) {
    throw invalid('jwks_uri must not point to a private address');
  }
  return value;
}

function checkScope(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_SCOPE_LENGTH) throw invalid('scope must be a string');
  const tokens = [...new Set(value.split(' ').filter((token) => token !== ''))];
  if (tokens.length === 0) throw invalid('scope must name what the client is pre-authorized for');
  for (const token of tokens) {
    // RFC 6749 §3.3.
    if (!/^[!#-[\]-~]+$/.test(token)) throw invalid('scope holds characters that RFC 6749 does not allow');
    const parsed = parseScope(token);
    if (parsed.kind === 'invalid') throw invalid(`scope ${token} can never be granted (${parsed.problem})`);
  }
  return tokens.join(' ');
}

function checkGrantTypes(value: unknown): readonly ClientGrantType[] {
  if (isStringArray(value) && value.length > 0 && value.every(isGrantType)) return [...new Set(value)];
  throw invalid(`grant_types must be some of ${GRANT_TYPES.join(', ')}`);
}

function checkAuthMethod(value: unknown): ClientAuthMethod {
  if (typeof value === 'string' && isAuthMethod(value)) return value;
  throw invalid(`token_endpoint_auth_method must be one of ${AUTH_METHODS.join(', ')}`);
}

function checkRedirectUris(value: unknown): readonly string[] {
  const refuse = (problem: string): never => {
    throw new ClientMetadataError('invalid_redirect_uri', `redirect_uris ${problem}`);
  };
  if (!isStringArray(value) || value.length > MAX_REDIRECT_URIS) return refuse('must be a list of strings');
  for (const text of value) {
    const url = parseUrl(text);
    if (url === undefined) return refuse('must be absolute URIs');
    // RFC 6749 §3.1.2.
    if (text.includes('#')) return refuse('must have no fragment');
    if (url.username !== '' || url.password !== '') return refuse('must have no credentials');
    switch (url.protocol) {
      case 'https:':
        break;
      case 'http:':
        // RFC 8252 §7.3: a native app listens on the loopback interface; in development a browser app does, too.
        if (!isLoopbackHost(url.hostname)) return refuse('must be https');
        break;
      default:
        // RFC 8252 §7.1: a private-use scheme is a reversed domain name, which keeps javascript: and data: out.
        if (!/^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/.test(url.protocol)) return refuse('must be https');
    }
  }
  return [...new Set(value)];
}

function isGrantType(value: string): value is ClientGrantType {
  return GRANT_TYPES.includes(value);
}

function isAuthMethod(value: string): value is ClientAuthMethod {
  return AUTH_METHODS.includes(value);
}

function isStringArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((member) => typeof member === 'string');
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function invalid(message: string): ClientMetadataError {
  return new ClientMetadataError('invalid_client_metadata', message);
}

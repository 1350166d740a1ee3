import { Cached } from './cached.js';
import { fetchJsonObject } from './fetch-json.js';
import type { JsonObject } from '../json-object.js';

const MAX_AGE_MS = 5 * 60 * 1000;

/**
 * Members of the authorization server's own documents that are true of this server, too: SMART App Launch 2.2.0, 4.1
 * Conformance, OpenID Connect Discovery 1.0, 3, RFC 8414, 2. What else is there, is not repeated under this name.
 */
const MEMBERS = [
  'issuer',
  'jwks_uri',
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'management_endpoint',
  'introspection_endpoint',
  'revocation_endpoint',
  'user_access_brand_bundle',
  'user_access_brand_identifier',
  'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported',
  'grant_types_supported',
  'scopes_supported',
  'response_types_supported',
  'code_challenge_methods_supported',
  'capabilities',
  'associated_endpoints',
];

/**
 * The SMART configuration of this server: what the options state, and for the rest what the authorization server says of
 * itself. Undefined if nobody stated anything.
 */
export class SmartConfiguration {
  readonly #stated: JsonObject | undefined;
  readonly #published: Cached<JsonObject> | undefined;

  constructor(stated: JsonObject | undefined, url: string | undefined) {
    this.#stated = stated;
    this.#published = url === undefined ? undefined : new Cached(() => fetchJsonObject(url), MAX_AGE_MS);
  }

  /** @throws Error when the authorization server cannot be asked. */
  async get(): Promise<JsonObject | undefined> {
    if (!this.#published) return this.#stated;
    const published = await this.#published.get();
    const known = Object.fromEntries(
      MEMBERS.flatMap((name) => (published[name] === undefined ? [] : [[name, published[name]]])),
    );
    return { capabilities: [], ...known, ...this.#stated };
  }
}

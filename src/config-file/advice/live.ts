import { KEY_SHAPES } from '../../token/algorithm.js';
import { isJsonObject } from '../../json-object.js';
import type { JsonObject } from '../../json-object.js';
import { readJson } from '../../token/read-json.js';
import type { ReadFailure } from '../../token/read-json.js';
import type { Settings } from '../settings.js';
import type { Advice } from './advice.js';

/** What was asked, and what came of it. */
export interface Asked {
  readonly url: string;
  readonly outcome: 'read' | ReadFailure | 'not-an-object';
  readonly status?: number;
}

/** What the authorization server itself says, held against the file. */
export interface LiveReport {
  readonly asked: readonly Asked[];
  readonly advice: readonly Advice[];
  /** The scopes that the server says it knows, if it says. */
  readonly scopes: readonly string[] | undefined;
}

/** Milliseconds for one answer. */
const TIMEOUT_MS = 5_000;

/** Bytes of one answer. */
const MAX_BYTES = 262_144;

/**
 * Asks the authorization server for its keys and its configuration. At most six documents, each within five seconds and 256 KiB;
 * redirects are not followed.
 */
export async function askLive(settings: Settings, get: typeof fetch): Promise<LiveReport> {
  const { smart } = settings;
  const asked: Asked[] = [];
  const advice: Advice[] = [];
  const ask = async (url: string, headers: Readonly<Record<string, string>> = {}): Promise<JsonObject | undefined> => {
    const result = await readJson({
      fetch: get,
      url,
      method: 'GET',
      headers: { ...headers, accept: 'application/json' },
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      acceptsStatus: (status) => status === 200,
    });
    if (!result.ok) {
      asked.push({ url, outcome: result.reason, ...(result.status !== undefined && { status: result.status }) });
      return undefined;
    }
    asked.push({ url, outcome: isJsonObject(result.value) ? 'read' : 'not-an-object' });
    return isJsonObject(result.value) ? result.value : undefined;
  };

  if (smart.jwksEndpoint !== undefined) {
    const set = await ask(smart.jwksEndpoint, smart.jwksHeaders);
    advice.push(...(set === undefined ? [unanswered('smart.jwksEndpoint', asked.at(-1))] : onKeys(settings, set)));
  }
  const documents: JsonObject[] = [];
  for (const url of configurationUrls(settings)) {
    const document = await ask(url);
    if (document !== undefined) documents.push(document);
  }
  if (documents.length === 0) {
    advice.push({
      code: 'live-no-configuration',
      level: 'warning',
      key: 'smart.expectedIssValue',
      reason:
        'no SMART or OpenID configuration was found below the issuer or baseUrl, so that nothing could be compared with it',
      remedy: 'check the spelling of the issuer; where the server publishes none, compare by hand',
    });
  }
  for (const document of documents) advice.push(...onConfiguration(settings, document));
  const scopes = documents.flatMap(({ scopes_supported }) =>
    Array.isArray(scopes_supported)
      ? scopes_supported.filter((scope): scope is string => typeof scope === 'string')
      : [],
  );
  return { asked, advice: unique(advice), scopes: scopes.length === 0 ? undefined : [...new Set(scopes)] };
}

/** SMART App Launch 2.2 (Conformance), OpenID Connect Discovery 1.0 §4 and RFC 8414 §3. */
function configurationUrls({ smart, baseUrl, gateway }: Settings): readonly string[] {
  const { expectedIssValue: issuer } = smart;
  const urls = [
    ...[issuer, baseUrl]
      .filter((base) => base !== undefined && /^https?:\/\//i.test(base) && URL.canParse(base))
      .map((base) => `${(base ?? '').replace(/\/+$/, '')}/.well-known/smart-configuration`),
    ...(gateway?.smartConfigurationUrl === undefined ? [] : [gateway.smartConfigurationUrl]),
  ];
  if (/^https?:\/\//i.test(issuer) && URL.canParse(issuer)) {
    urls.push(`${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`);
    const { origin, pathname } = new URL(issuer);
    urls.push(`${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/+$/, '')}`);
  }
  return [...new Set(urls)];
}

function onKeys({ smart, token = {} }: Settings, set: JsonObject): readonly Advice[] {
  const key = 'smart.jwksEndpoint';
  if (!Array.isArray(set['keys'])) {
    return [
      danger(
        key,
        'live-no-keys',
        'what is published there is no key set (RFC 7517, 5)',
        'use the jwks_uri of the authorization server',
      ),
    ];
  }
  const keys = (set['keys'] as readonly unknown[]).filter(isJsonObject);
  const algorithms = token.algorithms ?? [...KEY_SHAPES.keys()];
  const usable = keys.filter((jwk) => algorithms.some((alg) => fits(jwk, alg)));
  const advice: Advice[] = [];
  if (usable.length === 0) {
    advice.push(
      danger(
        key,
        'live-no-keys',
        `none of the ${keys.length} keys that are published fits an allowed algorithm (${algorithms.join(', ')})`,
        'allow the algorithm that the authorization server signs with, in token.algorithms',
      ),
    );
  } else if (!usable.some(({ kid }) => typeof kid === 'string' && kid !== '')) {
    advice.push(
      danger(
        key,
        'live-no-key-ids',
        'no published key has a key id, and tokens are verified by key id',
        'have the authorization server publish kid',
      ),
    );
  }
  if (keys.some((jwk) => 'd' in jwk || 'k' in jwk)) {
    advice.push(
      danger(
        key,
        'live-private-key',
        'a private or secret key is published there: anybody can sign tokens',
        `have the issuer ${smart.expectedIssValue} replace its keys at once`,
      ),
    );
  }
  return advice;
}

function fits(jwk: JsonObject, algorithm: string): boolean {
  const shape = KEY_SHAPES.get(algorithm);
  if (shape === undefined || jwk['kty'] !== shape.kty || (shape.crv !== undefined && jwk['crv'] !== shape.crv))
    return false;
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return false;
  return jwk['alg'] === undefined || jwk['alg'] === algorithm;
}

function onConfiguration({ smart, token = {} }: Settings, document: JsonObject): readonly Advice[] {
  const advice: Advice[] = [];
  const differs = (
    key: string,
    member: string,
    mine: string | undefined,
    level: Advice['level'],
    then: string,
  ): void => {
    const theirs = document[member];
    if (mine === undefined || typeof theirs !== 'string' || theirs === mine) return;
    advice.push({
      code: 'live-differs',
      level,
      key,
      reason: `the authorization server says ${member} ${short(theirs)}, this file ${short(mine)}: ${then}`,
      remedy: 'take over what the authorization server says, to the letter, unless you know better',
    });
  };
  differs('smart.expectedIssValue', 'issuer', smart.expectedIssValue, 'danger', 'its tokens will be refused');
  differs('smart.jwksEndpoint', 'jwks_uri', smart.jwksEndpoint, 'warning', 'its keys may be others');
  differs(
    'smart.tokenIntrospection.introspectUrl',
    'introspection_endpoint',
    smart.tokenIntrospection?.introspectUrl,
    'warning',
    'tokens may be asked about at the wrong place',
  );
  const signed = document['id_token_signing_alg_values_supported'];
  if (
    Array.isArray(signed) &&
    token.algorithms !== undefined &&
    !signed.some((alg) => token.algorithms?.includes(String(alg)))
  ) {
    advice.push({
      code: 'live-algorithms',
      level: 'warning',
      key: 'token.algorithms',
      reason: `the authorization server names ${short(signed.map(String).join(', '))} for its ID tokens, none of which is allowed here`,
      remedy: 'look at the header of one of its access tokens: smart-fhir-authz inspect TOKEN',
    });
  }
  return advice;
}

function unanswered(key: string, asked: Asked | undefined): Advice {
  const what = asked?.status === undefined ? (asked?.outcome ?? 'network') : `${asked.outcome} ${asked.status}`;
  return danger(
    key,
    'live-no-answer',
    `no key set came from there (${what}), so that no token can be verified`,
    'check the URL, and that this machine may reach it',
  );
}

function danger(key: string, code: string, reason: string, remedy: string): Advice {
  return { code, level: 'danger', key, reason, remedy };
}

function short(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function unique(advice: readonly Advice[]): readonly Advice[] {
  const seen = new Map(advice.map((each) => [`${each.code} ${each.key} ${each.reason}`, each]));
  return [...seen.values()];
}

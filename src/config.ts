import { isInteraction } from './fhir/interactions.js';
import type { FhirVersion } from './fhir/version.js';
import { FHIR_VERSIONS, isFhirVersion } from './fhir/version.js';
import { normalizeBaseUrl } from './identity/fhir-url.js';
import type { ScopeRule } from './scope/rule.js';
import { ConfigError } from './errors.js';
import { isJsonObject } from './json-object.js';

/** How to ask the authorization server about a token (RFC 7662). */
export interface IntrospectionOptions {
  /** The client id with which this resource server authenticates there. */
  clientId: string;
  /** Its secret; sent by HTTP Basic, never logged. */
  clientSecret: string;
  /** The introspection endpoint. */
  introspectUrl: string;
  /** How long to wait for an answer, in milliseconds. Default 5000, from 1 to 60000. */
  timeoutMs?: number;
  /**
   * Accept a token for which neither the token nor the answer names an audience, because the introspection server
   * answers only for tokens meant for this server. Default false: such a token is refused.
   */
  vouchesForAudience?: boolean;
}

/** The configuration of a SMARTHandler, as in fhir-works-on-aws-authz-smart 3.1.4. */
export interface SMARTConfig {
  /** Version of this shape: 1. */
  version: number;
  /** The claim that holds the scopes: `scope` (a string) or `scp` (an array) at most identity providers. */
  scopeKey: string;
  /** What the words of scopes allow. A level that is missing grants nothing. */
  scopeRule: ScopeRule;
  /** The audience that tokens must name: this server. A RegExp should be anchored at both ends. */
  expectedAudValue: string | string[] | RegExp;
  /** The issuer that tokens must come from; compared exactly, trailing slash included. */
  expectedIssValue: string;
  /** Path of the claim that names the user: `fhirUser`, `profile`, `ext.fhirUser`. */
  fhirUserClaimPath: string;
  /** What the claims of the launch context begin with: `launch_response_`; empty where they are `patient` and `encounter`. */
  launchContextPathPrefix: string;
  /** Where the authorization server publishes its keys (RFC 7517). This or tokenIntrospection is needed to verify. */
  jwksEndpoint?: string;
  /** Headers to send when the keys are fetched. */
  jwksHeaders?: Record<string, string>;
  /** Ask the authorization server about each token instead of, or besides, verifying its signature. */
  tokenIntrospection?: IntrospectionOptions;
}

const KEYS = new Set([
  'version',
  'scopeKey',
  'scopeRule',
  'expectedAudValue',
  'expectedIssValue',
  'fhirUserClaimPath',
  'launchContextPathPrefix',
  'jwksEndpoint',
  'jwksHeaders',
  'tokenIntrospection',
]);

/** Checks a SMARTConfig. @throws ConfigError that names the key. */
export function checkConfig(config: unknown): asserts config is SMARTConfig {
  if (!isJsonObject(config)) throw new ConfigError('config', 'must be an object');
  if (config['version'] !== 1) throw new ConfigError('version', 'must be 1');
  for (const key of ['scopeKey', 'expectedIssValue', 'fhirUserClaimPath']) requireText(config, key);
  // Empty where the issuer puts the context beside the other claims: `patient` (SMART App Launch 2.2, introspection).
  if (typeof config['launchContextPathPrefix'] !== 'string')
    throw new ConfigError('launchContextPathPrefix', 'must be a string');
  checkAudience(config['expectedAudValue']);
  checkScopeRule(config['scopeRule']);
  if (config['jwksEndpoint'] !== undefined) requireUrl(config['jwksEndpoint'], 'jwksEndpoint');
  if (config['jwksHeaders'] !== undefined) checkHeaders(config['jwksHeaders']);
  if (config['tokenIntrospection'] !== undefined) checkIntrospection(config['tokenIntrospection']);
  for (const key of Object.keys(config)) if (!KEYS.has(key)) throw new ConfigError(key, 'is no key of SMARTConfig');
}

function checkAudience(value: unknown): void {
  if (value instanceof RegExp || isText(value)) return;
  if (Array.isArray(value) && value.length > 0 && value.every(isText)) return;
  throw new ConfigError('expectedAudValue', 'must be a string, a list of strings or a RegExp');
}

function checkScopeRule(rule: unknown): void {
  if (!isJsonObject(rule)) throw new ConfigError('scopeRule', 'must be an object');
  for (const [level, access] of Object.entries(rule)) {
    if (!['patient', 'user', 'system'].includes(level))
      throw new ConfigError(`scopeRule.${level}`, 'is no level of scopes');
    if (access === undefined) continue;
    if (!isJsonObject(access)) throw new ConfigError(`scopeRule.${level}`, 'must have the lists read and write');
    for (const word of Object.keys(access)) {
      if (word !== 'read' && word !== 'write')
        throw new ConfigError(`scopeRule.${level}.${word}`, 'is neither read nor write');
    }
    for (const word of ['read', 'write'] as const) checkInteractions(access[word], `scopeRule.${level}.${word}`);
  }
}

function checkInteractions(list: unknown, key: string): void {
  if (list === undefined) return;
  if (!Array.isArray(list)) throw new ConfigError(key, 'must be a list of interactions');
  list.forEach((interaction, index) => {
    if (!isInteraction(interaction)) throw new ConfigError(`${key}[${index}]`, 'is no FHIR interaction');
  });
}

function checkHeaders(value: unknown): void {
  if (!isJsonObject(value)) throw new ConfigError('jwksHeaders', 'must be an object of header names and values');
  for (const [name, header] of Object.entries(value)) {
    if (typeof header !== 'string') throw new ConfigError(`jwksHeaders.${name}`, 'must be a string');
  }
}

function checkIntrospection(value: unknown): void {
  if (!isJsonObject(value)) throw new ConfigError('tokenIntrospection', 'must be an object');
  for (const key of ['clientId', 'clientSecret']) requireText(value, key, 'tokenIntrospection.');
  requireUrl(value['introspectUrl'], 'tokenIntrospection.introspectUrl');
  const { timeoutMs, vouchesForAudience } = value;
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 1 && timeoutMs <= 60_000)) {
    throw new ConfigError('tokenIntrospection.timeoutMs', 'must be a number of milliseconds from 1 to 60000');
  }
  if (vouchesForAudience !== undefined && typeof vouchesForAudience !== 'boolean') {
    throw new ConfigError('tokenIntrospection.vouchesForAudience', 'must be true or false');
  }
}

/** Checks the base URL of the server. @throws ConfigError */
export function checkApiUrl(apiUrl: unknown): string {
  const base = typeof apiUrl === 'string' ? normalizeBaseUrl(apiUrl) : undefined;
  if (base === undefined) throw new ConfigError('apiUrl', 'must be the http(s) base URL of the FHIR server');
  return base;
}

/** Checks the FHIR version. @throws ConfigError that lists what is supported. */
export function checkFhirVersion(version: unknown): FhirVersion {
  if (!isFhirVersion(version)) throw new ConfigError('fhirVersion', `must be one of ${FHIR_VERSIONS.join(', ')}`);
  return version;
}

/** Checks a list of resource types. @throws ConfigError */
export function checkTypes(types: unknown, key: string): readonly string[] {
  if (!Array.isArray(types) || !types.every((type): type is string => typeof type === 'string')) {
    throw new ConfigError(key, 'must be a list of resource types');
  }
  return [...types];
}

function requireText(config: Readonly<Record<string, unknown>>, key: string, prefix = ''): void {
  if (!isText(config[key])) throw new ConfigError(`${prefix}${key}`, 'must be a string that is not empty');
}

function requireUrl(value: unknown, key: string): void {
  if (!isText(value) || !/^https?:\/\//i.test(value) || !URL.canParse(value))
    throw new ConfigError(key, 'must be an http(s) URL');
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

import type { Advice, Advisor } from './advice.js';

/** Where keys, answers and data come from: whoever can change them on their way decides who gets in. */
export const adviseOnEndpoints: Advisor = ({ settings: { smart, baseUrl, gateway }, raw }) => {
  const { jwksEndpoint, tokenIntrospection, expectedIssValue } = smart;
  const advice: Advice[] = [];
  if (jwksEndpoint === undefined && tokenIntrospection === undefined) {
    advice.push({
      code: 'proof-missing',
      level: 'danger',
      key: 'smart.jwksEndpoint',
      reason: 'neither jwksEndpoint nor tokenIntrospection is set, so that no token can be verified',
      remedy: 'set jwksEndpoint to the jwks_uri of the authorization server',
    });
  }
  const endpoints = [
    ['smart.jwksEndpoint', jwksEndpoint, 'danger', 'who is between can replace the keys and sign tokens of their own'],
    [
      'smart.tokenIntrospection.introspectUrl',
      tokenIntrospection?.introspectUrl,
      'danger',
      'who is between sees tokens and the client’s secret, and can call any token active',
    ],
    ['baseUrl', baseUrl, 'warning', 'tokens and health data go over the network in clear'],
    ['smart.expectedIssValue', expectedIssValue, 'warning', 'an issuer is an https URL (RFC 8414, 2)'],
    ['gateway.upstream', gateway?.upstream, 'warning', 'health data goes over the network in clear'],
    [
      'gateway.smartConfigurationUrl',
      gateway?.smartConfigurationUrl,
      'warning',
      'who is between can send apps elsewhere',
    ],
  ] as const;
  for (const [key, url, level, reason] of endpoints) {
    if (url !== undefined && isClear(url)) {
      advice.push({ code: 'endpoint-http', level, key, reason: `it is http: ${reason}`, remedy: 'use https' });
    }
  }
  if (gateway?.redis && /^redis:/i.test(gateway.redis.url) && !isLoopback(gateway.redis.url)) {
    advice.push({
      code: 'endpoint-http',
      level: 'warning',
      key: 'gateway.redis.url',
      reason: 'it is redis:, so that what instances share goes over the network in clear',
      remedy: 'use rediss:, or a network that nobody else is on',
    });
  }
  for (const path of SECRETS) {
    if (typeof at(raw, path) === 'string') {
      advice.push({
        code: 'secret-in-file',
        level: 'warning',
        key: path.join('.'),
        reason: 'a secret stands in the file, where backups and repositories keep it',
        remedy: 'put it into the environment and write {"env": "NAME"} in its place',
      });
    }
  }
  return advice;
};

const SECRETS = [
  ['smart', 'tokenIntrospection', 'clientSecret'],
  ['tokenIntrospection', 'clientSecret'],
  ['smart', 'jwksHeaders', 'authorization'],
  ['gateway', 'upstreamHeaders', 'authorization'],
  ['gateway', 'upstreamHeaders', 'Authorization'],
  ['gateway', 'pageLinkKey'],
] as const;

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value,
  );
}

/** Over a network, unprotected. */
function isClear(url: string): boolean {
  return /^http:/i.test(url) && !isLoopback(url);
}

function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\./.test(hostname);
}

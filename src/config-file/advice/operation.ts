import { resourceTypes } from '../../fhir/resource-types.js';
import { normalizeBaseUrl } from '../../identity/fhir-url.js';
import type { Settings } from '../settings.js';
import type { Advice, Advisor } from './advice.js';

/** How it runs: what is looked up, how long answers are kept, what the gateway shows. */
export const adviseOnOperation: Advisor = ({ settings }) => [
  ...onWrites(settings),
  ...onTypes(settings),
  ...onCaches(settings),
  ...onGateway(settings),
];

function onWrites({ smart, access = {}, gateway }: Settings): readonly Advice[] {
  const rules: readonly (Partial<Settings['smart']['scopeRule']['user']> | undefined)[] = Object.values(
    smart.scopeRule,
  );
  const writes = ['update', 'patch', 'delete'].filter((each) =>
    rules.some((rule) => [...(rule?.read ?? []), ...(rule?.write ?? [])].some((interaction) => interaction === each)),
  );
  if (gateway !== undefined || access.writesWithoutLookup === 'deny' || writes.length === 0) return [];
  return [
    {
      code: 'lookup-missing',
      level: 'warning',
      key: 'access.writesWithoutLookup',
      reason: `scopes may ${writes.join(', ')}, and without a lookup only the new body is judged: it can overwrite somebody else’s resource`,
      remedy: 'give the handler a lookup (a file cannot hold one; the gateway has its own), or set this to "deny"',
    },
  ];
}

/** Types that belong to somebody, so that sharing them shares people’s records. */
const PERSONAL = ['Patient', 'RelatedPerson', 'Person', 'Group', 'Observation', 'Condition', 'Encounter', 'Procedure'];

function onTypes({ access = {}, fhirVersion = '4.0.1' }: Settings): readonly Advice[] {
  const known = resourceTypes(fhirVersion);
  return (access.membership?.sharedTypes ?? []).flatMap((type): readonly Advice[] => {
    const key = 'access.membership.sharedTypes';
    if (!known.has(type)) {
      const reason = `${type} is no resource type of FHIR ${fhirVersion}`;
      return [{ code: 'type-unknown', level: 'warning', key, reason, remedy: 'correct its spelling' }];
    }
    if (!PERSONAL.includes(type)) return [];
    return [
      {
        code: 'shared-personal',
        level: 'danger',
        key,
        reason: `every identity may read each ${type} that names no patient, and a ${type} is somebody’s`,
        remedy: 'share only what belongs to nobody: Practitioner, Organization, Location, Medication, Device',
      },
    ];
  });
}

const MINUTE_MS = 60_000;

function onCaches({ smart, token = {} }: Settings): readonly Advice[] {
  const advice: Advice[] = [];
  const { clockToleranceSeconds = 0, acceptedTypes, introspection, jwks } = token;
  if ((introspection?.cacheMaxAgeMs ?? 0) > 5 * MINUTE_MS) {
    advice.push({
      code: 'revocation-late',
      level: 'warning',
      key: 'token.introspection.cacheMaxAgeMs',
      reason: 'a token that was revoked works for more than five minutes longer',
      remedy: 'keep answers for a minute or less',
    });
  }
  if (introspection !== undefined && smart.tokenIntrospection === undefined) {
    advice.push({
      code: 'rule-unreachable',
      level: 'warning',
      key: 'token.introspection',
      reason: 'it is about introspection, and smart.tokenIntrospection is not set',
      remedy: 'set it, or take this away',
    });
  }
  if ((jwks?.maxAgeMs ?? 0) > 60 * MINUTE_MS) {
    advice.push({
      code: 'revocation-late',
      level: 'warning',
      key: 'token.jwks.maxAgeMs',
      reason: 'a key that the issuer withdrew, because it leaked say, is trusted for more than an hour longer',
      remedy: 'keep key sets for ten minutes, as is the default',
    });
  }
  if (clockToleranceSeconds > 60) {
    advice.push({
      code: 'clock-tolerance',
      level: 'note',
      key: 'token.clockToleranceSeconds',
      reason: 'expired tokens work for more than a minute longer',
      remedy: 'keep the clocks of the servers by NTP, and tolerate a few seconds',
    });
  }
  if (smart.jwksEndpoint !== undefined && acceptedTypes === undefined) {
    advice.push({
      code: 'token-types-open',
      level: 'note',
      key: 'token.acceptedTypes',
      reason: 'tokens of the type JWT, or of none, are accepted; ID tokens are told apart by their claims alone',
      remedy: 'if the authorization server follows RFC 9068, set it to ["at+jwt"]',
    });
  }
  return advice;
}

function onGateway({ gateway, baseUrl }: Settings): readonly Advice[] {
  if (gateway === undefined) return [];
  const advice: Advice[] = [];
  if (baseUrl !== undefined && normalizeBaseUrl(gateway.upstream) === normalizeBaseUrl(baseUrl)) {
    advice.push({
      code: 'gateway-loop',
      level: 'warning',
      key: 'gateway.upstream',
      reason: 'upstream is baseUrl, under which clients reach the gateway: it would ask itself',
      remedy: 'give the address of the FHIR server behind the gateway',
    });
  }
  if (gateway.explain === true) {
    advice.push({
      code: 'gateway-explains',
      level: 'warning',
      key: 'gateway.explain',
      reason: 'clients are told why they are refused, which tells attackers what to try next',
      remedy: 'leave it to development',
    });
  }
  if (gateway.corsOrigins === '*') {
    advice.push({
      code: 'cors-any',
      level: 'warning',
      key: 'gateway.corsOrigins',
      reason: 'scripts of any web page may read what their user’s token opens',
      remedy: 'list the origins of the apps',
    });
  }
  if (gateway.forwardAuthorization === true) {
    advice.push({
      code: 'token-forwarded',
      level: 'note',
      key: 'gateway.forwardAuthorization',
      reason: 'the upstream server gets the users’ tokens',
      remedy: 'leave it off unless that server verifies them again',
    });
  }
  if (gateway.redis !== undefined && gateway.pageLinkKey === undefined) {
    advice.push({
      code: 'page-links-apart',
      level: 'note',
      key: 'gateway.pageLinkKey',
      reason: 'instances that share Redis do not share the key of links to further pages: another one refuses them',
      remedy: 'give all of them the same, as {"env": "NAME"}',
    });
  }
  return advice;
}

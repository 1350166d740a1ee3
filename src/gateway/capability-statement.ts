import { typeOf } from '../access/judge.js';

type Json = Readonly<Record<string, unknown>>;

/** SMART App Launch 2.2.0, 4.1.1.2 and its extension `oauth-uris`: which of its names is which member of the configuration. */
const OAUTH_URIS = [
  ['authorize', 'authorization_endpoint'],
  ['token', 'token_endpoint'],
  ['register', 'registration_endpoint'],
  ['manage', 'management_endpoint'],
  ['introspect', 'introspection_endpoint'],
  ['revoke', 'revocation_endpoint'],
] as const;

/** What the server says of itself when upstream says nothing. */
export function bareStatement(fhirVersion: string, date: string): Json {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date,
    kind: 'instance',
    fhirVersion,
    format: ['application/fhir+json'],
    rest: [{ mode: 'server' }],
  };
}

/**
 * Upstream's CapabilityStatement as it is true of the server with the gateway in front: with SMART on FHIR in place of
 * upstream's own security, under the public base, in JSON alone. Interactions stay as upstream states them.
 */
export function guardedStatement(
  statement: unknown,
  baseUrl: string,
  configuration: Json | undefined,
): Json | undefined {
  if (typeOf(statement) !== 'CapabilityStatement') return undefined;
  const { implementation, format, patchFormat, rest, ...others } = statement as Json;
  const described = isRecord(implementation) ? implementation : { description: 'FHIR server' };
  return {
    ...others,
    implementation: { ...described, url: baseUrl },
    format: jsonOf(format, ['json', 'application/fhir+json']),
    ...(patchFormat !== undefined && {
      patchFormat: jsonOf(patchFormat, ['application/json-patch+json', 'application/merge-patch+json']),
    }),
    ...(Array.isArray(rest) && { rest: rest.map((each: unknown) => guardedRest(each, configuration)) }),
  };
}

function jsonOf(formats: unknown, known: readonly string[]): readonly unknown[] {
  const kept = Array.isArray(formats) ? formats.filter((each) => known.includes(each as string)) : [];
  return kept.length > 0 ? kept : [known.at(-1)];
}

function guardedRest(rest: unknown, configuration: Json | undefined): unknown {
  return isRecord(rest) && rest['mode'] === 'server' ? { ...rest, security: securityOf(configuration) } : rest;
}

function securityOf(configuration: Json | undefined): Json {
  const uris = OAUTH_URIS.flatMap(([url, member]) => {
    const valueUri = configuration?.[member];
    return typeof valueUri === 'string' ? [{ url, valueUri }] : [];
  });
  const system = 'http://terminology.hl7.org/CodeSystem/restful-security-service';
  return {
    ...(uris.length > 0 && {
      extension: [{ url: 'http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris', extension: uris }],
    }),
    service: [{ coding: [{ system, code: 'SMART-on-FHIR', display: 'SMART-on-FHIR' }], text: 'SMART on FHIR' }],
    description: 'OAuth 2.0 bearer tokens with SMART on FHIR scopes',
  };
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

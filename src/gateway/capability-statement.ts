import omit from 'lodash/omit.js';
import { typeOf } from '../access/judge.js';
import type { BaseUrls } from './base-urls.js';
import { isJsonObject } from '../json-object.js';
import type { JsonObject } from '../json-object.js';

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
export function bareStatement(fhirVersion: string, date: string): JsonObject {
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
 *
 * Everybody may read it, so it tells nothing of upstream: every address below its bases gets its public name, the one
 * included by which the statement itself says that it is reached; what else mentions one is left out, and so are the
 * software with its version and the narrative, which says all that once more.
 */
export function guardedStatement(
  statement: unknown,
  baseUrl: string,
  bases: BaseUrls,
  configuration: JsonObject | undefined,
): JsonObject | undefined {
  if (typeOf(statement) !== 'CapabilityStatement') return undefined;
  const { implementation: stated } = statement as JsonObject;
  const all = bases.alsoNamed(isJsonObject(stated) ? stated['url'] : undefined);
  const { implementation, format, patchFormat, rest, ...others } = discreet(
    omit(statement as JsonObject, 'software', 'text'),
    all,
  ) as JsonObject;
  const described = isJsonObject(implementation) ? implementation : {};
  return {
    ...others,
    // The description has to be there (FHIR R4, CapabilityStatement.implementation.description: 1..1).
    implementation: { description: 'FHIR server', ...described, url: baseUrl },
    format: jsonOf(format, ['json', 'application/fhir+json']),
    ...(patchFormat !== undefined && {
      patchFormat: jsonOf(patchFormat, ['application/json-patch+json', 'application/merge-patch+json']),
    }),
    ...(Array.isArray(rest) && { rest: rest.map((each: unknown) => guardedRest(each, configuration)) }),
  };
}

/** A value without what names upstream; undefined where nothing is left of it. */
function discreet(value: unknown, bases: BaseUrls): unknown {
  if (typeof value === 'string') {
    const told = bases.toPublic(value);
    return bases.mentions(told) ? undefined : told;
  }
  if (Array.isArray(value)) {
    const kept = value.map((each: unknown) => discreet(each, bases)).filter((each) => each !== undefined);
    return kept.length > 0 || value.length === 0 ? kept : undefined;
  }
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).flatMap(([name, member]) => {
    const kept = discreet(member, bases);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  return members.length > 0 ? Object.fromEntries(members) : undefined;
}

function jsonOf(formats: unknown, known: readonly string[]): readonly unknown[] {
  const kept = Array.isArray(formats) ? formats.filter((each) => known.includes(each as string)) : [];
  return kept.length > 0 ? kept : [known.at(-1)];
}

function guardedRest(rest: unknown, configuration: JsonObject | undefined): unknown {
  return isJsonObject(rest) && rest['mode'] === 'server' ? { ...rest, security: securityOf(configuration) } : rest;
}

function securityOf(configuration: JsonObject | undefined): JsonObject {
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

import fc from 'fast-check';
import type { KeyValueMap } from 'fhir-works-on-aws-interface';
import { SMARTHandler } from '../../src/handler.js';
import type { SMARTHandlerOptions } from '../../src/options.js';
import type { SMARTConfig } from '../../src/config.js';
import { FULL_RULE } from '../../src/scope/rule.js';

export const BASE = 'https://fhir.example.org';

export const CONFIG: SMARTConfig = {
  version: 1,
  scopeKey: 'scope',
  scopeRule: { patient: FULL_RULE, user: FULL_RULE, system: FULL_RULE },
  expectedAudValue: BASE,
  expectedIssValue: 'https://as.example.org',
  fhirUserClaimPath: 'fhirUser',
  launchContextPathPrefix: 'launch_response_',
};

export function handlerWith(options: SMARTHandlerOptions = {}, config: Partial<SMARTConfig> = {}): SMARTHandler {
  return new SMARTHandler({ ...CONFIG, ...config }, BASE, '4.0.1', undefined, undefined, undefined, options);
}

export const here = (reference: string) => {
  const [resourceType = '', id = ''] = reference.split('/');
  return { hostname: BASE, resourceType, id };
};

/** An identity as verifyAccessToken would return it, with every scope usable. */
export function identity(scopes: readonly string[], user?: string, patient?: string): KeyValueMap {
  return {
    sub: 'somebody',
    iss: CONFIG.expectedIssValue,
    scopes: [...scopes],
    usableScopes: [...scopes],
    ...(user !== undefined && { fhirUserObject: here(user) }),
    ...(patient !== undefined && { patientLaunchContext: here(patient) }),
  };
}

export const observation = (subject: string, id = 'o1', category = 'laboratory') => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: category }] }],
  code: { text: 'x' },
  subject: { reference: subject },
});

export const PEOPLE = ['Patient/p1', 'Patient/p2', 'Practitioner/d1', 'RelatedPerson/r1', 'Person/n1'] as const;
const TYPES = ['Patient', 'Observation', 'Encounter', 'Organization', '*'] as const;
const V1 = ['read', 'write', '*'] as const;
const V2 = ['r', 's', 'rs', 'cud', 'cruds', 'u'] as const;
const GRANULAR = ['rs?category=laboratory', 'cruds?status=final', 'rs?code:in=x', 's?no-such-parameter=1'] as const;

export const anyScope: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('patient', 'user', 'system'),
    fc.constantFrom(...TYPES),
    fc.oneof(fc.constantFrom(...V1), fc.constantFrom(...V2), fc.constantFrom(...GRANULAR)),
  )
  .map(([level, type, permission]) => `${level}/${type}.${permission}`);

export const anyScopes = fc.array(
  fc.oneof({ weight: 9, arbitrary: anyScope }, fc.constantFrom('openid', 'launch', 'patient/*.sr', '')),
  {
    maxLength: 5,
  },
);

export const anyPerson = fc.constantFrom(...PEOPLE);

export const anyIdentity: fc.Arbitrary<KeyValueMap> = fc
  .tuple(
    anyScopes,
    fc.option(anyPerson, { nil: undefined }),
    fc.option(fc.constantFrom('Patient/p1', 'Patient/p2'), { nil: undefined }),
  )
  .map(([scopes, user, patient]) => identity(scopes, user, patient));

const anyReference = fc
  .tuple(anyPerson, fc.constantFrom('', `${BASE}/`, 'https://elsewhere.example/'))
  .map(([person, base]) => ({ reference: `${base}${person}` }));

/** Resources of four types, with references at official elements, at others, and at none. */
export const anyResource: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('laboratory', 'vital-signs'),
      anyReference,
      fc.option(anyReference, { nil: undefined }),
      fc.nat(3),
    )
    .map(([category, subject, performer, n]) => ({
      ...observation('', `o${n}`, category),
      subject,
      ...(performer && { performer: [performer] }),
    })),
  fc
    .tuple(fc.constantFrom('p1', 'p2', 'p3'), fc.option(anyReference, { nil: undefined }), fc.boolean())
    .map(([id, reference, links]) => ({
      resourceType: 'Patient',
      id,
      ...(reference &&
        (links ? { link: [{ other: reference, type: 'seealso' }] } : { generalPractitioner: [reference] })),
    })),
  fc.tuple(anyReference, anyReference).map(([subject, individual]) => ({
    resourceType: 'Encounter',
    id: 'e1',
    status: 'finished',
    subject,
    participant: [{ individual }],
  })),
  anyReference.map((partOf) => ({ resourceType: 'Organization', id: 'g1', extension: [{ valueReference: partOf }] })),
);

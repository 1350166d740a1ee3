// A program as a user of the package writes it. test/package/consumers.test.ts compiles it against the types of the packed
// tarball, once as an ES module and once as CommonJS, and runs both.
import { ConfigError, SMARTHandler, UnauthorizedError } from 'smart-fhir-authz';
import type { FhirResource, ScopeRule, SMARTConfig, UserIdentity } from 'smart-fhir-authz';

const scopeRule: ScopeRule = {
  patient: { read: ['read', 'search-type'], write: [] },
  user: { read: ['read', 'search-type'], write: ['create'] },
  system: { read: ['read'], write: [] },
};

const config: SMARTConfig = {
  version: 1,
  scopeKey: 'scope',
  scopeRule,
  expectedAudValue: 'https://fhir.example.org',
  expectedIssValue: 'https://idp.example.org',
  fhirUserClaimPath: 'fhirUser',
  launchContextPathPrefix: 'launch_response_',
  jwksEndpoint: 'https://idp.example.org/jwks',
};

const alice: FhirResource = { hostname: 'https://fhir.example.org', resourceType: 'Patient', id: 'alice' };
const userIdentity: UserIdentity = {
  sub: 'alice-login',
  scopes: ['patient/Observation.read'],
  usableScopes: ['patient/Observation.read'],
  patientLaunchContext: alice,
};

const observation = (id: string, patient: string): object => ({
  resource: { resourceType: 'Observation', id, subject: { reference: `Patient/${patient}` } },
  search: { mode: 'match' },
});

async function main(): Promise<void> {
  const handler = new SMARTHandler(config, 'https://fhir.example.org', '4.0.1');
  const readResponse = {
    resourceType: 'Bundle',
    type: 'searchset',
    total: 2,
    entry: [observation('hers', 'alice'), observation('his', 'bob')],
  };
  const filtered = (await handler.authorizeAndFilterReadResponse({
    operation: 'search-type',
    userIdentity,
    readResponse,
    requestContext: {} as never,
  })) as { total: number; entry: { resource: { id: string } }[] };

  let refused = false;
  try {
    await handler.isWriteRequestAuthorized({ operation: 'create', userIdentity, resourceBody: readResponse });
  } catch (error) {
    refused = error instanceof UnauthorizedError;
  }

  let key: string | undefined;
  try {
    new SMARTHandler({ ...config, scopeKey: '' }, 'https://fhir.example.org', '4.0.1');
  } catch (error) {
    if (error instanceof ConfigError) key = error.key;
  }

  const kept = filtered.entry.map(({ resource }) => resource.id);
  console.log(JSON.stringify({ kept, total: filtered.total, refused, key }));
}

/** Never called: it compiles only if the types are really there, and not `any`. */
export function mistakes(): unknown[] {
  return [
    // @ts-expect-error -- FHIR versions are strings
    new SMARTHandler(config, 'https://fhir.example.org', 4),
    // @ts-expect-error -- the scope rule is missing
    new SMARTHandler({ ...config, scopeRule: undefined }, 'https://fhir.example.org', '4.0.1'),
    // @ts-expect-error -- no such interaction
    { read: ['reed'], write: [] } satisfies ScopeRule['user'],
    // @ts-expect-error -- a handler has no such method
    new SMARTHandler(config, 'https://fhir.example.org', '4.0.1').allowEverything(),
  ];
}

void main();

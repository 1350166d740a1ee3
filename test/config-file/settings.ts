/** A file that says as little as a file can. */
export function smallest(): { smart: Record<string, unknown>; baseUrl: string; fhirVersion: string } {
  return {
    smart: {
      version: 1,
      scopeKey: 'scope',
      scopeRule: { patient: { read: ['read', 'search-type'], write: [] } },
      expectedAudValue: 'https://fhir.example.org',
      expectedIssValue: 'https://idp.example.org',
      fhirUserClaimPath: 'fhirUser',
      launchContextPathPrefix: 'launch_response_',
      jwksEndpoint: 'https://idp.example.org/jwks',
    },
    baseUrl: 'https://fhir.example.org',
    fhirVersion: '4.0.1',
  };
}

/** A file that says everything that a file can. */
export function largest() {
  const { smart, ...server } = smallest();
  return {
    $schema: './config.schema.json',
    smart: {
      ...smart,
      scopeRule: {
        patient: { read: ['read'], write: ['create'] },
        user: {
          read: ['read', 'vread', 'history-instance', 'history-type', 'search-type'],
          write: ['update', 'patch'],
        },
        system: { read: ['search-system', 'history-system'], write: ['delete', 'batch', 'transaction'] },
      },
      jwksHeaders: { 'x-api-key': 'k', env: 'staging' },
      tokenIntrospection: {
        clientId: 'rs',
        clientSecret: 's3cret',
        introspectUrl: 'https://idp.example.org/introspect',
        timeoutMs: 1000,
        vouchesForAudience: true,
      },
    },
    ...server,
    access: {
      adminAccessTypes: ['Practitioner'],
      bulkDataAccessTypes: [],
      isUserScopeAllowedForSystemExport: true,
      membership: {
        read: 'reference',
        write: 'compartment',
        patientLink: false,
        groupMember: false,
        contained: 'refuse',
        sharedTypes: ['Organization'],
      },
      adminRules: [
        { userTypes: ['Person'], resourceType: 'Patient', path: 'managingOrganization', claim: 'organizations' },
      ],
      encounterContext: 'narrow',
      operations: { $lastn: { requires: ['search-type'], judgesInstance: false } },
      patientExport: true,
      decodeScopeSlash: true,
      customSearchParameters: ['ward'],
      writesWithoutLookup: 'deny',
    },
    token: {
      algorithms: ['ES256'],
      acceptedTypes: ['at+jwt', null],
      clockToleranceSeconds: 5,
      maxTokenLength: 4096,
      jwks: {
        timeoutMs: 1,
        maxAgeMs: 1000,
        maxStaleMs: 0,
        cooldownMs: 1,
        burst: 1,
        maxBytes: 256,
        maxKeys: 1,
      },
      cache: { maxEntries: 0, maxChars: 1024 },
      introspection: { maxBytes: 256, cacheMaxAgeMs: 0, cacheSize: 0, cacheTimeoutMs: 1 },
    },
    gateway: {
      upstream: 'http://localhost:8080/fhir',
      listen: { host: '0.0.0.0', port: 0 },
      upstreamNames: ['http://hapi/fhir'],
      upstreamHeaders: { authorization: 'Basic abc' },
      pageLinkKey: 'a secret of more than thirty-two characters',
      forwardAuthorization: true,
      bindsVersion: false,
      basePath: '/r4',
      realm: 'fhir',
      hideForbidden: true,
      explain: false,
      maxBodyBytes: 1024,
      maxResponseBytes: 1024,
      maxBinaryBytes: 1024,
      maxConcurrentRequests: 1,
      upstreamConnections: 1,
      connectTimeoutMs: 1,
      upstreamTimeoutMs: 1,
      headersTimeoutMs: 10,
      requestTimeoutMs: 10,
      keepAliveTimeoutMs: 10,
      drainTimeoutMs: 0,
      healthPath: false as string | false,
      smartConfiguration: { issuer: 'https://idp.example.org' },
      smartConfigurationUrl: 'https://idp.example.org/.well-known/openid-configuration',
      corsOrigins: ['https://app.example.org'],
      narrowSearch: { mode: 'exact' as const, supports: { Observation: ['patient'] } },
      bulkData: {
        statusPath: 'jobs',
        filePath: 'files',
        foreignFiles: 'pass' as const,
        jobLifetimeSeconds: 60,
      },
      redis: { url: 'redis://localhost:6379', keyPrefix: 'gw:' },
      log: { level: 'info' },
    },
  };
}

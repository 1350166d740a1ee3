import type { Settings } from './settings.js';

const ASSERTION_ALGORITHMS = ['RS384', 'ES384'] as const;

/** What every deployment can do; SMART App Launch 2.2, Conformance, Capabilities. */
const CAPABILITIES = ['client-confidential-asymmetric', 'permission-v1', 'permission-v2'];
const LAUNCH_CAPABILITIES = [
  'launch-ehr',
  'launch-standalone',
  'client-public',
  'sso-openid-connect',
  'context-ehr-patient',
  'context-ehr-encounter',
  'context-standalone-patient',
  'context-standalone-encounter',
  'permission-offline',
  'permission-patient',
  'permission-user',
];

/** The document under `/.well-known/smart-configuration`. SMART App Launch 2.2, Conformance. */
export type SmartConfiguration = Readonly<Record<string, unknown>>;

export function smartConfiguration(settings: Settings): SmartConfiguration {
  const { endpoints } = settings;
  const launch = settings.launch !== undefined;
  return {
    // Conformance: `issuer` and `authorization_endpoint` only where the capabilities call for them.
    ...(launch ? { issuer: settings.issuer, authorization_endpoint: endpoints.authorization } : {}),
    jwks_uri: endpoints.jwks,
    ...common(settings),
    capabilities: [...new Set([...CAPABILITIES, ...(launch ? LAUNCH_CAPABILITIES : []), ...settings.capabilities])],
  };
}

/** The document of RFC 8414, and of OpenID Connect Discovery, for clients that look there. */
export function serverMetadata(settings: Settings): Readonly<Record<string, unknown>> {
  const { endpoints, launch } = settings;
  return {
    issuer: settings.issuer,
    ...(launch === undefined ? {} : { authorization_endpoint: endpoints.authorization }),
    jwks_uri: endpoints.jwks,
    ...common(settings),
    ...(launch === undefined
      ? {}
      : {
          authorization_response_iss_parameter_supported: true,
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: [settings.idTokenKey.alg],
          claims_supported: ['sub', 'fhirUser'],
        }),
  };
}

function common(settings: Settings): Readonly<Record<string, unknown>> {
  const { endpoints } = settings;
  const launch = settings.launch !== undefined;
  return {
    token_endpoint: endpoints.token,
    introspection_endpoint: endpoints.introspection,
    revocation_endpoint: endpoints.revocation,
    ...(settings.registrationToken === undefined ? {} : { registration_endpoint: endpoints.registration }),
    grant_types_supported: launch
      ? ['authorization_code', 'refresh_token', 'client_credentials']
      : ['client_credentials'],
    response_types_supported: launch ? ['code'] : [],
    scopes_supported: settings.scopesSupported,
    // Required even where no code is ever given out, and never `plain` (Conformance).
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: launch ? ['private_key_jwt', 'none'] : ['private_key_jwt'],
    // RFC 8414 §2: required with private_key_jwt.
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
  };
}

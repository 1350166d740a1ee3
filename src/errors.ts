import { UnauthorizedError, isUnauthorizedError } from 'fhir-works-on-aws-interface';

export { UnauthorizedError, isUnauthorizedError };

/**
 * A mistake in the configuration or the constructor arguments, found before any request is served.
 *
 * Its `name` stays 'Error', as users of fhir-works-on-aws-authz-smart know it; match on `code`.
 */
export class ConfigError extends Error {
  readonly code = 'ERR_CONFIG';
  /** The key at fault, as a path: `tokenIntrospection.introspectUrl`. */
  readonly key: string;

  constructor(key: string, problem: string) {
    super(`${key}: ${problem}`);
    this.key = key;
  }
}

// The module that the interface's index passes on. The index loads a logger with it, which takes longer than all of this package.
import { UnauthorizedError, isUnauthorizedError } from 'fhir-works-on-aws-interface/lib/errors/UnauthorizedError.js';

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

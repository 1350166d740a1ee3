import type { FhirResource } from '../identity/fhir-url.js';
import type { Grants } from './grant.js';

/** Who asks, with everything that was derived from the token. */
export interface Caller {
  readonly grants: Grants;
  /** All claims, for admin rules. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The encounter in the launch context, where the policy narrows by it; a claim that names none closes the grants. */
  readonly encounter: FhirResource | 'malformed' | undefined;
  /** Normalised base URL of the server that is asked. */
  readonly base: string;
}

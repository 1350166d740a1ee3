import type { Decision } from './access/decision.js';
import { UnauthorizedError } from './errors.js';

/**
 * A refusal as the host's interface wants it: thrown, with one generic text for all. Its `name` stays
 * 'UnauthorizedError'. The decision is for the log; it is no own property, so that nobody serialises it to a client.
 */
export class DeniedError extends UnauthorizedError {
  readonly #decision: Decision;

  constructor(decision: Decision) {
    super('User does not have permission for requested operation');
    // The parent fixes the prototype and the name to its own.
    Object.setPrototypeOf(this, DeniedError.prototype);
    this.name = 'UnauthorizedError';
    this.#decision = decision;
  }

  /** Why. For logs and for people who may know; never for the client that was refused. */
  get decision(): Decision {
    return this.#decision;
  }
}

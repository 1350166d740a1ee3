/**
 * Where the processes of one resource server share what their introspection server said, so that a token is asked about
 * once and not once in each. The state stores of `smart-fhir-authz/backend-services` are such stores, the one on Redis among
 * them.
 *
 * The store needs no trust beyond its answering: what is kept in it is encrypted, and bound to the token and to the
 * introspection server, with keys made from the token and the client secret. A store that fails costs a request to the
 * introspection server.
 */
export interface AnswerStore {
  /** The value, or undefined where there is none or it has expired. */
  get(key: string): Promise<string | undefined>;
  /** Stores a value, in place of an earlier one, for so many seconds (more than 0, fractions allowed). */
  set(key: string, value: string, expiresInSeconds: number): Promise<void>;
}

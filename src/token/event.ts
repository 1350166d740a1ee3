import type { ReadFailure } from './read-json.js';
import type { KeyFault } from './jwk.js';

/**
 * What happened around the verification, for logs and metrics. No event carries a token, a claim, a key or a secret.
 */
export type TokenEvent =
  /** The issuer's key set was fetched: how many keys are usable, and why others are not. */
  | {
      readonly type: 'jwks.refreshed';
      readonly keys: number;
      readonly ignored: readonly { readonly index: number; readonly fault: KeyFault }[];
    }
  /** The key set could not be fetched. `servingLastGood`: verification goes on with the set fetched before. */
  | {
      readonly type: 'jwks.failed';
      readonly reason: ReadFailure | 'not-a-key-set' | 'too-many-keys';
      readonly status?: number;
      readonly servingLastGood: boolean;
    }
  /** The introspection server gave no usable answer. */
  | {
      readonly type: 'introspection.failed';
      readonly reason: ReadFailure | 'not-an-object';
      readonly status?: number;
    }
  /**
   * The shared cache of introspection answers did not serve: the server was asked instead, or its answer not shared. `foreign`: an
   * entry that no process with these credentials has written, or not for this token.
   */
  | {
      readonly type: 'introspection.cache-failed';
      readonly action: 'get' | 'set';
      readonly reason: 'timeout' | 'error' | 'foreign';
    }
  /** A defect of this library or of an injected `fetch` or `now`: the token was denied. `stack` has no message, only places. */
  | { readonly type: 'internal'; readonly name: string; readonly stack: readonly string[] };

/** Receives what happens around the verification of tokens. What it throws is ignored. */
export type TokenEventListener = (event: TokenEvent) => void;

/** Wraps a listener so that its failure never changes the outcome of a verification. */
export function guardListener(listener: TokenEventListener | undefined): TokenEventListener {
  return (event) => {
    try {
      listener?.(event);
    } catch {
      // A broken log must not turn an accepted token into a denied one, nor the other way round.
    }
  };
}

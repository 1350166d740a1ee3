import type { Settings } from '../settings.js';

/**
 * - `danger`: as it stands, somebody gets what they should not, or nobody gets anything.
 * - `warning`: probably not what was meant.
 * - `note`: worth knowing.
 */
export type AdviceLevel = 'danger' | 'warning' | 'note';

/** What a configuration would better say, and why. Never a secret: only keys, types, scopes and URLs are named. */
export interface Advice {
  /** Stable; docs/tools.md explains each. */
  readonly code: string;
  readonly level: AdviceLevel;
  /** The key that it is about. */
  readonly key: string;
  /** What was found, and why it matters. */
  readonly reason: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** What advice is given on. */
export interface Subject {
  readonly settings: Settings;
  /** The file as it stands, with its references to the environment. */
  readonly raw: unknown;
  /** The scopes that the authorization server gives out, where they are known. */
  readonly scopes: readonly string[] | undefined;
}

/** Advice on one matter. */
export type Advisor = (subject: Subject) => readonly Advice[];

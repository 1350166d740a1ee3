import { BackendServicesError } from '../errors.js';
import type { SmartKey } from './key.js';
import { thumbprint } from './kid.js';

/**
 * Keys whose private half stands in a public document, by RFC 7638 thumbprint. Whoever registers one gives the account
 * to every reader of that document.
 */
export const PUBLISHED_KEYS: ReadonlyMap<string, string> = new Map([
  ['GF98s-yqwfeo6HKp8RK_c1kuij_okDKL_s9V5lHT3-o', 'the published sample key of an immunization facade guide'],
  ['I99tVmIhN2uhvx12lO4Zrjk9OhGDH6LvIyYALIZivws', 'the RS384 sample key of the SMART App Launch guide'],
  ['gpusNZnFRvG96B1APEttC6NcJetjhM0q2LJagnlW6Tc', 'the ES384 sample key of the SMART App Launch guide'],
  ['Q7fgcIzqt0bVAKsWaw_FyUFSDDpOTfsGdGtjJmAnzFY', 'the RS384 key of the Inferno test kits'],
  ['RBFgQFFUIf4hfG8iUUZrf3vFZ_V2r3YRGPx9nKJXk5M', 'the ES384 key of the Inferno test kits'],
  ['NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', 'the RSA sample key of RFC 7517, Appendix A.2'],
]);

/** Options of the deny-list. */
export interface DenyListOptions {
  /**
   * Thumbprints (RFC 7638) that may be used although they are listed: a server under conformance test has to accept the
   * keys of the test kit. Never for a server with real data.
   */
  readonly allowPublishedKeys?: readonly string[] | undefined;
  /** Further thumbprints to refuse, such as those of keys known to be lost. */
  readonly denyThumbprints?: readonly string[] | undefined;
}

/** Says where a key's private half is published, or undefined for a key that nobody is known to have published. */
export function whereKeyIsPublished(key: SmartKey, options: DenyListOptions = {}): string | undefined {
  const print = thumbprint(key);
  if (options.denyThumbprints?.includes(print) === true) return 'a key that this deployment refuses';
  return options.allowPublishedKeys?.includes(print) === true ? undefined : PUBLISHED_KEYS.get(print);
}

/** @throws BackendServicesError `ERR_KEY_PUBLISHED` */
export function refusePublishedKey(key: SmartKey, options: DenyListOptions = {}): void {
  const where = whereKeyIsPublished(key, options);
  if (where === undefined) return;
  throw new BackendServicesError(
    'ERR_KEY_PUBLISHED',
    `key: ${where}: its private half is not private; generate a new pair`,
  );
}

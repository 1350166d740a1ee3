import type { FhirVersion } from './version.js';

/** The entries of a generated data module: one a line. */
export function dataLines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/**
 * A table for each version, read out of its text at the first use and kept. Anything but a supported version has
 * none, so that a caller in plain JavaScript gets `undefined` and not an inherited property.
 */
export function perVersion<T>(
  texts: Readonly<Record<FhirVersion, string>>,
  read: (text: string, version: FhirVersion) => T,
): (version: FhirVersion) => T | undefined {
  const tables = new Map<FhirVersion, T>();
  return (version) => {
    const known = tables.get(version);
    if (known !== undefined) return known;
    if (!Object.hasOwn(texts, version)) return undefined;
    const table = read(texts[version], version);
    tables.set(version, table);
    return table;
  };
}

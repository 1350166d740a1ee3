import type { FhirVersion } from '../version.js';

/** One published package of official definitions, pinned by checksum. */
export interface DefinitionPackage {
  readonly name: string;
  readonly version: string;
  /** Subresource integrity of the tarball, as the npm registry states it. */
  readonly integrity: string;
  /** SHA-1 of the tarball in hexadecimal, as the npm registry states it. */
  readonly shasum: string;
  readonly license: string;
}

/** Where the data of one FHIR version comes from and where it goes. */
export interface Release {
  readonly fhirVersion: FhirVersion;
  /** Folder below src/fhir/data. */
  readonly folder: string;
  readonly source: DefinitionPackage;
}

/**
 * The examples packages of STU3 and R4 hold the definitions too; R4B and R5 have them in their core packages. What
 * hosts call 3.0.1 is published as 3.0.2, the technical correction of STU3.
 */
export const RELEASES: readonly Release[] = [
  {
    fhirVersion: '3.0.1',
    folder: 'stu3',
    source: {
      name: 'hl7.fhir.r3.examples',
      version: '3.0.2',
      integrity: 'sha512-HhSNNmBZKvqzfEpSdPaAmbZB4mphC7rDZNOS7OjwQaupS0PoV/SZNdoppLKFr4Q0TKxVV0UY8Hl0e0o7qSXWRw==',
      shasum: '436a993a43f4e105c23e42f5dd31cc7e2cdd51c8',
      license: 'CC0-1.0',
    },
  },
  {
    fhirVersion: '4.0.1',
    folder: 'r4',
    source: {
      name: 'hl7.fhir.r4.examples',
      version: '4.0.1',
      integrity: 'sha512-DXBdIZOeQaSKIgCU7w6HOC7sw/6BzylmipLkBW4f//pT+Bc94x+8LImwTdvaNThPJoOzpBzvxAzNqjeu3X/zLw==',
      shasum: '537ea7db3f3c7b3575fe2eaa7808bad21261cca3',
      license: 'CC0-1.0',
    },
  },
  {
    fhirVersion: '4.3.0',
    folder: 'r4b',
    source: {
      name: 'hl7.fhir.r4b.core',
      version: '4.3.0',
      integrity: 'sha512-2Xa3QB5PQxNchsA8chSq3OLMHJf55iEc44bZCFaRarX6Leo8qjeTXSq4RNSMpvKtfG4u7CkWpEmlQtb0rwLWFw==',
      shasum: '16ee8413cd6e5615a71686ac2113cd7851df7616',
      license: 'CC0-1.0',
    },
  },
  {
    fhirVersion: '5.0.0',
    folder: 'r5',
    source: {
      name: 'hl7.fhir.r5.core',
      version: '5.0.0',
      integrity: 'sha512-0TvJB1KKtokn/P2mRwcqEY8v8RN8IE/pQjvtlsPaJdYaDfYx4UBhuY4afAGeQjW01p9SNYPphxAFFkEsS6P05A==',
      shasum: '3f30de8dad4ed2126735d746553427153b30aa10',
      license: 'CC0-1.0',
    },
  },
];

import { parseJson, readTarball } from './read-tarball.js';

/*
 * The few fields of the official definitions that the generator reads. They have been the same since STU3, except
 * where a comment says otherwise.
 */

export interface ElementType {
  readonly code: string;
  /** STU3 has one string a type entry, R4 and later an array. */
  readonly targetProfile?: string | readonly string[];
}

export interface ElementDefinition {
  readonly id?: string;
  readonly path: string;
  readonly type?: readonly ElementType[];
  readonly contentReference?: string;
}

export interface StructureDefinition {
  readonly resourceType: 'StructureDefinition';
  readonly url: string;
  readonly type: string;
  readonly kind: string;
  readonly abstract: boolean;
  readonly derivation?: string;
  readonly baseDefinition?: string;
  readonly snapshot?: { readonly element: readonly ElementDefinition[] };
}

export interface SearchParameter {
  readonly resourceType: 'SearchParameter';
  readonly id: string;
  readonly url: string;
  readonly code: string;
  /** Missing in a few definitions that no longer apply to any type. */
  readonly base?: readonly string[];
  readonly type: string;
  /** How the value is compared, until R4B; `normal`, `phonetic`, `nearby`, … */
  readonly xpathUsage?: string;
  /** The same from R5 on. */
  readonly processingMode?: string;
  readonly expression?: string;
  readonly target?: readonly string[];
}

export interface CompartmentDefinition {
  readonly resourceType: 'CompartmentDefinition';
  readonly url: string;
  readonly code: string;
  readonly resource: readonly { readonly code: string; readonly param?: readonly string[] }[];
}

export interface Definitions {
  readonly structures: readonly StructureDefinition[];
  readonly searchParameters: readonly SearchParameter[];
  readonly compartments: readonly CompartmentDefinition[];
}

type Definition = StructureDefinition | SearchParameter | CompartmentDefinition;

const CANONICAL = 'http://hl7.org/fhir/';

function isOfficial(definition: Definition): boolean {
  return definition.url.startsWith(`${CANONICAL}${definition.resourceType}/`);
}

const byUrl = (a: Definition, b: Definition): number => (a.url < b.url ? -1 : a.url > b.url ? 1 : 0);

/**
 * Picks the definitions of the standard itself out of parsed JSON files, in a fixed order. Profiles, and definitions
 * of others that serve as examples, stay out.
 */
export function selectDefinitions(files: Iterable<unknown>): Definitions {
  const structures: StructureDefinition[] = [];
  const searchParameters: SearchParameter[] = [];
  const compartments: CompartmentDefinition[] = [];
  for (const file of files as Iterable<Definition>) {
    if (file.resourceType === 'StructureDefinition') {
      const own = file.url === `${CANONICAL}StructureDefinition/${file.type}`;
      if (own && file.derivation !== 'constraint' && (file.kind === 'resource' || file.kind === 'complex-type')) {
        structures.push(file);
      }
    } else if (file.resourceType === 'SearchParameter') {
      if (isOfficial(file)) searchParameters.push(file);
    } else if (isOfficial(file)) {
      compartments.push(file);
    }
  }
  structures.sort(byUrl);
  searchParameters.sort(byUrl);
  compartments.sort(byUrl);
  return { structures, searchParameters, compartments };
}

/** Reads the official definitions out of a package's tarball. */
export async function readDefinitions(tarball: string): Promise<Definitions> {
  const files: unknown[] = [];
  for await (const { path, content } of readTarball(tarball)) {
    if (/^package\/(StructureDefinition|SearchParameter|CompartmentDefinition)-[^/]*\.json$/.test(path)) {
      files.push(parseJson(content));
    }
  }
  return selectDefinitions(files);
}

import type { FhirVersion } from '../../fhir/version.js';
import type { GrantView } from './verdict.js';

/** What every parameter of a query is judged by. */
export interface Asked {
  readonly version: FhirVersion;
  /** The types of this FHIR version. */
  readonly knownTypes: ReadonlySet<string>;
  /**
   * The types that are searched, as asked: those that no grant covers are among them. Judging by what was asked, not by
   * what is left of it, keeps more grants from refusing more.
   */
  readonly types: readonly string[];
  /** Parameters that the host vouches for: they look at nothing but the elements of the type that is searched. */
  readonly custom: ReadonlySet<string>;
  /** Whether more is asked for than what the search itself finds: `_include` or `_revinclude`, in whatever form. */
  readonly includes: boolean;
  covers(type: string): boolean;
  opens(type: string): boolean;
  opensEverything(): boolean;
}

/** Asks the grants once for each type, and holds them to what their answers imply. */
export function askedOf(
  grants: GrantView,
  of: Pick<Asked, 'version' | 'knownTypes' | 'types' | 'custom' | 'includes'>,
): Asked {
  const opened = new Map<string, boolean>();
  const everything = grants.opensEverything();

  function opens(type: string): boolean {
    if (everything) return true;
    const known = opened.get(type);
    if (known !== undefined) return known;
    const answer = grants.opensAll(type);
    opened.set(type, answer);
    return answer;
  }

  const covers = (type: string): boolean => grants.covers(type) || opens(type);
  return { opens, covers, opensEverything: () => everything, ...of };
}

/** The searched type, where it is one: a finding about a search of many names none. */
export function singleType({ types }: Asked): { readonly resourceType?: string } {
  const [type] = types;
  return types.length === 1 && type !== undefined ? { resourceType: type } : {};
}

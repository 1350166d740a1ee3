import { resourceTypes } from '../../../fhir/resource-types.js';
import { FHIR_VERSIONS } from '../../../fhir/version.js';
import { parseScope } from '../../../scope/parse.js';

/** Scopes as they may stand in a log. */
export interface DescribedScopes {
  /** Separated by spaces. */
  readonly known: string;
  /** How many are left out, as their text is a stranger's. */
  readonly unknown: number;
}

/** Scopes of OpenID Connect and of launches: words, and nothing of a request's own. */
const WORDS: ReadonlySet<string> = new Set([
  'openid',
  'profile',
  'fhirUser',
  'offline_access',
  'online_access',
  'launch',
  'launch/patient',
  'launch/encounter',
]);

/**
 * Scopes for an operator's log. A scope is free text to whoever asks for it: the query of a granular one may name a
 * patient, and one that means nothing here may be a token that landed in the wrong place. So a scope is shown as it is
 * where the client is registered with it, else as far as it is made of words that everybody knows:
 * `system/Observation.rs?...`.
 */
export function describeScopes(scopes: readonly string[], registered: string): DescribedScopes {
  const own = new Set(registered.split(' '));
  const known: string[] = [];
  let unknown = 0;
  for (const scope of scopes) {
    const words = own.has(scope) || WORDS.has(scope) ? scope : wordsOf(scope);
    if (words === undefined) unknown += 1;
    else known.push(words);
  }
  return { known: [...new Set(known)].join(' '), unknown };
}

/** Put together anew, so that nothing of the text itself is in it. */
function wordsOf(text: string): string | undefined {
  const scope = parseScope(text);
  if (scope.kind !== 'resource' || !isType(scope.type)) return undefined;
  const { level, type, permission, clauses } = scope;
  const access = permission.syntax === 'v1' ? permission.word : [...permission.letters].join('');
  return `${level}/${type}.${access}${clauses.length === 0 ? '' : '?...'}`;
}

function isType(type: string): boolean {
  return type === '*' || FHIR_VERSIONS.some((version) => resourceTypes(version).has(type));
}

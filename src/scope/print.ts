import type { Permission, ResourceScope } from './scope.js';

/** The canonical text of a scope: `parseScope(printScope(scope))` is the same scope. */
export function printScope(scope: Pick<ResourceScope, 'level' | 'type' | 'permission' | 'clauses'>): string {
  const query = scope.clauses
    .map((clause) => `${encode(clause.parameter)}=${clause.values.map(encode).join(',')}`)
    .join('&');
  return `${scope.level}/${scope.type}.${printPermission(scope.permission)}${query === '' ? '' : `?${query}`}`;
}

export function printPermission(permission: Permission): string {
  if (permission.syntax === 'v1') return permission.word;
  return ['c', 'r', 'u', 'd', 's'].filter((letter) => (permission.letters as ReadonlySet<string>).has(letter)).join('');
}

/**
 * Encodes what the grammar gives a meaning (`%`, `&`), and what RFC 6749 §3.3 keeps out of a scope token: white space,
 * `"`, `\`, controls and everything beyond ASCII. The rest stays readable, `|` and `:` among it.
 */
function encode(text: string): string {
  return text.replace(/[^!#$'-[\]-~]|[%&]/gu, (character) => encodeURIComponent(character));
}

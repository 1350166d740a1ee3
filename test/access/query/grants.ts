import type { GrantView } from '../../../src/access/query/gate.js';

/**
 * Grants in short: `Patient` covers the type, `Patient!` opens it as a whole, `*` covers every type and `*!` opens
 * everything.
 */
export function grantView(grants: Iterable<string>): GrantView {
  const held = new Set(grants);
  const opensAll = (type: string): boolean => held.has(`${type}!`) || held.has('*!');
  return {
    covers: (type) => held.has(type) || held.has('*') || opensAll(type),
    opensAll,
    opensEverything: () => held.has('*!'),
  };
}

import toPath from 'lodash/toPath.js';

/**
 * The claim at a path. A claim of exactly that name comes first, so that `https://idp.example/fhirUser` and flat names
 * with dots work; then the path is followed (`ext.users[0].fhirUser`). Only own properties count: what an object
 * inherits was never in the token.
 */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of toPath(path)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

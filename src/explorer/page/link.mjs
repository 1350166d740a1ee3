import { isObject, withoutTokens } from './identity.mjs';

/** What a link may carry: texts of the form, never a token and never other claims. */
const FIELDS = ['scopes', 'fhirUser', 'patient', 'operation', 'resourceType', 'query', 'example', 'resource', 'stored'];

/** Longer links are not followed. */
const MAX_LENGTH = 200_000;

/** The state of the form as a fragment: it stays in the browser, for no server sees fragments. */
export function fragmentOf(state) {
  const kept = Object.fromEntries(
    FIELDS.filter((name) => typeof state[name] === 'string' && state[name] !== '').map((name) => [
      name,
      withoutTokens(state[name]),
    ]),
  );
  const bytes = new TextEncoder().encode(JSON.stringify(kept));
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return `#${btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
}

/** The state in a fragment, or undefined if there is none. Whoever made the link: only texts for known fields come in. */
export function stateOf(fragment) {
  const text = fragment.replace(/^#/, '');
  if (text === '' || text.length > MAX_LENGTH) return undefined;
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const value = JSON.parse(new TextDecoder().decode(bytes));
    if (!isObject(value)) return undefined;
    return Object.fromEntries(
      FIELDS.filter((name) => Object.hasOwn(value, name) && typeof value[name] === 'string').map((name) => [
        name,
        withoutTokens(value[name]),
      ]),
    );
  } catch {
    return undefined;
  }
}

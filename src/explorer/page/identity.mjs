/** Characters of which a token consists. Whoever made the text: each is looked at once or twice. */
const RUNS = /[\w.-]+/g;

/** Where in a run a compact JWT begins; -1 where there is none. */
function startOf(run) {
  const at = run.search(/\beyJ[\w-]/);
  return at !== -1 && /^[\w-]+\.[\w-]/.test(run.slice(at)) ? at : -1;
}

/** The first token in a text, with or without the word Bearer before it. */
function tokenIn(text) {
  for (const [run] of text.matchAll(RUNS)) {
    const at = startOf(run);
    if (at !== -1) return run.slice(at);
  }
  return undefined;
}

/** Whether a text has a token in it. */
export function holdsToken(text) {
  return tokenIn(text) !== undefined;
}

/** A text without tokens. */
export function withoutTokens(text) {
  return text.replace(RUNS, (run) => {
    const at = startOf(run);
    return at === -1 ? run : run.slice(0, at);
  });
}

/** The claims of a token, or a complaint. Nothing is verified. */
export function decodeToken(text) {
  const found = tokenIn(text);
  if (found === undefined) return { problem: 'this is no JSON Web Token; opaque tokens hold no claims' };
  try {
    const [, payload = ''] = found.split('.');
    const binary = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (!isObject(claims)) return { problem: 'the token holds no claims' };
    return { claims };
  } catch {
    return { problem: 'the payload of the token cannot be decoded' };
  }
}

/** Splits claims into the fields of the page and the rest. */
export function fieldsOf(claims, config) {
  const rest = { ...claims };
  const take = (path) => {
    const value = claimAt(claims, path);
    if (Object.hasOwn(rest, path)) delete rest[path];
    return value;
  };
  const scopes = take(config.scopeKey);
  const text = (value) => (typeof value === 'string' ? value : '');
  return {
    scopes: Array.isArray(scopes) ? scopes.map(String).join(' ') : text(scopes),
    fhirUser: text(take(config.fhirUserClaimPath)),
    patient: text(take(`${config.launchContextPathPrefix}patient`)),
    rest,
  };
}

/** The claims that the fields of the page say. What a field says comes before what the rest says. */
export function claimsOf({ scopes, fhirUser, patient, rest }, config) {
  const claims = { ...rest, [config.scopeKey]: scopes.trim().split(/\s+/).join(' ') };
  if (fhirUser.trim() !== '') claims[config.fhirUserClaimPath] = fhirUser.trim();
  if (patient.trim() !== '') claims[`${config.launchContextPathPrefix}patient`] = patient.trim();
  return claims;
}

/** The claim of exactly that name, or the one at that path. */
function claimAt(claims, path) {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path
    .split('.')
    .reduce((value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined), claims);
}

/** Whether a value is a JSON object. */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The server's absolute URLs, and the paths they have below the issuer. */
export interface Endpoints {
  readonly token: string;
  readonly introspection: string;
  readonly revocation: string;
  readonly jwks: string;
  readonly authorization: string;
  readonly registration: string;
}

/** Paths below the issuer. The interaction page of a launch is `INTERACTION_PATH/<id>`. */
export const PATHS = {
  token: '/token',
  introspection: '/introspect',
  revocation: '/revoke',
  jwks: '/jwks',
  authorization: '/authorize',
  registration: '/register',
} as const satisfies Record<keyof Endpoints, string>;

export const INTERACTION_PATH = '/interaction';

export function endpointsOf(issuer: string): Endpoints {
  const base = issuer.replace(/\/$/, '');
  return {
    token: base + PATHS.token,
    introspection: base + PATHS.introspection,
    revocation: base + PATHS.revocation,
    jwks: base + PATHS.jwks,
    authorization: base + PATHS.authorization,
    registration: base + PATHS.registration,
  };
}

/** The path of a URL without its last slash: `''` for the root. */
export function basePath(url: string): string {
  return new URL(url).pathname.replace(/\/$/, '');
}

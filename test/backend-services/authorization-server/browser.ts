/** A browser reduced to what a launch needs: it keeps cookies by path and follows redirects one at a time. */
export class Browser {
  readonly #cookies: { readonly name: string; readonly value: string; readonly path: string }[] = [];
  readonly setCookies: string[] = [];

  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const { pathname } = new URL(url);
    const cookie = this.#cookies
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const headers = new Headers(init.headers);
    if (cookie !== '') headers.set('cookie', cookie);
    const response = await fetch(url, { ...init, redirect: 'manual', headers });
    for (const line of response.headers.getSetCookie()) {
      this.setCookies.push(line);
      const [pair = '', ...attributes] = line.split(/;\s*/);
      const name = pair.slice(0, pair.indexOf('='));
      const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/';
      const known = this.#cookies.findIndex((other) => other.name === name && other.path === path);
      if (known !== -1) this.#cookies.splice(known, 1);
      const value = pair.slice(pair.indexOf('=') + 1);
      if (value !== '') this.#cookies.push({ name, value, path });
    }
    return response;
  }

  /** Where a redirect leads. */
  static location(response: Response): URL {
    const location = response.headers.get('location');
    if (location === null) throw new Error(`no redirect but ${response.status}`);
    return new URL(location, response.url);
  }
}

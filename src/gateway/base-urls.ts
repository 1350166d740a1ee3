import { normalizeBaseUrl } from '../identity/fhir-url.js';

/**
 * The two names of one server: the public base URL, which tokens and clients know, and those by which the server behind
 * the gateway calls itself. Everything is judged under the public one.
 */
export class BaseUrls {
  readonly #public: Base;
  readonly #upstream: readonly [Base, ...Base[]];
  readonly #mention: RegExp;
  readonly #authorities: RegExp;

  /** @param upstream The first is the one that upstream is given to read. All without a trailing slash. */
  constructor(publicBase: string, upstream: readonly [string, ...string[]]) {
    const [first, ...rest] = upstream;
    this.#public = baseOf(publicBase);
    this.#upstream = [baseOf(first), ...rest.map(baseOf)];
    const hosts = this.#upstream.map(({ origin }) => escaped(new URL(origin).hostname));
    this.#authorities = new RegExp(this.#upstream.map(authorityOf).join('|'), 'i');
    // A solidus or a letter may be written as an escape in JSON.
    this.#mention = new RegExp(`${hosts.join('|')}|\\\\[/u]`, 'i');
  }

  /** The public name of what has a URL of upstream's; any other text as it is. */
  readonly toPublic = (url: string): string => {
    for (const base of this.#upstream) {
      const below = belowBase(url, base);
      if (below !== undefined) return `${this.#public.text}${below}`;
    }
    return url;
  };

  /** Upstream's name of what has a public URL; any other text as it is. */
  readonly toUpstream = (url: string): string => {
    const below = belowBase(url, this.#public);
    return below === undefined ? url : `${this.#upstream[0].text}${below}`;
  };

  /** The public URL of what is below the base. @param below From a slash on. */
  publicUrl(below: string): string {
    return `${this.#public.text}${below}`;
  }

  /** What follows the public base in a URL: empty, or from a slash or a question mark on. Undefined for a URL elsewhere. */
  below(url: string): string | undefined {
    return belowBase(url, this.#public);
  }

  /** Whether a URL is the public base or below it. */
  isPublic(url: string): boolean {
    return belowBase(url, this.#public) !== undefined;
  }

  /** The same server, which calls itself by one more name. Any other text than the base URL of a server says nothing. */
  alsoNamed(url: unknown): BaseUrls {
    const name = typeof url === 'string' ? normalizeBaseUrl(url) : undefined;
    if (name === undefined || !URL.canParse(name) || this.isPublic(name)) return this;
    const [first, ...rest] = this.#upstream.map(({ text }) => text);
    return new BaseUrls(this.#public.text, [first ?? name, ...rest, name]);
  }

  /** Whether a text names the machine on which upstream is, in a URL or by its own. */
  mentions(text: string): boolean {
    return this.#authorities.test(text.replaceAll(this.#public.text, ''));
  }

  /** Whether JSON may name upstream. False is certain, true is not. */
  mayMention(json: string): boolean {
    return this.#mention.test(json);
  }
}

interface Base {
  readonly text: string;
  readonly origin: string;
  readonly path: string;
}

function baseOf(url: string): Base {
  const [, origin = '', path = ''] = /^([a-z]+:\/\/[^/]+)(.*)$/.exec(url) ?? [];
  return { text: url, origin, path };
}

/** What follows the base in a URL: empty, or from a slash or a question mark on. Undefined for a URL elsewhere. */
function belowBase(url: string, { origin, path }: Base): string | undefined {
  const [, head, tail = ''] = /^(https?:\/\/[^/?#\s\\]+)([^\s\\]*)$/i.exec(url) ?? [];
  if (head === undefined || normalizeBaseUrl(head) !== origin || !tail.startsWith(path)) return undefined;
  const below = tail.slice(path.length);
  return below === '' || /^[/?#]/.test(below) ? below : undefined;
}

/**
 * What names a host and a port in a text. A name without a dot may be a word of any language, so it is one only in a URL
 * or before a port.
 */
function authorityOf({ origin }: Base): string {
  const { hostname, port } = new URL(origin);
  const host = escaped(hostname);
  if (port !== '') return `(?<![\\w.-])${host}:${port}(?!\\d)`;
  const end = '(?![\\w-]|\\.\\w|:\\d)';
  return hostname.includes('.') ? `(?<![\\w.-])${host}${end}` : `//(?:[^/\\s@]*@)?${host}${end}`;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

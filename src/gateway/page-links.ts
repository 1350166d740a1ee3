import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { typeOf } from '../access/judge.js';
import { RESULT_PARAMETERS } from '../access/query/result.js';
import { isResultList } from '../fhir/interactions.js';
import { canonicalUrl } from '../http/print.js';
import { parseQuery } from '../http/query.js';
import type { FhirRequest, InteractionRequest } from '../http/request.js';
import type { UserIdentity } from '../identity/identity.js';
import { isJsonObject } from '../json-object.js';
import type { JsonObject } from '../json-object.js';
import type { BaseUrls } from './base-urls.js';

/** A page that a client asks for by a link of ours. */
export interface AskedPage {
  /** The search whose page it is, as it would be asked for: path and query under the base path. */
  readonly url: string;
  /** Where upstream has the page: what follows its base. */
  readonly below: string;
  /** What only this gateway can have written. */
  readonly signature: string;
}

/** The parameter of such a link. */
const PARAMETER = '_gatewaypage';

/** The links of a Bundle that lead to other parts of it, and to itself (FHIR R4, 3.1.1.4.13 and 2.36.4). */
const PAGES: ReadonlySet<unknown> = new Set(['self', 'first', 'previous', 'prev', 'next', 'last']);

/** A guard refuses longer ones. In characters. */
const MAX_URL = 8192;

/**
 * Links to further pages. Most servers repeat the search in them, with an offset; some resume it by a name of their own, as
 * HAPI with `_getpages`, of which nobody can tell whose search it was. Such a link is replaced by one that says it: it holds
 * the search and upstream's link, signed for the caller. Whoever follows it is judged for the search, as if it were asked
 * for again, and upstream is asked for the page.
 */
export class PageLinks {
  readonly #key: Buffer;
  readonly #bases: BaseUrls;
  readonly #basePath: string;

  /** @param secret What instances share that follow each other's links. Default one of its own. */
  constructor(bases: BaseUrls, basePath: string, secret: string | undefined) {
    const material = secret ?? randomBytes(32);
    this.#key = Buffer.from(hkdfSync('sha256', material, '', 'smart-fhir-authz page links', 32));
    this.#bases = bases;
    this.#basePath = basePath;
  }

  /**
   * A searchset or a history whose links its caller can follow. What comes in is not changed.
   *
   * @param page The page that it is, if it was asked for as one.
   */
  signed(resource: unknown, request: FhirRequest, identity: UserIdentity, page?: AskedPage): unknown {
    if (!asksForPages(request) || typeOf(resource) !== 'Bundle') return resource;
    const { link } = resource as JsonObject;
    if (!Array.isArray(link)) return resource;
    const links = link as readonly unknown[];
    const url = page?.url ?? canonicalUrl({ ...request, method: 'GET' });
    const signed = links.map((each) => this.#signedLink(each, url, request, identity));
    return signed.every((each, index) => each === links[index])
      ? resource
      : { ...(resource as JsonObject), link: signed };
  }

  /** What a request for a page asks for; undefined for any other request, `unreadable` for one that says nothing. */
  asked(method: string, url: string): AskedPage | 'unreadable' | undefined {
    const { path, query } = parted(url);
    if ((method !== 'GET' && method !== 'HEAD') || !query.startsWith(`${PARAMETER}=`)) return undefined;
    const [, encoded = '', signature = ''] =
      /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/.exec(query.slice(PARAMETER.length + 1)) ?? [];
    const page = readPage(encoded);
    // The path says what the page is of, to whoever reads the log.
    return page && parted(page.url).path === path ? { ...page, signature } : 'unreadable';
  }

  /** Whether a link was made for a search of this caller's. */
  isOf({ url, below, signature }: AskedPage, request: FhirRequest, identity: UserIdentity): boolean {
    if (!asksForPages(request)) return false;
    const [given, own] = [signature, this.#signature(url, below, identity)].map((text) =>
      Buffer.from(text, 'base64url'),
    );
    return given !== undefined && own?.length === given.length && timingSafeEqual(given, own);
  }

  #signedLink(link: unknown, url: string, request: InteractionRequest, identity: UserIdentity): unknown {
    if (!isJsonObject(link) || typeof link['url'] !== 'string' || !PAGES.has(link['relation'])) return link;
    const below = this.#bases.below(link['url']);
    if (below === undefined || !LOCAL.test(below) || this.#repeatsSearch(below, request)) return link;
    const encoded = Buffer.from(JSON.stringify([url, below])).toString('base64url');
    const signature = this.#signature(url, below, identity);
    const page = `${parted(url).path.slice(this.#basePath.length)}?${PARAMETER}=${encoded}.${signature}`;
    return page.length + this.#basePath.length > MAX_URL ? link : { ...link, url: this.#bases.publicUrl(page) };
  }

  /** Whether a link asks for the same again, with parameters that a guard can judge. */
  #repeatsSearch(below: string, request: InteractionRequest): boolean {
    const { path, query } = parted(below);
    const asked = new Set(request.parameters.map(([name]) => name));
    const own = canonicalUrl({ ...request, method: 'GET', parameters: [] }).slice(this.#basePath.length);
    if (path !== own && path !== `${own}/`) return false;
    return parseQuery(query)?.every(([name]) => asked.has(name) || RESULT_PARAMETERS.has(name)) ?? false;
  }

  /** For the caller alone: what the page holds may be of a search that was narrowed to them. */
  #signature(url: string, below: string, identity: UserIdentity): string {
    const { iss, sub, client_id: client, azp, fhirUserObject: user, patientLaunchContext: patient } = identity;
    const about = [url, below, iss, sub, client, azp, user, patient].map((each: unknown) => each ?? null);
    return createHmac('sha256', this.#key).update(JSON.stringify(about)).digest('base64url');
  }
}

/** Below the base, whatever a server makes of it: no step up, no fragment. */
const LOCAL = /^(?![^?]*(?:\/\/|\/\.|%))[/?][\x21\x24-\x5b\x5d-\x7e]*$/;

function asksForPages(request: FhirRequest): request is InteractionRequest {
  return request.kind === 'interaction' && isResultList(request.interaction);
}

function parted(url: string): { readonly path: string; readonly query: string } {
  const mark = url.indexOf('?');
  return mark === -1 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

function readPage(encoded: string): Pick<AskedPage, 'url' | 'below'> | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    if (!Array.isArray(read)) return undefined;
    const [url, below] = read as readonly unknown[];
    return typeof url === 'string' && typeof below === 'string' && LOCAL.test(below) ? { url, below } : undefined;
  } catch {
    return undefined;
  }
}

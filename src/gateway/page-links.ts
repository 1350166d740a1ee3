import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
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
  /** Whose search it was. */
  readonly caller: string;
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
 * the search, upstream's link and the caller, sealed. Whoever follows it is judged for the search, as if it were asked for
 * again, and upstream is asked for the page.
 */
export class PageLinks {
  readonly #key: Buffer;
  readonly #bases: BaseUrls;
  readonly #basePath: string;

  /** @param secret What instances share that follow each other's links. Default one of its own. */
  constructor(bases: BaseUrls, basePath: string, secret: string | undefined) {
    const material = secret ?? randomBytes(32);
    this.#key = derived(material, bases.publicUrl(''), 'page links', 32);
    this.#bases = bases;
    this.#basePath = basePath;
  }

  /**
   * A searchset or a history whose links its caller can follow. What comes in is not changed.
   *
   * @param page The page that it is, if it was asked for as one.
   */
  sealed(resource: unknown, request: FhirRequest, identity: UserIdentity, page?: AskedPage): unknown {
    if (!asksForPages(request) || typeOf(resource) !== 'Bundle') return resource;
    const { link } = resource as JsonObject;
    if (!Array.isArray(link)) return resource;
    const links = link as readonly unknown[];
    const url = page?.url ?? searchOf(request);
    const sealed = links.map((each) => this.#sealedLink(each, url, request, identity));
    return sealed.every((each, index) => each === links[index])
      ? resource
      : { ...(resource as JsonObject), link: sealed };
  }

  /** What a request for a page asks for; undefined for any other request, `unreadable` for one that says nothing. */
  asked(method: string, url: string): AskedPage | 'unreadable' | undefined {
    const { path, query } = parted(url);
    if ((method !== 'GET' && method !== 'HEAD') || !query.startsWith(`${PARAMETER}=`)) return undefined;
    const page = this.#open(query.slice(PARAMETER.length + 1));
    // The path says what the page is of, to whoever reads the log.
    return page && parted(page.url).path === path ? page : 'unreadable';
  }

  /**
   * Whether a link is of the search that was judged for this caller, and nothing else: by other scopes, or once searches are
   * narrowed in another way, the same question is another search.
   */
  isOf(page: AskedPage, request: FhirRequest, identity: UserIdentity): boolean {
    return asksForPages(request) && searchOf(request) === page.url && this.#callerOf(identity) === page.caller;
  }

  #sealedLink(link: unknown, url: string, request: InteractionRequest, identity: UserIdentity): unknown {
    if (!isJsonObject(link) || typeof link['url'] !== 'string' || !PAGES.has(link['relation'])) return link;
    const below = this.#bases.below(link['url']);
    if (below === undefined || !LOCAL.test(below) || this.#repeatsSearch(below, request)) return link;
    const sealed = this.#seal({ url, below, caller: this.#callerOf(identity) });
    const page = `${parted(url).path.slice(this.#basePath.length)}?${PARAMETER}=${sealed}`;
    return page.length + this.#basePath.length > MAX_URL ? link : { ...link, url: this.#bases.publicUrl(page) };
  }

  /** Whether a link asks for the same again, with parameters that a guard can judge. */
  #repeatsSearch(below: string, request: InteractionRequest): boolean {
    const { path, query } = parted(below);
    const asked = new Set(request.parameters.map(([name]) => name));
    const own = parted(searchOf(request)).path.slice(this.#basePath.length);
    if (path.replace(/\/$/, '') !== own.replace(/\/$/, '')) return false;
    return parseQuery(query)?.every(([name]) => asked.has(name) || RESULT_PARAMETERS.has(name)) ?? false;
  }

  /** What the page holds may be of a search that was narrowed to its caller. */
  #callerOf(identity: UserIdentity): string {
    const { iss, sub, client_id: client, azp, fhirUserObject: user, patientLaunchContext: patient } = identity;
    const claims = [iss, sub, client, azp, user, patient].map((each: unknown) => each ?? null);
    return createHmac('sha256', this.#key).update(JSON.stringify(claims)).digest('base64url');
  }

  /** Sealed, not signed alone: what was asked by POST stays out of logs. Each link has a key of its own. */
  #seal({ url, below, caller }: AskedPage): string {
    const salt = randomBytes(SALT_BYTES);
    const { key, iv } = this.#keyOf(salt);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    const text = [cipher.update(JSON.stringify([url, below, caller]), 'utf8'), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat([salt, ...text]).toString('base64url');
  }

  #open(sealed: string): AskedPage | undefined {
    const bytes = /^[A-Za-z0-9_-]+$/.test(sealed) ? Buffer.from(sealed, 'base64url') : Buffer.alloc(0);
    if (bytes.length <= SALT_BYTES + TAG_BYTES) return undefined;
    const { key, iv } = this.#keyOf(bytes.subarray(0, SALT_BYTES));
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(SALT_BYTES, -TAG_BYTES)), decipher.final()]);
      const [url, below, caller] = JSON.parse(text.toString('utf8')) as readonly [string, string, string];
      return { url, below, caller };
    } catch {
      // Of another key, or of nobody's.
      return undefined;
    }
  }

  #keyOf(salt: Buffer): { readonly key: Buffer; readonly iv: Buffer } {
    const bytes = derived(this.#key, salt, 'page link', 44);
    return { key: bytes.subarray(0, 32), iv: bytes.subarray(32) };
  }
}

/** Whether a request was made by a link of ours that {@link PageLinks.asked} did not know again: with parameters beside it. */
export function namesPage({ parameters }: FhirRequest): boolean {
  return parameters.some(([name]) => name === PARAMETER);
}

const SALT_BYTES = 16;
const TAG_BYTES = 16;

function derived(material: string | Buffer, salt: string | Buffer, use: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', material, salt, `smart-fhir-authz ${use}`, bytes));
}

/** A search as one asks for it again, the form of its answer included. */
function searchOf(request: InteractionRequest): string {
  const format = request.format === 'json' ? [['_format', 'json'] as const] : [];
  return canonicalUrl({ ...request, method: 'GET', parameters: [...request.parameters, ...format] });
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

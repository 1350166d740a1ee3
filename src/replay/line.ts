import { applyResourcePatch } from '../access/patch.js';
import type { AccessSettings } from '../config-file/settings.js';
import type { SMARTConfig } from '../config.js';
import { withoutDerivedFields } from '../identity/identity.js';
import type { AccessRequest } from '../requests.js';
import { onlyReferences, onlyReferencesOfBundle } from './references.js';
import type { JsonObject } from '../json-object.js';

/** What decides about the content of lines. */
export interface LineOptions {
  /** The configuration of the handler: it tells which claims matter. All others are left out. */
  readonly smart: SMARTConfig;
  /** Its access settings, for the claims that admin rules look at. */
  readonly access?: Pick<AccessSettings, 'adminRules'>;
  /** More claims to keep, by their names. Default none. */
  readonly claims?: readonly string[];
  /**
   * What to keep of resources and Bundles. `false` (default): nothing; a replay then compares what scopes open, not whose
   * resources they open. `references`: types, ids and references, so that it compares whose they are; granular scopes
   * cannot be replayed. `true`: all of them, health data of real people in a file.
   */
  readonly resources?: boolean | 'references';
}

/** A question to a handler, as far as it can be recorded. */
export type Recordable = Partial<Omit<AccessRequest, 'operation'>> & {
  readonly operation: string;
  readonly bundle?: unknown;
};

/** Makes lines of questions: without tokens, and without what they need not tell. */
export class LineMaker {
  readonly #options: LineOptions;
  readonly #kept: ReadonlySet<string>;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#kept = new Set([...claimsThatMatter(options), ...(options.claims ?? [])]);
  }

  /** The claims that decisions depend on. */
  claims(all: Readonly<Record<string, unknown>>): JsonObject {
    const { launchContextPathPrefix: prefix } = this.#options.smart;
    // An empty prefix would begin every name.
    const isContext = (name: string): boolean => prefix !== '' && name.startsWith(prefix);
    const claims = withoutDerivedFields(all);
    return Object.fromEntries(Object.entries(claims).filter(([name]) => this.#kept.has(name) || isContext(name)));
  }

  /** What is asked, without who asks. */
  question(request: Recordable): JsonObject {
    const { operation, resourceType, id, vid, conditional } = request;
    return {
      operation,
      resourceType,
      id,
      vid,
      query: request.query === undefined ? undefined : safeQuery(request.query),
      ...(conditional === true && { conditional }),
      ...this.#content(request),
    };
  }

  /** JSON without tokens, wherever they may stand. */
  print(value: JsonObject): string {
    return JSON.stringify(value, (_, each: unknown) => (typeof each === 'string' ? withoutTokens(each) : each));
  }

  #content(request: Recordable): JsonObject {
    const { resource, storedResource, patch, bundle } = request;
    switch (this.#options.resources ?? false) {
      case true:
        return { resource, storedResource, patch, bundle };
      case 'references':
        return {
          storedResource: onlyReferences(storedResource),
          ...(patch === undefined ? { resource: onlyReferences(resource) } : resultOf(storedResource, patch)),
          ...(bundle !== undefined && { bundle: onlyReferencesOfBundle(bundle) }),
        };
      case false:
        // That nothing is stored, or nobody knows, is told all the same: it is no resource.
        return storedResource === null ? { storedResource } : {};
    }
  }
}

/** What a patch leaves. The patch itself would be full of values, and not fit to what is left of the stored resource. */
function resultOf(stored: unknown, patch: unknown): JsonObject {
  if (stored === undefined || stored === null) return { patch: [] };
  const result = applyResourcePatch(stored, patch);
  return { resource: result === undefined ? null : onlyReferences(result) };
}

/** Names of the claims to keep: of those with a path, the outermost. */
function claimsThatMatter({ smart, access }: LineOptions): readonly string[] {
  const { scopeKey, fhirUserClaimPath, launchContextPathPrefix } = smart;
  const paths = [
    scopeKey,
    fhirUserClaimPath,
    `${launchContextPathPrefix}patient`,
    `${launchContextPathPrefix}encounter`,
    ...(access?.adminRules ?? []).map(({ claim }) => claim),
  ];
  return ['iss', 'aud', 'sub', ...paths.flatMap((path) => [path, path.split(/[.[]/)[0] ?? path])];
}

function safeQuery(query: NonNullable<AccessRequest['query']>): [string, string][] {
  const pairs = typeof query === 'string' ? [...new URLSearchParams(query)] : query;
  return pairs
    .filter(([name]) => name.toLowerCase() !== 'access_token')
    .map(([name, value]): [string, string] => [name, value]);
}

/**
 * Compact JWTs (RFC 7515, 7.1), whole or cut short, wherever they may stand. Clients choose these texts, so it takes no longer
 * than they are long: runs of characters first, then what is in them.
 */
function withoutTokens(text: string): string {
  return text.replace(/[\w.-]+/g, (run) => {
    const at = run.search(/eyJ[\w-]{8}/);
    return at === -1 || !run.includes('.', at) ? run : `${run.slice(0, at)}(token)`;
  });
}

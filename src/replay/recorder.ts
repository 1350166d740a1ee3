import { appendFileSync, closeSync, openSync } from 'node:fs';
import type { AccessSettings } from '../config-file/settings.js';
import type { SMARTConfig } from '../config.js';
import type { SMARTHandler } from '../handler.js';
import { withoutDerivedFields } from '../identity/identity.js';
import type { AccessRequest, FilterBundleRequest } from '../requests.js';
import type { RecordedRequest } from './request.js';

/** How requests are recorded. */
export interface RecorderOptions {
  /** Receives each request as a line of JSON, without its end. What it throws is dropped. */
  readonly write: (line: string) => void;
  /** The configuration of the handler: it tells which claims matter. All others are left out. */
  readonly smart: SMARTConfig;
  /** Its access settings, for the claims that admin rules look at. */
  readonly access?: Pick<AccessSettings, 'adminRules'>;
  /** More claims to keep, by their names. Default none. */
  readonly claims?: readonly string[];
  /**
   * Keep resources and Bundles as well: health data of real people, in a file. Without them a replay compares what scopes
   * open, not whose resources they open. Default false.
   */
  readonly resources?: boolean;
}

/** A reader that is done with recording. */
export type StopRecording = () => void;

/**
 * Records what a handler is asked, whatever face stands before it: FHIR Works, Express, Fastify or the gateway. What it
 * decides stays the same, also when recording fails. Tokens are never written: only claims, and of these the ones that
 * decisions depend on.
 *
 * Queries, ids and the identity's own reference are written: they may tell about people. Keep the file as you keep an access
 * log of the FHIR server.
 */
export function recordRequests(handler: SMARTHandler, options: RecorderOptions): StopRecording {
  const kept = new Set([...claimsThatMatter(options), ...(options.claims ?? [])]);
  const note = (request: Recordable): void => {
    try {
      const line = lineOf(request, kept, options);
      if (line !== undefined) options.write(line);
    } catch {
      // A recorder that fails must not turn a permission into a refusal, nor the other way round.
    }
  };
  const decide = handler.decide.bind(handler);
  const authorizeSearch = handler.authorizeSearch.bind(handler);
  const filterBundle = handler.filterBundle.bind(handler);
  const readResponse = handler.authorizeAndFilterReadResponse.bind(handler);
  const write = handler.isWriteRequestAuthorized.bind(handler);
  const own = {
    decide: (request: AccessRequest) => {
      note(request);
      return decide(request);
    },
    authorizeSearch: (request: AccessRequest) => {
      note(request);
      return authorizeSearch(request);
    },
    filterBundle: (request: FilterBundleRequest) => {
      note(request);
      return filterBundle(request);
    },
    authorizeAndFilterReadResponse: (request: Parameters<typeof readResponse>[0]) => {
      const response: unknown = request.readResponse;
      note({ ...request, ...(isBundle(response) ? { bundle: response } : { resource: response }) });
      return readResponse(request);
    },
    isWriteRequestAuthorized: (request: Parameters<typeof write>[0]) => {
      const { operation } = request;
      const body: unknown = request.resourceBody;
      note({ ...request, ...(operation === 'delete' ? { storedResource: body } : { resource: body }) });
      return write(request);
    },
  };
  Object.assign(handler, own);
  return () => {
    // What the class says stands below, untouched.
    for (const name of Object.keys(own)) Reflect.deleteProperty(handler, name);
  };
}

/** Appends lines to a file that only its owner may read. */
export function appendLines(path: string): RecorderOptions['write'] & {
  /** Closes the file. */
  readonly close: () => void;
} {
  const file = openSync(path, 'a', 0o600);
  return Object.assign(
    (line: string) => {
      appendFileSync(file, `${line}\n`);
    },
    {
      close: () => {
        closeSync(file);
      },
    },
  );
}

type Recordable = Partial<Omit<AccessRequest, 'operation'>> & {
  readonly operation: string;
  readonly bundle?: unknown;
};

/** Undefined for a request that comes with its token: who asks is known only once it is verified. */
function lineOf(
  request: Recordable,
  kept: ReadonlySet<string>,
  { resources = false, smart }: RecorderOptions,
): string | undefined {
  const {
    userIdentity,
    fhirServiceBaseUrl: baseUrl,
    operation,
    resourceType,
    id,
    vid,
    conditional,
    bulkDataAuth,
  } = request;
  if (userIdentity === undefined) return undefined;
  const claims = withoutDerivedFields(userIdentity);
  const { launchContextPathPrefix: prefix } = smart;
  // An empty prefix would begin every name.
  const isContext = (name: string): boolean => prefix !== '' && name.startsWith(prefix);
  const record = {
    claims: Object.fromEntries(Object.entries(claims).filter(([name]) => kept.has(name) || isContext(name))),
    operation,
    resourceType,
    id,
    vid,
    ...(typeof baseUrl === 'string' && { baseUrl }),
    query: request.query === undefined ? undefined : safeQuery(request.query),
    ...(conditional === true && { conditional }),
    bulkDataAuth,
    ...(resources && {
      resource: request.resource,
      storedResource: request.storedResource,
      patch: request.patch,
      bundle: request.bundle,
    }),
  } as RecordedRequest;
  return JSON.stringify(record, (_, value: unknown) => (typeof value === 'string' ? withoutTokens(value) : value));
}

/** The claims by which a token is accepted, and from which scopes and identities come. */
function claimsThatMatter({ smart, access }: RecorderOptions): readonly string[] {
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

/** Compact JWTs (RFC 7515, 7.1), whole or cut short, wherever they may stand. */
function withoutTokens(text: string): string {
  return text.replace(/\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}/g, '(token)');
}

function isBundle(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'resourceType' in value && value.resourceType === 'Bundle';
}

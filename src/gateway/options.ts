import isPlainObject from 'lodash/isPlainObject.js';
import type { Dispatcher } from 'undici';
import { Pool } from 'undici';
import { ConfigError } from '../errors.js';
import type { GuardOptions } from '../http/guard.js';
import { bulkDataSettings } from '../http/bulk-data.js';
import type { NarrowSearchOptions } from '../http/narrow-search.js';
import { checkNarrowSearch } from '../http/narrow-search.js';
import { normalizeBaseUrl } from '../identity/fhir-url.js';
import type { GatewayEvent, Tracing } from '../observe/request-event.js';

/** Headers by name, or what gives them for each request: a token that expires, say. */
export type UpstreamHeaders =
  | Readonly<Record<string, string>>
  | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);

/** How a gateway is set up: as a guard, and: */
export interface GatewayOptions extends Omit<GuardOptions, 'lookup' | 'narrowSearch'> {
  /** Base URL of the FHIR server behind the gateway: `http://fhir.internal:8080/fhir`. */
  readonly upstream: string;
  /**
   * The base URLs by which that server names itself in what it answers, if they are others than `upstream`; the first is
   * the one by which it is told of itself. Default: `upstream`.
   */
  readonly upstreamNames?: readonly string[];
  /** Headers with which the gateway is known to upstream, such as its own Authorization. Never logged. Default none. */
  readonly upstreamHeaders?: UpstreamHeaders;
  /** Hand the client's Authorization header on to upstream, which has to verify it again. Default false. */
  readonly forwardAuthorization?: boolean;
  /**
   * Bind a write to the version of the resource by which it was judged: by If-Match, where upstream gives ETags. A write
   * that another one overtook is answered with upstream's 412 then; one whose own If-Match names another version, with the
   * gateway's. Default true.
   */
  readonly bindsVersion?: boolean;
  /**
   * Bind a PUT that was judged while nothing was stored to that: by `If-None-Match: *` (RFC 9110, 13.1.2), in a Bundle by
   * `ifNoneMatch`. Upstream has to follow it: one that does not heeds no such condition, and a resource that somebody made
   * meanwhile is overwritten; false for one that refuses it. Without `bindsVersion` nothing is bound. Default true.
   */
  readonly bindsAbsence?: boolean;
  /**
   * Narrow searches to the caller's compartment before upstream runs them, by search parameters that upstream follows.
   * Default for `supports`: those that its CapabilityStatement lists. Default: what is found is filtered, and no more.
   */
  readonly narrowSearch?: Partial<NarrowSearchOptions>;
  /**
   * A secret of at least 32 characters, by which links to further pages are sealed where upstream's own say nothing of the
   * search (`_getpages` of HAPI). Instances that serve the same clients need the same. Default one of its own for each process.
   */
  readonly pageLinkKey?: string;
  /** The undici Dispatcher that connects to upstream: for TLS, client certificates, proxies. It is not closed here. */
  readonly dispatcher?: Dispatcher;
  /** Connections to upstream. Default 64, from 1 to 1024. Not with `dispatcher`. */
  readonly upstreamConnections?: number;
  /** How long to wait for a connection to upstream, in milliseconds. Default 5000, from 1 to 60000. Not with `dispatcher`. */
  readonly connectTimeoutMs?: number;
  /** How long to wait for a whole answer of upstream, in milliseconds. Default 30000, from 1 to 600000. */
  readonly upstreamTimeoutMs?: number;
  /** The largest answer of upstream that is held to be judged, in bytes. Default 16 MiB, from 1 KiB to 256 MiB. */
  readonly maxResponseBytes?: number;
  /** The largest content of a Binary, or file of an export, that is streamed, in bytes. Default 256 MiB, from 1 KiB to 64 GiB. */
  readonly maxBinaryBytes?: number;
  /**
   * Requests that are worked on at a time; one more is answered with 503. As many answers may wait to be read; one more
   * breaks off the one that has waited the longest. Default 256, from 1 to 65536.
   */
  readonly maxConcurrentRequests?: number;
  /** How long a client may take to send its headers, in milliseconds. Default 10000, from 10 to 300000. */
  readonly headersTimeoutMs?: number;
  /** How long a client may take to send a whole request, in milliseconds. Default 30000, from 10 to 300000. */
  readonly requestTimeoutMs?: number;
  /**
   * How long a client may take to read an answer, in milliseconds; of what is streamed, how long it may read nothing while
   * there is something to read. Then its connection is broken off. Default 60000, from 10 to 600000.
   */
  readonly sendTimeoutMs?: number;
  /** How long an idle connection of a client is kept, in milliseconds. Default 5000, from 10 to 300000. */
  readonly keepAliveTimeoutMs?: number;
  /** How long close() waits for requests that are being served, in milliseconds. Default 25000, from 0 to 600000. */
  readonly drainTimeoutMs?: number;
  /** Where health is told: `PATH/live` and `PATH/ready`. Default `/health`; false for nowhere. */
  readonly healthPath?: string | false;
  /** The key set endpoint of the authorization server, for readiness to look at. Default: only upstream is looked at. */
  readonly jwksEndpoint?: string;
  /** The SMART configuration that is served, or the members of it that are not to be taken from `smartConfigurationUrl`. */
  readonly smartConfiguration?: Readonly<Record<string, unknown>>;
  /** Where the authorization server publishes its SMART or OpenID configuration; asked every five minutes. */
  readonly smartConfigurationUrl?: string;
  /** The origins of browser apps that may read answers, or `*` for all. Default none. */
  readonly corsOrigins?: readonly string[] | '*';
  /** Receives what became of every request. What it throws is dropped. */
  readonly onRequest?: (event: GatewayEvent) => void;
  /** Spans around requests: see `observeWithOpenTelemetry`. */
  readonly tracing?: Tracing;
}

/** The options with their defaults. */
export interface GatewaySettings {
  readonly upstream: string;
  readonly upstreamNames: readonly [string, ...string[]];
  readonly upstreamHeaders: () => Promise<Readonly<Record<string, string>>>;
  readonly forwardAuthorization: boolean;
  readonly bindsVersion: boolean;
  readonly bindsAbsence: boolean;
  readonly pageLinkKey: string | undefined;
  readonly dispatcher: Dispatcher;
  readonly ownsDispatcher: boolean;
  readonly upstreamTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly maxBinaryBytes: number;
  readonly maxConcurrentRequests: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly sendTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly healthPath: string | undefined;
  readonly jwksEndpoint: string | undefined;
  readonly smartConfiguration: Readonly<Record<string, unknown>> | undefined;
  readonly smartConfigurationUrl: string | undefined;
  readonly corsOrigins: readonly string[] | '*';
  readonly onRequest: ((event: GatewayEvent) => void) | undefined;
  readonly tracing: Tracing | undefined;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Checks the options and gives them their defaults. @throws ConfigError that names the option. */
export function gatewaySettings(options: GatewayOptions): GatewaySettings {
  const upstream = baseUrl('upstream', options.upstream);
  const [first = upstream, ...others] = (options.upstreamNames ?? []).map((each) => baseUrl('upstreamNames', each));
  const connections = whole(options, 'upstreamConnections', 64, 1, 1024);
  const connectTimeoutMs = whole(options, 'connectTimeoutMs', 5000, 1, 60_000);
  const upstreamTimeoutMs = whole(options, 'upstreamTimeoutMs', 30_000, 1, 600_000);
  const headersTimeoutMs = whole(options, 'headersTimeoutMs', 10_000, 10, 300_000);
  const requestTimeoutMs = whole(options, 'requestTimeoutMs', 30_000, 10, 300_000);
  if (requestTimeoutMs < headersTimeoutMs)
    throw new ConfigError('requestTimeoutMs', 'must not be below headersTimeoutMs');
  for (const name of ['forwardAuthorization', 'bindsVersion', 'bindsAbsence'] as const) {
    if (!['boolean', 'undefined'].includes(typeof options[name])) throw new ConfigError(name, 'must be true or false');
  }
  checkMembers('narrowSearch', options.narrowSearch, ['mode', 'supports']);
  checkMembers('bulkData', options.bulkData, ['jobs', 'statusPath', 'filePath', 'foreignFiles', 'jobLifetimeSeconds']);
  checkNarrowSearch({ supports: {}, ...options.narrowSearch });
  for (const [type, list] of Object.entries(options.narrowSearch?.supports ?? {}) as [string, unknown][]) {
    if (!Array.isArray(list) || !list.every((each) => typeof each === 'string')) {
      throw new ConfigError(`narrowSearch.supports.${type}`, 'must be a list of search parameters');
    }
  }
  if (options.bulkData) bulkDataSettings(options.bulkData);
  if (options.onRequest !== undefined && typeof options.onRequest !== 'function') {
    throw new ConfigError('onRequest', 'must be a function');
  }
  return {
    upstream,
    upstreamNames: [first, ...others],
    upstreamHeaders: upstreamHeaders(options.upstreamHeaders ?? {}),
    forwardAuthorization: options.forwardAuthorization ?? false,
    bindsVersion: options.bindsVersion ?? true,
    bindsAbsence: options.bindsAbsence ?? true,
    pageLinkKey: pageLinkKey(options.pageLinkKey),
    ownsDispatcher: options.dispatcher === undefined,
    upstreamTimeoutMs,
    maxResponseBytes: whole(options, 'maxResponseBytes', 16 * MIB, KIB, 256 * MIB),
    maxBinaryBytes: whole(options, 'maxBinaryBytes', 256 * MIB, KIB, 65_536 * MIB),
    maxConcurrentRequests: whole(options, 'maxConcurrentRequests', 256, 1, 65_536),
    headersTimeoutMs,
    requestTimeoutMs,
    sendTimeoutMs: whole(options, 'sendTimeoutMs', 60_000, 10, 600_000),
    keepAliveTimeoutMs: whole(options, 'keepAliveTimeoutMs', 5000, 10, 300_000),
    drainTimeoutMs: whole(options, 'drainTimeoutMs', 25_000, 0, 600_000),
    healthPath: healthPath(options.healthPath ?? '/health'),
    jwksEndpoint: httpUrl('jwksEndpoint', options.jwksEndpoint),
    smartConfiguration: smartConfiguration(options.smartConfiguration),
    smartConfigurationUrl: httpUrl('smartConfigurationUrl', options.smartConfigurationUrl),
    corsOrigins: corsOrigins(options.corsOrigins ?? []),
    onRequest: options.onRequest,
    tracing: options.tracing,
    // Last, since it is what would have to be closed.
    dispatcher:
      options.dispatcher ??
      new Pool(new URL(upstream).origin, {
        connections,
        connectTimeout: connectTimeoutMs,
        maxHeaderSize: 32 * KIB,
        keepAliveTimeoutThreshold: LEFT_EARLY_MS,
      }),
  };
}

/** A misspelt option would be one that does nothing. */
function checkMembers(key: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return;
  if (!isPlainObject(value)) throw new ConfigError(key, 'must be an object');
  for (const name of Object.keys(value as object)) {
    if (!names.includes(name)) throw new ConfigError(`${key}.${name}`, 'is no option');
  }
}

/** So long before upstream would close an idle connection, no request is sent on it any more. In milliseconds. */
const LEFT_EARLY_MS = 2000;

function baseUrl(key: string, value: unknown): string {
  const base = typeof value === 'string' ? normalizeBaseUrl(value) : undefined;
  if (base === undefined || !URL.canParse(base))
    throw new ConfigError(key, 'must be the http(s) base URL of a FHIR server');
  return base;
}

function httpUrl(key: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !/^https?:\/\//i.test(value) || !URL.canParse(value)) {
    throw new ConfigError(key, 'must be an http(s) URL');
  }
  return value;
}

type Numbers = {
  [Name in keyof GatewayOptions]-?: number extends GatewayOptions[Name] ? Name : never;
}[keyof GatewayOptions];

function whole(options: GatewayOptions, name: Numbers, fallback: number, min: number, max: number): number {
  const value = options[name] ?? fallback;
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new ConfigError(name, `must be a whole number from ${min} to ${max}`);
  }
  return value;
}

/** What the gateway itself writes into a request: from elsewhere it would make another request of it. */
const RESERVED =
  /^(?:host|connection|content-length|content-type|transfer-encoding|upgrade|te|trailer|expect|accept|accept-encoding|prefer|if-.*)$/;

function upstreamHeaders(headers: UpstreamHeaders): GatewaySettings['upstreamHeaders'] {
  if (typeof headers === 'function') {
    return async () => {
      const given = await headers();
      checkHeaders(given);
      return lowered(given);
    };
  }
  checkHeaders(headers);
  const lower = lowered(headers);
  return async () => lower;
}

/** Names in one spelling, so that each takes the place of the client's. */
function lowered(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Messages name the header, never its value. */
function checkHeaders(headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) throw new ConfigError('upstreamHeaders', 'must be an object');
  for (const [name, value] of Object.entries(headers)) {
    const key = `upstreamHeaders.${name}`;
    if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,128}$/.test(name))
      throw new ConfigError('upstreamHeaders', 'has a name that is none');
    if (RESERVED.test(name.toLowerCase())) throw new ConfigError(key, 'is set by the gateway');
    if (typeof value !== 'string' || !/^[\x20-\x7e]*$/.test(value))
      throw new ConfigError(key, 'must be printable text');
  }
}

/** Messages never show it. */
function pageLinkKey(key: unknown): string | undefined {
  if (key === undefined || (typeof key === 'string' && key.length >= 32)) return key;
  throw new ConfigError('pageLinkKey', 'must be a secret of at least 32 characters');
}

function healthPath(path: unknown): string | undefined {
  if (path === false) return undefined;
  if (typeof path !== 'string' || !/^(?:\/[A-Za-z0-9_-]+)+$/.test(path)) {
    throw new ConfigError('healthPath', 'must be a plain path without a slash at its end, or false');
  }
  return path;
}

function smartConfiguration(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError('smartConfiguration', 'must be an object');
  }
  return { ...value };
}

function corsOrigins(value: unknown): readonly string[] | '*' {
  if (value === '*') return value;
  const isOrigin = (each: unknown): each is string =>
    typeof each === 'string' && URL.canParse(each) && new URL(each).origin === each;
  if (!Array.isArray(value) || !value.every(isOrigin)) {
    throw new ConfigError('corsOrigins', "must be '*' or a list of origins such as https://app.example.org");
  }
  return [...value];
}

import type { RequestContext } from 'fhir-works-on-aws-interface';
import { checkFhirVersion } from '../config.js';
import { ConfigError } from '../errors.js';
import type { SMARTHandler } from '../handler.js';
import { normalizeBaseUrl } from '../identity/fhir-url.js';
import type { UserIdentity } from '../identity/identity.js';
import { isPending, once } from '../once.js';
import type { ResourceLookup } from '../options.js';
import { TokenError } from '../token/error.js';
import { authenticate } from './ask.js';
import type { Asking, GuardSettings } from './asking.js';
import { opensAll } from './asking.js';
import { presentedBearer } from './bearer.js';
import type { BulkDataOptions } from './bulk-data.js';
import { bulkDataSettings } from './bulk-data.js';
import type { Content } from './content.js';
import { final, passedOn, withServerHeaders } from './final-answer.js';
import type { AnsweredJson } from './json.js';
import { isAnsweredJson, parseAnswer } from './json.js';
import { judgeBundle } from './judge-bundle.js';
import type { PassedExport } from './judge-export.js';
import { isExport, judgeJob, judgeKickOff } from './judge-export.js';
import { judgeFile } from './judge-file.js';
import type { Passed } from './judge-request.js';
import { judgeRequest } from './judge-request.js';
import { unjudged } from './judge-response.js';
import { acceptsJson, isEncoded, isJsonMedia } from './media.js';
import type { Answer } from './outcome.js';
import { malformedAnswer, refusal } from './outcome.js';
import type { NarrowSearchOptions } from './narrow-search.js';
import { checkNarrowSearch } from './narrow-search.js';
import type { Paging } from './paging.js';
import type { RawRequest } from './parse.js';
import { parseFhirRequest } from './parse.js';
import { canonicalForm, canonicalUrl } from './print.js';
import { parseQuery, printQuery } from './query.js';
import type { ReadRequest } from './read-content.js';
import { readContent } from './read-content.js';
import type { FhirRequest, HeaderBag, Pairs, PublicRequest } from './request.js';
import { asksForResource, isMalformed } from './request.js';

/** How a guard is set up. */
export interface GuardOptions {
  /** Base URL of the FHIR server, as tokens and references know it: `https://fhir.example.org/r4`. */
  readonly baseUrl: string;
  /** The path under which requests come. Default: the path of baseUrl. */
  readonly basePath?: string;
  /** '3.0.1', '4.0.1', '4.3.0' or '5.0.0'; the one of the handler. */
  readonly fhirVersion: string;
  /** The realm of the challenges (RFC 9110, 11.5). Default: baseUrl. */
  readonly realm?: string;
  /** Answer 404 in place of 403 for an instance that exists and may not be touched. Default false. */
  readonly hideForbidden?: boolean;
  /**
   * Looks up a stored resource before it is written, or before an operation is called on it. Default: the handler's own.
   * Without any, a delete is refused to whom may not delete every resource of the type, and updates follow the handler's
   * `writesWithoutLookup`.
   */
  readonly lookup?: ResourceLookup;
  /**
   * Let the server search only what the caller may see, where it knows a parameter for that, so that pages are not
   * emptied by filtering. Default: searches run as they were asked, and what is found is filtered.
   */
  readonly narrowSearch?: NarrowSearchOptions;
  /**
   * When results come in pages, and in an order that was asked for. `own` (default): where everything that is found is
   * the caller's to see, because they may see all of the type, or because the search asks for their own (`patient=…`)
   * or is narrowed to it. Elsewhere the next page, and what is on which, would tell of resources that are not shown.
   * `any` pages always, and accepts that.
   */
  readonly paging?: Paging;
  /** Let bulk data be exported through the guard. Default: `$export` is an operation like others, and refused. */
  readonly bulkData?: BulkDataOptions;
  /** Tell clients why they are refused. For development only: it tells attackers, too. Default false. */
  readonly explain?: boolean;
  /** The largest body of a request, in bytes. Default 5 MiB, from 1 KiB to 256 MiB. */
  readonly maxBodyBytes?: number;
}

/** The body of a request: its bytes, or what a framework made of them. */
export type Body = { readonly bytes: Uint8Array } | { readonly parsed: unknown } | 'too-large';

/** A request as it came. */
export interface GuardRequest {
  readonly method: string;
  /** Path and query exactly as received. */
  readonly url: string;
  readonly headers: HeaderBag;
  /** Reads the body; asked at most once, and only after the token was verified. */
  readonly body: () => Promise<Body>;
  readonly requestContext?: RequestContext;
  /** Looks up stored resources for this request alone, in place of the guard's option. */
  readonly lookup?: ResourceLookup;
}

/** What the server answered. */
export interface ServerResponse {
  readonly status: number;
  readonly headers: HeaderBag;
  /** Its bytes, its text, or what a host has made of them with the strictness of the guard (parseAnswer). */
  readonly body: Uint8Array | string | AnsweredJson | undefined;
}

/** A request that may be executed, exactly as it stands here. */
export interface Admitted {
  readonly verdict: 'admitted';
  readonly request: FhirRequest;
  readonly identity: UserIdentity;
  /** What the server has to execute: nothing else was judged. */
  readonly execute: {
    /** GET for a HEAD: there has to be a body to judge. */
    readonly method: string;
    /** Path and query, base path included. */
    readonly url: string;
    /** The query of the URL, decoded. */
    readonly query: Pairs;
    /** The body: a JSON value, the parameters of a form, or nothing. */
    readonly body: { readonly json: unknown } | { readonly form: Pairs } | undefined;
    /** Headers to replace; undefined for one to take away. */
    readonly headers: Readonly<Record<string, string | undefined>>;
  };
  /** Judges what the server answered. Never rejects. */
  readonly judgeResponse: (response: ServerResponse) => Promise<FinalAnswer>;
  /**
   * The same for JSON that the host has as a value, at once: while it is judged and printed, nobody can change it. Undefined,
   * or answers undefined, where somebody has to be asked meanwhile: that is for `judgeResponse`. Never throws.
   */
  readonly judgeAtOnce?:
    ((response: ServerResponse & { readonly body: AnsweredJson }) => FinalAnswer | undefined) | undefined;
  /**
   * For what may be too large to be held, a file of an export: judges the answer while it comes. A host that cannot
   * stream may hold it all the same, and ask `judgeResponse`. Never rejects; what it gives to read may fail in the midst,
   * and the connection has to be broken off then, so that nobody takes it for whole.
   */
  readonly judgeStream?: (response: StreamedResponse) => Promise<FinalAnswer | StreamedAnswer>;
}

/** What the server answers, while it comes. */
export interface StreamedResponse {
  readonly status: number;
  readonly headers: HeaderBag;
  readonly body: AsyncIterable<Uint8Array>;
}

/** What the client gets, while it is judged. */
export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: AsyncIterable<string>;
}

/** What the client gets. */
export interface FinalAnswer {
  readonly status: number;
  /** All headers, names in lower case, without Content-Length. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Uint8Array | undefined;
}

/** The CapabilityStatement, the SMART configuration, OPTIONS: nobody has to say who they are. */
export interface OpenToAll {
  readonly verdict: 'public';
  readonly request: PublicRequest;
  readonly url: string;
  /** For OPTIONS: leaves of the answer what tells of methods and origins. A host might serve it like a GET. */
  readonly judgeResponse?: Admitted['judgeResponse'];
}

/** What becomes of a request. */
export type Admission = Admitted | { readonly verdict: 'refused'; readonly answer: FinalAnswer } | OpenToAll;

/** Guards a FHIR server, whatever speaks HTTP for it. */
export interface Guard {
  readonly settings: GuardSettings;
  /** Judges a request. Never rejects: what fails inside is refused. */
  readonly admit: (request: GuardRequest) => Promise<Admission>;
  /**
   * The same, at once where there is nothing to wait for: reads, searches and histories of a token that was proved before,
   * and most of what is refused. Never throws.
   */
  readonly admitDirectly: (request: GuardRequest) => Admission | Promise<Admission>;
}

/** Sets up a guard. @throws ConfigError that names the option. */
export function createGuard(handler: SMARTHandler, options: GuardOptions): Guard {
  const settings = settingsOf(options);
  const admitDirectly = (request: GuardRequest): Admission | Promise<Admission> => {
    try {
      const judged = judge(handler, settings, request);
      return isPending(judged) ? judged.then(told, failed) : told(judged);
    } catch {
      return failed();
    }
  };
  return { settings, admit: async (request) => admitDirectly(request), admitDirectly };
}

function told(admission: Admission | Answer): Admission {
  return 'status' in admission ? { verdict: 'refused', answer: final(admission) } : admission;
}

function failed(): Admission {
  return { verdict: 'refused', answer: final(refusal(500, 'exception')) };
}

function settingsOf(options: GuardOptions): GuardSettings {
  const { maxBodyBytes = 5 * 1024 * 1024, hideForbidden = false, explain = false, lookup } = options;
  const baseUrl = typeof options.baseUrl === 'string' ? normalizeBaseUrl(options.baseUrl) : undefined;
  if (baseUrl === undefined) throw new ConfigError('baseUrl', 'must be the http(s) base URL of the FHIR server');
  const basePath = options.basePath ?? new URL(baseUrl).pathname.replace(/\/$/, '');
  if (!/^(?:\/[A-Za-z0-9\-_~]+(?:\.[A-Za-z0-9\-_~]+)*)*$/.test(basePath)) {
    throw new ConfigError('basePath', 'must be empty or a plain path without a slash at its end');
  }
  if (!Number.isInteger(maxBodyBytes) || maxBodyBytes < 1024 || maxBodyBytes > 256 * 1024 * 1024) {
    throw new ConfigError('maxBodyBytes', 'must be a number of bytes from 1024 to 268435456');
  }
  if (lookup !== undefined && typeof lookup !== 'function') throw new ConfigError('lookup', 'must be a function');
  const version = checkFhirVersion(options.fhirVersion);
  const realm = options.realm ?? baseUrl;
  const { paging = 'own' } = options;
  if (!['own', 'any'].includes(paging)) throw new ConfigError('paging', 'must be own or any');
  const narrowSearch = options.narrowSearch && checkNarrowSearch(options.narrowSearch);
  const bulkData = options.bulkData && bulkDataSettings(options.bulkData);
  const plain = { baseUrl, basePath, version, realm, hideForbidden, explain, maxBodyBytes };
  return { ...plain, lookup, narrowSearch, paging, bulkData };
}

function judge(
  handler: SMARTHandler,
  settings: GuardSettings,
  incoming: GuardRequest,
): Admission | Answer | Promise<Admission | Answer> {
  const { method, url, headers, requestContext, lookup } = incoming;
  const { baseUrl: fhirServiceBaseUrl, basePath, version, bulkData, explain } = settings;
  const raw: RawRequest = { method, url, headers, basePath, version, ...(bulkData && { jobPaths: bulkData }) };
  const parsed = parseFhirRequest(raw);
  if (isMalformed(parsed)) return malformedAnswer(parsed, explain);
  if (isPublic(parsed)) {
    const open: OpenToAll = { verdict: 'public', request: parsed, url: canonicalUrl(parsed) };
    return parsed.kind === 'options' ? { ...open, judgeResponse: answerToOptions } : open;
  }
  return once(identify(handler, settings, incoming, parsed.parameters), (caller) => {
    if ('refused' in caller) return caller.refused;
    const { identity } = caller;
    const about = { userIdentity: identity, fhirServiceBaseUrl, ...(requestContext && { requestContext }) };
    const asking: Asking = { handler, settings: lookup ? { ...settings, lookup } : settings, identity, about };
    return once(readContent(settings, raw, parsed, incoming), (read) =>
      'status' in read ? read : judgeAsked(asking, incoming, read),
    );
  });
}

/** Judges what was read, by what it asks for. */
function judgeAsked(
  asking: Asking,
  incoming: GuardRequest,
  { request, content }: ReadRequest,
): Admission | Answer | Promise<Admission | Answer> {
  const { settings } = asking;
  const { bulkData, explain } = settings;
  // The token came in the header; one that comes in the form as well is refused all the same (RFC 6750, 2).
  if (request.parameters.some(([name]) => name === 'access_token')) return badRequest(settings);
  if (isPublic(request)) return refusal(500, 'exception');
  if (request.kind === 'bulk-data') {
    if (!bulkData || content.kind !== 'none') return refusal(400, 'structure');
    return judgeJob(asking, bulkData, request).then((verdict) => admittedExport(asking, incoming, verdict));
  }
  if (request.format === 'other' || (request.format === undefined && !acceptsJson(incoming.headers['accept']))) {
    const explanation = explain
      ? 'Answers are JSON: Accept, or _format, has to allow application/fhir+json'
      : undefined;
    return refusal(406, 'not-supported', { explanation });
  }
  if (bulkData && request.kind === 'operation' && isExport(request)) {
    return judgeKickOff(asking, bulkData, request, content).then((verdict) =>
      admittedExport(asking, incoming, verdict),
    );
  }
  if (request.kind === 'bundle') {
    return judgeBundle(asking, request, content).then((verdict) => {
      if ('refused' in verdict) return verdict.refused;
      const executed = { ...request, parameters: [] };
      return admitted(asking, incoming, executed, { kind: 'resource', value: verdict.bundle }, verdict.respond);
    });
  }
  return once(judgeRequest(asking, request, content), (verdict) =>
    'refused' in verdict
      ? verdict.refused
      : admitted(asking, incoming, verdict.request, verdict.content, verdict.respond, verdict.respondAtOnce),
  );
}

async function answerToOptions({ status, headers }: ServerResponse): Promise<FinalAnswer> {
  const told = Object.entries(passedOn(headers, 'lists')).filter(([name]) =>
    /^(?:allow|vary|access-control-.*)$/.test(name),
  );
  return { status: status < 300 ? status : 204, headers: Object.fromEntries(told), body: undefined };
}

function isPublic(request: FhirRequest): request is PublicRequest {
  return request.kind === 'capabilities' || request.kind === 'smart-configuration' || request.kind === 'options';
}

type Identified = { readonly identity: UserIdentity } | { readonly refused: Answer };

/** Who asks (RFC 6750, 3): no credentials, a token that does not do, or one that nobody can verify now. */
function identify(
  handler: SMARTHandler,
  settings: GuardSettings,
  { headers, requestContext }: GuardRequest,
  parameters: Pairs,
): Identified | Promise<Identified> {
  const { realm, baseUrl: fhirServiceBaseUrl } = settings;
  const presented = presentedBearer(headers, parameters);
  if ('absent' in presented) return { refused: refusal(401, 'login', { challenge: { realm } }) };
  if ('invalid' in presented) return { refused: badRequest(settings) };
  const request = { accessToken: presented.token, fhirServiceBaseUrl, ...(requestContext && { requestContext }) };
  const identity = authenticate(handler, request);
  if (!isPending(identity)) return { identity };
  return identity.then(
    (verified) => ({ identity: verified }),
    (error: unknown) => ({ refused: unverified(settings, error) }),
  );
}

function unverified({ realm, explain }: GuardSettings, error: unknown): Answer {
  const unavailable = error instanceof TokenError && error.unavailable;
  if (unavailable) return refusal(503, 'transient', { headers: { 'retry-after': '5' } });
  const code = error instanceof TokenError ? error.code : 'ERR_TOKEN_INTERNAL';
  const explanation = explain ? `The access token was not accepted: ${code}` : undefined;
  return refusal(401, 'login', { challenge: { realm, error: 'invalid_token' }, explanation });
}

function badRequest({ realm, explain }: GuardSettings): Answer {
  const explanation = explain ? 'One access token, in the Authorization header alone (RFC 6750, 2.1)' : undefined;
  return refusal(400, 'structure', { challenge: { realm, error: 'invalid_request' }, explanation });
}

function admitted(
  asking: Asking,
  incoming: GuardRequest,
  request: FhirRequest,
  content: Content,
  respond: Passed['respond'],
  respondAtOnce?: Passed['respondAtOnce'],
): Admitted {
  const form = canonicalForm(request);
  const condition = request.kind === 'interaction' ? request.condition : undefined;
  // Now: a host takes it out of the headers, so that it is not answered before the judgement.
  const ifNoneMatch = incoming.headers['if-none-match'];
  return {
    verdict: 'admitted',
    request,
    identity: asking.identity,
    execute: {
      method: request.method === 'HEAD' ? 'GET' : request.method,
      url: canonicalUrl(request),
      query: form ? [] : request.parameters,
      body: form ? { form } : content.kind === 'none' ? undefined : { json: content.value },
      headers: {
        accept: 'application/fhir+json',
        prefer: preferred(incoming.headers['prefer']),
        'if-none-exist': condition?.by === 'if-none-exist' ? printQuery(condition.parameters) : undefined,
        ...TAKEN_AWAY,
      },
    },
    judgeResponse: async (response) => {
      try {
        return await answerTo(asking, request, ifNoneMatch, response, respond);
      } catch {
        return final(refusal(500, 'exception'));
      }
    },
    judgeAtOnce:
      respondAtOnce &&
      (({ status, headers, body }) => {
        try {
          const judged = respondAtOnce({ status, resource: body.value, headers });
          return judged && withServerHeaders(judged, headers, ifNoneMatch, body);
        } catch {
          return final(refusal(500, 'exception'));
        }
      }),
  };
}

/** A request about bulk data, as the server knows it. */
function admittedExport(
  asking: Asking,
  incoming: GuardRequest,
  passed: PassedExport | { readonly refused: Answer },
): Admitted | Answer {
  if ('refused' in passed) return passed.refused;
  const { request, content, respond, location, headers, file } = passed;
  const plain = admitted(asking, incoming, request, content, respond);
  const [, query = ''] = location?.split('?') ?? [];
  const execute = {
    ...plain.execute,
    ...(location !== undefined && {
      url: `${asking.settings.basePath}${location}`,
      query: parseQuery(query) ?? [],
    }),
    headers: { ...plain.execute.headers, ...headers },
  };
  if (!file) return Object.assign(plain, { execute });
  const whole = (response: ServerResponse): Promise<FinalAnswer> => plain.judgeResponse(response);
  return { ...plain, execute, ...judgeFile(asking, file, whole) };
}

/**
 * Headers that would let the server answer before, or with less than, what has to be judged: not modified, in part.
 * If-None-Match is answered here, after the judgement.
 */
const TAKEN_AWAY = {
  'if-none-match': undefined,
  'if-modified-since': undefined,
  'if-unmodified-since': undefined,
  range: undefined,
  'if-range': undefined,
} as const;

/** Prefer without `respond-async`: what is answered elsewhere is judged nowhere (FHIR R4, 3.1.6). */
function preferred(prefer: HeaderBag[string]): string | undefined {
  if (typeof prefer !== 'string') return undefined;
  const kept = prefer.split(/[,;]/).map((each) => each.trim());
  return kept.filter((each) => /^(?:return|handling)=[a-zA-Z]+$/.test(each)).join(', ') || undefined;
}

async function answerTo(
  asking: Asking,
  request: FhirRequest,
  ifNoneMatch: HeaderBag[string],
  response: ServerResponse,
  respond: Passed['respond'],
): Promise<FinalAnswer> {
  const { status, headers, body } = response;
  const judge = async (source?: AnsweredJson): Promise<FinalAnswer> =>
    withServerHeaders(await respond({ status, resource: source?.value, headers }), headers, ifNoneMatch, source);
  if (isAnsweredJson(body)) return judge(body);
  if (body === undefined || body.length === 0) return judge();
  const isJson = !isEncoded(headers) && isJsonMedia(headers['content-type']);
  const verdict = isJson ? parseAnswer(body) : undefined;
  if (verdict && 'value' in verdict) return judge(verdict);
  if (status >= 400) return judge();
  // Bytes that nobody can judge: a PDF of a Binary, XML. Only for those who may see whatever it is.
  if (asksForResource(request) && status === 200 && opensAll(asking, request.interaction, request.resourceType)) {
    return { status, headers: passedOn(headers, 'all'), body };
  }
  return final(unjudged());
}

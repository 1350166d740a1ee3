import type { FhirVersion } from '../fhir/version.js';
import type { Interaction } from '../scope/rule.js';
import { parseQuery } from './query.js';
import type { Condition, FhirRequest, HeaderBag, Malformed, MalformedCode, Method, Pairs } from './request.js';
import { isMalformed } from './request.js';
import type { JobPaths } from './route.js';
import { routeOf } from './route.js';

/** A request as it came, before any framework has read it. */
export interface RawRequest {
  readonly method: string;
  /** Path and query exactly as received. */
  readonly url: string;
  /** The path under which the FHIR server is: '' or '/fhir'. */
  readonly basePath: string;
  readonly headers: HeaderBag;
  readonly version: FhirVersion;
  /** The body of a POST `_search`: the form as text, or as a framework has decoded it. */
  readonly form?: string | Pairs;
  /** Where the guard answers for bulk data jobs; absent where it does not. */
  readonly jobPaths?: JobPaths;
}

/** Longer URLs are cut or refused by one server or another. In characters. */
const MAX_URL = 8192;

const METHODS: ReadonlySet<string> = new Set<Method>(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Headers by which a framework takes a request for another than the one that was judged. */
const OVERRIDES = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
  'x-original-uri',
];

/** Headers by which some servers do more than was asked: write a second resource, delete others, act as somebody else. */
const EXTENSIONS = ['x-provenance', 'x-cascade', 'x-security-context'];

/** RFC 9110, 13.1: conditions that would have to be judged together with what is stored. If-Match is passed on. */
const PRECONDITIONS = ['if-none-match', 'if-modified-since', 'if-unmodified-since'];

/**
 * Reads a FHIR request. What is judged is what is executed: a URL that another server could read in another way is
 * refused here, and never repaired. Types, ids and operations need no percent-encoding, so a path has none.
 *
 * Pure; answers a Malformed for everything that is no FHIR request, and throws for nothing.
 *
 * @see https://hl7.org/fhir/R4/http.html
 */
export function parseFhirRequest(raw: RawRequest): FhirRequest | Malformed {
  const { url, basePath, headers } = raw;
  if (!METHODS.has(raw.method)) {
    return METHODS.has(raw.method.toUpperCase()) ? bad('method-malformed') : bad('method-unknown', 501);
  }
  const method = raw.method as Method;
  if (OVERRIDES.some((name) => headers[name] !== undefined)) return bad('method-override');
  if (EXTENSIONS.some((name) => headers[name] !== undefined)) return bad('header-malformed');
  if (url.length > MAX_URL) return bad('url-too-long', 414);
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const segments = segmentsOf(path, basePath);
  if (isMalformed(segments)) return segments;
  const query = parseQuery(mark === -1 ? '' : url.slice(mark + 1));
  if (!query) return bad('query-malformed');
  const route = routeOf(method, segments, raw.version, raw.jobPaths);
  if (isMalformed(route)) return route;
  const form = formOf(raw.form, route.takesForm);
  if (!form) return bad('query-malformed');
  const parameters = [...query, ...form];
  const format = formatOf(parameters);
  if (format === 'repeated') return bad('parameter-repeated');
  const condition = conditionOf(route, parameters, headers['if-none-exist']);
  if (condition && isMalformed(condition)) return condition;
  // To leave a condition out would do what the client wanted to prevent.
  const isWrite = route.target.kind === 'interaction' && WRITES.has(route.target.interaction);
  if (isWrite && PRECONDITIONS.some((name) => headers[name] !== undefined)) return bad('header-malformed');
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined && !isEntityTags(ifMatch)) return bad('header-malformed');
  const { target } = route;
  const formats = format && { format };
  // Members first, what is spread last: Node 20 takes a hundred times as long for a member that comes after.
  if (target.kind !== 'interaction') return { method, basePath, parameters, ...formats, ...target };
  const conditions = { ...(condition && { condition }), ...(ifMatch !== undefined && { ifMatch }) };
  return { method, basePath, parameters, ...formats, ...conditions, ...target };
}

const WRITES: ReadonlySet<Interaction> = new Set(['create', 'update', 'patch', 'delete']);

/** The segments below the base. The base itself may end in one slash; nothing else may. */
function segmentsOf(path: string, basePath: string): readonly string[] | Malformed {
  if (!path.startsWith('/')) return bad('url-malformed');
  if (path !== basePath && !path.startsWith(`${basePath}/`)) {
    return /^[A-Za-z0-9\-._~/]*$/.test(path) ? bad('not-found', 404) : bad('url-malformed');
  }
  const below = path.slice(basePath.length);
  if (below === '' || below === '/') return [];
  if (!/^(?:\/[A-Za-z0-9\-._$*]+)+$/.test(below)) return bad('url-malformed');
  const segments = below.slice(1).split('/');
  return segments.some((each) => each === '.' || each === '..') ? bad('url-malformed') : segments;
}

function formOf(form: RawRequest['form'], taken: boolean): Pairs | undefined {
  if (form === undefined || !taken) return [];
  return typeof form === 'string' ? parseQuery(form) : form;
}

const JSON_FORMATS = new Set(['json', 'application/json', 'application/fhir+json', 'text/json']);

function formatOf(parameters: Pairs): 'json' | 'other' | 'repeated' | undefined {
  const [first, second] = parameters.filter(([name]) => name === '_format');
  if (!first) return undefined;
  if (second) return 'repeated';
  return JSON_FORMATS.has(first[1]) ? 'json' : 'other';
}

/** Parameters that select nothing: a condition of these alone would match every resource of the type. */
const SELECTS_NOTHING = new Set(['_format', '_pretty', '_summary', '_elements', '_count', '_total', '_sort']);

function conditionOf(
  { takesCondition }: { readonly takesCondition: 'if-none-exist' | 'url' | undefined },
  parameters: Pairs,
  ifNoneExist: HeaderBag[string],
): Condition | Malformed | undefined {
  if (takesCondition === 'url') {
    if (ifNoneExist !== undefined || !selects(parameters)) return bad('condition-malformed');
    return { by: 'url', parameters };
  }
  if (ifNoneExist === undefined) return undefined;
  // The header belongs to a create alone (FHIR R4, 3.1.0.8.1); elsewhere one server might follow it and another not.
  if (takesCondition !== 'if-none-exist' || typeof ifNoneExist !== 'string') return bad('condition-malformed');
  if (ifNoneExist.length > MAX_URL) return bad('condition-malformed');
  const found = parseQuery(ifNoneExist.startsWith('?') ? ifNoneExist.slice(1) : ifNoneExist);
  return found && selects(found) ? { by: 'if-none-exist', parameters: found } : bad('condition-malformed');
}

function selects(parameters: Pairs): boolean {
  return parameters.some(([name, value]) => !SELECTS_NOTHING.has(name) && value !== '');
}

/** RFC 9110, 13.1.1 If-Match. */
function isEntityTags(value: HeaderBag[string]): value is string {
  return (
    typeof value === 'string' &&
    value.length <= 512 &&
    /^(?:\*|(?:W\/)?"[\x21\x23-\x7e]*"(?:, ?(?:W\/)?"[\x21\x23-\x7e]*")*)$/.test(value)
  );
}

function bad(malformed: MalformedCode, status: Malformed['status'] = 400): Malformed {
  return { malformed, status };
}

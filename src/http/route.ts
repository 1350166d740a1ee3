import type { Compartment } from '../fhir/compartments.js';
import { COMPARTMENT_TYPES, compartmentTypes } from '../fhir/compartments.js';
import { resourceTypes } from '../fhir/resource-types.js';
import type { FhirVersion } from '../fhir/version.js';
import { isFhirId } from '../identity/fhir-url.js';
import type {
  BulkDataRequest,
  BundleRequest,
  InteractionRequest,
  Malformed,
  MalformedCode,
  Method,
  OperationRequest,
  PublicRequest,
} from './request.js';

type Parts = 'method' | 'basePath' | 'parameters' | 'format';

/** What method and path say, without the query. */
export interface Route {
  readonly target:
    | Omit<InteractionRequest, Parts | 'condition' | 'ifMatch'>
    | Omit<OperationRequest, Parts>
    | Omit<BundleRequest, Parts>
    | Omit<BulkDataRequest, Parts>
    | Omit<PublicRequest, Parts>;
  /** Whether the body is a form of search parameters. */
  readonly takesForm: boolean;
  /** Where the condition of a conditional write stands, if it is or may be one. */
  readonly takesCondition: 'if-none-exist' | 'url' | undefined;
}

type Place = Omit<InteractionRequest, Parts | 'condition' | 'ifMatch' | 'interaction' | 'kind'>;

type Routes = Partial<Record<Exclude<Method, 'HEAD' | 'OPTIONS'>, Route>>;

/** What each path knows, by the number of its segments. @see https://hl7.org/fhir/R4/http.html#summary */
export function routeOf(
  method: Method,
  segments: readonly string[],
  version: FhirVersion,
  jobPaths?: JobPaths,
): Route | Malformed {
  const jobs = jobPaths && jobRoutes(segments, jobPaths);
  // A file is streamed and never held, so there is nothing that a HEAD could be answered from.
  if (jobs && method === 'HEAD') return { malformed: 'method-not-allowed', status: 405, allow: methodsOf(jobs) };
  const routes = jobs ?? routesOf(segments, version);
  if ('malformed' in routes) return routes;
  if (method === 'OPTIONS') return open('options', segments);
  const route = routes[method === 'HEAD' ? 'GET' : method];
  if (route) return route;
  return { malformed: 'method-not-allowed', status: 405, allow: methodsOf(routes) };
}

function methodsOf(routes: Routes): readonly Method[] {
  return Object.keys(routes) as Method[];
}

/** Where the guard answers for bulk data jobs, below the base. */
export interface JobPaths {
  readonly statusPath: string;
  readonly filePath: string;
}

/** Undefined for a path that is not about jobs. */
function jobRoutes([first, job, file, ...rest]: readonly string[], paths: JobPaths): Routes | undefined {
  const isName = (text: string | undefined): text is string => text !== undefined && /^[A-Za-z0-9_-]{22}$/.test(text);
  if (!isName(job) || rest.length > 0) return undefined;
  if (first === paths.statusPath && file === undefined) {
    const route: Route = { target: { kind: 'bulk-data', path: `/${first}/${job}`, job }, ...PLAIN };
    return { GET: route, DELETE: route };
  }
  if (first !== paths.filePath || !isName(file)) return undefined;
  return { GET: { target: { kind: 'bulk-data', path: `/${first}/${job}/${file}`, job, file }, ...PLAIN } };
}

function routesOf(segments: readonly string[], version: FhirVersion): Routes | Malformed {
  const [first, ...rest] = segments;
  if (first === undefined)
    return { GET: interactionRoute('search-system', {}), POST: { target: { kind: 'bundle' }, ...PLAIN } };
  if (first.startsWith('$') || first.startsWith('_') || first.startsWith('.') || first === 'metadata') {
    return systemRoutes(segments);
  }
  if (!resourceTypes(version).has(first)) return refuse('type-unknown', 404);
  return typeRoutes(first, rest, version);
}

function systemRoutes(segments: readonly string[]): Routes | Malformed {
  const [name = '', ...rest] = segments;
  if (name === '.well-known' && rest.length === 1 && rest[0] === 'smart-configuration') {
    return { GET: open('smart-configuration', segments) };
  }
  if (rest.length > 0) return refuse('not-found', 404);
  if (name === 'metadata') return { GET: open('capabilities', segments) };
  if (name === '_history') return { GET: interactionRoute('history-system', {}) };
  if (name === '_search') return { POST: interactionRoute('search-system', {}, true) };
  return operationRoutes(name, {});
}

function typeRoutes(resourceType: string, rest: readonly string[], version: FhirVersion): Routes | Malformed {
  const [id, ...below] = rest;
  const type = { resourceType };
  if (id === undefined) {
    return {
      GET: interactionRoute('search-type', type),
      POST: { ...interactionRoute('create', type), takesCondition: 'if-none-exist' },
      PUT: { ...interactionRoute('update', type), takesCondition: 'url' },
      PATCH: { ...interactionRoute('patch', type), takesCondition: 'url' },
      DELETE: { ...interactionRoute('delete', type), takesCondition: 'url' },
    };
  }
  if (below.length === 0) {
    if (id === '_search') return { POST: interactionRoute('search-type', type, true) };
    if (id === '_history') return { GET: interactionRoute('history-type', type) };
    if (id.startsWith('$')) return operationRoutes(id, type);
  }
  if (!isFhirId(id)) return refuse('id-malformed');
  return instanceRoutes({ resourceType, id }, below, version);
}

function instanceRoutes(
  instance: { readonly resourceType: string; readonly id: string },
  below: readonly string[],
  version: FhirVersion,
): Routes | Malformed {
  const [name, last, ...more] = below;
  if (name === undefined) {
    return {
      GET: interactionRoute('read', instance),
      PUT: interactionRoute('update', instance),
      PATCH: interactionRoute('patch', instance),
      DELETE: interactionRoute('delete', instance),
    };
  }
  if (more.length > 0) return refuse('not-found', 404);
  if (name === '_history') {
    if (last === undefined) return { GET: interactionRoute('history-instance', instance) };
    return isFhirId(last) ? { GET: interactionRoute('vread', { ...instance, vid: last }) } : refuse('id-malformed');
  }
  if (name.startsWith('$')) return last === undefined ? operationRoutes(name, instance) : refuse('not-found', 404);
  return compartmentRoutes(instance, below, version);
}

/** FHIR R4, 3.1.1.1 Search Context: `Patient/1/Observation`, `Patient/1/*`, each also with `_search`. */
function compartmentRoutes(
  { resourceType: type, id }: { readonly resourceType: string; readonly id: string },
  below: readonly string[],
  version: FhirVersion,
): Routes | Malformed {
  if (!isCompartment(type)) return refuse('not-found', 404);
  const compartment = { type, id };
  const posted = below.at(-1) === '_search';
  const [name = '*', ...more] = posted ? below.slice(0, -1) : below;
  if (more.length > 0) return refuse('not-found', 404);
  const every = name === '*';
  if (!every && !compartmentTypes(version, type).has(name)) return refuse('type-unknown', 404);
  const target = every ? { compartment } : { resourceType: name, compartment };
  const interaction = every ? 'search-system' : 'search-type';
  return posted
    ? { POST: interactionRoute(interaction, target, true) }
    : { GET: interactionRoute(interaction, target) };
}

function operationRoutes(
  name: string,
  place: { readonly resourceType?: string; readonly id?: string },
): Routes | Malformed {
  // FHIR R4, 3.2.0 operations: names are those of the definitions, tokens of letters, digits and hyphens.
  if (!/^\$[A-Za-z][A-Za-z0-9-]{0,62}$/.test(name)) return refuse('not-found', 404);
  const route: Route = { target: { kind: 'operation', operation: name as `$${string}`, ...place }, ...PLAIN };
  return { GET: route, POST: route };
}

const PLAIN = { takesForm: false, takesCondition: undefined } as const;

function interactionRoute(interaction: InteractionRequest['interaction'], place: Place, takesForm = false): Route {
  return { target: { kind: 'interaction', interaction, ...place }, ...PLAIN, takesForm };
}

function open(kind: PublicRequest['kind'], segments: readonly string[]): Route {
  return { target: { kind, path: segments.map((each) => `/${each}`).join('') }, ...PLAIN };
}

function isCompartment(type: string): type is Compartment {
  return COMPARTMENT_TYPES.some((each) => each === type);
}

function refuse(malformed: MalformedCode, status: Malformed['status'] = 400): Malformed {
  return { malformed, status };
}

// The same world behind the router of FHIR Works: a store and a search that guard nothing.
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import omit from 'lodash/omit.js';
import type {
  BatchReadWriteRequest,
  BatchReadWriteResponse,
  Bundle as BundleService,
  FhirConfig,
  GenericResponse,
  History,
  Persistence,
  Search,
  SearchEntry,
} from 'fhir-works-on-aws-interface';
import { BASE_R4_RESOURCES, InvalidSearchParameterError, ResourceNotFoundError } from 'fhir-works-on-aws-interface';
import { generateServerlessRouter } from 'fhir-works-on-aws-routing';
import type { SMARTHandler } from '../../src/index.js';
import type { Clinic, Executed } from '../http/clinic.js';
import { closed, listening, originOf } from '../http/clinic.js';

type Json = Readonly<Record<string, unknown>>;

/** @param guard Is told the base URL of the server. */
export async function openWorks(
  clinic: Clinic,
  guard: (base: string) => SMARTHandler,
): Promise<{ readonly origin: string; readonly close: () => Promise<void> }> {
  const server = await listening(createServer());
  const origin = originOf(server);
  server.on(
    'request',
    generateServerlessRouter(configOf(clinic, origin, guard(origin)), BASE_R4_RESOURCES) as RequestListener,
  );
  return { origin, close: () => closed(server) };
}

function configOf(clinic: Clinic, url: string, authorization: SMARTHandler): FhirConfig {
  const store = storeOf(clinic);
  const search = searchOf(clinic, url);
  const history = historyOf(clinic, url);
  return {
    configVersion: 1,
    productInfo: { orgName: 'scenarios' },
    auth: {
      authorization,
      strategy: { service: 'OAuth', oauthPolicy: { authorizationEndpoint: '', tokenEndpoint: '' } },
    },
    server: { url },
    validators: [],
    profile: {
      fhirVersion: '4.0.1',
      systemOperations: ['transaction', 'batch', 'search-system'],
      bundle: bundlesOf(store),
      systemSearch: search,
      systemHistory: history,
      genericResource: {
        operations: ['create', 'read', 'vread', 'update', 'patch', 'delete', 'search-type', 'history-instance'],
        fhirVersions: ['4.0.1'],
        persistence: store,
        typeSearch: search,
        typeHistory: history,
      },
    },
  };
}

function storeOf(clinic: Clinic): Persistence {
  const done = (resource?: unknown): GenericResponse => ({ message: 'done', resource });
  const run = async (method: string, path: string, body?: unknown): Promise<GenericResponse> => {
    const headers = Array.isArray(body) ? { 'content-type': 'application/json-patch+json' } : {};
    return done(found(await clinic.execute(method, `/${path}`, body, headers), path));
  };
  const never = (): Promise<never> => Promise.reject(new Error('not offered'));
  return {
    updateCreateSupported: false,
    // FHIR R4, 3.1.0.8: a server gives what is created an id of its own.
    createResource: ({ resourceType, resource }) => run('POST', resourceType, omit(resource as Json, 'id')),
    updateResource: ({ resourceType, id, resource }) => run('PUT', `${resourceType}/${id}`, resource as unknown),
    patchResource: ({ resourceType, id, resource }) => run('PATCH', `${resourceType}/${id}`, resource as unknown),
    readResource: ({ resourceType, id }) => run('GET', `${resourceType}/${id}`),
    vReadResource: ({ resourceType, id, vid }) => run('GET', `${resourceType}/${id}/_history/${vid}`),
    deleteResource: ({ resourceType, id }) => run('DELETE', `${resourceType}/${id}`),
    conditionalCreateResource: never,
    conditionalUpdateResource: never,
    conditionalPatchResource: never,
    conditionalDeleteResource: never,
    getActiveSubscriptions: () => Promise.resolve([]),
  };
}

function found({ status, resource }: Executed, path: string): unknown {
  if (status < 400) return resource;
  const [resourceType = '', id = ''] = path.split('/');
  throw new ResourceNotFoundError(resourceType, id);
}

const EVERY_TYPE = ['Patient', 'Observation', 'Condition', 'Practitioner'];

/** Runs the query as it comes; the filters by identity are left to the guard's answer. */
function searchOf(clinic: Clinic, base: string): Search {
  const run = async (path: string, queryParams: unknown) => {
    const query = new URLSearchParams(
      Object.entries((queryParams ?? {}) as Json).flatMap(([name, value]) =>
        (Array.isArray(value) ? value : [value]).map((each) => [name, String(each)] as [string, string]),
      ),
    );
    const { status, resource } = await clinic.execute('GET', `/${path}?${query.toString()}`, undefined);
    if (status >= 400) throw new InvalidSearchParameterError('not searched');
    const entries = ((resource as Json)['entry'] ?? []) as readonly Json[];
    return {
      result: { numberOfResults: entries.length, entries: entries.map((each) => entryOf(each, base)), message: '' },
    };
  };
  return {
    typeSearch: ({ resourceType, queryParams }) => run(resourceType, queryParams),
    // A search of everything, whatever was asked: the guard has to filter it.
    globalSearch: async () => {
      const found = await Promise.all(EVERY_TYPE.map((type) => run(type, { _count: '1000' })));
      const entries = found.flatMap(({ result }) => result.entries);
      return { result: { numberOfResults: entries.length, entries, message: '' } };
    },
    getCapabilities: () => Promise.resolve({}),
    validateSubscriptionSearchCriteria: () => undefined,
  };
}

function entryOf({ resource, search }: Json, base: string): SearchEntry {
  const { resourceType, id } = resource as { readonly resourceType: string; readonly id: string };
  const { mode = 'match' } = (search ?? {}) as { readonly mode?: 'match' | 'include' };
  return { fullUrl: `${base}/${resourceType}/${id}`, resource, search: { mode } };
}

function historyOf(clinic: Clinic, base: string): History {
  const never = (): Promise<never> => Promise.reject(new Error('not offered'));
  return {
    instanceHistory: async ({ resourceType, id }) => {
      const { resource } = await clinic.execute('GET', `/${resourceType}/${id}/_history`, undefined);
      const entries = (((resource as Json)['entry'] ?? []) as readonly Json[]).map((each) => entryOf(each, base));
      return { result: { numberOfResults: entries.length, entries, message: '' } };
    },
    typeHistory: never,
    globalHistory: never,
  };
}

function bundlesOf(store: Persistence): BundleService {
  const perform = async (request: BatchReadWriteRequest): Promise<BatchReadWriteResponse> => {
    const { operation, resourceType, id } = request;
    const resource = request.resource as unknown;
    const answer = await {
      create: () => store.createResource({ resourceType, id, resource }),
      update: () => store.updateResource({ resourceType, id, resource }),
      delete: () => store.deleteResource({ resourceType, id }),
      read: () => store.readResource({ resourceType, id }),
    }[operation as 'create' | 'update' | 'delete' | 'read']();
    const { resource: shown = {} } = answer as { readonly resource?: unknown };
    return { operation, resourceType, id, vid: '1', lastModified: '', resource: shown };
  };
  const run = async ({ requests }: { requests: BatchReadWriteRequest[] }) => ({
    success: true,
    message: 'done',
    batchReadWriteResponses: await Promise.all(requests.map(perform)),
  });
  return { batch: run, transaction: run };
}

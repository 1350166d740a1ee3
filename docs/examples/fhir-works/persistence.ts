import {
  InvalidResourceError,
  stubs,
  type BatchReadWriteRequest,
  type BatchReadWriteResponse,
  type Bundle,
  type BundleResponse,
  type GenericResponse,
  type Persistence,
} from 'fhir-works-on-aws-interface';
import type { FhirResource, ResourceStore, StoredResource } from './store.js';

/** What FHIR Works calls for single resources. PATCH and the conditional interactions are not offered. */
export function persistenceOf(store: ResourceStore): Persistence {
  return {
    ...stubs.persistence,
    updateCreateSupported: false,
    createResource: ({ resourceType, resource }) => answer(() => store.create(ofType(resourceType, resource))),
    updateResource: ({ resourceType, id, resource }) => answer(() => store.update(ofType(resourceType, resource), id)),
    readResource: ({ resourceType, id }) => answer(() => store.read(resourceType, id)),
    vReadResource: ({ resourceType, id, vid }) => answer(() => store.readVersion(resourceType, id, vid)),
    deleteResource: ({ resourceType, id }) =>
      answer(() => {
        store.delete(resourceType, id);
        return undefined;
      }),
    getActiveSubscriptions: () => Promise.resolve([]),
  };
}

/** What FHIR Works calls for Bundles, after the handler has allowed every entry. */
export function bundlesOf(store: ResourceStore): Bundle {
  return {
    batch: ({ requests }) => Promise.resolve(succeeded(requests.map((request) => attempt(store, request)))),
    transaction: ({ requests }) => {
      try {
        return Promise.resolve(
          succeeded(store.atomically(() => requests.map((request) => respond(request, perform(store, request))))),
        );
      } catch (error) {
        const message = error instanceof Error ? error.message : 'failed';
        return Promise.resolve({ success: false, errorType: 'USER_ERROR', message, batchReadWriteResponses: [] });
      }
    },
  };
}

type Perform = (store: ResourceStore, request: BatchReadWriteRequest) => StoredResource | undefined;

const performers: Partial<Record<BatchReadWriteRequest['operation'], Perform>> = {
  create: (store, { resourceType, id, resource }) => store.create(ofType(resourceType, resource), id),
  read: (store, { resourceType, id }) => store.read(resourceType, id),
  update: (store, { resourceType, id, resource }) => store.update(ofType(resourceType, resource), id),
  delete: (store, { resourceType, id }) => {
    store.delete(resourceType, id);
    return undefined;
  },
};

const perform: Perform = (store, request) => {
  const performer = performers[request.operation];
  if (!performer) throw new InvalidResourceError(`${request.operation} is not offered inside a Bundle`);
  return performer(store, request);
};

function attempt(store: ResourceStore, request: BatchReadWriteRequest): BatchReadWriteResponse {
  try {
    return respond(request, perform(store, request));
  } catch {
    return { ...respond(request, undefined), error: '404 Not Found' };
  }
}

function respond(
  { operation, resourceType, id }: BatchReadWriteRequest,
  resource: StoredResource | undefined,
): BatchReadWriteResponse {
  const { versionId = '', lastUpdated = '' } = resource?.meta ?? {};
  return { operation, resourceType, id, resource: resource ?? {}, vid: versionId, lastModified: lastUpdated };
}

function succeeded(batchReadWriteResponses: BatchReadWriteResponse[]): BundleResponse {
  return { success: true, message: 'done', batchReadWriteResponses };
}

/** The body must be a resource of the type that was authorized. */
function ofType(resourceType: string, body: unknown): FhirResource {
  if (typeof body !== 'object' || body === null || !('resourceType' in body) || body.resourceType !== resourceType) {
    throw new InvalidResourceError(`not a valid '${resourceType}'`);
  }
  return { ...body, resourceType };
}

// Errors must become rejections: the router awaits what it gets.
async function answer(work: () => StoredResource | undefined): Promise<GenericResponse> {
  return Promise.resolve({ message: 'done', resource: work() });
}

// A FHIR Works server whose stores guard nothing: whatever a client must not see, only SMARTHandler keeps from it.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type {
  BatchReadWriteRequest,
  BatchReadWriteResponse,
  Bundle as BundleService,
  BulkDataAccess,
  FhirConfig,
  GenericResponse,
  History,
  InitiateExportRequest,
  Persistence,
  Search,
  SearchEntry,
} from 'fhir-works-on-aws-interface';
import { BASE_R4_RESOURCES, ResourceNotFoundError } from 'fhir-works-on-aws-interface';
import { generateServerlessRouter } from 'fhir-works-on-aws-routing';
import type { SMARTHandler } from '../../src/index.js';
import type { Resource } from './clinic.js';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

export class LeakyHost {
  /** Everything that is stored, by `Type/id`. */
  readonly stored = new Map<string, Resource>();
  /** The export jobs that were started. */
  readonly exports: InitiateExportRequest[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param guard Is told the base URL of the server. */
  static async start(guard: (base: string) => SMARTHandler): Promise<LeakyHost> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = new LeakyHost(server);
    const router = generateServerlessRouter(host.#config(guard(host.base)), BASE_R4_RESOURCES);
    server.on('request', router as RequestListener);
    return host;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  store(...resources: Resource[]): void {
    for (const resource of resources) this.stored.set(`${resource.resourceType}/${resource.id ?? ''}`, resource);
  }

  async ask(token: string, method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.base}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed = text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as unknown) : text;
    return { status: response.status, body: parsed, headers: response.headers };
  }

  #config(authorization: SMARTHandler): FhirConfig {
    const [persistence, search, history] = [this.#persistence(), this.#search(), this.#history()];
    return {
      configVersion: 1,
      productInfo: { orgName: 'leaky' },
      auth: {
        authorization,
        strategy: { service: 'OAuth', oauthPolicy: { authorizationEndpoint: '', tokenEndpoint: '' } },
      },
      server: { url: this.base },
      validators: [],
      profile: {
        fhirVersion: '4.0.1',
        systemOperations: ['transaction', 'batch', 'search-system', 'history-system'],
        bundle: this.#bundles(persistence),
        systemSearch: search,
        systemHistory: history,
        bulkDataAccess: this.#bulkData(),
        genericResource: {
          operations: [
            'create',
            'read',
            'vread',
            'update',
            'patch',
            'delete',
            'search-type',
            'history-instance',
            'history-type',
          ],
          fhirVersions: ['4.0.1'],
          persistence,
          typeSearch: search,
          typeHistory: history,
        },
      },
    };
  }

  /** Forgiving where it must not be: `_history` and `x$export` are ids to it, and find something. */
  #find(resourceType: string, id: string): Resource {
    const exact = this.stored.get(`${resourceType}/${id.replace('$export', '')}`);
    const any = [...this.stored.values()].find((resource) => resource.resourceType === resourceType);
    const found = exact ?? (id.startsWith('_') ? any : undefined);
    if (!found) throw new ResourceNotFoundError(resourceType, id);
    return found;
  }

  #persistence(): Persistence {
    const done = (resource?: unknown): Promise<GenericResponse> => Promise.resolve({ message: 'done', resource });
    const write = ({
      resourceType,
      id = `n${this.stored.size}`,
      resource,
    }: {
      resourceType: string;
      id?: string;
      resource: unknown;
    }) => {
      const written = { ...(resource as Resource), id };
      this.stored.set(`${resourceType}/${id}`, written);
      return done(written);
    };
    const never = (): Promise<never> => Promise.reject(new Error('not offered'));
    return {
      updateCreateSupported: false,
      createResource: write,
      updateResource: write,
      patchResource: write,
      // Asynchronous, so that a missing resource becomes a rejection.
      readResource: async ({ resourceType, id }) => done(this.#find(resourceType, id)),
      vReadResource: async ({ resourceType, id }) => done(this.#find(resourceType, id)),
      deleteResource: ({ resourceType, id }) => {
        this.stored.delete(`${resourceType}/${id}`);
        return done();
      },
      conditionalCreateResource: never,
      conditionalUpdateResource: never,
      conditionalPatchResource: never,
      conditionalDeleteResource: never,
      getActiveSubscriptions: () => Promise.resolve([]),
    };
  }

  /** Ignores filters and allowed types, and includes everything of every other type. */
  #search(): Search {
    const all = (
      resourceType?: string,
    ): { result: { numberOfResults: number; entries: SearchEntry[]; message: string } } => {
      const entries = [...this.stored.values()].map((resource): SearchEntry => {
        const isMatch = resourceType === undefined || resource.resourceType === resourceType;
        const fullUrl = `${this.base}/${resource.resourceType}/${resource.id ?? ''}`;
        return { fullUrl, resource, search: { mode: isMatch ? 'match' : 'include' } };
      });
      const numberOfResults = entries.filter(({ search }) => search.mode === 'match').length;
      return { result: { numberOfResults, entries, message: '' } };
    };
    return {
      typeSearch: ({ resourceType }) => Promise.resolve(all(resourceType)),
      globalSearch: () => Promise.resolve(all()),
      getCapabilities: () => Promise.resolve({}),
      validateSubscriptionSearchCriteria: () => undefined,
    };
  }

  #history(): History {
    const all = () => {
      const entries = [...this.stored.values()].flatMap((resource) => {
        const url = `${resource.resourceType}/${resource.id ?? ''}`;
        const fullUrl = `${this.base}/${url}`;
        return [
          { fullUrl, resource, request: { method: 'PUT', url } },
          { fullUrl, request: { method: 'DELETE', url } },
        ];
      });
      // The interface types a history entry as a search result, whose `search` element FHIR forbids in a history.
      return Promise.resolve({
        result: { numberOfResults: entries.length, entries: entries as unknown as SearchEntry[], message: '' },
      });
    };
    return { instanceHistory: all, typeHistory: all, globalHistory: all };
  }

  #bundles(persistence: Persistence): BundleService {
    const perform = async (request: BatchReadWriteRequest): Promise<BatchReadWriteResponse> => {
      const { operation, resourceType, id } = request;
      const operations = {
        create: () => persistence.createResource({ resourceType, id, resource: request.resource as unknown }),
        update: () => persistence.updateResource({ resourceType, id, resource: request.resource as unknown }),
        delete: () => persistence.deleteResource({ resourceType, id }),
        read: () => persistence.readResource({ resourceType, id }),
      };
      const { resource } = (await operations[operation as keyof typeof operations]()) as {
        readonly resource?: unknown;
      };
      return { operation, resourceType, id, vid: '1', lastModified: '', resource: resource ?? {} };
    };
    const run = async ({ requests }: { requests: BatchReadWriteRequest[] }) => ({
      success: true,
      message: 'done',
      batchReadWriteResponses: await Promise.all(requests.map(perform)),
    });
    return { batch: run, transaction: run };
  }

  #bulkData(): BulkDataAccess {
    return {
      initiateExport: (request) => {
        this.exports.push(request);
        return Promise.resolve(String(this.exports.length - 1));
      },
      cancelExport: () => Promise.resolve(),
      getExportStatus: (jobId) =>
        Promise.resolve({
          jobStatus: 'completed',
          jobOwnerId: this.exports[Number(jobId)]?.requesterUserId ?? '',
          exportedFileUrls: [{ type: 'Patient', url: 'https://files.example/secret' }],
          transactionTime: '',
          exportType: 'system',
          outputFormat: 'ndjson',
        }),
    };
  }
}

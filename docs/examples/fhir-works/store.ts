import { randomUUID } from 'node:crypto';
import { ResourceNotFoundError, ResourceVersionNotFoundError } from 'fhir-works-on-aws-interface';

/** A FHIR resource as JSON. The store keeps any type and looks into none. */
export interface FhirResource {
  resourceType: string;
  id?: string;
  meta?: { versionId?: string; lastUpdated?: string; [element: string]: unknown };
  [element: string]: unknown;
}

export type StoredResource = FhirResource & { id: string; meta: { versionId: string; lastUpdated: string } };

/** One version of a resource; a deleted one has no content. */
export interface Version {
  resourceType: string;
  id: string;
  versionId: string;
  lastUpdated: string;
  method: 'POST' | 'PUT' | 'DELETE';
  resource?: StoredResource;
}

/** Versioned resources in memory. Whatever goes in or out is a copy, so that nobody changes history. */
export class ResourceStore {
  #histories = new Map<string, Version[]>();

  create(resource: FhirResource, id: string = randomUUID()): StoredResource {
    return this.#append(resource, resource.resourceType, id, 'POST');
  }

  update(resource: FhirResource, id: string): StoredResource {
    this.read(resource.resourceType, id);
    return this.#append(resource, resource.resourceType, id, 'PUT');
  }

  delete(resourceType: string, id: string): void {
    this.read(resourceType, id);
    const history = this.#history(resourceType, id);
    history.push({ ...nextVersion(history), resourceType, id, method: 'DELETE' });
  }

  read(resourceType: string, id: string): StoredResource {
    const resource = this.find(resourceType, id);
    if (!resource) throw new ResourceNotFoundError(resourceType, id);
    return resource;
  }

  readVersion(resourceType: string, id: string, versionId: string): StoredResource {
    const resource = this.find(resourceType, id, versionId);
    if (!resource) throw new ResourceVersionNotFoundError(resourceType, id, versionId);
    return resource;
  }

  /** The resource, or that version of it, if there is one. */
  find(resourceType: string, id: string, versionId?: string): StoredResource | undefined {
    const history = this.#history(resourceType, id);
    const version =
      versionId === undefined ? history.at(-1) : history.find((candidate) => candidate.versionId === versionId);
    return structuredClone(version?.resource);
  }

  /** All resources as they are now, of one type or of every type. */
  current(resourceType?: string): StoredResource[] {
    return [...this.#histories.values()]
      .map((history) => history.at(-1)?.resource)
      .filter((resource) => resource !== undefined)
      .filter((resource) => resourceType === undefined || resource.resourceType === resourceType)
      .map((resource) => structuredClone(resource));
  }

  /** All versions, newest first, of one resource, of one type or of everything. */
  versions(resourceType?: string, id?: string): Version[] {
    return [...this.#histories.values()]
      .flat()
      .filter((version) => resourceType === undefined || version.resourceType === resourceType)
      .filter((version) => id === undefined || version.id === id)
      .reverse()
      .sort((a, b) => b.lastUpdated.localeCompare(a.lastUpdated))
      .map((version) => structuredClone(version));
  }

  /** Runs all of `work` or, when it throws, none of it. */
  atomically<Result>(work: () => Result): Result {
    const before = new Map([...this.#histories].map(([key, history]) => [key, [...history]]));
    try {
      return work();
    } catch (error) {
      this.#histories = before;
      throw error;
    }
  }

  #append(content: FhirResource, resourceType: string, id: string, method: 'POST' | 'PUT'): StoredResource {
    const history = this.#history(resourceType, id);
    const version = nextVersion(history);
    const resource = { ...structuredClone(content), id, meta: { ...content.meta, ...version } };
    history.push({ ...version, resourceType, id, method, resource });
    this.#histories.set(`${resourceType}/${id}`, history);
    return structuredClone(resource);
  }

  #history(resourceType: string, id: string): Version[] {
    return this.#histories.get(`${resourceType}/${id}`) ?? [];
  }
}

function nextVersion(history: Version[]): { versionId: string; lastUpdated: string } {
  return { versionId: String(history.length + 1), lastUpdated: new Date().toISOString() };
}

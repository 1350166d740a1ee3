import type { History, HistoryResponse, SearchEntry, SearchFilter } from 'fhir-works-on-aws-interface';
import { passesFilters } from './search-matching.js';
import type { ResourceStore, Version } from './store.js';

/** What FHIR Works calls for history. The router forgets the base URL on the way, so it is given here. */
export function historyOf(store: ResourceStore, baseUrl: string): History {
  const answer = (versions: Version[], filters: SearchFilter[] = []): Promise<HistoryResponse> => {
    const visible = versions.filter(({ resource }) => !resource || passesFilters(resource, filters, baseUrl));
    return Promise.resolve({
      result: {
        numberOfResults: visible.length,
        message: '',
        entries: visible.map((version) => entry(version, baseUrl)),
      },
    });
  };
  return {
    instanceHistory: ({ resourceType, id, searchFilters }) => answer(store.versions(resourceType, id), searchFilters),
    typeHistory: ({ resourceType, searchFilters }) => answer(store.versions(resourceType), searchFilters),
    globalHistory: ({ searchFilters }) => answer(store.versions(), searchFilters),
  };
}

function entry({ resourceType, id, versionId, lastUpdated, method, resource }: Version, baseUrl: string): SearchEntry {
  const historyEntry = {
    fullUrl: `${baseUrl}/${resourceType}/${id}`,
    ...(resource && { resource }),
    request: { method, url: method === 'POST' ? resourceType : `${resourceType}/${id}` },
    response: { status: method === 'POST' ? '201' : '200', etag: `W/"${versionId}"`, lastModified: lastUpdated },
  };
  // The interface types a history entry as a search result, whose `search` element FHIR forbids in a history.
  return historyEntry as unknown as SearchEntry;
}

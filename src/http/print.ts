import { isSearch } from '../fhir/interactions.js';
import { printQuery } from './query.js';
import type { FhirRequest, InteractionRequest, Pairs } from './request.js';

/**
 * The one spelling of a request's URL, base path included: what a host executes, so that it executes what was judged.
 *
 * The parameters of a POST `_search` are all in its body: see {@link canonicalForm}.
 */
export function canonicalUrl(request: FhirRequest): string {
  const query = canonicalForm(request) === undefined ? printQuery(request.parameters) : '';
  const path = `${request.basePath}${pathOf(request)}`;
  return `${path === '' ? '/' : path}${query === '' ? '' : `?${query}`}`;
}

/** The body of a POST `_search`; undefined for any other request. */
export function canonicalForm(request: FhirRequest): Pairs | undefined {
  return isPostedSearch(request) ? request.parameters : undefined;
}

/** Whether the parameters of a search come in the body. */
export function isPostedSearch(request: FhirRequest): request is InteractionRequest {
  return request.kind === 'interaction' && request.method === 'POST' && isSearch(request.interaction);
}

function pathOf(request: FhirRequest): string {
  switch (request.kind) {
    case 'bundle':
      return '';
    case 'capabilities':
    case 'smart-configuration':
    case 'options':
    case 'bulk-data':
      return request.path;
    case 'operation':
      return join(request.resourceType, request.id, request.operation);
    case 'interaction':
      return interactionPath(request);
  }
}

function interactionPath(request: InteractionRequest): string {
  const { interaction, resourceType, id, vid, compartment } = request;
  switch (interaction) {
    case 'search-type':
    case 'search-system': {
      const target = compartment ? [compartment.type, compartment.id, resourceType ?? '*'] : [resourceType];
      return join(...target, isPostedSearch(request) ? '_search' : undefined);
    }
    case 'history-system':
    case 'history-type':
    case 'history-instance':
      return join(resourceType, id, '_history');
    case 'vread':
      return join(resourceType, id, '_history', vid);
    case 'create':
    case 'read':
    case 'update':
    case 'patch':
    case 'delete':
      return join(resourceType, id);
  }
}

function join(...segments: readonly (string | undefined)[]): string {
  return segments
    .filter((each) => each !== undefined)
    .map((each) => `/${each}`)
    .join('');
}

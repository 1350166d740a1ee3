import { AsyncLocalStorage } from 'node:async_hooks';
import type { ResourceLookup } from '../options.js';

/** What was looked up for one question, by type and id; null where nothing was found. */
export type FoundResources = ReadonlyMap<string, unknown>;

const asking = new AsyncLocalStorage<Map<string, unknown>>();

/**
 * A lookup whose findings a recorder writes down as `storedResource`, beside the question for which they were looked up.
 * Give it to the handler in place of your own; nothing is looked up twice.
 */
export function recordedLookup(lookup: ResourceLookup): ResourceLookup {
  return async (resourceType, id, vid, context) => {
    const found = await lookup(resourceType, id, vid, context);
    asking.getStore()?.set(keyOf(resourceType, id), found ?? null);
    return found;
  };
}

/** Asks, and keeps apart what is looked up for this question. */
export function withLookups<T>(ask: () => Promise<T>): { readonly answer: Promise<T>; readonly found: FoundResources } {
  const found = new Map<string, unknown>();
  return { answer: asking.run(found, ask), found };
}

/** What was found; undefined where nobody looked. */
export function foundFor(found: FoundResources, resourceType: string | undefined, id: string | undefined): unknown {
  return resourceType === undefined || id === undefined ? undefined : found.get(keyOf(resourceType, id));
}

function keyOf(resourceType: string, id: string): string {
  return `${resourceType}/${id}`;
}

// What an answer amounts to, whatever the host that gave it.
import type { Received } from './exchange.js';
import type { Stored } from './world.js';

type Json = Readonly<Record<string, unknown>>;

export function jsonOf({ text }: Received): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

/** Every resource that an answer shows, in Bundles and in Bundles in Bundles; no outcomes. */
export function resourcesIn(value: unknown): readonly Stored[] {
  if (typeof value !== 'object' || value === null) return [];
  const { resourceType, entry } = value as { readonly resourceType?: unknown; readonly entry?: unknown };
  if (resourceType === 'Bundle' && Array.isArray(entry)) {
    return (entry as readonly Json[]).flatMap((each) => resourcesIn(each['resource']));
  }
  return typeof resourceType === 'string' && resourceType !== 'OperationOutcome' ? [value as Stored] : [];
}

/** In one word or a few: `challenged`, `refused`, `malformed`, `absent`, `failed`, `batch 200 403`, `shows …`, `done`. */
export function outcomeOf(received: Received, method: string): string {
  const { status } = received;
  if (status === 401) return 'challenged';
  if (status === 403) return 'refused';
  if (status === 404 || status === 410) return 'absent';
  if (status >= 400 && status < 500) return 'malformed';
  if (status === 501 || status === 0) return 'malformed';
  if (status >= 500) return 'failed';
  const json = jsonOf(received);
  if (/^(?:batch|transaction)-response$/.test(String(json['type']))) {
    const entries = (json['entry'] ?? []) as readonly { readonly response?: { readonly status?: unknown } }[];
    return `batch ${entries.map(({ response }) => String(response?.status).slice(0, 3)).join(' ')}`;
  }
  if (method !== 'GET' && !(method === 'POST' && json['type'] === 'searchset')) return 'done';
  const shown = resourcesIn(json).map(({ resourceType, id }) =>
    resourceType === 'CapabilityStatement' ? resourceType : `${resourceType}/${id}`,
  );
  return `shows ${[...new Set(shown)].sort().join(' ') || 'nothing'}`;
}
